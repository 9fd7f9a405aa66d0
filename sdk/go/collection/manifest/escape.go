// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Escape writes name as it stands in a manifest: control characters, space,
// colon and backslash become a backslash and three octal digits. So does each
// byte of the white space outside ASCII, such as U+00A0, since a stock Python
// client would end the name there and then refuse the whole collection.
func Escape(name string) string {
	if strings.IndexFunc(name, mustEscape) < 0 {
		return name
	}
	var b strings.Builder
	for i := 0; i < len(name); {
		r, size := utf8.DecodeRuneInString(name[i:])
		for _, c := range []byte(name[i : i+size]) {
			if !mustEscape(r) {
				b.WriteByte(c)
				continue
			}
			b.WriteByte('\\')
			b.WriteByte('0' + c>>6)
			b.WriteByte('0' + c>>3&7)
			b.WriteByte('0' + c&7)
		}
		i += size
	}
	return b.String()
}

func mustEscape(r rune) bool {
	return r <= ' ' || r == ':' || r == '\\' || unicode.IsSpace(r)
}

// checkPath reports why path cannot name a file in a collection, or nil.
func checkPath(path string) error {
	if !utf8.ValidString(path) || strings.Contains(path, "\x00") {
		return fault(BadFile, "the file name %q is not UTF-8 text without NUL", clip(path))
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." {
			return fault(BadFile, "the path %q has an empty, \".\" or \"..\" part, which no collection can hold", clip(path))
		}
	}
	return nil
}
