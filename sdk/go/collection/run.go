// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"sort"

	"github.com/arvados-s3/keepstore/locator"
)

// run is a row of blocks that files are cut out of: the blocks of a line of a
// manifest, of one imported object, or one block that was written here. It
// never changes, except that a pack is stored.
type run struct {
	blocks []block
	// origin is where the signatures of the blocks can be renewed.
	origin *origin
	// pack is set for bytes that were written here, and blocks is then empty.
	pack *pack
}

// block is one block of a run. Its text is part of the text of the manifest:
// a million parsed locators would take much more memory.
type block struct {
	text string
	end  int64 // position in the run of the first byte after it
}

// span is a part of a run.
type span struct {
	run       *run
	pos, size int64
}

// piece is the part of one block that belongs to a file.
type piece struct {
	run   *run
	index int
	// offset and size say which bytes of the block, blockSize how many it has.
	offset, size, blockSize int64
}

// whole reports whether the piece is all of its block.
func (p piece) whole() bool { return p.size == p.blockSize }

// size is the number of bytes in the run.
func (r *run) size() int64 {
	if r.pack != nil {
		return r.pack.size()
	}
	if len(r.blocks) == 0 {
		return 0
	}
	return r.blocks[len(r.blocks)-1].end
}

// at returns the piece that begins at a position and has at most size bytes,
// which the run must hold.
func (r *run) at(pos, size int64) piece {
	if r.pack != nil {
		whole := r.pack.size()
		return piece{run: r, offset: pos, size: min(size, whole-pos), blockSize: whole}
	}
	i := sort.Search(len(r.blocks), func(i int) bool { return r.blocks[i].end > pos })
	return r.part(i, pos, size)
}

// count returns the number of blocks that a range has bytes of.
func (r *run) count(pos, size int64) int {
	if size == 0 || len(r.blocks) < 2 {
		return 1
	}
	first := sort.Search(len(r.blocks), func(i int) bool { return r.blocks[i].end > pos })
	if pos+size <= r.blocks[first].end {
		return 1
	}
	return 1 + sort.Search(len(r.blocks)-first, func(i int) bool { return r.blocks[first+i].end >= pos+size })
}

// part is at for a known block.
func (r *run) part(i int, pos, size int64) piece {
	start := int64(0)
	if i > 0 {
		start = r.blocks[i-1].end
	}
	end := r.blocks[i].end
	return piece{run: r, index: i, offset: pos - start, size: min(size, end-pos), blockSize: end - start}
}

// pieces calls yield for the pieces of a span in order.
func (s span) pieces(yield func(piece) bool) bool {
	for pos, left := s.pos, s.size; left > 0; {
		p := s.run.at(pos, left)
		for {
			if !yield(p) {
				return false
			}
			pos, left = pos+p.size, left-p.size
			if left == 0 || p.index+1 >= len(s.run.blocks) {
				break
			}
			p = s.run.part(p.index+1, pos, left)
			if p.size == 0 { // a block of no bytes
				break
			}
		}
	}
	return true
}

// text returns the locator as it was loaded or stored.
func (p piece) text() string {
	if p.run.pack != nil {
		return p.run.pack.text()
	}
	return p.run.blocks[p.index].text
}

// locator parses the text. It was checked when it came.
func (p piece) locator() (locator.Locator, error) { return locator.Parse(p.text()) }
