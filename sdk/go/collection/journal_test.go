// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/sdk/go/api"
)

// journalClient is a client that sends nothing here.
func journalClient(t *testing.T, host, token string) *Client {
	t.Helper()
	a, err := api.New(api.Settings{Host: host, Token: api.NewToken(token)})
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewClient(a, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); a.Close() })
	return c
}

const (
	journalHost  = "http://127.0.0.1:1"
	journalToken = "v2/zzzzz-gj3su-000000000000000/secretsecretsecretsecret"
)

func journalRequest() importRequest {
	return importRequest{Sources: []Source{{URL: "s3://bucket/p/"}}, Form: "opaque"}
}

// reopened is what came of opening a journal.
type reopened struct {
	files, skipped       int
	done                 int
	resume               string
	resumed, anew, wrong int
	err                  error
}

func reopen(t *testing.T, c *Client, r importRequest, file *os.File) (*journal, reopened) {
	t.Helper()
	var got reopened
	o := &Journal{File: file,
		Resumed: func(Progress, time.Time) { got.resumed++ },
		Anew:    func(error) { got.anew++ },
		Broken:  func(error) { got.wrong++ }}
	j, resume, err := c.openJournal(o, r, func(all []line) error {
		for _, l := range all {
			if l.Type == "file" {
				got.files++
			} else {
				got.skipped++
			}
			if l.Size > 0 && l.URL != "s3://bucket/p/a?versionId=v1" {
				t.Errorf("a line has the URL %q", l.URL)
			}
		}
		return nil
	}, func(line) error { got.done++; return nil })
	got.resume, got.err = resume, err
	return j, got
}

// written is a journal with two points of three lines each, and perhaps an end.
func written(t *testing.T, ended bool, expiry time.Time) (*os.File, []byte) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(t.TempDir(), "journal"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	j, got := reopen(t, journalClient(t, journalHost, journalToken), journalRequest(), f)
	if got != (reopened{}) {
		t.Fatalf("an empty file gave %+v", got)
	}
	signature := fmt.Sprintf("+A%040d@%x", 0, expiry.Unix())
	for i := range 2 {
		j.point([]line{
			{Type: "file", Path: fmt.Sprint("a", i), URL: "s3://bucket/p/a?versionId=v1", Size: 10, StorageClass: "STANDARD", Locator: string(opaque(t, "p/a", 0, 10)) + signature},
			{Type: "skipped", URL: "s3://bucket/p/b", Reason: "deleted", Text: "it was deleted"},
			{Type: "file", Path: fmt.Sprint("c", i), Locator: "d41d8cd98f00b204e9800998ecf8427e+0"},
		}, line{Type: "progress", Progress: &Progress{Listed: int64(3 * (i + 1)), Files: int64(2 * (i + 1))}, Resume: fmt.Sprint("token", i)})
	}
	if ended {
		j.point(nil, line{Type: "done", Progress: &Progress{Listed: 6, Files: 4, Skipped: 2}, PDH: "x", Status: "complete"})
	}
	text, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return f, text
}

func inAnHour() time.Time { return time.Now().Add(time.Hour) }

// refill sets the content of a file.
func refill(t *testing.T, f *os.File, text []byte) {
	t.Helper()
	if err := f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(text, 0); err != nil {
		t.Fatal(err)
	}
}

// TestJournal: what was written comes back, and what is written then too.
func TestJournal(t *testing.T) {
	c := journalClient(t, journalHost, journalToken)
	f, text := written(t, false, inAnHour())
	if strings.Contains(string(text), "secret") || !strings.HasPrefix(string(text), journalVersion) {
		t.Errorf("the journal is %s", text)
	}
	j, got := reopen(t, c, journalRequest(), f)
	if want := (reopened{files: 4, skipped: 2, resume: "token1", resumed: 1}); got != want || j.counts.Listed != 6 {
		t.Errorf("got %+v, %+v", got, j.counts)
	}
	j.point([]line{{Type: "file", Path: "z"}}, line{Type: "done", PDH: "x"})
	if _, got := reopen(t, c, journalRequest(), f); got != (reopened{files: 5, skipped: 2, done: 1, resumed: 1}) {
		t.Errorf("got %+v", got)
	}
	j.clear()
	if _, got := reopen(t, c, journalRequest(), f); got != (reopened{}) {
		t.Errorf("after it was cleared: %+v", got)
	}
}

