// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"fmt"
	"net/http"
	"regexp"
	"testing"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// choice says which of the objects of rig.many to import: those of one folder,
// and a row of single ones.
type choice struct {
	*rig
	folder        string
	from, singles int
	// ownerless says that the server tells no owners.
	ownerless bool
}

// TestChoose does what the section of TestTenThousand does, with fewer objects,
// on the other servers.
func TestChoose(t *testing.T) {
	for server, c := range map[*testenv.Server]choice{
		servers.Versitygw(t): {folder: "007", from: 800, singles: 500, ownerless: true}, servers.Moto(t): {folder: "000", from: 100, singles: 45},
	} {
		t.Run(server.Name, func(t *testing.T) {
			c.rig = newRigOn(t, server, true)
			c.many("many/", c.from+c.singles)
			c.run(t)
		})
	}
}

// choose imports two prefixes, 500 single objects in three ways of writing,
// and objects by filters, each to its place, after a dry run.
func (m *multitude) choose(t *testing.T) {
	choice{rig: m.rig, folder: "007", from: 8000, singles: 500}.run(t)
}

// key is that of a single object.
func (c choice) key(i int) string { return fmt.Sprintf("many/%03d/%05d", (c.from+i)/100, c.from+i) }

// sources puts the objects to filter and returns what to import.
func (c choice) sources() []collection.Source {
	for _, key := range []string{"sub/x.bam", "sub/x.bai", "top.bam", "run-07/notes", "run-7/notes", "sub/deep/tmp/y.bam"} {
		c.put("data/"+key, []byte(key))
	}
	c.put("database/not-this", []byte("no"))
	version := c.put("data/sub/pinned", []byte("old"))
	c.put("data/sub/pinned", []byte("newer"))
	all := []collection.Source{
		{URL: c.url("many/" + c.folder + "/"), Path: "folder"},
		{URL: c.url("data"), Path: "not-a-prefix"},
		{URL: c.url("data/"), Path: "deep", Include: []string{"**/*.ba?"}, IncludeRegexp: []string{`(^|/)run-\d{2}/`},
			Exclude: []string{"*.bai"}, ExcludeRegexp: []string{`(^|/)tmp/`}},
		{URL: c.url("data/sub/pinned?versionId=") + version, Path: "old/"},
	}
	for i := range c.singles {
		key := c.key(i)
		url := []string{c.url(key), "https://" + c.bucket + ".s3.us-east-1.amazonaws.com/" + key, "https://s3.amazonaws.com/" + c.bucket + "/" + key}[i%3]
		all = append(all, collection.Source{URL: url, Path: fmt.Sprintf("single/%d", i)})
	}
	return all
}

// run looks at the dry run, a clash, and the import.
func (c choice) run(t *testing.T) {
	sources, made := c.sources(), c.admin.New()
	if err := made.WriteFile(t.Context(), "single/3", []byte("mine")); err != nil {
		t.Fatal(err)
	}
	o := collection.ImportOptions{DryRun: true, Owners: true}
	c.look(t, made, sources, o)
	if files, _ := made.Size(); files != 1 {
		t.Errorf("after the dry run there are %d files", files)
	}
	o.DryRun = false
	if result, err := made.ImportFromS3(t.Context(), sources, o); collection.KindOf(err) != collection.NameClash {
		t.Errorf("with a clash the import gave %+v, %v", result, err)
	}
	o.Clash = collection.ClashReplace
	result := c.look(t, made, sources, o)
	if files, _ := made.Size(); int64(files) != result.Files {
		t.Errorf("there are %d files of %d", files, result.Files)
	}
	for name, want := range map[string]string{
		"single/3": fmt.Sprint("object ", c.from+3), fmt.Sprint("single/", c.singles-1): fmt.Sprint("object ", c.from+c.singles-1),
		"folder/00" + c.folder[2:] + "42": fmt.Sprint("object ", int(c.folder[2]-'0')*100+42), "deep/sub/x.bam": "sub/x.bam",
		"deep/run-07/notes": "run-07/notes", "deep/top.bam": "top.bam", "old/pinned": "old",
	} {
		wantBytes(t, made, name, []byte(want))
	}
	c.refused(t, sources)
	c.unlisted(t, sources[4:])
}

