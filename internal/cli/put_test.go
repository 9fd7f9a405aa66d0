// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// touching is a context that does something when it is asked for its error, as
// before each read.
type touching struct {
	context.Context
	touch func()
}

// Err does it.
func (t touching) Err() error {
	t.touch()
	return t.Context.Err()
}

// TestPutOfChangingFiles: a file that changes while it is read is named, and the
// exit status says so.
func TestPutOfChangingFiles(t *testing.T) {
	for name, row := range map[string]struct {
		change func(name string) error
		want   int
	}{
		"not at all": {func(string) error { return nil }, -1},
		"longer and longer": {func(name string) error {
			f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteString("more")
			return err
		}, Partial},
		"shorter": {func(name string) error { return os.Truncate(name, 1) }, Partial},
		"other":   {func(name string) error { return os.Chtimes(name, time.Time{}, time.Unix(1, 0)) }, Partial},
	} {
		t.Run(name, func(t *testing.T) {
			s, c := newShelf("f").session(t)
			var out, said bytes.Buffer
			s.out, s.err, s.json = &out, &said, true
			from := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(from, []byte("content"), 0o600); err != nil {
				t.Fatal(err)
			}
			ctx := touching{t.Context(), func() {
				if err := row.change(from); err != nil {
					t.Error(err)
				}
			}}
			g := &gathering{o: &putting{}}
			if err := g.uploadOne(ctx, s, c, local{from, "new", 7}, s.meter("", 7)); err != nil {
				t.Fatal(err)
			}
			if got := exitCode(g.report(s, nil)); got != row.want || strings.Contains(said.String(), "changed") != (row.want == Partial) {
				t.Errorf("status %d, and it is said %q", got, said.String())
			}
		})
	}
}

// TestPutOfPipe: what was a file and is a pipe by now is an error, and not
// waited for.
func TestPutOfPipe(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := openLocal(name); err == nil || !strings.Contains(err.Error(), "no file any more") {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(name+"2", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	file, _, err := openLocal(name + "2")
	if err != nil {
		t.Fatal(err)
	}
	_ = file.Close() // it was read only
}

// TestNullWithZeroByte: one name never shows as two.
func TestNullWithZeroByte(t *testing.T) {
	var out bytes.Buffer
	s := &session{out: &out}
	if err := s.printNull([]string{"a\nb", "c\x00d", "e"}); err == nil || out.String() != "a\nb\x00" {
		t.Errorf("%q, %v", out.String(), err)
	}
}
