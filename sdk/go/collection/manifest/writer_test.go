// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package manifest_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
)

// file is one call of Add.
type file struct {
	path   string
	size   int64
	blocks []locator.Locator
}

func add(t testing.TB, w *manifest.Writer, f file) {
	t.Helper()
	if err := w.Add(f.path, f.size, f.blocks); err != nil {
		t.Fatal(err)
	}
}

func blocks(t testing.TB, texts ...string) []locator.Locator {
	t.Helper()
	var out []locator.Locator
	for _, text := range texts {
		l, err := locator.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, l)
	}
	return out
}

const (
	foo    = "acbd18db4cc2f85cedef654fccc4a4d8+3"
	bar    = "37b51d194a7513e45b56f6524f2d51f2+3"
	opaque = "ffffffffffffffffffffffffffffffff+512+BczM6Ly9idWNrZXQva2V5P3ZlcnNpb25JZD12MQ+C256"
)

func TestWriter(t *testing.T) {
	var out strings.Builder
	w := manifest.NewWriter(&out)
	for _, f := range []file{
		{"empty", 0, nil},
		{"a b", 6, blocks(t, foo, bar)},
		{"e2", 0, blocks(t, locator.Empty)},
		{"c:d", 512, blocks(t, opaque)},
		{"d e/f", 0, nil},
		{"d e/g", 0, nil},
		{"d e/h/i", 3, blocks(t, foo+"+Zz")},
		{"d e/j", 3, blocks(t, foo)},
	} {
		add(t, w, f)
	}
	if w.AtLineStart() {
		t.Error("a file is pending, but the Writer says it is at the start of a line")
	}
	for range 2 { // the second does nothing
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	want := ". " + foo + " " + bar + " " + opaque + " 0:0:empty 0:6:a\\040b 6:0:e2 6:512:c\\072d\n" +
		"./d\\040e d41d8cd98f00b204e9800998ecf8427e+0 0:0:f 0:0:g\n" +
		"./d\\040e/h " + foo + "+Zz 0:3:i\n" +
		"./d\\040e " + foo + " 0:3:j\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	agree(t, w, out.String())
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// agree wants the Writer's portable data hash to be that of the text.
func agree(t fataler, w *manifest.Writer, text string) {
	t.Helper()
	pdh, err := manifest.PDH(text)
	if err != nil || pdh != w.PDH() {
		t.Fatalf("the Writer has %s, the text %s, %v:\n%.2000s", w.PDH(), pdh, err, text)
	}
}

func TestWriterRefuses(t *testing.T) {
	fooBlock := blocks(t, foo)
	var out strings.Builder
	w := manifest.NewWriter(&out)
	for _, f := range []file{
		{"", 3, fooBlock}, {".", 3, fooBlock}, {"..", 3, fooBlock}, {"/a", 3, fooBlock}, {"a/", 3, fooBlock}, {"a//b", 3, fooBlock},
		{"a/./b", 3, fooBlock}, {"a/../b", 3, fooBlock}, {"a\x00", 3, fooBlock}, {"\xff", 3, fooBlock},
		{"size above blocks", 4, fooBlock}, {"size below blocks", 2, fooBlock}, {"no blocks", 3, nil}, {"negative", -1, nil},
		{"sum overflows", 5, blocks(t, "acbd18db4cc2f85cedef654fccc4a4d8+9223372036854775807", "acbd18db4cc2f85cedef654fccc4a4d8+9223372036854775807", "acbd18db4cc2f85cedef654fccc4a4d8+7")},
		{"zero locator", 0, []locator.Locator{{}}},
	} {
		if err := w.Add(f.path, f.size, f.blocks); !errors.Is(err, &manifest.Error{Kind: manifest.BadFile}) {
			t.Errorf("%q, %d: got %v", f.path, f.size, err)
		}
	}
	if !w.AtLineStart() {
		t.Error("a refused file is pending")
	}
	for _, path := range []string{"...", "a/.b", "a/..b", "a\\b", "\t"} {
		add(t, w, file{path, 3, fooBlock})
	}
	if err := w.Flush(); err != nil {
		t.Error(err)
	}
	agree(t, w, out.String())
}

// TestLongLine wants a line cut before its positions overflow.
func TestLongLine(t *testing.T) {
	var out strings.Builder
	w := manifest.NewWriter(&out)
	big := blocks(t, fmt.Sprintf("acbd18db4cc2f85cedef654fccc4a4d8+%d", int64(math.MaxInt64)-1))
	add(t, w, file{"a", math.MaxInt64 - 1, big})
	add(t, w, file{"b", math.MaxInt64 - 1, big})
	if err := w.Flush(); err != nil || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("%v:\n%s", err, out.String())
	}
}

// TestCuts checks where lines end.
func TestCuts(t *testing.T) {
	var out strings.Builder
	w := manifest.NewWriter(&out)
	for i := range 2*manifest.MaxFilesPerLine + 1 {
		add(t, w, file{fmt.Sprintf("d/%04d", i), 3, blocks(t, foo)})
		if want := (i+1)%manifest.MaxFilesPerLine == 0; w.AtLineStart() != want {
			t.Fatalf("after file %d: at the start of a line %v", i, !want)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[1], "./d "+foo) || !strings.Contains(lines[1], " 0:3:1000 ") || lines[2] != "./d "+foo+" 0:3:2000" {
		t.Errorf("%d lines, the last: %s", len(lines), lines[len(lines)-2])
	}
	agree(t, w, out.String())

	many := make([]locator.Locator, manifest.MaxBlocksPerLine-1)
	for i := range many {
		many[i] = blocks(t, foo)[0]
	}
	add(t, w, file{"many", int64(3 * len(many)), many})
	if w.AtLineStart() {
		t.Error("the line ended one block early")
	}
	add(t, w, file{"one", 3, blocks(t, foo)})
	if !w.AtLineStart() {
		t.Error("the line did not end after its last block")
	}
}

// TestBoundedMemory writes many files and wants each line written at once.
func TestBoundedMemory(t *testing.T) {
	largest, total := 0, 0
	w := manifest.NewWriter(writerFunc(func(p []byte) (int, error) {
		largest, total = max(largest, len(p)), total+len(p)
		if p[len(p)-1] != '\n' || bytes.Count(p, []byte("\n")) != 1 {
			t.Errorf("a Write of %d bytes is not one line", len(p))
		}
		return len(p), nil
	}))
	for i := range 50_000 {
		add(t, w, file{fmt.Sprintf("%06d", i), 512, blocks(t, opaque)})
	}
	if largest > 200<<10 || total < 4<<20 {
		t.Errorf("the largest of %d bytes was %d", total, largest)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestWriteError(t *testing.T) {
	w := manifest.NewWriter(writerFunc(func([]byte) (int, error) { return 0, io.ErrClosedPipe }))
	add(t, w, file{"a", 0, nil})
	if err := w.Add("b/c", 0, nil); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
	if w.PDH() != "d41d8cd98f00b204e9800998ecf8427e+0" {
		t.Errorf("a line that was not written counts: %s", w.PDH())
	}
}

func drawFiles(t *rapid.T) []file {
	names := []string{"a", "b c", "é", "x:y"}
	var files []file
	for i := range rapid.IntRange(0, 30).Draw(t, "files") {
		f := file{path: fmt.Sprintf("%s%d", rapid.SampledFrom(names).Draw(t, "name"), i)}
		if dir := rapid.SampledFrom([]string{"", "d/", "d/e f/", "g/"}).Draw(t, "dir"); dir != "" {
			f.path = dir + f.path
		}
		for range rapid.IntRange(0, 3).Draw(t, "blocks") {
			l, err := locator.Parse(rapid.SampledFrom([]string{foo, bar, opaque, foo + "+K@zzzzz"}).Draw(t, "block"))
			if err != nil {
				t.Fatal(err)
			}
			f.blocks, f.size = append(f.blocks, l), f.size+l.Size()
		}
		files = append(files, f)
	}
	return files
}

// TestResume stops at a line boundary, goes on in a new Writer, and wants the
// text and portable data hash of an uninterrupted run.
func TestResume(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		files := drawFiles(t)
		var whole, parts strings.Builder
		w, r := manifest.NewWriter(&whole), manifest.NewWriter(&parts)
		for _, f := range files {
			if err := w.Add(f.path, f.size, f.blocks); err != nil {
				t.Fatal(err)
			}
			if r.Starts(f.path) && rapid.Bool().Draw(t, "stop") {
				r = resumed(t, r, &parts)
			}
			if err := r.Add(f.path, f.size, f.blocks); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(w.Flush(), r.Flush()); err != nil {
			t.Fatal(err)
		}
		if whole.String() != parts.String() || w.PDH() != r.PDH() {
			t.Fatalf("whole %s:\n%s\nparts %s:\n%s", w.PDH(), whole.String(), r.PDH(), parts.String())
		}
		agree(t, r, parts.String())
	})
}

func resumed(t *rapid.T, w *manifest.Writer, out io.Writer) *manifest.Writer {
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	state, err := w.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	again := manifest.NewWriter(out)
	if err := again.UnmarshalBinary(state); err != nil {
		t.Fatal(err)
	}
	if again.PDH() != w.PDH() {
		t.Fatalf("restored as %s, saved as %s", again.PDH(), w.PDH())
	}
	return again
}

func TestStateRefuses(t *testing.T) {
	w := manifest.NewWriter(io.Discard)
	state, err := w.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	add(t, w, file{"a", 0, nil})
	badState := &manifest.Error{Kind: manifest.BadState}
	if _, err := w.MarshalBinary(); !errors.Is(err, badState) {
		t.Errorf("saved in the middle of a line: %v", err)
	}
	if err := w.UnmarshalBinary(state); !errors.Is(err, badState) {
		t.Errorf("restored in the middle of a line: %v", err)
	}
	fresh := manifest.NewWriter(io.Discard)
	negative := bytes.Clone(state)
	negative[len("manifest-v1\n")] = 0xff
	for name, data := range map[string][]byte{"empty": nil, "cut": state[:len(state)-1], "label only": state[:12], "longer": append(bytes.Clone(state), 0), "other label": append([]byte("x"), state...), "negative length": negative} {
		if err := fresh.UnmarshalBinary(data); !errors.Is(err, badState) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if err := fresh.UnmarshalBinary(state); err != nil {
		t.Errorf("the state as saved: %v", err)
	}
}
