// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"io"
	"math"
	"strconv"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
)

// printTree writes a tree as manifest text. The text depends on nothing but
// names and identities, so that equal trees have equal portable data hashes,
// and for what an import brought it is the text of the import itself:
//
//   - files come in the order of the bytes of their paths;
//   - consecutive files of one folder stand on one line, which ends after
//     1,000 files or 10,000 blocks, as package manifest has it;
//   - a file lists the blocks anew that it has as a whole; a block of which
//     it has a part is listed once a line, for all files with parts of it;
//   - a folder with nothing in it is a line of its own.
//
// show gives the text of a locator; most bounds the length of the text.
func printTree(w io.Writer, root *folder, show func(piece) string, most int) error {
	p := &printer{w: w, show: show, left: most}
	err := root.walk(p.visit)
	if err != nil {
		return err
	}
	return p.flush()
}

type printer struct {
	w    io.Writer
	show func(piece) string
	left int // how many more bytes may be written

	// The line not yet written; folder is what it is of.
	begun           bool
	folder          string
	blocks, files   []byte
	position        int64
	nblocks, nfiles int
	// parts is where blocks begin of which files have parts.
	parts map[string]int64
	last  piece // the last of these, to look up fewer
	at    int64
}

func (p *printer) visit(dir string, e entry) error {
	if e.folder != nil {
		return p.emptyFolder(join(dir, e.name))
	}
	if err := p.begin(dir); err != nil {
		return err
	}
	return p.file(dir, manifest.Escape(e.name), e.file)
}

// emptyFolder writes a folder with nothing in it. The root needs no line.
func (p *printer) emptyFolder(path string) error {
	if err := p.flush(); err != nil {
		return err
	}
	return p.write([]byte(streamName(path) + " " + locator.Empty + " 0:0:" + emptyFolder + "\n"))
}

// write writes lines, as long as the text does not grow too long.
func (p *printer) write(line []byte) error {
	if p.left -= len(line); p.left < 0 {
		return tooLong()
	}
	_, err := p.w.Write(line)
	return err
}

func tooLong() error {
	return fault(TooLarge, "the text of the manifest would be much longer than any API server takes: its files name the same blocks very often")
}

func streamName(dir string) string {
	if dir == "" {
		return "."
	}
	return "./" + manifest.Escape(dir)
}

// begin ends the line of another folder.
func (p *printer) begin(dir string) error {
	if p.begun && p.folder == dir {
		return nil
	}
	err := p.flush()
	p.begun, p.folder = true, dir
	return err
}

// file writes one file; name is escaped. Where the positions of a line come to
// their end, the file goes on in the next line.
func (p *printer) file(dir, name string, f *file) (err error) {
	start, size := p.position, int64(0)
	token := func() { p.token(start, size, name) }
	f.pieces(func(part piece) bool {
		if p.position > math.MaxInt64-part.blockSize {
			if size > 0 {
				token()
			}
			if err = p.flush(); err != nil {
				return false
			}
			p.begun, p.folder = true, dir
			start, size = 0, 0
		}
		at := p.place(part) + part.offset
		if at != start+size {
			if size > 0 {
				token()
			}
			start, size = at, 0
		}
		size += part.size
		if len(p.blocks)+len(p.files) > p.left {
			err = tooLong()
		}
		return err == nil
	})
	if err != nil {
		return err
	}
	token()
	if p.nfiles++; p.nfiles >= manifest.MaxFilesPerLine || p.nblocks >= manifest.MaxBlocksPerLine {
		return p.flush()
	}
	return nil
}

// place returns the position of the block of a piece in the line.
func (p *printer) place(part piece) int64 {
	if part.whole() {
		return p.list(part)
	}
	if part.run == p.last.run && part.index == p.last.index {
		return p.at
	}
	key := part.text()
	if l, err := part.locator(); err == nil {
		key = l.Reduced()
	}
	at, known := p.parts[key]
	if !known {
		at = p.list(part)
		if p.parts == nil {
			p.parts = map[string]int64{}
		}
		p.parts[key] = at
	}
	p.last, p.at = part, at
	return at
}

func (p *printer) list(part piece) int64 {
	at := p.position
	p.blocks = append(append(p.blocks, ' '), p.show(part)...)
	p.position += part.blockSize
	p.nblocks++
	return at
}

func (p *printer) token(start, size int64, name string) {
	p.files = strconv.AppendInt(append(p.files, ' '), start, 10)
	p.files = strconv.AppendInt(append(p.files, ':'), size, 10)
	p.files = append(append(p.files, ':'), name...)
}

// flush writes the line.
func (p *printer) flush() error {
	if !p.begun {
		return nil
	}
	if p.nblocks == 0 {
		p.blocks = append(p.blocks, " "+locator.Empty...)
	}
	line := make([]byte, 0, len(p.folder)+len(p.blocks)+len(p.files)+16)
	line = append(append(append(line, streamName(p.folder)...), p.blocks...), p.files...)
	err := p.write(append(line, '\n'))
	p.begun, p.position, p.nblocks, p.nfiles = false, 0, 0, 0
	p.blocks, p.files, p.last = p.blocks[:0], p.files[:0], piece{}
	clear(p.parts)
	return err
}
