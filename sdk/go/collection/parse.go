// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"strings"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
)

const (
	// emptyFolder is the file token that keeps a folder without files alive.
	emptyFolder = `\056`
	// maxFolders bounds the folders of a collection. A manifest that fits a
	// request to the API server cannot have more that hold files; one line
	// with a deep path costs two bytes for each.
	maxFolders = 2_000_000
	// maxPieces bounds how often files name blocks: much more than any text does
	// that does not name the same blocks again and again. What goes through all
	// blocks of all files would else take hours.
	maxPieces = 32 << 20
	// slab is how many files are made at once.
	slab = 512
)

// parse reads manifest text into a tree that shares the memory of the text.
func parse(text string, from *origin) (*folder, error) {
	p := &parser{root: &folder{}, origin: from, folders: maxFolders, pieces: maxPieces}
	return p.root, p.parse(text)
}

func (p *parser) parse(text string) error {
	for line, err := range manifest.Lines(text) {
		if err == nil {
			err = p.line(line)
		}
		if err != nil {
			return &Error{Kind: BadManifest, Text: err.Error(), Err: err}
		}
	}
	return nil
}

type parser struct {
	root    *folder
	origin  *origin
	folders int // how many more may be made
	pieces  int // how many more the files may have
	bytes   int64
	scratch []block
	files   []file
	spans   []span
}

func (p *parser) line(l manifest.Line) error {
	at, err := p.stream(l.Stream)
	if err != nil {
		return p.in(l, err)
	}
	r, err := p.run(l)
	if err != nil {
		return p.in(l, err)
	}
	for segment, err := range l.Files() {
		if err == nil {
			err = p.file(at, r, segment)
		}
		if err != nil {
			return p.in(l, err)
		}
	}
	return nil
}

func (p *parser) in(l manifest.Line, err error) error {
	return fault(BadManifest, "line %d of the manifest: %s", l.Number, err)
}

// run checks the blocks of a line.
func (p *parser) run(l manifest.Line) (*run, error) {
	p.scratch = p.scratch[:0]
	end := int64(0)
	for token := range l.Tokens() {
		size, err := checkBlock(token)
		if err != nil {
			return nil, err
		}
		if end += size; end < 0 {
			return nil, fault(BadManifest, "the blocks hold more bytes than 63 bits can count")
		}
		if size > 0 { // no file has a byte of an empty block
			p.scratch = append(p.scratch, block{text: token, end: end})
		}
	}
	return &run{blocks: append([]block(nil), p.scratch...), origin: p.origin}, nil
}

// checkBlock returns the size of a block. It refuses what cannot name bytes,
// such as a reference whose hash is not that of its extent.
func checkBlock(token string) (int64, error) {
	l, err := locator.Parse(token)
	if err != nil {
		return 0, err
	}
	if l.Hash() != locator.Opaque && l.Hash() != l.Identity() { // an edited locator, cheap to tell
		return 0, fault(BadManifest, "the hash %s is not the identity of its reference: the locator was edited", l.Hash())
	}
	return l.Size(), nil
}

// stream returns the folder of a stream name.
func (p *parser) stream(name string) (*folder, error) {
	if name == "." {
		return p.root, nil
	}
	path, err := manifest.Unescape(name[len("./"):])
	if err != nil {
		return nil, err
	}
	return p.folder(p.root, path)
}

// folder goes down a path, and makes what is missing.
func (p *parser) folder(at *folder, path string) (*folder, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	for name := range strings.SplitSeq(path, "/") {
		next, made := at.sub(name)
		if next == nil {
			return nil, fault(BadManifest, "%q is a file and a folder", clip(path))
		}
		if at = next; made {
			if p.folders--; p.folders < 0 {
				return nil, fault(BadManifest, "there are too many folders: at most %d can be read", maxFolders)
			}
		}
	}
	return at, nil
}

func (p *parser) file(at *folder, r *run, s manifest.Segment) error {
	if s.Name == emptyFolder && s.Size == 0 {
		return nil
	}
	name, err := manifest.Unescape(s.Name)
	if err != nil {
		return err
	}
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		if at, err = p.folder(at, name[:i]); err != nil {
			return err
		}
		name = name[i+1:]
	}
	if err := checkPath(name); err != nil {
		return err
	}
	if s.Position+s.Size > r.size() {
		return fault(BadManifest, "the file %q ends at byte %d of blocks that hold %d", clip(name), s.Position+s.Size, r.size())
	}
	if p.bytes += s.Size; p.bytes < 0 {
		return fault(BadManifest, "the files hold more bytes than 63 bits can count")
	}
	if p.pieces -= r.count(s.Position, s.Size); p.pieces < 0 {
		return fault(BadManifest, "the files name the same blocks too often: together more than %d times", maxPieces)
	}
	return p.put(at, name, span{r, s.Position, s.Size})
}

// put adds a span to a file: one path in several places means the contents
// joined, in the order of the text.
func (p *parser) put(at *folder, name string, s span) error {
	if at.folders[name] != nil {
		return fault(BadManifest, "%q is a file and a folder", clip(name))
	}
	f := at.files[name]
	if f == nil {
		f = p.newFile()
		at.setFile(name, f)
	}
	f.add(s)
	return nil
}

// newFile takes files and room for their first span from larger allocations.
func (p *parser) newFile() *file {
	if len(p.files) == 0 {
		p.files, p.spans = make([]file, slab), make([]span, slab)
	}
	f := &p.files[0]
	f.spans = p.spans[:0:1]
	p.files, p.spans = p.files[1:], p.spans[1:]
	return f
}

// isReference reports whether a locator stands for a range of an S3 object.
func isReference(l locator.Locator) bool { return pseudoblock.Is(l) && len(l.Refs()) > 0 }
