// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/sdk/go/keep"
)

// endless is text without an end.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}

// TestLinesWithoutEnd: a line that does not end is given up, and takes no more
// memory than the limit; long ones and the last one without an end are read.
func TestLinesWithoutEnd(t *testing.T) {
	const most = 1 << 20
	counted := &io.LimitedReader{R: endless{}, N: 64 << 20}
	_, err := readLines(io.MultiReader(strings.NewReader(`{"type":"file","path":"`), counted), most, nil)
	if KindOf(err) != "keep-bad-reply" || counted.N < 62<<20 {
		t.Errorf("%d bytes were left, %v", counted.N, err)
	}
	long := fmt.Sprintf(`{"type":"skipped","url":"%s"}`, strings.Repeat("y", 200<<10))
	for text, want := range map[string]string{
		long + "\n" + long + "\n" + `{"type":"done"}` + "\n": "",
		long + "\n" + `{"type":"done"}`:                      "",
		long + "\n" + `{"type":"done"`:                       string(NotComplete),
		long + "\n":                                          string(NotComplete),
		long + "\nnot JSON\n":                                string(NotComplete),
		"":                                                   string(NotComplete),
	} {
		last, err := readLines(strings.NewReader(text), most, func(l line) (bool, error) {
			if l.Type == "skipped" && len(l.URL) != 200<<10 {
				t.Errorf("a line has %d bytes of URL", len(l.URL))
			}
			return l.Type == "done", nil
		})
		if string(KindOf(err)) != want || (last.Type == "done") != (want == "") {
			t.Errorf("…%q: %q, %v", text[max(0, len(text)-20):], last.Type, err)
		}
	}
}

// TestSizesThatOverflow: blocks whose sizes only seem to be those of the file
// are refused, and no count becomes negative.
func TestSizesThatOverflow(t *testing.T) {
	const hash = "0db9a2b9589a826664ad399fd128ab5f"
	half := fmt.Sprintf("%s+%d", hash, int64(math.MaxInt64))
	for what, l := range map[string]line{
		"around":   {Size: 8, Locator: half + " " + half + " " + hash + "+10"},
		"more":     {Size: 8, Locator: hash + "+9"},
		"less":     {Size: 8, Locator: hash + "+7"},
		"negative": {Size: -2, Locator: half + " " + half},
		"nothing":  {Size: -1},
	} {
		if r, err := l.run(nil); KindOf(err) != BadManifest {
			t.Errorf("%s: got %+v, %v", what, r, err)
		}
	}
	im := &importing{result: &ImportResult{Classes: map[string]int64{}}}
	for size, want := range map[int64]int64{0: 0, 1: 1, keep.MaxBlock: 1, keep.MaxBlock + 1: 2, math.MaxInt64: 1 << 37} {
		im.result.Pieces = 0
		if im.tell(line{Size: size}); im.result.Pieces != want {
			t.Errorf("%d bytes are %d pieces", size, im.result.Pieces)
		}
	}
}

// TestErrorAfterProgress: an answer that began well with the lines of a server
// that waits for S3 ends with the error of its last line. What would be the
// same again is not asked again; what may pass is.
func TestErrorAfterProgress(t *testing.T) {
	wait := `{"type":"progress","listed":0,"files":0}`
	for word, again := range map[string]bool{"s3-denied": false, "s3-slow-down": true} {
		c, asked := newCluster(t), 0
		c.listing = func(w http.ResponseWriter, _ *http.Request) {
			if asked++; asked == 1 {
				ndjson(w, wait, wait, fmt.Sprintf(`{"type":"error","error":"%s","text":"S3 says no"}`, word))
				return
			}
			ndjson(w, wait, `{"type":"done","files":0,"status":"empty","portable_data_hash":"d41d8cd98f00b204e9800998ecf8427e+0"}`)
		}
		made := c.client.New()
		result, err := made.ImportFromS3(t.Context(), []Source{{URL: "s3://bucket/p/"}}, ImportOptions{})
		if again && (err != nil || asked != 2 || result.Status != "empty") {
			t.Errorf("%s: asked %d times, %v", word, asked, err)
		}
		if !again && (string(KindOf(err)) != word || asked != 1 || result != nil || made.changed) {
			t.Errorf("%s: asked %d times, %v, %+v", word, asked, err, result)
		}
	}
}

// TestLinesThatAreNotTaken: an import of which some lines cannot be used does
// not go on behind them. The control is one that S3 broke off.
func TestLinesThatAreNotTaken(t *testing.T) {
	point := `{"type":"progress","listed":1,"files":1,"resume":"token"}`
	for bad, goesOn := range map[string]bool{
		`{"type":"file","path":"b","url":"s3://bucket/b","size":1,"locator":"x"}`: false,
		`{"type":"error","error":"s3-denied","text":"no"}`:                        true,
	} {
		c := newCluster(t)
		c.listing = func(w http.ResponseWriter, _ *http.Request) { ndjson(w, fileLine(t, "p/a", 5), point, bad, point) }
		result, err := c.client.New().ImportFromS3(t.Context(), []Source{{URL: "s3://bucket/p/"}}, ImportOptions{})
		if err == nil || (result != nil && result.Unfinished != nil) != goesOn {
			t.Errorf("%s: %+v, %v", bad, result, err)
		}
	}
}

// TestJournalOfNobody: a file that is no journal is refused and stays as it is,
// and a line without an end is not read into memory.
func TestJournalOfNobody(t *testing.T) {
	r := &journalReader{in: lineReader{in: bufio.NewReader(endless{}), most: 1 << 16}}
	if text, ok := r.next(); ok || len(text) > 0 {
		t.Errorf("a line without an end was read: %d bytes", len(text))
	}
	c := journalClient(t, journalHost, journalToken)
	for what, text := range map[string]string{
		"other file":    strings.Repeat("something else\n", 10),
		"other version": strings.Replace(journalVersion, "1", "2", 1),
		"empty lines":   strings.Repeat("\n", 100),
	} {
		name := filepath.Join(t.TempDir(), "journal")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, got := reopen(t, c, journalRequest(), f)
		after, err := os.ReadFile(name)
		if KindOf(got.err) != BadJournal || err != nil || !bytes.Equal(after, []byte(text)) || !slices.Equal([]int{got.files, got.done, got.anew}, []int{0, 0, 0}) {
			t.Errorf("%s: %+v, %q, %v", what, got, after, err)
		}
		_ = f.Close()
	}
}
