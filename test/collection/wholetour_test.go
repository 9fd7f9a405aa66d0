// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"bytes"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// TestWholeTour does what people do with a collection, from the import of a
// whole bucket with odd keys to finding out who uses an object. Two users do
// all of it, one after the other, and must get the same hashes. It runs on
// three servers, as no one of them takes all keys; moto, which is slow, has
// fewer of the others.
func TestWholeTour(t *testing.T) {
	taken, ran := map[string]bool{}, 0
	for server, objects := range map[*testenv.Server]int{servers.MinIO(t): 2345, servers.Versitygw(t): 2345, servers.Moto(t): 145} {
		t.Run(server.Name, func(t *testing.T) {
			tour := &tour{rig: newRigOn(t, server, true), objects: objects, data: map[string][]byte{}}
			tour.run()
			ran++
			for _, k := range tour.keys {
				taken[k.key] = true
			}
		})
	}
	for _, k := range oddKeys() {
		if ran == 3 && !taken[k.key] { // not when one row is run
			t.Errorf("no server takes %q, so it is not tested", k.key)
		}
	}
}

type tour struct {
	*rig
	objects int
	keys    []oddKey
	// data are the bytes of all imported objects at their first version.
	data map[string][]byte
	// doomed is the version of an object that is overwritten.
	doomed string
}

// lane is one user's state.
type lane struct {
	client *collection.Client
	// all has the whole bucket, some is made of parts of it.
	all, some *collection.Collection
	imported  *collection.ImportResult
	// hashes are those of each thing that was stored.
	hashes []string
}

func (tr *tour) run() {
	t := tr.t
	big := bytesOf(7, 3<<20)
	tr.keys = append(tr.odd(tr.objects-1), oddKey{key: "big.bin", data: string(big)})
	tr.doomed = tr.put("big.bin", big)
	for _, k := range tr.keys {
		if k.reason == "" {
			tr.data[k.key] = []byte(k.data)
		}
	}
	_, bob := tr.newUser("bob")
	lanes := []*lane{{client: tr.admin}, {client: bob}}
	for _, l := range lanes {
		tr.gather(l)
	}
	tr.handOver(lanes)
	tr.changeS3()
	for _, l := range lanes {
		tr.follow(l)
	}
	if a, b := lanes[0].hashes, lanes[1].hashes; len(a) < 5 || !slices.Equal(a, b) {
		t.Errorf("the first tour has the hashes %q, the second %q", a, b)
	}
	tr.loseVersion(lanes[0])
}