// TestJournalDamaged: a journal that is cut anywhere, or has a wrong byte
// anywhere, gives what stands before a point before that, and can be written
// again.
func TestJournalDamaged(t *testing.T) {
	c := journalClient(t, journalHost, journalToken)
	f, text := written(t, true, inAnHour())
	points := []int{}
	for at := range text {
		if text[at] == '\n' && bytes.Contains(text[bytes.LastIndexByte(text[:at], '\n')+1:at], []byte(`"time"`)) {
			points = append(points, at+1)
		}
	}
	if len(points) != 3 {
		t.Fatalf("there are %d points in\n%s", len(points), text)
	}
	check := func(what string, at int, damaged []byte) {
		t.Helper()
		refill(t, f, damaged)
		before := 0
		for _, p := range points {
			if p <= at {
				before++
			}
		}
		j, got := reopen(t, c, journalRequest(), f)
		if at < len(journalVersion) && len(damaged) > at {
			if KindOf(got.err) != BadJournal {
				t.Errorf("%s at %d: %+v", what, at, got)
			}
			if now, _ := os.ReadFile(f.Name()); !bytes.Equal(now, damaged) {
				t.Errorf("%s at %d: a file that is no journal was changed", what, at)
			}
			return
		}
		if files := min(2*before, 4); got.err != nil || got.files != files || (got.resumed == 1) != (before > 0) || got.wrong > 0 || (got.done > 0) != (before == 3) {
			t.Fatalf("%s at %d, after %d points: %+v", what, at, before, got)
		}
		j.point([]line{{Type: "file", Path: "z"}}, line{Type: "progress", Resume: "more"})
		if _, again := reopen(t, c, journalRequest(), f); again.files != got.files+1 || again.resume != "more" {
			t.Fatalf("%s at %d: written again it gave %+v", what, at, again)
		}
	}
	for at := range len(text) + 1 {
		check("cut", at, text[:at])
	}
	for at := range text {
		damaged := bytes.Clone(text)
		damaged[at] ^= 0x20
		check("damaged", at, damaged)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	check("a line is lost", points[0], bytes.Join(append(lines[:7:7], lines[8:]...), nil))
}

// TestJournalOfAnother: a journal of another import is refused and stays; the
// control is the same import.
func TestJournalOfAnother(t *testing.T) {
	f, text := written(t, false, inAnHour())
	same := journalClient(t, journalHost, journalToken)
	resumed := journalRequest()
	resumed.Resume = "a token is no part of what is asked for"
	other, form, more := journalRequest(), journalRequest(), journalRequest()
	other.Sources = []Source{{URL: "s3://bucket/p/", Exclude: []string{"*.tmp"}}}
	form.Form = "derived"
	more.Sources = append(more.Sources, Source{URL: "s3://bucket/q"})
	for name, x := range map[string]struct {
		client  *Client
		request importRequest
		refused bool
	}{
		"control": {same, journalRequest(), false}, "resumed": {same, resumed, false},
		"filter": {same, other, true}, "form": {same, form, true}, "sources": {same, more, true},
		"user":    {journalClient(t, journalHost, strings.Replace(journalToken, "secret", "public", 1)), journalRequest(), true},
		"cluster": {journalClient(t, "http://127.0.0.1:2", journalToken), journalRequest(), true},
	} {
		_, got := reopen(t, x.client, x.request, f)
		if (KindOf(got.err) == BadJournal) != x.refused || (got.files == 4) == x.refused {
			t.Errorf("%s: %+v", name, got)
		}
		if now, err := os.ReadFile(f.Name()); err != nil || !bytes.Equal(now, text) {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

// TestJournalTooOld: a journal whose token or signatures are no good any more
// is not used, and the import begins anew.
func TestJournalTooOld(t *testing.T) {
	c := journalClient(t, journalHost, journalToken)
	f, _ := written(t, true, time.Now().Add(signatureLeft/2))
	if _, got := reopen(t, c, journalRequest(), f); got != (reopened{anew: 1}) {
		t.Errorf("with old signatures: %+v", got)
	}
	f, _ = written(t, true, inAnHour())
	j, got := reopen(t, c, journalRequest(), f)
	if got.done != 1 {
		t.Fatalf("the control gave %+v", got)
	}
	j.write(journalLine{line: line{Type: "done"}, Time: time.Now().Add(-journalLife - time.Second)})
	j.sync()
	if _, got := reopen(t, c, journalRequest(), f); got != (reopened{anew: 1}) {
		t.Errorf("a day later: %+v", got)
	}
	if _, got := reopen(t, c, journalRequest(), f); got != (reopened{}) {
		t.Errorf("begun anew: %+v", got)
	}
}

// TestJournalFull: when the file cannot be written, that is told once, and what
// was in it before is good.
func TestJournalFull(t *testing.T) {
	c := journalClient(t, journalHost, journalToken)
	f, text := written(t, false, inAnHour())
	readOnly, err := os.Open(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	defer readOnly.Close()
	told := 0
	j, resume, err := c.openJournal(&Journal{File: readOnly, Broken: func(err error) {
		if told++; err == nil {
			t.Error("no reason is told")
		}
	}}, journalRequest(), func([]line) error { return nil }, nil)
	if err != nil || resume != "token1" {
		t.Fatalf("got %q, %v", resume, err)
	}
	j.point([]line{{Type: "file", Path: "z"}}, line{Type: "progress", Resume: "more"})
	j.point([]line{{Type: "file", Path: "zz"}}, line{Type: "done"})
	if now, _ := os.ReadFile(f.Name()); told != 1 || !bytes.Equal(now, text) {
		t.Errorf("told %d times, and the file has %d bytes of %d", told, len(now), len(text))
	}
}

// TestJournalLines: a line comes back as it went in, without what is not needed.
func TestJournalLines(t *testing.T) {
	in := `{"type":"file","path":"a","url":"s3://b/a?versionId=v","size":7,"etag":"x","storage_class":"GLACIER","locator":"x+7","archived":true}`
	var l, back line
	if err := json.Unmarshal([]byte(in), &l); err != nil || l.Progress != nil {
		t.Fatal(err, l.Progress)
	}
	text, err := json.Marshal(l)
	if err != nil || strings.Contains(string(text), "weak_pins") || json.Unmarshal(text, &back) != nil || back.Path != "a" || string(back.Archived) != "true" || back.Size != 7 {
		t.Errorf("got %s, %v", text, err)
	}
}
