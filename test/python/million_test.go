// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package python

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/internal/app"
	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/sdk/go/api"
)

// manyKeys is how many keys TestManyKeys imports; docs/testing.md has what a
// million take. Of fewer than 70,000, memory is less: caches are not full then.
const manyKeys = 150_000

// generated is a keepstore before a server that makes up an S3 bucket with
// any number of keys: a real one takes longer to fill than all else.
func generated(t *testing.T, keys int) *standalone {
	t.Helper()
	return generatedIn(t, &madeUp{keys: keys}, t.TempDir())
}

// generatedIn keeps ordinary blocks in a folder of the caller's.
func generatedIn(t *testing.T, made *madeUp, volume string) *standalone {
	t.Helper()
	server := httptest.NewServer(made)
	t.Cleanup(server.Close)
	s := &standalone{log: &testenv.Output{}, bucket: "generated"}
	config := filepath.Join(t.TempDir(), "keepstore.yml")
	write(t, config, fmt.Sprintf(`listen: 127.0.0.1:0
endpoints:
  lab: {url: %q, region: us-east-1, path_style: true, access_key_id: a, secret_access_key: b}
access:
  - {url: "s3://generated/", endpoint: lab, mode: iam, import: {users: ["*"]}}
volumes: [{driver: directory, root: %q}]
`, server.URL, volume))
	s.serve(t, config, app.StandaloneOptions{})
	return s
}

// madeUp answers ListObjectVersions for so many keys, a hundred in a folder,
// and gives zeros for each.
type madeUp struct {
	keys    int
	changed atomic.Bool // whether one object has a new version
}

// version is that of a key.
func (m *madeUp) version(i int) string {
	if m.changed.Load() && i == m.keys/2 {
		return "theNewVersion"
	}
	return fmt.Sprintf("%08dofTheGenerated", i)
}

func (m *madeUp) key(i int) string {
	return fmt.Sprintf("run-%05d/lane-%02d/sample-%08d.bam", i/10_000, i/100%100, i)
}

