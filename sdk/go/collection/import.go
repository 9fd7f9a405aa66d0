// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"strconv"
	"time"

	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
)

// Clash says what an import does where there is something already.
type Clash int

// The ways to deal with clashes.
const (
	// ClashRefuse fails and changes nothing.
	ClashRefuse Clash = iota
	// ClashReplace puts the imported file in place of what is there.
	ClashReplace
	// ClashKeep leaves what is there, and the imported file out.
	ClashKeep
)

// ImportOptions say how to import. The zero value is good.
type ImportOptions struct {
	// Into is the folder that all paths begin in.
	Into string
	// Form is opaque, derived or content; empty means opaque where the API
	// server knows pseudo-blocks, else derived.
	Form string
	// Clash is what to do where there is something already.
	Clash Clash
	// DryRun tells what would be imported and changes nothing.
	DryRun bool
	// Owners asks for the owners of what is listed, for the result. It costs no
	// request.
	Owners bool
	// Progress is called at least every two seconds with the counts so far,
	// always by one goroutine.
	Progress func(Progress)
	// Skipped is called for each key that is left out, unless a filter of the
	// source did that.
	Skipped func(Skipped)
	// Journal, if set, keeps how far the import is, for another process.
	Journal *Journal
}

// ImportResult tells what an import brought.
type ImportResult struct {
	Progress
	// SkippedBy counts the skipped keys by reason.
	SkippedBy map[string]int64
	// Status is "complete", "partial" or "empty" (docs/protocol.md).
	Status string
	// PDH is the portable data hash of the imported files alone. It was computed
	// by the server and again here.
	PDH string
	// Classes counts the files by storage class.
	Classes map[string]int64
	// Owners counts the files by owner, those with most files first, if
	// ImportOptions.Owners asked for it.
	Owners []OwnerCount
	// Pieces is how many GETs one read of all files takes, in pieces of 64 MiB.
	Pieces int64
	// Clashes counts files that were there already.
	Clashes int64
	// Lifecycle and ObjectLock tell how long the imported versions stay, as far
	// as the settings of their buckets tell.
	Lifecycle  []Lifecycle
	ObjectLock []ObjectLock
	// Locked counts files that were named one by one and whose versions nothing
	// may remove before some time, the first of which is LockedUntil.
	Locked      int64
	LockedUntil time.Time
	// Unfinished is set, next to an error, when the import can be taken up
	// again: see [Collection.ResumeImport].
	Unfinished *Unfinished
}

// Unfinished is an import that came to a point from which it can go on, for
// 24 hours and in this process.
type Unfinished struct {
	importing *importing
	stream    importStream
	sources   []Source
	// parts is nil if one request is enough.
	parts *importParts
}

// run returns the last line.
func (u *Unfinished) run(ctx context.Context) (line, error) {
	if u.parts == nil {
		return u.stream.run(ctx)
	}
	return u.parts.run(ctx, &u.stream)
}

// goesOn reports whether there is a point to go on from.
func (u *Unfinished) goesOn() bool {
	return !u.stream.spoiled && (u.stream.request.Resume != "" || u.parts != nil && u.parts.at > 0)
}

// Files is the number of files that are there already.
func (u *Unfinished) Files() int64 { return u.importing.files }

// ImportFromS3 adds S3 objects to the collection, as references: nothing is
// copied. It takes effect when the last line of the server's answer is there,
// in one step; after any error, and when ctx ends, the collection is as it
// was. An answer that breaks off is taken up again by itself, a few times;
// after that, and when ctx ends, the result may have an [Unfinished], and a
// [Journal] is good for another process.
//
// More sources than one request may have, 10,000 or 1 MiB of them, are sent in
// several requests, one after the other. That is one import all the same: in
// its result, its refusals and its progress.
//
// The next Save records the sources in the property [SourcesProperty].
func (c *Collection) ImportFromS3(ctx context.Context, sources []Source, o ImportOptions) (*ImportResult, error) {
	if c.client == nil {
		return nil, noClient()
	}
	aware, _, err := c.client.learn(ctx)
	if err != nil {
		return nil, err
	}
	if o.Form == "" && !aware {
		o.Form = "derived"
	}
	request := importRequest{Form: o.Form, Owners: o.Owners}
	for _, s := range sources {
		request.Sources = append(request.Sources, s.below(o.Into))
	}
	u, err := c.newImport(request, o)
	if err != nil || o.Journal == nil {
		return c.runImport(ctx, u, err)
	}
	result, err := c.runImport(ctx, u, u.open(o.Journal))
	if KindOf(err) != "bad-resume-token" {
		return result, err
	}
	kept := u.stream.journal
	kept.anew(err)
	if u, err = c.newImport(request, o); err == nil {
		u.stream.journal = kept
	}
	return c.runImport(ctx, u, err)
}

