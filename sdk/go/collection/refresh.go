// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"fmt"
	"time"
)

// Mode says what a refresh may do.
type Mode int

// The modes of [Collection.Refresh].
const (
	// Append takes in new objects and new versions. Files whose objects were
	// deleted in S3 stay, with the version that they are pinned to.
	Append Mode = iota + 1
	// Mirror is Append, and removes files whose objects were deleted in S3.
	Mirror
)

// RefreshOptions say how to refresh.
type RefreshOptions struct {
	DiffOptions
	// Mode must be given.
	Mode Mode
	// DryRun tells what would change and changes nothing.
	DryRun bool
}

// Refresh brings the collection to what lies in S3 now, or lay there at a
// time, and returns what was different. Files of objects that did not change
// keep their locators to the byte; ordinary files, and files with other
// bytes than those of one whole object, are left alone. Nothing is stored until
// Save; with KeepVersion the content of before stays readable.
//
// A mirror fails with [Gone] and removes nothing when S3 has nothing at all
// below a prefix, not even old versions or the marks of deleted objects: more
// likely than that all is lost is that it is the wrong bucket.
func (c *Collection) Refresh(ctx context.Context, o RefreshOptions) (*Diff, error) {
	if o.Mode != Append && o.Mode != Mirror {
		return nil, fault(BadSource, "a refresh must be told whether to append or to mirror")
	}
	d, err := c.Diff(ctx, o.DiffOptions)
	if err == nil && o.Mode == Mirror && d.nothing != nil && d.Count(Deleted) > 0 {
		err = &Error{Kind: Gone, Err: d.nothing, Text: fmt.Sprintf("a mirror would remove %d files, since S3 has not even old versions of them, as when a bucket is missing or the wrong one: "+
			"append in place of mirroring, or remove the files yourself (%s)", d.Count(Deleted), clipSentence(d.nothing.Error()))}
	}
	if err != nil || o.DryRun {
		return d, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	changed := false
	for _, change := range d.Changes {
		changed = c.apply(change, o.Mode) || changed
	}
	if changed {
		c.touch()
	}
	return d, c.noteRefresh(o)
}

// apply makes one change, and reports whether it did. mu must be held.
func (c *Collection) apply(change Change, mode Mode) bool {
	at, name := c.root.parent(change.Path, false)
	there := at != nil && change.was != nil && at.files[name] == change.was // not written meanwhile
	switch {
	case change.Part:
		return false
	case change.Kind == Added && !c.root.taken(change.Path):
		at, name = c.root.parent(change.Path, true)
		at.setFile(name, change.content)
		return true
	case change.Kind == Updated && there:
		at.setFile(name, change.content)
		return true
	case change.Kind == Deleted && mode == Mirror && there:
		delete(at.files, name)
		return true
	}
	return false
}

// noteRefresh records when the sources were looked at. mu must be held.
func (c *Collection) noteRefresh(o RefreshOptions) error {
	known, err := sourceRecords(c.record.Properties)
	if err != nil || len(o.Sources) > 0 {
		return err
	}
	for _, k := range mergeSources(known, c.imported) {
		k.ImportedAt, k.AsOf = time.Now().UTC().Truncate(time.Second), o.AsOf
		c.imported = append(c.imported, k)
	}
	return nil
}
