// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// called is one call of the binary, with a home of its own.
type called struct {
	*exec.Cmd
	out, log *testenv.Output
}

// command prepares keepstore COMMAND as the administrator, with the journals in
// the folder state.
func (r *rig) command(state string, args ...string) *called {
	c := &called{exec.Command(binary, args...), &testenv.Output{}, &testenv.Output{}}
	c.Env = []string{"HOME=" + r.dir, "XDG_STATE_HOME=" + state}
	c.Args = append(c.Args, "--data", filepath.Join(r.dir, "data"))
	c.Stdout, c.Stderr = c.out, c.log
	return c
}

// ended runs an import to its end and returns the collection.
func (r *rig) ended(c *called) string {
	r.t.Helper()
	if err := c.Run(); err != nil {
		r.t.Fatalf("%v: %v\n%s\n%s", c.Args, err, c.log, r.tail())
	}
	return strings.TrimSpace(c.out.String())
}

// journals returns the journals below a folder for state.
func (r *rig) journals(state string) []string {
	r.t.Helper()
	all, err := filepath.Glob(filepath.Join(state, "keepstore", "imports", "*"))
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

// kept counts the files in the one journal.
func (r *rig) kept(state string) int {
	n := 0
	for _, name := range r.journals(state) {
		text, _ := os.ReadFile(name) // it may be removed just now
		n += bytes.Count(text, []byte(`{"type":"file"`))
	}
	return n
}

// await waits until something is so.
func (r *rig) await(what string, is func() bool) {
	r.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("%s does not come\n%s", what, r.tail())
		}
	}
}

// pages are the pages of the listing that S3 was asked for, as the keys after
// which they begin.
func (r *rig) pages() []string {
	var after []string
	for _, request := range r.lab.Log() {
		if query, err := url.ParseQuery(request.Query); err == nil && query.Has("versions") {
			after = append(after, query.Get("key-marker"))
		}
	}
	return after
}

// stuck makes the listing hang from a page on, counted from 1.
func (r *rig) stuck(page int) {
	r.lab.Set(faultproxy.Rule{Path: regexp.MustCompile(`\?.*versions`), From: page, Do: []faultproxy.Action{faultproxy.Delay(time.Hour)}})
}

// interrupted begins an import with the command line, kills it and the server
// when seven pages of ten have come, and starts the server again. It returns
// how many files are in the journal.
func (m *multitude) interrupted(state string, args ...string) int {
	m.stuck(8)
	c := m.command(state, args...)
	if err := c.Start(); err != nil {
		m.t.Fatal(err)
	}
	const most = tenThousand / 20 // of what has come may be listed again
	m.await("the journal", func() bool { return m.kept(state) > 7000-most })
	_ = c.Process.Kill()
	_ = c.Wait() // it was killed
	m.kill()
	m.lab.Set()
	m.start()
	return m.kept(state)
}

// again kills both programs in the middle of an import, and starts both again:
// the import goes on, lists less than 5 % again, and has the hash of one that
// was not disturbed. Another import does not go on with it.
func (m *multitude) again(t *testing.T) {
	state := t.TempDir()
	args := []string{"import", "--name", "again", m.url("many/")}
	kept := m.interrupted(state, args...)
	for _, name := range m.journals(state) {
		if info, err := os.Stat(name); err != nil || info.Mode() != 0o600 {
			t.Errorf("the journal has the mode %v, %v", info.Mode(), err)
		}
	}
	if info, err := os.Stat(filepath.Join(state, "keepstore", "imports")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has the mode %v, %v", info.Mode(), err)
	}
	m.others(t, state, kept)

	m.lab.Set()
	c := m.command(state, args...)
	record := m.loaded(m.ended(c))
	defer m.forget(record.UUID)
	if record.PDH != m.pdh || !regexp.MustCompile(`this goes on with the import of \d+.* after [67],\d+ files`).MatchString(c.log.String()) {
		t.Errorf("%d files were kept; got %s and not %s\n%s", kept, record.PDH, m.pdh, c.log)
	}
	if pages := m.pages(); len(pages) == 0 || len(pages) > 4 || pages[0] < fmt.Sprintf("many/%03d", kept/100-1) {
		t.Errorf("%d files were kept, and these pages listed: %q", kept, pages)
	}
	if left := m.journals(state); len(left) != 0 {
		t.Errorf("after the import there are %q", left)
	}
}

