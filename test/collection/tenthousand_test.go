// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/sdk/go/api"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

const tenThousand = 10_000

// TestTenThousand does with 10,000 objects what people wish for: each part is
// a section of the table in docs/testing.md.
func TestTenThousand(t *testing.T) {
	r := newRig(t)
	r.many("many/", tenThousand)
	m := &multitude{rig: r, then: time.Now()}
	c, result := r.imported(r.admin, "many/")
	if m.pdh = result.PDH; result.Files != tenThousand {
		t.Fatalf("the import gave %+v", result)
	}
	if err := c.Save(t.Context(), collection.SaveOptions{Name: "ten thousand"}); err != nil || c.Record().PDH != m.pdh {
		t.Fatalf("saved as %s, imported as %s, %v", c.Record().PDH, m.pdh, err)
	}
	m.uuid = c.Record().UUID
	for _, part := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"resume", m.resume}, {"cancel", m.cancel}, {"again", m.again}, {"choose", m.choose}, {"list", m.list}, {"check", m.check}, {"refresh", m.refresh}, {"used", m.used},
	} {
		t.Run(part.name, part.run)
	}
}

// multitude is a collection of 10,000 objects.
type multitude struct {
	*rig
	uuid, pdh string
	// then is after all objects were stored, and before any change.
	then time.Time
}