func (m *madeUp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if version := r.URL.Query().Get("versionId"); version != "" { // whether the caller may read
		w.Header().Set("X-Amz-Version-Id", version)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(make([]byte, 4096)))
		return
	}
	query, page := r.URL.Query(), &bytes.Buffer{}
	prefix, after := query.Get("prefix"), query.Get("key-marker")
	first := sort.Search(m.keys, func(i int) bool { k := m.key(i); return k >= prefix && k > after })
	page.WriteString(`<?xml version="1.0" encoding="UTF-8"?><ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
		"<Name>generated</Name><MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType>")
	last := min(first+1000, m.keys)
	for i := first; i < last; i++ {
		if !strings.HasPrefix(m.key(i), prefix) {
			page.WriteString("<IsTruncated>false</IsTruncated></ListVersionsResult>")
			_, _ = page.WriteTo(w) // the client may be gone
			return
		}
		fmt.Fprintf(page, "<Version><Key>%s</Key><VersionId>%s</VersionId><IsLatest>true</IsLatest>"+
			"<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;%032x&quot;</ETag><Size>4096</Size><StorageClass>STANDARD</StorageClass></Version>", m.key(i), m.version(i), i)
	}
	fmt.Fprintf(page, "<IsTruncated>%t</IsTruncated>", last < m.keys)
	if last < m.keys {
		fmt.Fprintf(page, "<NextKeyMarker>%s</NextKeyMarker><NextVersionIdMarker>%s</NextVersionIdMarker>", m.key(last-1), m.version(last-1))
	}
	page.WriteString("</ListVersionsResult>")
	_, _ = page.WriteTo(w) // the client may be gone
}

// importing is a run of arv-import-s3 on everything that was generated.
type importing struct {
	*exec.Cmd
	out, errs bytes.Buffer
	folder    string // for its temporary files
}

func (s *standalone) importing(t *testing.T, installed *shim, args ...string) *importing {
	t.Helper()
	i := &importing{folder: t.TempDir()}
	all := append([]string{"--batch-progress", "--retries", "0", "--name", "many"}, args...)
	i.Cmd = exec.CommandContext(t.Context(), filepath.Join(installed.site, "bin", "arv-import-s3"), append(all, "s3://generated/")...)
	i.Env = slices.Concat(s.environment(t, "verified"), installed.environment(t), []string{"TMPDIR=" + i.folder})
	i.Stdout, i.Stderr = &i.out, &i.errs
	return i
}

// TestManyKeys: the memory of arv-import-s3 does not grow with the number of
// keys, it shows how far it is, and leaves no temporary files.
func TestManyKeys(t *testing.T) {
	t.Parallel()
	installed := installShim(t, "shim-python")
	var used [2]int64
	for n, keys := range []int{manyKeys / 2, manyKeys} {
		s := generated(t, keys)
		run := s.importing(t, installed)
		used[n] = run.peak(t)
		t.Logf("%d keys: %d MiB, %v of CPU, %d collections", keys, used[n], run.ProcessState.UserTime(), strings.Count(run.out.String(), "\n"))
		if last := fmt.Sprintf(": %d imported -1 total\n", keys); !strings.Contains(run.errs.String(), last) || strings.Count(run.errs.String(), "\n") < 2 {
			t.Errorf("the progress shown is\n%s", &run.errs)
		}
		if files := s.countFiles(t, strings.Fields(run.out.String())); files != keys {
			t.Errorf("%d files are stored, of %d", files, keys)
		}
		nothingLeft(t, run.folder)
	}
	const more = 10 // MiB; the text of the further keys has some 20
	if used[1] > used[0]+more {
		t.Errorf("more keys take %d MiB in place of %d", used[1], used[0])
	}
}

// TestManyKeysEnded: ended in the middle, it leaves nothing behind.
func TestManyKeysEnded(t *testing.T) {
	t.Parallel()
	installed, s := installShim(t, "shim-python"), generated(t, manyKeys)
	for signal, status := range map[os.Signal]int{os.Interrupt: 130, syscall.SIGTERM: 143} {
		run := s.importing(t, installed)
		run.Stderr = nil
		progress, err := run.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := run.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(progress)
		first, err := lines.ReadString('\n')
		if err != nil || !strings.Contains(first, " imported -1 total") {
			t.Fatalf("%q, %v", first, err)
		}
		if err := run.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		_, _ = lines.WriteTo(&run.errs) // until it ends
		if err := run.Wait(); run.ProcessState.ExitCode() != status || strings.Contains(run.errs.String(), "Traceback") {
			t.Errorf("%v: %v\n%s", signal, err, &run.errs)
		}
		if run.out.Len() > 0 {
			t.Errorf("%v: it prints %q", signal, &run.out)
		}
		nothingLeft(t, run.folder)
	}
	if n := s.countCollections(t); n != 0 {
		t.Errorf("there are %d collections", n)
	}
}

// peak runs it and returns the most memory that it had, in MiB. The usage that
// a process leaves counts what its parent had when it started it.
func (i *importing) peak(t *testing.T) (most int64) {
	t.Helper()
	if err := i.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- i.Wait() }()
	for {
		select {
		case err := <-ended:
			if err != nil || most == 0 {
				t.Fatalf("%d MiB, %v\n%s", most, err, &i.errs)
			}
			return most
		case <-time.After(10 * time.Millisecond):
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", i.Process.Pid))
		if _, rest, found := strings.Cut(string(status), "VmHWM:"); err == nil && found {
			var kib int64
			_, _ = fmt.Sscan(rest, &kib) // the kernel writes a number there
			most = max(most, kib>>10)
		}
	}
}

func nothingLeft(t *testing.T, folder string) {
	t.Helper()
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
}

func (s *standalone) api(t *testing.T) *api.Client {
	t.Helper()
	settings, err := api.FromEnv(s.environment(t, "insecure"))
	if err != nil {
		t.Fatal(err)
	}
	server, err := api.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func (s *standalone) countCollections(t *testing.T) int {
	t.Helper()
	var list struct {
		Available int `json:"items_available"`
	}
	err := s.api(t).Call(context.Background(), http.MethodGet, "arvados/v1/collections", api.Params{"include_trash": true, "limit": 0, "count": "exact"}, &list)
	if err != nil {
		t.Fatal(err)
	}
	return list.Available
}

// countFiles loads collections and counts their files.
func (s *standalone) countFiles(t *testing.T, uuids []string) int {
	t.Helper()
	files := 0
	for _, uuid := range uuids {
		var record struct {
			Text string `json:"manifest_text"`
		}
		if err := s.api(t).Call(context.Background(), http.MethodGet, "arvados/v1/collections/"+uuid, nil, &record); err != nil {
			t.Fatal(err)
		}
		files += strings.Count(record.Text, ".bam")
	}
	return files
}