// others are imports that have not all in common with the one that was
// interrupted: each begins anew, and leaves its journal alone.
func (m *multitude) others(t *testing.T, state string, kept int) {
	for what, args := range map[string][]string{
		"another prefix":     {"import", "--name", "again", m.url("many/001/")},
		"a filter":           {"import", "--name", "again", "--include", "*9999", m.url("many/")},
		"another folder":     {"import", "--name", "again", "--path", "x", m.url("many/")},
		"another collection": {"import", "--update-collection", m.small(t), "--path", "y", m.url("many/001/")},
		"another name":       {"import", "--name", "other", m.url("many/")},
		"no journal":         {"import", "--name", "again", "--no-resume", m.url("many/")},
	} {
		m.lab.Set()
		c := m.command(state, args...)
		defer m.forget(m.ended(c))
		if pages := m.pages(); len(pages) == 0 || strings.HasPrefix(pages[0], "many/0") || strings.Contains(c.log.String(), "goes on") {
			t.Errorf("%s went on: %q\n%s", what, pages, c.log)
		}
		if m.kept(state) != kept || len(m.journals(state)) != 1 {
			t.Errorf("%s: the journal has %d files, not %d; there are %q", what, m.kept(state), kept, m.journals(state))
		}
	}
}

// small is a new collection with one file.
func (m *multitude) small(t *testing.T) string {
	t.Helper()
	c := m.admin.New()
	if err := c.WriteFile(t.Context(), "here", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := c.Save(t.Context(), collection.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	return c.Record().UUID
}

// forget moves a collection into the trash, so that nothing more is found.
func (r *rig) forget(uuid string) {
	r.t.Helper()
	r.call(http.MethodDelete, "collections/"+uuid, nil, nil)
}

// loaded is the record of a collection.
func (r *rig) loaded(uuid string) collection.Record {
	r.t.Helper()
	c, err := r.admin.Load(r.t.Context(), uuid)
	if err != nil {
		r.t.Fatalf("%q: %v", uuid, err)
	}
	return c.Record()
}

// TestJournalLocked: of two imports that are the same, one keeps the journal,
// and both come to their end. --restart begins anew.
func TestJournalLocked(t *testing.T) {
	r := newRig(t)
	r.many("many/", 1200)
	state, args := t.TempDir(), []string{"import", "--name", "same", r.url("many/")}
	r.stuck(2)
	first := r.command(state, args...)
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	r.await("the journal", func() bool { return r.kept(state) > 700 })
	r.lab.Set()
	second := r.command(state, args...)
	pdh := r.loaded(r.ended(second)).PDH
	if !strings.Contains(second.log.String(), "the same import runs already") || strings.Contains(second.log.String(), "goes on with") {
		t.Errorf("the second said %s", second.log)
	}
	if err := first.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := first.Wait(); first.ProcessState.ExitCode() != 130 || !strings.Contains(first.log.String(), "the same command goes on where it was") {
		t.Errorf("the first ended with %v, %s", err, first.log)
	}
	old := filepath.Join(state, "keepstore", "imports", "old.journal")
	if err := os.WriteFile(old, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(old, time.Time{}, time.Now().Add(-25*time.Hour)); err != nil {
		t.Fatal(err)
	}
	r.stuck(2)
	third := r.command(state, append(args, "--restart")...)
	if err := third.Start(); err != nil {
		t.Fatal(err)
	}
	r.await("the second page", func() bool { return len(r.pages()) == 2 })
	if pages := r.pages(); pages[0] != "" || len(r.journals(state)) != 1 {
		t.Errorf("--restart began with %q; there are %q", pages, r.journals(state))
	}
	r.await("the journal", func() bool { return r.kept(state) > 700 })
	_ = third.Process.Kill()
	_ = third.Wait() // it was killed
	r.lab.Set()
	last := r.command(state, args...)
	if got := r.loaded(r.ended(last)).PDH; got != pdh || !strings.Contains(last.log.String(), "goes on with") || len(r.journals(state)) != 0 {
		t.Errorf("got %s and not %s, %q\n%s", got, pdh, r.journals(state), last.log)
	}
}

// TestJournalNotThere: a full disk, a folder that cannot be made, and a file
// that is something else, are told once and do no harm.
func TestJournalNotThere(t *testing.T) {
	r := newRig(t)
	r.many("many/", 1200)
	r.stuck(2)
	damaged := t.TempDir()
	c := r.command(damaged, "import", r.url("many/"))
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	r.await("the journal", func() bool { return r.kept(damaged) > 700 })
	_ = c.Process.Kill()
	_ = c.Wait() // it was killed
	r.lab.Set()
	if err := os.WriteFile(r.journals(damaged)[0], []byte("something else\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, whole := r.imported(r.admin, "many/")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for what, x := range map[string]struct{ state, limit, says string }{
		"control":        {t.TempDir(), "unlimited", ""},
		"no folder":      {file, "unlimited", "if this import breaks off, another run of it cannot go on"},
		"full":           {t.TempDir(), "64", "if it breaks off, another run may have to do more again"},
		"something else": {damaged, "unlimited", "is no journal that this version of the program can read"},
	} {
		c := r.command(x.state, "import", r.url("many/"))
		limited := exec.Command("sh", append([]string{"-c", `ulimit -f "$0" && exec "$@"`, x.limit}, c.Args...)...)
		limited.Env, limited.Stdout, limited.Stderr = c.Env, c.out, c.log
		err := limited.Run()
		if err != nil || r.loaded(strings.TrimSpace(c.out.String())).PDH != whole.PDH {
			t.Errorf("%s: %v\n%s", what, err, c.log)
		}
		if n := strings.Count(c.log.String(), x.says); x.says != "" && n != 1 || strings.Count(c.log.String(), "\n") != 1+min(len(x.says), 1) {
			t.Errorf("%s: said %s", what, c.log)
		}
	}
	if text, err := os.ReadFile(r.journals(damaged)[0]); err != nil || string(text) != "something else\n" {
		t.Errorf("what was something else is now %q, %v", text, err)
	}
}

// TestJournalComplete: an import that was complete and could not be stored
// needs S3 no more; a token that the server does not take begins it anew.
func TestJournalComplete(t *testing.T) {
	r := newRig(t)
	r.many("many/", 1200)
	source := []collection.Source{{URL: r.url("many/"), Exclude: []string{"*7"}}}
	file, err := os.OpenFile(filepath.Join(t.TempDir(), "journal"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var told []string
	kept := &collection.Journal{File: file,
		Resumed: func(p collection.Progress, begun time.Time) {
			told = append(told, fmt.Sprint("resumed ", p.Files > 0, begun.IsZero()))
		},
		Anew:   func(err error) { told = append(told, "anew "+string(collection.KindOf(err))) },
		Broken: func(err error) { told = append(told, err.Error()) }}
	proxy := faultproxy.New(t, r.keepURL)
	client := r.through(proxy.URL())
	proxy.Set(faultproxy.Rule{Path: toImport("s3/import"), Count: 1, Do: []faultproxy.Action{faultproxy.CloseAt(200_000)}},
		faultproxy.Rule{Path: toImport("s3/import"), Do: []faultproxy.Action{faultproxy.CloseAt(0)}})
	if part, err := client.New().ImportFromS3(t.Context(), source, collection.ImportOptions{Journal: kept}); collection.KindOf(err) != collection.NotComplete || part.Unfinished == nil {
		t.Fatalf("got %+v, %v", part, err)
	}
	refusal := `{"errors":["no"],"error":"bad-resume-token"}`
	proxy.Set(faultproxy.Rule{Path: toImport("s3/import"), Count: 1, Do: []faultproxy.Action{faultproxy.Answer(400, refusal), faultproxy.SetHeader("X-Keep-Error", "bad-resume-token")}})
	first, err := client.New().ImportFromS3(t.Context(), source, collection.ImportOptions{Journal: kept})
	if err != nil {
		t.Fatal(err)
	}
	r.lab.Set()
	c := client.New()
	second, err := c.ImportFromS3(t.Context(), source, collection.ImportOptions{Journal: kept})
	if err != nil || len(r.lab.Log()) != 0 || first.PDH != second.PDH || second.Files != 1080 || second.SkippedBy["excluded"] != 120 || first.Progress != second.Progress {
		t.Errorf("got %+v and %+v, %v; S3 was asked %v", first, second, err, r.lab.Log())
	}
	if err := c.Save(t.Context(), collection.SaveOptions{}); err != nil || c.Record().PDH != first.PDH {
		t.Errorf("saved %s, %v", c.Record().PDH, err)
	}
	want := []string{"resumed true false", "anew bad-resume-token", "resumed true false"}
	if !slices.Equal(told, want) {
		t.Errorf("told was %q", told)
	}
}

// TestJournalOfParts: an import in several requests goes on in the middle of
// one of them, and asks again for none of those that are complete.
func TestJournalOfParts(t *testing.T) {
	r := newRig(t)
	r.many("many/", 1500)
	var sources []collection.Source
	for i := range 1500 { // with places that make it more than one request may have
		place := fmt.Sprintf("%03d/%s%05d", i/50, strings.Repeat("a long way down/", 55), i)
		sources = append(sources, collection.Source{URL: r.url(fmt.Sprintf("many/%03d/%05d", i/100, i)), Path: place})
	}
	whole, err := r.admin.New().ImportFromS3(t.Context(), sources, collection.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(filepath.Join(t.TempDir(), "journal"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, at := range []int{100, 1300} {
		r.lab.Set(faultproxy.Rule{Path: regexp.MustCompile(fmt.Sprintf("/%05d", at)), Do: []faultproxy.Action{faultproxy.Delay(time.Hour)}})
		ctx, cancel := context.WithCancel(t.Context())
		_, err := r.admin.New().ImportFromS3(ctx, sources, collection.ImportOptions{Journal: &collection.Journal{File: file},
			Progress: func(p collection.Progress) {
				if p.Files > int64(at)-50 {
					cancel()
				}
			}})
		if cancel(); !errors.Is(err, context.Canceled) {
			t.Fatalf("at %d: %v", at, err)
		}
	}
	r.lab.Set()
	var resumed collection.Progress
	result, err := r.admin.New().ImportFromS3(t.Context(), sources, collection.ImportOptions{Journal: &collection.Journal{File: file,
		Resumed: func(p collection.Progress, _ time.Time) { resumed = p }}})
	if err != nil || result.PDH != whole.PDH || result.Files != 1500 || result.Status != "complete" {
		t.Errorf("got %+v and not %+v, %v", result, whole, err)
	}
	if asked := len(r.lab.Log()); asked == 0 || asked > 1500-1050+16 || resumed.Files < 1050 || resumed.Listed != resumed.Files {
		t.Errorf("went on after %+v with %d requests", resumed, asked)
	}
	r.lab.Set()
	if again, err := r.admin.New().ImportFromS3(t.Context(), sources, collection.ImportOptions{Journal: &collection.Journal{File: file}}); err != nil || again.PDH != whole.PDH || len(r.lab.Log()) > 0 {
		t.Errorf("once more: %+v, %v, %d requests", again, err, len(r.lab.Log()))
	}
}
