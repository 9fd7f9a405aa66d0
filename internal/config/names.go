// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"
)

// isPlainName reports whether s is of the characters that keys and names are
// made of. Anything else may be a value in the wrong place, and so a secret:
// it is not quoted in a fault.
func isPlainName(s string) bool {
	const most = 40
	return s != "" && len(s) <= most && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}

func quoteName(s string) string {
	if isPlainName(s) {
		return fmt.Sprintf("%q", s)
	}
	return "a key"
}

// unknownKey is the sentence for a key that does not exist.
func unknownKey(name string, known []string) string {
	if before, _, found := strings.Cut(name, ":"); found && isPlainName(before) {
		return fmt.Sprintf("the value of %q needs a space before it, after the colon", before)
	}
	if !isPlainName(name) {
		return "there is a key here that does not exist; the keys are " + strings.Join(known, ", ")
	}
	if near := nearest(name, known); near != "" {
		return fmt.Sprintf("there is no key %q; did you mean %q?", name, near)
	}
	return fmt.Sprintf("there is no key %q; the keys are %s", name, strings.Join(known, ", "))
}

// nearest returns the known name that is most like name, or "" if none is.
func nearest(name string, known []string) string {
	best, least := "", 1+max(1, len(name)/3)
	for _, k := range known {
		if d := distance(strings.ReplaceAll(strings.ToLower(name), "-", "_"), k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is the Levenshtein distance of a and b, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
