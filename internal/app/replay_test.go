// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/google/go-cmp/cmp"
)

// recording is testdata/vectors/keepstore_http.json.
type recording struct {
	Source    string            `json:"source"`
	Config    map[string]any    `json:"config"`
	Exchanges []recordedMessage `json:"exchanges"`
}

type recordedMessage struct {
	Name    string `json:"name"`
	Request struct {
		Method  string            `json:"method"`
		Path    string            `json:"path"`
		Headers map[string]string `json:"headers"`
		BodyLen *int              `json:"body_len"`
	} `json:"request"`
	BodyError *string `json:"body_error"`
	Response  struct {
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		BodyLen int               `json:"body_len"`
		Body    string            `json:"body"`
	} `json:"response"`
	Note   string `json:"note"`
	Remote []any  `json:"requests_seen_by_remote_cluster"`
}

func readRecording(t *testing.T) recording {
	t.Helper()
	f, err := os.Open("../../testdata/vectors/keepstore_http.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := json.NewDecoder(f)
	d.DisallowUnknownFields()
	var rec recording
	if err := d.Decode(&rec); err != nil {
		t.Fatal(err)
	}
	return rec
}

// recordedSignature is in many requests. It has an end, so it is made anew.
const recordedSignature = "Aff838630bffca46659af0d456c89c79d8c66bd8f@6b12dcb0"

// TestReplay sends every recorded request of a stock Keep server to ours. The
// answer is the same, or differs as the table says.
func TestReplay(t *testing.T) {
	rec := readRecording(t)
	if len(rec.Exchanges) != 103 {
		t.Fatalf("there are %d exchanges", len(rec.Exchanges))
	}
	r, _ := newKeep(t, "volumes: [{driver: directory, root: ROOT1, replication: 2, uuid: zzzzz-nyw5e-000000000000000}]\n")
	l, err := locator.Parse("acbd18db4cc2f85cedef654fccc4a4d8+3+" + recordedSignature)
	if err != nil || r.signer.Verify(l, userToken, time.Unix(1795188658, 0)) != nil {
		t.Fatal("the recorded signature does not verify at its time:", err)
	}
	fresh := strings.TrimPrefix(r.sign(l.Hash(), 3, userToken), "acbd18db4cc2f85cedef654fccc4a4d8+3+")
	open := differences()
	for _, m := range rec.Exchanges {
		m.Request.Path = strings.ReplaceAll(m.Request.Path, recordedSignature, fresh)
		got := r.send(m)
		if d, ok := open[m.Name]; ok {
			delete(open, m.Name)
			if got.StatusCode != d.status {
				t.Errorf("%s: got %d %q, and the table of differences has %d", m.Name, got.StatusCode, got.body, d.status)
			}
			if same := r.compare(m, got); same == "" {
				t.Errorf("%s: the table of differences has it, but the answer is the recorded one", m.Name)
			}
			continue
		}
		if diff := r.compare(m, got); diff != "" {
			t.Errorf("%s:\n%s", m.Name, diff)
		}
	}
	for name := range open {
		t.Errorf("the table of differences has %q, which was not recorded", name)
	}
}

// send sends a recorded request byte by byte: an HTTP client would tidy paths.
func (r *rig) send(m recordedMessage) reply {
	r.t.Helper()
	body := recordedBody(m)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: keep.example\r\n", m.Request.Method, m.Request.Path)
	for _, name := range slices.Sorted(maps.Keys(m.Request.Headers)) {
		fmt.Fprintf(&b, "%s: %s\r\n", name, m.Request.Headers[name])
	}
	if m.Request.BodyLen != nil {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", *m.Request.BodyLen)
	}
	c, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, b.String()+"\r\n"+body); err != nil {
		r.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: m.Request.Method})
	if err != nil {
		r.t.Fatal(m.Name, err)
	}
	data, err := io.ReadAll(resp.Body)
	return reply{resp, string(data), err}
}

