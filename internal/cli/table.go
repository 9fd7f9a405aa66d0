// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"fmt"
	"strings"
	"unicode"
)

// printTable writes rows in columns. It escapes the cells.
func (s *session) printTable(rows ...[]string) error {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if row[i] = escaped(cell); cell == "" {
				row[i] = "-"
			}
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], width(row[i]))
		}
	}
	w := bufio.NewWriter(s.out)
	for _, row := range rows {
		for i, cell := range row[:max(0, len(row)-1)] {
			fmt.Fprint(w, cell, strings.Repeat(" ", widths[i]-width(cell)+2)) // Flush tells
		}
		fmt.Fprintln(w, strings.Join(row[max(0, len(row)-1):], "")) // Flush tells
	}
	return w.Flush()
}

// width is how many columns of a terminal a text takes, by the blocks of
// Unicode that are wide (UAX #11) and marks that combine.
func width(text string) int {
	n := 0
	for _, r := range text {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me):
		case unicode.Is(wide(), r):
			n += 2
		default:
			n++
		}
	}
	return n
}

// wide are the blocks whose letters take two columns.
func wide() *unicode.RangeTable {
	return &unicode.RangeTable{
		R16: []unicode.Range16{{Lo: 0x1100, Hi: 0x115F, Stride: 1}, {Lo: 0x2E80, Hi: 0x303E, Stride: 1}, {Lo: 0x3041, Hi: 0xA4CF, Stride: 1}, {Lo: 0xAC00, Hi: 0xD7A3, Stride: 1},
			{Lo: 0xF900, Hi: 0xFAFF, Stride: 1}, {Lo: 0xFE30, Hi: 0xFE6F, Stride: 1}, {Lo: 0xFF00, Hi: 0xFF60, Stride: 1}, {Lo: 0xFFE0, Hi: 0xFFE6, Stride: 1}},
		R32: []unicode.Range32{{Lo: 0x1F300, Hi: 0x1F64F, Stride: 1}, {Lo: 0x1F900, Hi: 0x1F9FF, Stride: 1}, {Lo: 0x20000, Hi: 0x3FFFD, Stride: 1}},
	}
}
