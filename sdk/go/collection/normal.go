// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"slices"
	"strconv"
	"strings"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
)

// normalize prints a tree in the normal form of Arvados' Go code: one line for
// each folder, the folders and the files of each sorted by name, neighbouring
// segments joined, and no block twice in a row. Blocks are compared by
// identity, not by hash. most bounds the length of the text.
func normalize(root *folder, show func(piece) string, most int) (string, error) {
	n := &normalizer{show: show, most: most, prefix: []byte(".")}
	type level struct {
		name   string
		length int // of the prefix that the name comes after
		folder *folder
	}
	stack := []level{{folder: root}}
	for len(stack) > 0 {
		top := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if top.folder != root {
			n.prefix = append(append(n.prefix[:top.length], '/'), manifest.Escape(top.name)...)
		}
		entries := top.folder.list()
		if !n.line(entries, top.folder != root) {
			return "", fault(TooLarge, "the manifest in normal form is longer than %d bytes", most)
		}
		for _, e := range slices.Backward(entries) {
			if e.folder != nil {
				stack = append(stack, level{e.name, len(n.prefix), e.folder})
			}
		}
	}
	return n.out.String(), nil
}

type normalizer struct {
	out  strings.Builder
	show func(piece) string
	most int

	prefix        []byte
	blocks, files []byte
	length        int64 // of the blocks
	last          piece
	key           string // Reduced of last
}

// line writes one folder. It reports whether the text is short enough yet.
func (n *normalizer) line(entries []entry, marked bool) bool {
	n.blocks, n.files, n.length, n.last, n.key = n.blocks[:0], n.files[:0], 0, piece{}, ""
	for _, e := range entries {
		if e.file != nil && !n.file(manifest.Escape(e.name), e.file) {
			return false
		}
	}
	if len(n.files) == 0 {
		if !marked || len(entries) > 0 {
			return true
		}
		n.files = append(n.files, " 0:0:"+emptyFolder...)
	}
	if len(n.blocks) == 0 {
		n.blocks = append(n.blocks, " "+locator.Empty...)
	}
	n.out.Write(n.prefix)
	n.out.Write(n.blocks)
	n.out.Write(n.files)
	n.out.WriteByte('\n')
	return n.short()
}

func (n *normalizer) short() bool { return n.out.Len()+len(n.blocks)+len(n.files) <= n.most }

func (n *normalizer) file(name string, f *file) bool {
	start, size := int64(0), int64(0)
	f.pieces(func(p piece) bool {
		at := n.place(p) + p.offset
		if size > 0 && at != start+size {
			n.token(start, size, name)
			size = 0
		}
		if size == 0 {
			start = at
		}
		size += p.size
		return n.short()
	})
	n.token(start, size, name)
	return n.short()
}

// place lists a block unless it is the last one, and returns its position.
func (n *normalizer) place(p piece) int64 {
	if p.run != n.last.run || p.index != n.last.index {
		key := p.text()
		if l, err := p.locator(); err == nil {
			key = l.Reduced()
		}
		if n.last = p; key != n.key {
			n.key = key
			n.blocks = append(append(n.blocks, ' '), n.show(p)...)
			n.length += p.blockSize
		}
	}
	return n.length - p.blockSize
}

func (n *normalizer) token(start, size int64, name string) {
	n.files = strconv.AppendInt(append(n.files, ' '), start, 10)
	n.files = strconv.AppendInt(append(n.files, ':'), size, 10)
	n.files = append(append(n.files, ':'), name...)
}