// recordedBody is what was sent: only its length was recorded.
func recordedBody(m recordedMessage) string {
	switch {
	case m.Request.BodyLen == nil || *m.Request.BodyLen > 64<<20: // refused by its length
		return ""
	case m.Name == "PUT unknown storage class":
		return "x1"
	case m.Name == "PUT /pull no size hint":
		return `[{"locator":"acbd18db4cc2f85cedef654fccc4a4d8","servers":["http://127.0.0.1:1"],"mount_uuid":""}]`[:*m.Request.BodyLen]
	case *m.Request.BodyLen == 3:
		return "foo"
	case *m.Request.BodyLen == 2:
		return "[]"
	}
	return strings.Repeat("x", *m.Request.BodyLen)
}

// compare says how an answer differs from the recorded one: in its status, in
// the headers that carry meaning, or in a body that is data.
func (r *rig) compare(m recordedMessage, got reply) string {
	want := m.Response
	if got.StatusCode != want.Status {
		return fmt.Sprintf("got %d %q, want %d %q", got.StatusCode, got.body, want.Status, want.Body)
	}
	var diffs []string
	for _, name := range []string{"X-Keep-Replicas-Stored", "X-Keep-Storage-Classes-Confirmed", "X-Keep-Locator"} {
		if got.Header.Get(name) != want.Headers[name] {
			diffs = append(diffs, fmt.Sprintf("header %s: got %q, want %q", name, got.Header.Get(name), want.Headers[name]))
		}
	}
	for name, value := range want.Headers {
		if strings.HasPrefix(name, "Access-Control-") && name != "Access-Control-Max-Age" && !covers(got.Header.Get(name), value) {
			diffs = append(diffs, fmt.Sprintf("header %s: got %q, want %q", name, got.Header.Get(name), value))
		}
	}
	if id := m.Request.Headers["X-Request-Id"]; got.Header.Get("X-Request-Id") == "" && m.Request.Path != "*" || id != "" && got.Header.Get("X-Request-Id") != id {
		diffs = append(diffs, "X-Request-Id: got "+got.Header.Get("X-Request-Id"))
	}
	if want.Status == 200 {
		diffs = append(diffs, r.compareBody(m, got)...)
	}
	return strings.Join(diffs, "\n")
}

// covers reports whether each word of a list is in another.
func covers(list, words string) bool {
	have := strings.Split(list, ", ")
	return !slices.ContainsFunc(strings.Split(words, ", "), func(w string) bool { return !slices.Contains(have, w) })
}

func (r *rig) compareBody(m recordedMessage, got reply) []string {
	path, _, _ := strings.Cut(strings.TrimPrefix(m.Request.Path, "/"), "/")
	switch {
	case m.Request.Method == http.MethodHead && path == "index", strings.HasPrefix(path, "metrics"):
		return nil // no body, or one of ours
	case m.Request.Method == http.MethodPut && len(path) >= 32:
		return r.compareSigned(got.body, m.Response.Body)
	case path == "index" || path == "mounts":
		return different(timeless(got.body), timeless(m.Response.Body))
	}
	return append(different(got.body, m.Response.Body), different(got.Header.Get("Content-Length"), m.Response.Headers["Content-Length"])...)
}

// compareSigned compares locators without their signatures, and checks ours.
func (r *rig) compareSigned(got, want string) []string {
	g, err := locator.Parse(strings.TrimSuffix(got, "\n"))
	w, wrong := locator.Parse(strings.TrimSuffix(want, "\n"))
	if err != nil || wrong != nil {
		return []string{fmt.Sprintf("got %q, want %q", got, want)}
	}
	if err := r.signer.Verify(g, userToken, time.Now()); err != nil {
		return []string{err.Error()}
	}
	return append(different(g.Stripped(), w.Stripped()), different(len(got), len(want))...)
}

// timeless takes out of a listing what differs from run to run.
func timeless(text string) string {
	text = regexp.MustCompile(`(?m) \d{19}$`).ReplaceAllString(text, " TIME")
	text = regexp.MustCompile(`"device_id":"[^"]+"`).ReplaceAllString(text, `"device_id":"ID"`)
	lines := strings.SplitAfter(text, "\n")
	if n := len(lines) - 2; n > 1 {
		slices.Sort(lines[:n]) // blocks come in no order; the empty line is the last
	}
	return strings.Join(lines, "")
}

func different[T any](got, want T) []string {
	if diff := cmp.Diff(want, got); diff != "" {
		return []string{diff}
	}
	return nil
}
