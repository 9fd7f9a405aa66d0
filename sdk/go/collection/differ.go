// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"errors"
	"path"
	"strconv"
	"strings"

	"github.com/arvados-s3/keepstore/locator"
)

// maxSingles is how many single objects are asked for in one request.
const maxSingles = 1000

// differ compares one source after the other.
type differ struct {
	c    *Collection
	uses map[string][]*use
	tree *folder
	diff *Diff
	// hidden are prefixes of which the caller may not know the keys.
	hidden []locator.Object
	// only limits what is noted to objects that are there, for a second look.
	only bool
	// names are the paths of single objects, by those of the request.
	names map[string]string
	// files counts the file lines of one request.
	files int64
}

// prefix compares with one prefix. Where filters leave objects out of it, a
// second listing without them tells which of the collection's still exist.
func (d *differ) prefix(ctx context.Context, s Source, o DiffOptions) error {
	d.only, d.names = false, nil
	nothing, err := d.list(ctx, []Source{s}, o)
	if err != nil {
		return err
	}
	d.diff.nothing = errors.Join(d.diff.nothing, nothing)
	missing := d.below(s)
	if s.filtered() && len(missing) > 0 {
		s.Include, s.Exclude, s.IncludeRegexp, s.ExcludeRegexp, d.only = nil, nil, nil, nil, true
		if _, err := d.list(ctx, []Source{s}, o); err != nil {
			return err
		}
		missing = d.below(s)
	}
	d.deleted(missing)
	return nil
}

// objects compares with single objects. They get paths of their own in the
// request, since those of several imports may be alike.
func (d *differ) objects(ctx context.Context, sources []Source, o DiffOptions) error {
	d.only, d.names = false, map[string]string{}
	asked := make([]Source, len(sources))
	for i, s := range sources {
		asked[i] = s
		asked[i].Path = strconv.Itoa(i)
		d.names[asked[i].Path] = s.file()
	}
	if _, err := d.list(ctx, asked, o); err != nil {
		return err
	}
	for _, s := range sources {
		bucket, key, _ := splitURL(s.url())
		d.deleted(unjudged(d.uses[bucket+"/"+key]))
	}
	return nil
}

// file is the path that a single object is imported to.
func (s Source) file() string {
	if s.Path != "" && !strings.HasSuffix(s.Path, "/") {
		return s.Path
	}
	_, key, _ := splitURL(s.url())
	return s.Path + path.Base(key)
}

// list goes through an answer. It must be complete: what is missing in it would
// count as deleted. nothing says why there is nothing to list.
func (d *differ) list(ctx context.Context, sources []Source, o DiffOptions) (nothing, err error) {
	aware, _, err := d.c.client.learn(ctx)
	if err != nil {
		return nil, err
	}
	request := importRequest{Sources: sources}
	if !aware {
		request.Form = "derived"
	}
	d.files = 0
	stream := importStream{client: d.c.client, request: request, lines: d.lines, progress: o.Progress}
	done, err := stream.run(ctx)
	switch {
	case KindOf(err) == Gone && d.files == 0:
		return err, nil
	case err == nil && d.files != done.Files:
		err = fault(NotComplete, "the listing has %d objects and says that it has %d: nothing of it is used", d.files, done.Files)
	}
	return nil, err
}

func (d *differ) lines(all []line) error {
	for _, l := range all {
		if l.Type == "skipped" && l.Reason == string(NoBucket) {
			return &Error{Kind: NoBucket, Text: l.Text + ": nothing is known of " + l.URL}
		}
		if l.Type == "skipped" {
			d.skipped(l)
			continue
		}
		o, err := locator.ParseURL(l.URL)
		if err != nil {
			return &Error{Kind: BadManifest, Text: "the import gave a URL that is not canonical: " + err.Error(), Err: err}
		}
		if name, ok := d.names[l.Path]; ok {
			l.Path = name
		}
		if err := d.file(l, o); err != nil {
			return err
		}
	}
	return nil
}

// emptyFiles notes what cannot be known of them, when there are any.
func (d *differ) emptyFiles() {
	found := false
	_ = d.tree.walk(func(_ string, e entry) error { // visit returns no error
		found = found || e.file != nil && e.file.size == 0
		return nil
	})
	if found {
		d.diff.NotKnown = append(d.diff.NotKnown, "an empty file has no block, so nothing tells which object it came from: it never counts as deleted")
	}
}

// skipped notes an object that exists and cannot be imported.
func (d *differ) skipped(l line) {
	if l.Reason == "deleted" || l.Reason == string(Gone) {
		return // what is missing is told at the end
	}
	bucket, key, version := splitURL(l.URL)
	o := locator.Object{Bucket: bucket, Key: key, VersionID: version}
	switch {
	case !strings.HasSuffix(key, "/") && key != "":
	case l.Reason != "folder-placeholder" && l.Reason != "bad-name" && l.Reason != "undecodable-key":
		d.hidden = append(d.hidden, o) // an access rule, for all its keys
	}
	for _, u := range unjudged(d.uses[keyOf(o)]) {
		u.judged = true
		d.diff.NotJudged++
	}
	if !d.only && l.Reason != "folder-placeholder" { // which has no data that would be missing
		d.diff.Skipped = append(d.diff.Skipped, Skipped{l.URL, l.Reason, l.Text})
	}
}

func (d *differ) file(l line, o locator.Object) error {
	d.files++
	uses := d.uses[keyOf(o)]
	if len(uses) == 0 {
		return d.added(l, o)
	}
	for _, u := range unjudged(uses) {
		if u.judged = true; u.object == o {
			d.diff.Unchanged++
			continue
		}
		if err := d.note(l, Change{Kind: Updated, was: u.file, Path: u.path, Old: u.object, New: o, Size: l.Size, Part: !u.whole}); err != nil {
			return err
		}
	}
	return nil
}

// added notes an object that no file refers to, unless it is empty and so is
// the file.
func (d *differ) added(l line, o locator.Object) error {
	if f, _ := d.tree.find(l.Path); f != nil && f.size == 0 && l.Size == 0 {
		d.diff.Unchanged++
		return nil
	}
	if d.only {
		return nil
	}
	return d.note(l, Change{Kind: Added, Path: l.Path, New: o, Size: l.Size})
}

func (d *differ) note(l line, c Change) error {
	r, err := l.run(d.c.origin)
	if err != nil {
		return err
	}
	c.content = newContent(r)
	d.diff.Changes = append(d.diff.Changes, c)
	return nil
}

// deleted notes what no listing had.
func (d *differ) deleted(missing []*use) {
	for _, u := range missing {
		if u.judged = true; d.isHidden(u.object) {
			d.diff.NotJudged++
			continue
		}
		d.diff.Changes = append(d.diff.Changes, Change{Kind: Deleted, was: u.file, Path: u.path, Old: u.object, Part: !u.whole})
	}
}

func unjudged(uses []*use) []*use {
	var left []*use
	for _, u := range uses {
		if !u.judged {
			left = append(left, u)
		}
	}
	return left
}

// below lists the files with objects below a prefix that no listing had.
func (d *differ) below(s Source) []*use {
	bucket, key, _ := splitURL(s.url())
	var missing []*use
	for _, uses := range d.uses {
		if o := uses[0].object; o.Bucket == bucket && strings.HasPrefix(o.Key, key) {
			missing = append(missing, unjudged(uses)...)
		}
	}
	return missing
}

func (d *differ) isHidden(o locator.Object) bool {
	for _, h := range d.hidden {
		if o.Bucket == h.Bucket && strings.HasPrefix(o.Key, h.Key) {
			return true
		}
	}
	return false
}