func (m *multitude) load(t *testing.T) *collection.Collection {
	t.Helper()
	c, err := m.admin.Load(t.Context(), m.uuid)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// resume kills keepstore in the middle of an import and starts it again: the
// import goes on without listing again what it had, and has the hash of an
// undisturbed one. What is told on the way only grows.
func (m *multitude) resume(t *testing.T) {
	m.lab.Set(faultproxy.Rule{Path: toImport(m.bucket), Do: []faultproxy.Action{faultproxy.Delay(1200 * time.Millisecond)}})
	c, last, killed := m.admin.New(), collection.Progress{}, int64(0)
	result, err := c.ImportFromS3(t.Context(), []collection.Source{{URL: m.url("many/")}}, collection.ImportOptions{
		Progress: func(p collection.Progress) {
			if p.Files < last.Files || p.Listed != p.Files+p.Skipped {
				t.Errorf("after %+v came %+v", last, p)
			}
			if last = p; p.Files >= tenThousand*6/10 && p.Files < tenThousand && killed == 0 {
				killed = p.Files
				m.kill()
				m.lab.Set()
				m.start()
			}
		}})
	if err != nil {
		t.Fatalf("%v\n%s", err, m.tail())
	}
	if killed == 0 || result.PDH != m.pdh || result.Files != tenThousand || first(c.PDH()) != m.pdh {
		t.Errorf("killed at %d; got %+v, not %s", killed, result, m.pdh)
	}
	m.listed(t, tenThousand-killed)
}

// listed looks at the pages of the listing since the last change of the proxy.
func (m *multitude) listed(t *testing.T, left int64) {
	pages := 0
	for _, request := range m.lab.Log() {
		if strings.Contains(request.Query, "versions") {
			pages++
		}
	}
	if most := int(left)/1000 + 2; pages == 0 || pages > most {
		t.Errorf("%d pages were listed after that, where %d are left", pages, most)
	}
}

// cancel ends an import, which leaves nothing, and goes on with it later in
// the same process.
func (m *multitude) cancel(t *testing.T) {
	m.lab.Set(faultproxy.Rule{Path: toImport(m.bucket), Do: []faultproxy.Action{faultproxy.Delay(1200 * time.Millisecond)}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := m.admin.New()
	part, err := c.ImportFromS3(ctx, []collection.Source{{URL: m.url("many/")}}, collection.ImportOptions{
		Progress: func(p collection.Progress) {
			if p.Files >= tenThousand*6/10 {
				cancel()
			}
		}})
	if !errors.Is(err, context.Canceled) || part == nil || part.Unfinished == nil || part.Files == 0 || part.Files >= tenThousand {
		t.Fatalf("got %+v, %v", part, err)
	}
	if files, _ := c.Size(); files != 0 {
		t.Errorf("half of the import is there: %d files", files)
	}
	m.lab.Set()
	if _, err := m.admin.New().ResumeImport(t.Context(), part.Unfinished); collection.KindOf(err) != collection.BadSource {
		t.Errorf("another collection took it: %v", err)
	}
	result, err := c.ResumeImport(t.Context(), part.Unfinished)
	if err != nil || result.Files != tenThousand || first(c.PDH()) != m.pdh {
		t.Errorf("got %+v, %v", result, err)
	}
	m.listed(t, tenThousand-part.Files)
}

// check asks once for each object version, and tells those that are lost.
func (m *multitude) check(t *testing.T) {
	refuse := func(key, code string) faultproxy.Rule {
		xml := "<Error><Code>" + code + "</Code><Message>no</Message></Error>"
		return faultproxy.Rule{Method: http.MethodHead, Path: regexp.MustCompile(key), Do: []faultproxy.Action{
			faultproxy.Answer(http.StatusForbidden, xml)}}
	}
	m.lab.Set(refuse("/many/044/04444", "AccessDenied"))
	c, gone := m.load(t), m.put("many/new", []byte("x"))
	if _, err := c.ImportFromS3(t.Context(), []collection.Source{{URL: m.url("many/new")}}, collection.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	m.remove("many/new", gone)
	m.expire("old ones", "many/", 30)
	m.lab.Set(refuse("/many/044/04444", "AccessDenied"))
	report, err := c.Check(t.Context(), collection.CheckOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]collection.Status{}
	for _, o := range report.Objects {
		got[o.Files[0]] = o.Status
	}
	want := map[collection.Status]int{collection.OK: tenThousand - 1, collection.IsGone: 1, collection.IsDenied: 1}
	if len(got) != 2 || got["new"] != collection.IsGone || got["044/04444"] != collection.IsDenied || fmt.Sprint(report.Counts) != fmt.Sprint(want) {
		t.Errorf("the check gave %v, %v", got, report.Counts)
	}
	if l := report.Lifecycle; len(l) != 1 || l[0].Objects != tenThousand-1 || l[0].NoncurrentDays != 30 || len(report.NotKnown) != 0 {
		t.Errorf("the rule is told as %+v; not known: %q", l, report.NotKnown)
	}
	asked, settings := map[string]int{}, 0
	for _, request := range m.lab.Log() {
		switch {
		case request.Method == http.MethodHead:
			asked[request.Path+"?"+request.Query]++
		case request.Query == "lifecycle=" || request.Query == "object-lock=":
			settings++
		default:
			t.Errorf("the check sent %s", request)
		}
	}
	if len(asked) != tenThousand+1 || settings != 2 {
		t.Errorf("%d object versions were asked for, and %d times about the bucket", len(asked), settings)
	}
	for url, n := range asked {
		if n > 1 {
			t.Errorf("asked %d times for %s", n, url)
		}
	}
	m.lab.Set()
	if report, err := m.load(t).Check(t.Context(), collection.CheckOptions{}); err != nil || !report.Good() {
		t.Errorf("the check of what is sound gave %+v, %v", report, err)
	}
}

// refresh finds six changes among all, with old and new versions, and takes
// them in.
func (m *multitude) refresh(t *testing.T) {
	c := m.load(t)
	before := locators(t, c)
	var want []string
	for _, key := range []string{"000/00new", "050/new", "zzz/new"} {
		want = append(want, "added "+key+"  "+m.put("many/"+key, []byte("new")))
	}
	want = append(want, "deleted 033/03333 "+versionOf(t, c, "033/03333")+" ")
	m.remove("many/033/03333", "")
	for _, key := range []string{"001/00100", "077/07777"} {
		want = append(want, "updated "+key+" "+versionOf(t, c, key)+" "+m.put("many/"+key, []byte("new")))
	}
	dry, err := c.Refresh(t.Context(), collection.RefreshOptions{Mode: collection.Mirror, DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, change := range dry.Changes {
		got = append(got, fmt.Sprintf("%s %s %s %s", change.Kind, change.Path, change.Old.VersionID, change.New.VersionID))
	}
	if !slices.Equal(got, want) || dry.Unchanged != tenThousand-3 {
		t.Errorf("the diff is %q and %d unchanged, want %q", got, dry.Unchanged, want)
	}
	if m.load(t).Record().PDH != m.pdh || first(c.PDH()) != m.pdh {
		t.Error("the dry run changed something")
	}
	if _, err := c.Refresh(t.Context(), collection.RefreshOptions{Mode: collection.Mirror}); err != nil {
		t.Fatal(err)
	}
	if err := c.Save(t.Context(), collection.SaveOptions{KeepVersion: true}); err != nil {
		t.Fatal(err)
	}
	kept := 0
	for l := range locators(t, c) {
		if before[l] {
			kept++
		}
	}
	if kept != tenThousand-3 {
		t.Errorf("%d locators are as they were", kept)
	}
	m.hashes(t, c.Record())
}

// hashes: the mirror is what a new import gives, the content of before is
// there by its hash and as an old version, and the past has the hash it had.
func (m *multitude) hashes(t *testing.T, now collection.Record) {
	if _, mirrored := m.imported(m.admin, "many/"); mirrored.PDH != now.PDH {
		t.Errorf("the mirror has the hash %s, a new import %s", now.PDH, mirrored.PDH)
	}
	old, err := m.admin.Load(t.Context(), m.pdh)
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, old, "033/03333", []byte("object 3333"))
	var versions struct {
		Items []struct {
			Hash string `json:"portable_data_hash"`
		}
	}
	m.call(http.MethodGet, "collections", api.Params{"include_old_versions": true, "order": []string{"version"},
		"filters": [][]any{{"current_version_uuid", "=", m.uuid}}}, &versions)
	if len(versions.Items) != 2 || versions.Items[0].Hash != m.pdh || versions.Items[1].Hash != now.PDH {
		t.Errorf("the versions are %+v", versions.Items)
	}
	for range 2 {
		result, err := m.admin.New().ImportFromS3(t.Context(), []collection.Source{{URL: m.url("many/"), AsOf: &m.then}}, collection.ImportOptions{})
		if err != nil || result.PDH != m.pdh {
			t.Errorf("as of then the hash was %s, now it is said to be %+v, %v", m.pdh, result, err)
		}
	}
}

// used finds the collection by a folder, by a version that it has, and not by
// one that it has no more.
func (m *multitude) used(t *testing.T) {
	now := m.load(t)
	old, err := m.admin.Load(t.Context(), m.pdh)
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]int{
		m.url("many/077/"): 100,
		m.url("many/"):     tenThousand + 2,
		m.url("many/077/07777?versionId=") + versionOf(t, now, "077/07777"): 1,
		m.url("many/077/07777?versionId=") + versionOf(t, old, "077/07777"): 0,
		m.url("many/033/03333"): 0,
	} {
		objects := 0
		for use, err := range m.admin.WhereUsed(t.Context(), url) {
			if err != nil || use.UUID != m.uuid {
				t.Fatalf("%s is used in %+v, %v", url, use, err)
			}
			objects = use.Objects
		}
		if objects != want {
			t.Errorf("of %s %d objects are used, not %d", url, objects, want)
		}
	}
	files, bytes := now.Size()
	for _, use := range now.Objects() {
		files, bytes = files-use.Files, bytes-use.Bytes
	}
	if files != 0 || bytes != 0 {
		t.Errorf("the objects leave %d files and %d bytes unexplained", files, bytes)
	}
	m.hidden(t)
}

// locators are the references of a collection, without signatures.
func locators(t *testing.T, c *collection.Collection) map[string]bool {
	t.Helper()
	text, err := c.ManifestText()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for token := range strings.FieldsSeq(text) {
		if plain, _, signed := strings.Cut(token, "+A"); signed {
			all[plain] = true
		}
	}
	return all
}

// versionOf is the version of the one object that a file has.
func versionOf(t *testing.T, c *collection.Collection, name string) string {
	t.Helper()
	one, err := collection.Parse("")
	if err == nil {
		err = one.Copy("f", c, name)
	}
	if err != nil || len(one.Objects()) != 1 {
		t.Fatalf("%s: %v", name, err)
	}
	return one.Objects()[0].Object.VersionID
}
