// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"hash/maphash"
	"strings"
	"unicode/utf8"

	"github.com/arvados-s3/keepstore/locator"
)

// Info is what [Rewrite] found out about a manifest.
type Info struct {
	PDH string
	// Files counts paths: a file of several tokens is one file.
	Files int
	// Bytes is the size of all files together.
	Bytes int64
}

// emptyFolder is the file token that keeps a folder without files alive.
const emptyFolder = `\056`

// Rewrite checks manifest text and returns it with each locator replaced by
// what each makes of it: it may sign, strip or refuse a block, but not change
// what the block is. It takes time linear in the text.
//
// It accepts what Arvados accepts, except that a file must lie within the
// blocks of its line and that locators are held to the grammar of package
// locator.
func Rewrite(text string, each func(locator.Locator) (locator.Locator, error)) (string, Info, error) {
	r := rewriter{each: each, sum: newSum(), seen: map[uint64]struct{}{}, seed: maphash.MakeSeed()}
	r.out.Grow(len(text))
	for line, err := range Lines(text) {
		if err == nil {
			err = r.line(line)
		}
		if err != nil {
			return "", Info{}, err
		}
	}
	r.info.PDH, r.info.Files = r.sum.pdh(), len(r.seen)
	return r.out.String(), r.info, nil
}

// Map replaces the locators of a text that Rewrite has accepted before, in less
// time. It looks at nothing else.
func Map(text string, each func(locator.Locator) locator.Locator) (string, error) {
	var out strings.Builder
	out.Grow(2 * len(text)) // signatures are what is usually added
	for line, err := range Lines(text) {
		if err != nil {
			return "", err
		}
		out.WriteString(line.Stream)
		for block, err := range line.Blocks() {
			if err != nil {
				return "", inLine(line.Number, err)
			}
			out.WriteByte(' ')
			out.WriteString(each(block).String())
		}
		out.WriteByte(' ')
		out.WriteString(line.files)
		out.WriteByte('\n')
	}
	return out.String(), nil
}

type rewriter struct {
	each    func(locator.Locator) (locator.Locator, error)
	out     strings.Builder
	reduced []byte
	sum     sum
	info    Info
	// seen holds a hash of each path: only their number matters.
	seen map[uint64]struct{}
	seed maphash.Seed
}

func (r *rewriter) line(l Line) error {
	if err := checkStream(l.Stream); err != nil {
		return inLine(l.Number, err)
	}
	r.out.WriteString(l.Stream)
	r.reduced = append(r.reduced[:0], l.Stream...)
	size, err := r.blocks(l)
	if err != nil {
		return err
	}
	if err := r.files(l, size); err != nil {
		return inLine(l.Number, err)
	}
	for _, text := range [...]string{" ", l.files, "\n"} {
		r.out.WriteString(text)
		r.reduced = append(r.reduced, text...)
	}
	r.sum.add(r.reduced)
	return nil
}

// blocks returns the number of bytes of all blocks of the line. Errors of
// each pass through as they are.
func (r *rewriter) blocks(l Line) (size int64, err error) {
	for block, err := range l.Blocks() {
		if err != nil {
			return 0, inLine(l.Number, err)
		}
		if size += block.Size(); size < 0 {
			return 0, inLine(l.Number, fault(BadManifest, "the blocks of one stream hold more bytes than 63 bits can count"))
		}
		changed, err := r.each(block)
		if err != nil {
			return 0, err
		}
		r.out.WriteByte(' ')
		r.out.WriteString(changed.String())
		r.reduced = append(append(r.reduced, ' '), block.Reduced()...)
	}
	return size, nil
}

func (r *rewriter) files(l Line, size int64) error {
	for s, err := range l.Files() {
		if err != nil {
			return err
		}
		if s.Name == emptyFolder && s.Size == 0 {
			continue
		}
		if err := checkName(s.Name); err != nil {
			return err
		}
		if s.Position+s.Size > size {
			return fault(BadManifest, "the file %q ends at byte %d of blocks that hold %d", clip(s.Name), s.Position+s.Size, size)
		}
		if r.info.Bytes += s.Size; r.info.Bytes < 0 {
			return fault(BadManifest, "the files hold more bytes than 63 bits can count")
		}
		r.seen[r.hash(l.Stream, s.Name)] = struct{}{}
	}
	return nil
}

func (r *rewriter) hash(stream, name string) uint64 {
	var h maphash.Hash
	h.SetSeed(r.seed)
	h.WriteString(stream)
	h.WriteByte('/')
	h.WriteString(name)
	return h.Sum64()
}

func checkStream(name string) error {
	if name == "." {
		return nil
	}
	return checkName(name[len("./"):])
}

// checkName reports why text, as written, cannot be a path in a collection.
func checkName(text string) error {
	path, err := Unescape(text)
	if err != nil {
		return err
	}
	if !utf8.ValidString(path) {
		return fault(BadManifest, "the name %q is not UTF-8 text", clip(path))
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." {
			return fault(BadManifest, "the path %q has an empty, \".\" or \"..\" part", clip(path))
		}
	}
	return nil
}

// Unescape is the inverse of [Escape]. Like stock readers it takes any \ooo
// from \000 to \377, and \\ for a backslash.
func Unescape(text string) (string, error) {
	if !strings.Contains(text, `\`) {
		return text, nil
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] != '\\':
			out = append(out, text[i])
		case strings.HasPrefix(text[i+1:], `\`):
			out = append(out, '\\')
			i++
		case isOctal(text[i+1:]):
			out = append(out, (text[i+1]-'0')<<6|(text[i+2]-'0')<<3|(text[i+3]-'0'))
			i += 3
		default:
			return "", fault(BadManifest, "the name %q has a backslash that begins no escape such as \\040", clip(text))
		}
	}
	return string(out), nil
}

func isOctal(s string) bool {
	return len(s) >= 3 && s[0] >= '0' && s[0] <= '3' && s[1] >= '0' && s[1] <= '7' && s[2] >= '0' && s[2] <= '7'
}
