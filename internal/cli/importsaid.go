// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// nothing is the error of an import that has no files.
func (o *importing) nothing(r *report) error {
	text := "nothing is left to import, of " + plural(r.Listed, "key") + ": nothing was stored"
	for _, reason := range slices.Sorted(maps.Keys(r.SkippedBy)) {
		if reason != "excluded" {
			text += fmt.Sprintf("; %s left out: %s", plural(r.SkippedBy[reason], "key"), reason)
			continue
		}
		text += fmt.Sprintf("; %s excluded by the filters", count(r.SkippedBy[reason]))
		if len(o.include) > 0 {
			text += "; the content of a folder is " + o.wholeFolder()
		}
	}
	return fmt.Errorf("%s", text)
}

// wholeFolder is a pattern for all in a folder: that which an --include names,
// if one does.
func (o *importing) wholeFolder() string {
	for _, pattern := range o.include {
		if name := strings.TrimSuffix(strings.TrimSuffix(pattern, "*"), "/"); name != "" && !strings.ContainsAny(name, "*?[{'") {
			return "'" + name + "/**'"
		}
	}
	return "'FOLDER/**'"
}

func (r *report) summary() string {
	text := fmt.Sprintf("%s with %s", plural(r.Files, "file"), size(r.Bytes))
	switch {
	case r.Clashes > 0 && r.clash == collection.ClashKeep:
		text = fmt.Sprintf("%s imported, of %s; %s there already and stay as they are", plural(r.Files-r.Clashes, "file"), text, are(r.Clashes, "file"))
		if r.Clashes == 1 {
			text = strings.Replace(text, "stay as they are", "stays as it is", 1)
		}
	case r.Clashes > 0:
		text += fmt.Sprintf("; %s of them took the place of what was there", count(r.Clashes))
	}
	if r.BytesRead > 0 {
		text += fmt.Sprintf("; %s read for the MD5s of blocks", size(r.BytesRead))
	}
	for _, reason := range slices.Sorted(maps.Keys(r.SkippedBy)) {
		text += fmt.Sprintf("; %s left out: %s", plural(r.SkippedBy[reason], "key"), reason)
	}
	if r.Archived > 0 {
		text += fmt.Sprintf("; %s archived, to be restored before they can be read", plural(r.Archived, "file"))
	}
	if r.WeakPins > 0 {
		text += fmt.Sprintf("; %s pinned by ETag only, which become unreadable when they are overwritten", plural(r.WeakPins, "file"))
	}
	return text
}

// clashed names the flags for a clash.
func clashed(err error) error {
	if collection.KindOf(err) != collection.NameClash {
		return err
	}
	return &sentence{err.Error() + " (--path, --on-clash replace, --on-clash keep)", err}
}