// ResumeImport goes on with an import that was canceled, or that broke off more
// often than it is taken up again by itself. Nothing that came before is
// listed or sent again.
func (c *Collection) ResumeImport(ctx context.Context, u *Unfinished) (*ImportResult, error) {
	if u.importing.c != c {
		return nil, fault(BadSource, "the unfinished import is one of another collection")
	}
	return c.runImport(ctx, u, nil)
}

func (c *Collection) runImport(ctx context.Context, u *Unfinished, err error) (*ImportResult, error) {
	if err != nil {
		return nil, err
	}
	im := u.importing
	done, err := u.run(ctx)
	if err != nil && u.goesOn() && KindOf(err) != "bad-resume-token" {
		return &ImportResult{Progress: Progress{Files: im.files}, Unfinished: u}, err
	}
	if err != nil {
		return nil, err
	}
	if err := im.check(done); err != nil {
		u.stream.journal.clear()
		return nil, err
	}
	return im.result, im.merge(u.sources)
}

// importing is what an import brought so far.
type importing struct {
	c      *Collection
	o      ImportOptions
	root   *folder
	text   *manifest.Writer // for the portable data hash
	files  int64
	owners map[string]OwnerCount // by id
	result *ImportResult
}

// lines takes lines that are final.
func (im *importing) lines(all []line) error {
	for _, l := range all {
		if l.Type == "skipped" {
			if im.o.Skipped != nil {
				im.o.Skipped(Skipped{l.URL, l.Reason, l.Text})
			}
			continue
		}
		if err := im.file(l); err != nil {
			return err
		}
	}
	return nil
}

func (im *importing) file(l line) error {
	if err := checkPath(l.Path); err != nil {
		return err
	}
	r, err := l.run(im.c.origin)
	if err != nil {
		return err
	}
	blocks, err := r.parsed()
	if err != nil {
		return err
	}
	if err := im.text.Add(l.Path, l.Size, blocks); err != nil {
		return err
	}
	im.files++
	im.tell(l)
	im.result.addLock(l.LockedUntil)
	return im.root.addFile(l.Path, newContent(r))
}

// newContent is a file that is all of a run.
func newContent(r *run) *file {
	f := &file{spans: make([]span, 0, 1)}
	f.add(span{r, 0, r.size()})
	return f
}

// addFile sets a file where nothing is yet.
func (d *folder) addFile(path string, f *file) error {
	if above, name := d.fileAbove(path); above {
		return fault(NameClash, "%s would be a file and a folder", quote(name))
	}
	at, name := d.parent(path, true)
	if at.files[name] != nil || at.folders[name] != nil {
		return fault(NameClash, "%s was imported twice", quote(path))
	}
	at.setFile(name, f)
	return nil
}

// check compares what came with what the server says that it sent.
func (im *importing) check(done line) error {
	if err := im.text.Flush(); err != nil {
		return err
	}
	im.result.Progress, im.result.SkippedBy = done.counts(), done.SkippedBy
	im.result.Status, im.result.PDH = done.Status, done.PDH
	im.result.Lifecycle, im.result.ObjectLock = done.Lifecycle, done.ObjectLock
	im.result.Owners = im.owned()
	return complete(im.text.PDH(), im.files, done)
}

// complete compares files that came with the last line about them.
func complete(pdh string, files int64, done line) error {
	if told := done.counts().Files; pdh != done.PDH || files != told {
		return fault(NotComplete, "the import sent %d files with the portable data hash %s, and says that it were %d with %s: nothing of it is used",
			files, pdh, told, done.PDH)
	}
	return nil
}

// merge puts what was imported into the collection.
func (im *importing) merge(sources []Source) (err error) {
	c := im.c
	c.mu.Lock()
	defer c.mu.Unlock()
	im.result.Clashes, err = c.merge(im.root, im.o.Clash, im.o.DryRun)
	if err != nil || im.o.DryRun {
		return err
	}
	now := time.Now().UTC().Truncate(time.Second)
	for _, s := range sources {
		c.imported = append(c.imported, SourceRecord{Source: s, ImportedAt: now, Files: im.files, Bytes: im.result.Bytes,
			Skipped: im.result.Skipped, WeakPins: im.result.WeakPins, Archived: im.result.Archived})
	}
	return nil
}

func itoa(n int) string { return strconv.Itoa(n) }