// gather imports, mixes with what is written, copies and renames between
// collections, and saves.
func (tr *tour) gather(l *lane) {
	t := tr.t
	var skipped []collection.Skipped
	l.all = l.client.New()
	var err error
	l.imported, err = l.all.ImportFromS3(t.Context(), []collection.Source{{URL: "s3://" + tr.bucket}},
		collection.ImportOptions{Skipped: func(s collection.Skipped) { skipped = append(skipped, s) }})
	if err != nil {
		t.Fatalf("%v\n%s", err, tr.tail())
	}
	tr.nothingIsMissing(l, skipped)
	l.hashes = append(l.hashes, l.imported.PDH)

	l.some = l.client.New()
	for _, err := range []error{
		l.all.WriteFile(t.Context(), "notes/README", []byte("written by hand\n")),
		l.some.WriteFile(t.Context(), "ref/local.bin", bytesOf(3, 100_000)),
		l.some.Flush(t.Context()),
		l.some.Copy("ref/run00", l.all, "run00"),
		l.some.Rename("ref/run00/sample0000.txt", "ref/first.txt"),
		l.some.Copy("big", l.all, "big.bin"),
		l.all.Rename("run01", "renamed run"),
		l.all.Copy("from/some", l.some, "ref/local.bin"),
		l.all.Remove("run03"),
		l.some.Save(t.Context(), collection.SaveOptions{Name: "some"}),
		l.all.Save(t.Context(), collection.SaveOptions{Name: "all"}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	l.hashes = append(l.hashes, l.some.Record().PDH, l.all.Record().PDH)
}

// nothingIsMissing compares an import with an independent listing: each key is
// imported under its name, or told with a reason.
func (tr *tour) nothingIsMissing(l *lane, skipped []collection.Skipped) {
	t := tr.t
	listed := tr.list(tr.bucket)
	if len(listed) != tr.objects || l.imported.Listed != int64(len(listed)) || l.imported.Listed != l.imported.Files+l.imported.Skipped {
		t.Errorf("the AWS SDK lists %d objects, the import %+v", len(listed), l.imported)
	}
	reasons := map[string]string{}
	for _, s := range skipped {
		path, _, _ := strings.Cut(s.URL, "?")
		reasons[strings.TrimPrefix(path, "s3://"+tr.bucket+"/")] = string(s.Reason)
	}
	hidden := 0
	for _, k := range tr.keys {
		info, err := l.all.Stat(k.key)
		switch {
		case k.reason == "" && (err != nil || info.Size() != int64(len(k.data))):
			t.Errorf("%q is not imported: %v", k.key, err)
		case k.reason != "" && reasons[locator.Escape(k.key, true)] != k.reason:
			t.Errorf("%q is left out with the reason %q, not %q", k.key, reasons[locator.Escape(k.key, true)], k.reason)
		case k.reason != "":
			hidden++
		}
	}
	want := map[bool]string{true: "complete", false: "partial"}[hidden == l.placeholders()]
	if len(skipped) != hidden || l.imported.Status != want {
		t.Errorf("%d keys are left out, not %d, and the status is %s", len(skipped), hidden, l.imported.Status)
	}
}

// placeholders counts what is left out and is no data.
func (l *lane) placeholders() int { return int(l.imported.SkippedBy["folder-placeholder"]) }

// handOver lets another user read by hash what was shared with her, at random
// offsets.
func (tr *tour) handOver(lanes []*lane) {
	t := tr.t
	uuid, carol := tr.newUser("carol")
	hash := lanes[0].all.Record().PDH
	if _, err := carol.Load(t.Context(), hash); err == nil {
		t.Error("carol sees what was not shared with her")
	}
	tr.share(lanes[0].all.Record().UUID, uuid)
	c, err := carol.Load(t.Context(), hash)
	if err != nil {
		t.Fatal(err)
	}
	tr.readAnywhere(c, "big.bin", tr.data["big.bin"])
	wantBytes(t, c, "notes/README", []byte("written by hand\n"))
	wantBytes(t, c, "from/some", bytesOf(3, 100_000))
	for key, data := range tr.data {
		name := strings.Replace(key, "run01/", "renamed run/", 1)
		if !strings.HasPrefix(key, "run") || strings.HasSuffix(key, "1.txt") && !strings.HasPrefix(key, "run03/") { // all the odd ones
			wantBytes(t, c, name, data)
		}
	}
}

// readAnywhere reads a file in pieces of all sizes.
func (tr *tour) readAnywhere(c *collection.Collection, name string, data []byte) {
	t := tr.t
	f, err := c.OpenFile(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	random := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		p := make([]byte, 1+random.IntN(50_000))
		at := random.IntN(len(data))
		n, err := f.ReadAt(p, int64(at))
		if want := data[at:min(at+len(p), len(data))]; !bytes.Equal(p[:n], want) || err != nil && (err != io.EOF || len(want) == len(p)) {
			t.Errorf("%d bytes at %d: got %d, %v", len(p), at, n, err)
		}
	}
}

// changeS3 overwrites three objects, deletes two and adds two.
func (tr *tour) changeS3() {
	for _, key := range []string{"big.bin", "run00/sample0000.txt", "run01/sample0001.txt"} {
		tr.put(key, []byte("overwritten"))
	}
	tr.remove("run02/sample0002.txt", "")
	tr.remove("odd/ha#sh", "")
	tr.put("odd/new?", []byte("new"))
	tr.put("new/object", []byte("new"))
}

// follow checks, compares, refreshes and searches.
func (tr *tour) follow(l *lane) {
	t := tr.t
	c, err := l.client.Load(t.Context(), l.all.Record().UUID)
	if err != nil {
		t.Fatal(err)
	}
	report, err := c.Check(t.Context(), collection.CheckOptions{})
	if err != nil || !report.Good() || report.Counts[collection.OK] != len(c.Objects()) {
		t.Fatalf("pinned versions are there, but the check says %+v, %v", report, err)
	}
	diff, err := c.Refresh(t.Context(), collection.RefreshOptions{Mode: collection.Mirror, DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	got := changes(diff)
	for _, want := range []string{"added new/object", "added odd/new?", "deleted odd/ha#sh", "deleted run02/sample0002.txt",
		"updated big.bin", "updated renamed run/sample0001.txt", "updated run00/sample0000.txt", "added run03/sample0003.txt"} {
		if !slices.Contains(strings.Split(got, ", "), want) {
			t.Errorf("the diff lacks %q", want)
		}
	}
	if diff.Count(collection.Updated) != 3 || diff.Count(collection.Deleted) != 2 {
		t.Errorf("the diff has %s", got)
	}
	tr.refreshBoth(l, c)
	tr.search(l)
}

// refreshBoth appends, then mirrors; the old content stays readable.
func (tr *tour) refreshBoth(l *lane, c *collection.Collection) {
	t := tr.t
	old := c.Record().PDH
	for mode, kept := range map[collection.Mode]bool{collection.Append: true, collection.Mirror: false} {
		c, err := l.client.Load(t.Context(), old)
		if err != nil {
			t.Fatal(err)
		}
		source := collection.DiffOptions{Sources: []collection.Source{{URL: "s3://" + tr.bucket}}}
		if _, err := c.Refresh(t.Context(), collection.RefreshOptions{DiffOptions: source, Mode: mode}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Stat("odd/ha#sh"); (err == nil) != kept {
			t.Errorf("after a refresh of mode %d a deleted object gives %v", mode, err)
		}
		wantBytes(t, c, "odd/new?", []byte("new"))
	}
	if _, err := c.Refresh(t.Context(), collection.RefreshOptions{Mode: collection.Mirror}); err != nil {
		t.Fatal(err)
	}
	if err := c.Save(t.Context(), collection.SaveOptions{KeepVersion: true}); err != nil {
		t.Fatal(err)
	}
	l.hashes = append(l.hashes, c.Record().PDH, first(l.all.PDH()))
	wantBytes(t, c, "renamed run/sample0001.txt", []byte("overwritten"))
	wantBytes(t, c, "notes/README", []byte("written by hand\n"))
	before, err := l.client.Load(t.Context(), old)
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, before, "renamed run/sample0001.txt", tr.data["run01/sample0001.txt"])
}

// search asks who uses an object, by version and without.
func (tr *tour) search(l *lane) {
	t := tr.t
	for url, want := range map[string][]string{
		tr.url("big.bin"):                             {"all", "some"},
		tr.url("big.bin?versionId=") + tr.doomed:      {"some"},
		tr.url("run00/"):                              {"all", "some"},
		tr.url(locator.Escape("odd/new?", true)):      {"all"},
		tr.url(locator.Escape("odd/ha#sh", true)):     nil,
		tr.url(locator.Escape("odd/quest?ion", true)): {"all"},
	} {
		var names []string
		for use, err := range l.client.WhereUsed(t.Context(), url) {
			if err != nil {
				t.Fatal(err)
			}
			if use.UUID == l.all.Record().UUID || use.UUID == l.some.Record().UUID {
				names = append(names, use.Name)
			}
		}
		if slices.Sort(names); !slices.Equal(names, want) {
			t.Errorf("%s is used by %q, not %q", url, names, want)
		}
	}
}

// loseVersion deletes a version that the first content needs: the check names
// it, and the refreshed content does not need it.
func (tr *tour) loseVersion(l *lane) {
	t := tr.t
	tr.remove("big.bin", tr.doomed)
	report, err := l.some.Check(t.Context(), collection.CheckOptions{})
	if err != nil || len(report.Objects) != 1 || report.Objects[0].Status != collection.IsGone || report.Objects[0].Object.VersionID != tr.doomed || report.Objects[0].Files[0] != "big" {
		t.Errorf("the check gave %+v, %v", report, err)
	}
	fresh, err := l.client.Load(t.Context(), l.all.Record().UUID)
	if err != nil {
		t.Fatal(err)
	}
	if report, err := fresh.Check(t.Context(), collection.CheckOptions{}); err != nil || !report.Good() {
		t.Errorf("the check of what was refreshed gave %+v, %v", report, err)
	}
}