// look imports, or tries, and compares all that the result tells.
func (c choice) look(t *testing.T, made *collection.Collection, sources []collection.Source, o collection.ImportOptions) *collection.ImportResult {
	t.Helper()
	var skipped []collection.Skipped
	o.Skipped = func(s collection.Skipped) { skipped = append(skipped, s) }
	result, err := made.ImportFromS3(t.Context(), sources, o)
	if err != nil {
		t.Fatal(err)
	}
	const listed = 100 + 3 // the folder, and what the filters take
	files, bytes := int64(listed+1+c.singles), int64(len("old")+len("sub/x.bam")+len("top.bam")+len("run-07/notes"))
	for i := range c.singles {
		bytes += int64(len(fmt.Sprint("object ", c.from+i)))
	}
	bytes += c.folderBytes()
	if result.Files != files || result.Bytes != bytes || result.Classes["STANDARD"] != files || result.Pieces != files || result.Clashes != 1 || result.Status != "partial" {
		t.Errorf("dry run %t: %+v, not %d files with %d bytes", o.DryRun, result, files, bytes)
	}
	if result.SkippedBy["excluded"] != 4 || len(skipped) != 1 || skipped[0].URL != c.url("data") {
		t.Errorf("dry run %t: left out %v, %+v", o.DryRun, result.SkippedBy, skipped)
	}
	owned := map[bool]int64{}
	for _, owner := range result.Owners {
		owned[owner.ID != ""] += owner.Files
	}
	if known := map[bool]int64{false: listed}[c.ownerless]; owned[true] != known || owned[false] != files-known {
		t.Errorf("dry run %t: the owners are %+v", o.DryRun, result.Owners)
	}
	// One page of each prefix; a HEAD of each single object, and of one below
	// each of the two access rules at most; and why "data" was refused.
	if r := result.Requests; r.List != 2 || r.Head < int64(c.singles)+2 || r.Head > int64(c.singles)+4 || r.Get < 4 || r.Get > 5 || r.RequesterPays {
		t.Errorf("dry run %t: the requests are %+v", o.DryRun, r)
	}
	return result
}

func (c choice) folderBytes() (n int64) {
	for i := range 100 {
		n += int64(len(fmt.Sprint("object ", int(c.folder[2]-'0')*100+i)))
	}
	return n
}

// refused: two sources of one target, in one import, whatever the rule for
// what is there already.
func (c choice) refused(t *testing.T, sources []collection.Source) {
	twice := append(sources[:len(sources):len(sources)], collection.Source{URL: c.url(c.key(0)), Path: "single/1"})
	o := collection.ImportOptions{DryRun: true, Clash: collection.ClashReplace}
	if result, err := c.admin.New().ImportFromS3(t.Context(), twice, o); collection.KindOf(err) != "bad-request" {
		t.Errorf("two sources of one path gave %+v, %v", result, err)
	}
	bad := []collection.Source{{URL: c.url("data/"), ExcludeRegexp: []string{"tmp/(old"}}}
	if result, err := c.admin.New().ImportFromS3(t.Context(), bad, o); collection.KindOf(err) != "bad-request" {
		t.Errorf("a bad expression gave %+v, %v", result, err)
	}
}

// unlisted imports a list of URLs where S3 lets nobody list.
func (c choice) unlisted(t *testing.T, singles []collection.Source) {
	denied := faultproxy.Answer(http.StatusForbidden, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>")
	c.lab.Set(faultproxy.Rule{Path: regexp.MustCompile(`[?&](versions|list-type|prefix)`), Do: []faultproxy.Action{denied}})
	defer c.lab.Set()
	o := collection.ImportOptions{DryRun: true}
	if _, err := c.admin.New().ImportFromS3(t.Context(), []collection.Source{{URL: c.url("many/")}}, o); collection.KindOf(err) != collection.Denied {
		t.Errorf("a denied listing gave %v", err)
	}
	result, err := c.admin.New().ImportFromS3(t.Context(), singles, o)
	if err != nil || result.Files != int64(c.singles) || result.Requests.List != 0 || result.Status != "complete" {
		t.Errorf("a list of URLs without the right to list gave %+v, %v", result, err)
	}
}

// list imports all objects by a list of their URLs, which is more than one
// request takes, and gets what the prefix gives. What was asked of S3 is what
// the proxy before S3 saw.
func (m *multitude) list(t *testing.T) {
	var sources []collection.Source
	saved := m.load(t)
	for i := range tenThousand {
		key := fmt.Sprintf("%03d/%05d", i/100, i)
		sources = append(sources, collection.Source{URL: m.url("many/"+key) + "?versionId=" + versionOf(t, saved, key), Path: key})
	}
	m.lab.Set()
	last := collection.Progress{}
	c := m.admin.New()
	result, err := c.ImportFromS3(t.Context(), sources, collection.ImportOptions{Progress: func(p collection.Progress) {
		if p.Files < last.Files || p.Listed != p.Files+p.Skipped {
			t.Errorf("after %+v came %+v", last, p)
		}
		last = p
	}})
	if err != nil || result.PDH != m.pdh || first(c.PDH()) != m.pdh || result.Files != tenThousand || result.Status != "complete" {
		t.Fatalf("the list gave %+v, %v", result, err)
	}
	if l, lock := result.Lifecycle, result.ObjectLock; len(l) != 1 || !l[0].Known || len(lock) != 1 {
		t.Errorf("of one bucket %d lifecycles and %d locks are told", len(l), len(lock))
	}
	heads, gets := int64(0), int64(0)
	for _, request := range m.lab.Log() {
		if request.Method == http.MethodHead {
			heads++
		} else if request.Query == "lifecycle=" || request.Query == "object-lock=" {
			gets++
		}
	}
	if want := (collection.Requests{Head: heads, Get: gets}); result.Requests != want || heads != tenThousand {
		t.Errorf("%d objects were asked for, and %+v told", heads, result.Requests)
	}
}
