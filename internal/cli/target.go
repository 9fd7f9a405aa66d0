// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// target is what people write as COLLECTION[/path].
type target struct {
	// id is a UUID or a portable data hash.
	id string
	// path is one of io/fs; "." is the whole collection.
	path string
	// folder says that it was written with a "/" at the end.
	folder bool
}

// parseTarget reads COLLECTION[/path]. Empty parts of the path and "." are
// left out, ".." is refused.
func parseTarget(text string) (target, error) {
	id, rest, slash := strings.Cut(text, "/")
	if !isUUID(id, "4zz18") && !isHash(id) {
		return target{}, usagef("%s does not begin with a collection: name one by UUID, such as zzzzz-4zz18-0123456789abcde, or by portable data hash", quote(text))
	}
	for part := range strings.SplitSeq(rest, "/") {
		if part == ".." {
			return target{}, usagef("%s has the part \"..\", which no collection has", quote(text))
		}
	}
	t := target{id: id, path: path.Clean("./" + rest), folder: slash && (rest == "" || strings.HasSuffix(rest, "/"))}
	if !fs.ValidPath(t.path) {
		return target{}, usagef("%s is not a path that a collection can have", quote(text))
	}
	return t, nil
}

// parseTargets reads several.
func parseTargets(args []string) ([]target, error) {
	all := make([]target, 0, len(args))
	for _, arg := range args {
		t, err := parseTarget(arg)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// String is the target as people write it, escaped for a terminal.
func (t target) String() string {
	if t.path == "." {
		return t.id
	}
	return t.id + "/" + escaped(t.path)
}

// stored reports whether the target is a stored collection, which can change.
func (t target) stored() bool { return isUUID(t.id, "4zz18") }

// mustBeStored is a fault if the target cannot change.
func (t target) mustBeStored() error {
	if t.stored() {
		return nil
	}
	return usagef("%s is content that never changes: name the collection by its UUID", t.id)
}

// isUUID reports whether text is an Arvados UUID of the type.
func isUUID(text, infix string) bool {
	return regexp.MustCompile(`^[0-9a-z]{5}-` + infix + `-[0-9a-z]{15}$`).MatchString(text)
}

func isHash(text string) bool {
	return regexp.MustCompile(`^[0-9a-f]{32}\+[0-9]+(\+[A-Z][-A-Za-z0-9@_]*)*$`).MatchString(text)
}
