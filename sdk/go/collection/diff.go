// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/locator"
)

// ChangeKind says how an object differs.
type ChangeKind string

// The kinds of [Change].
const (
	// Added: the object is in S3 and not in the collection.
	Added ChangeKind = "added"
	// Updated: S3 has another version than the collection.
	Updated ChangeKind = "updated"
	// Deleted: S3 has the object no more, apart from old versions.
	Deleted ChangeKind = "deleted"
)

// Change is one difference between a collection and S3.
type Change struct {
	Kind ChangeKind
	// Path is the file: of the collection, or where it would come.
	Path string
	// Old is the object version in the collection, New the one in S3.
	Old, New locator.Object
	// Size is that of the new version.
	Size int64
	// Part says that the file has more or less in it than the whole object, so
	// that a refresh leaves it alone.
	Part bool

	content *file
	// was is the file that was compared, nil for one that was added.
	was *file
}

// Diff is the difference between a collection and its sources in S3.
type Diff struct {
	// Changes are ordered by kind and path.
	Changes []Change
	// Unchanged counts files that have the version that S3 has.
	Unchanged int
	// NotJudged counts files whose objects the import leaves out now, for
	// example since they may not be read; Skipped tells the reasons.
	NotJudged int
	Skipped   []Skipped
	// NotKnown says in sentences what could not be compared.
	NotKnown []string

	// nothing is set when S3 had not even old versions below a prefix.
	nothing error
}

// Count returns the number of changes of a kind.
func (d *Diff) Count(k ChangeKind) int {
	n := 0
	for _, c := range d.Changes {
		if c.Kind == k {
			n++
		}
	}
	return n
}

// DiffOptions say what to compare with. The zero value means the recorded
// sources, now.
type DiffOptions struct {
	// Sources are compared with in place of those of [Collection.Sources].
	Sources []Source
	// AsOf compares with the versions that were current then.
	AsOf *time.Time
	// Progress is called with the counts of the source that is listed.
	Progress func(Progress)
}

// Diff compares the collection with what lies in S3 now, or lay there at a
// time, by an import of its sources that stores nothing. Objects are found by
// bucket and key, so files may have been renamed since.
func (c *Collection) Diff(ctx context.Context, o DiffOptions) (*Diff, error) {
	if c.client == nil {
		return nil, noClient()
	}
	sources, err := c.compared(o)
	if err != nil {
		return nil, err
	}
	tree := c.snapshot()
	d := &differ{c: c, uses: uses(tree), tree: tree, diff: &Diff{}}
	d.emptyFiles()
	singles, prefixes := split(sources)
	for some := range slices.Chunk(singles, maxSingles) {
		if err := d.objects(ctx, some, o); err != nil {
			return nil, err
		}
	}
	for _, s := range prefixes {
		if err := d.prefix(ctx, s, o); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(d.diff.Changes, func(a, b Change) int {
		if a.Kind != b.Kind {
			return strings.Compare(string(a.Kind), string(b.Kind))
		}
		return strings.Compare(a.Path, b.Path)
	})
	return d.diff, nil
}

// compared lists the sources as of the wanted time.
func (c *Collection) compared(o DiffOptions) ([]Source, error) {
	sources := slices.Clone(o.Sources)
	if len(sources) == 0 {
		known, err := c.Sources()
		if err != nil {
			return nil, err
		}
		for _, k := range known {
			sources = append(sources, k.Source)
		}
	}
	if r := c.Record(); len(sources) == 0 && r.UUID == "" && r.PDH != "" {
		return nil, fault(BadSource, "a portable data hash has no recorded sources: name the collection by UUID, or give the sources to compare with (--source s3://…)")
	}
	if len(sources) == 0 {
		return nil, fault(BadSource, "nothing is recorded of where this collection came from: name the sources to compare with (--source s3://…)")
	}
	for i := range sources {
		if o.AsOf != nil || len(o.Sources) == 0 {
			sources[i].AsOf = o.AsOf
		}
	}
	return sources, nil
}

// split separates single objects from prefixes.
func split(sources []Source) (singles, prefixes []Source) {
	for _, s := range sources {
		if s.isPrefix() {
			prefixes = append(prefixes, s)
		} else {
			singles = append(singles, s)
		}
	}
	return singles, prefixes
}

// use is a file that has bytes of an object.
type use struct {
	path   string
	file   *file
	object locator.Object
	whole  bool
	// judged says that S3 was asked.
	judged bool
}

// uses lists the files by bucket and key.
func uses(root *folder) map[string][]*use {
	all := map[string][]*use{}
	_ = root.walk(func(dir string, e entry) error { // visit returns no error
		if e.file == nil {
			return nil
		}
		found, whole := objectsOfFile(e.file)
		for _, o := range found {
			u := &use{path: join(dir, e.name), file: e.file, object: o, whole: whole && len(found) == 1}
			all[keyOf(o)] = append(all[keyOf(o)], u)
		}
		return nil
	})
	return all
}

// objectsOfFile lists the objects of a file, each once. whole says that the file
// has nothing but bytes from the beginning of one on, one place of which is
// known: a block with alternatives does not end with the first.
func objectsOfFile(f *file) (found []locator.Object, whole bool) {
	next, seen := int64(0), map[locator.Object]bool{}
	whole = true
	f.pieces(func(p piece) bool {
		l, err := p.locator()
		if err != nil || len(l.Refs()) == 0 {
			whole = false
			return true
		}
		ref := l.Refs()[0]
		o, err := locator.DecodeObject(ref.B)
		if whole = whole && err == nil && len(l.Refs()) == 1 && ref.C+p.offset == next; err != nil {
			return true
		}
		next += p.size
		if !seen[o] {
			seen[o] = true
			found = append(found, o)
		}
		return true
	})
	return found, whole
}

func keyOf(o locator.Object) string { return o.Bucket + "/" + o.Key }

// snapshot returns the tree of the moment for looking things up.
func (c *Collection) snapshot() *folder {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.root.clone()
}
