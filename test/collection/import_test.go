// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// many puts n small objects below a prefix, several at once.
func (r *rig) many(prefix string, n int) {
	r.t.Helper()
	var wg sync.WaitGroup
	next := make(chan int)
	for range 8 {
		wg.Go(func() {
			for i := range next {
				r.put(fmt.Sprintf("%s%03d/%05d", prefix, i/100, i), []byte(fmt.Sprint("object ", i)))
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

func toImport(path string) *regexp.Regexp { return regexp.MustCompile("^/" + path) }

// TestImportGoesOn: an answer that is cut anywhere is taken up again, and the
// collection is that of an undisturbed import.
func TestImportGoesOn(t *testing.T) {
	r := newRig(t)
	r.many("many/", 1200)
	_, whole := r.imported(r.admin, "many/")
	if whole.Files != 1200 {
		t.Fatalf("there are %d files", whole.Files)
	}
	proxy := faultproxy.New(t, r.keepURL)
	client := r.through(proxy.URL())
	for at, requests := range map[int]int{0: 3, 1: 3, 1000: 3, 200_000: 3, 400_000: 2} { // of the last, less is left
		for _, cut := range []faultproxy.Action{faultproxy.CloseAt(at), faultproxy.Truncate(at)} {
			proxy.Set(faultproxy.Rule{Path: toImport("s3/import"), Count: 2, Do: []faultproxy.Action{cut}})
			c := client.New()
			got, err := c.ImportFromS3(t.Context(), []collection.Source{{URL: r.url("many/")}}, collection.ImportOptions{})
			if err != nil {
				t.Fatalf("cut at %d: %v", at, err)
			}
			if pdh, err := c.PDH(); err != nil || pdh != whole.PDH || got.Files != 1200 || len(proxy.Log()) != requests {
				t.Errorf("cut at %d: %s and not %s, %+v, %d requests, %v", at, pdh, whole.PDH, got, len(proxy.Log()), err)
			}
		}
	}
}

// TestImportNotComplete: without a last line nothing is imported, and what the
// server counted must be what came.
func TestImportNotComplete(t *testing.T) {
	r := newRig(t)
	r.many("few/", 20)
	proxy := faultproxy.New(t, r.keepURL)
	client := r.through(proxy.URL())
	source := []collection.Source{{URL: r.url("few/")}}
	withoutLine := func(kind string, from string) func([]byte) []byte {
		return func(body []byte) []byte {
			var kept [][]byte
			for line := range bytes.Lines(body) {
				if !bytes.Contains(line, []byte(`"type":"`+kind+`"`)) || !bytes.Contains(line, []byte(from)) {
					kept = append(kept, line)
				}
			}
			return bytes.Join(kept, nil)
		}
	}
	for name, change := range map[string]func([]byte) []byte{
		"no last line":   withoutLine("done", ""),
		"a line is lost": withoutLine("file", `"path":"000/00007"`),
		"a line is twice": func(b []byte) []byte {
			line, _, _ := bytes.Cut(b, []byte("\n"))
			return append(append(line, '\n'), b...)
		},
		"another version": func(b []byte) []byte { return bytes.Replace(b, []byte("+C0"), []byte("+C1"), 1) },
		"a bad path":      func(b []byte) []byte { return bytes.Replace(b, []byte(`"000/00003"`), []byte(`"../00003"`), 1) },
		"no JSON":         func(b []byte) []byte { return append([]byte("{]\n"), b...) },
	} {
		proxy.Set(faultproxy.Rule{Path: toImport("s3/import"), Do: []faultproxy.Action{faultproxy.Body(change)}})
		c := client.New()
		if err := c.WriteFile(t.Context(), "before", []byte("x")); err != nil {
			t.Fatal(err)
		}
		_, err := c.ImportFromS3(t.Context(), source, collection.ImportOptions{})
		if err == nil || collection.KindOf(err) == "" {
			t.Errorf("%s: got %v", name, err)
		}
		if files, _ := c.Size(); files != 1 {
			t.Errorf("%s: half of an import is there: %d files", name, files)
		}
	}
	proxy.Set()
	if _, err := client.New().ImportFromS3(t.Context(), source, collection.ImportOptions{}); err != nil {
		t.Error(err)
	}
}

// TestImportRefused: what the server refuses is told with its word, at once.
func TestImportRefused(t *testing.T) {
	r := newRig(t)
	r.put("x/a", []byte("a"))
	for url, want := range map[string]collection.Kind{
		r.url("nothing/"):     collection.Gone,
		"s3://other-bucket/x": "bucket-not-allowed",
		"http://example.org/": "bad-request",
	} {
		c := r.admin.New()
		if _, err := c.ImportFromS3(t.Context(), []collection.Source{{URL: url}}, collection.ImportOptions{}); collection.KindOf(err) != want {
			t.Errorf("%s: got %v", url, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := r.admin.New()
	if _, err := c.ImportFromS3(ctx, []collection.Source{{URL: r.url("x/")}}, collection.ImportOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled import gave %v", err)
	}
}

// TestImportCancel: an import that is given up under way leaves nothing.
func TestImportCancel(t *testing.T) {
	r := newRig(t)
	r.many("many/", 300)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	proxy := faultproxy.New(t, r.keepURL)
	proxy.Set(faultproxy.Rule{Path: toImport("s3/import"), Do: []faultproxy.Action{
		faultproxy.Body(func(b []byte) []byte { // a line of progress in the middle
			i := bytes.LastIndexByte(b[:len(b)/2], '\n') + 1
			return append(append(bytes.Clone(b[:i]), `{"type":"progress","listed":5,"archived":2}`+"\n"...), b[i:]...)
		})}})
	c := r.through(proxy.URL()).New()
	var seen collection.Progress // the first; what is on its way already may still come
	_, err := c.ImportFromS3(ctx, []collection.Source{{URL: r.url("many/")}}, collection.ImportOptions{
		Progress: func(p collection.Progress) {
			if seen == (collection.Progress{}) {
				seen = p
			}
			cancel()
		}})
	if files, _ := c.Size(); !errors.Is(err, context.Canceled) || files != 0 || seen.Listed != 5 || seen.Archived != 2 {
		t.Errorf("got %d files, %+v, %v", files, seen, err)
	}
}

// TestImportClashes: what is there already is told, and dealt with as asked.
func TestImportClashes(t *testing.T) {
	r := newRig(t)
	r.put("x/a", []byte("from S3"))
	r.put("x/b/c", []byte("from S3"))
	r.put("x/d", []byte("from S3"))
	source := []collection.Source{{URL: r.url("x/")}}
	for clash, want := range map[collection.Clash]string{
		collection.ClashRefuse:  "a=here b=here",
		collection.ClashKeep:    "a=here b=here d=from S3",
		collection.ClashReplace: "a=from S3 b/c=from S3 d=from S3",
	} {
		c := r.admin.New()
		for _, name := range []string{"a", "b"} {
			if err := c.WriteFile(t.Context(), name, []byte("here")); err != nil {
				t.Fatal(err)
			}
		}
		dry, err := c.ImportFromS3(t.Context(), source, collection.ImportOptions{Clash: clash, DryRun: true})
		if err != nil || dry.Clashes != 2 || dry.Files != 3 {
			t.Errorf("the dry run gave %+v, %v", dry, err)
		}
		_, err = c.ImportFromS3(t.Context(), source, collection.ImportOptions{Clash: clash})
		if clash == collection.ClashRefuse != (collection.KindOf(err) == collection.NameClash) {
			t.Errorf("%d: %v", clash, err)
		}
		var got []string
		_ = fs.WalkDir(c, ".", func(path string, d fs.DirEntry, err error) error {
			if !d.IsDir() {
				data, _ := c.ReadFile(path)
				got = append(got, path+"="+string(data))
			}
			return err
		})
		if strings.Join(got, " ") != want {
			t.Errorf("%d: got %q", clash, got)
		}
	}
}

// TestImportSkips: every key is told as imported or skipped.
func TestImportSkips(t *testing.T) {
	r := newRig(t)
	r.put("x/a", []byte("1"))
	r.put("x/gone", []byte("2"))
	r.put("x/y.tmp", []byte("3"))
	r.remove("x/gone", "")
	var skipped []collection.Skipped
	c := r.admin.New()
	result, err := c.ImportFromS3(t.Context(), []collection.Source{{Bucket: r.bucket, Key: "x/", Exclude: []string{"*.tmp"}}},
		collection.ImportOptions{Skipped: func(s collection.Skipped) { skipped = append(skipped, s) }})
	if err != nil {
		t.Fatal(err)
	}
	if result.Listed != 3 || result.Files != 1 || result.SkippedBy["deleted"] != 1 || result.SkippedBy["excluded"] != 1 {
		t.Errorf("got %+v", result)
	}
	if len(skipped) != 1 || skipped[0].Reason != "deleted" || !strings.HasPrefix(skipped[0].URL, r.url("x/gone")) {
		t.Errorf("skipped are %+v", skipped)
	}
	if err := c.Save(t.Context(), collection.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	loaded, err := r.admin.Load(t.Context(), c.Record().UUID)
	if err != nil {
		t.Fatal(err)
	}
	known, err := loaded.Sources()
	if err != nil || len(known) != 1 || known[0].Key != "x/" || known[0].Exclude[0] != "*.tmp" || known[0].Files != 1 || known[0].ImportedAt.IsZero() {
		t.Errorf("recorded is %+v, %v", known, err)
	}
}

// TestStockServer: where the discovery document says nothing of pseudo-blocks,
// derived form is asked for.
func TestStockServer(t *testing.T) {
	r := newRig(t)
	r.put("x/a", []byte("derived"))
	proxy := faultproxy.New(t, r.apiURL)
	proxy.Set(faultproxy.Rule{Path: toImport("discovery/"), Do: []faultproxy.Action{
		faultproxy.Body(func(b []byte) []byte {
			return bytes.Replace(b, []byte(`"pseudoBlocks":true`), []byte(`"pseudoBlocks":false`), 1)
		})}})
	client := r.behind(proxy.URL())
	c, opaque := client.New(), client.New()
	source := []collection.Source{{URL: r.url("x/")}}
	if _, err := c.ImportFromS3(t.Context(), source, collection.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	if text, err := c.ManifestText(); err != nil || strings.Contains(text, "ffffffff") || !strings.Contains(text, "+B") {
		t.Errorf("the manifest is %q, %v", text, err)
	}
	if err := c.Save(t.Context(), collection.SaveOptions{Name: "derived"}); err != nil {
		t.Error(err)
	}
	wantBytes(t, c, "a", []byte("derived"))
	if _, err := opaque.ImportFromS3(t.Context(), source, collection.ImportOptions{Form: "opaque"}); err != nil {
		t.Fatal(err)
	}
	if err := opaque.Save(t.Context(), collection.SaveOptions{Name: "opaque"}); collection.KindOf(err) != collection.BadSource {
		t.Errorf("saving opaque blocks there gave %v", err)
	}
	for _, request := range proxy.Log() {
		if request.Method == http.MethodPost && request.Path != "/arvados/v1/collections" {
			t.Errorf("unexpected %s", request)
		}
	}
}

// TestContentForm: blocks of content form are checked here too.
func TestContentForm(t *testing.T) {
	r := newRig(t)
	data := bytesOf(8, 100_000)
	r.put("x/a", data)
	c := r.admin.New()
	if _, err := c.ImportFromS3(t.Context(), []collection.Source{{URL: r.url("x/")}}, collection.ImportOptions{Form: "content"}); err != nil {
		t.Fatal(err)
	}
	wantBytes(t, c, "a", data)
	proxy := faultproxy.New(t, r.keepURL)
	proxy.Set(faultproxy.Rule{Method: http.MethodGet, Do: []faultproxy.Action{faultproxy.Corrupt(5)}})
	if _, err := over(t, c, r.through(proxy.URL())).ReadFile("a"); collection.KindOf(err) != "corrupt-block" {
		t.Errorf("damaged bytes gave %v", err)
	}
	if report, err := c.Check(t.Context(), collection.CheckOptions{}); err != nil || !report.Good() {
		t.Errorf("the check gave %+v, %v", report, err)
	}
}
