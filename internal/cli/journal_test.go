// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestJournalThatIsSomethingElse: what somebody planted in place of a journal
// is neither followed nor emptied; the control is an ordinary one, which one
// run at a time may have.
func TestJournalThatIsSomethingElse(t *testing.T) {
	state := t.TempDir()
	t.Setenv("XDG_STATE_HOME", state)
	folder, err := journalFolder()
	if err != nil {
		t.Fatal(err)
	}
	victim := filepath.Join(state, "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	for what, plant := range map[string]func(string) error{
		"symbolic link":   func(at string) error { return os.Symlink(victim, at) },
		"link to nothing": func(at string) error { return os.Symlink(filepath.Join(state, "new"), at) },
		"hard link":       func(at string) error { return os.Link(victim, at) },
		"fifo":            func(at string) error { return syscall.Mkfifo(at, 0o600) },
		"folder":          func(at string) error { return os.Mkdir(at, 0o700) },
	} {
		at := filepath.Join(folder, "planted"+journalEnd)
		if err := plant(at); err != nil {
			t.Fatal(err)
		}
		if j, err := openJournalFile(filepath.Base(at)); err == nil {
			j.close()
			t.Errorf("%s: it was opened", what)
		}
		if err := os.Remove(at); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	info, err := os.Stat(victim)
	if text, _ := os.ReadFile(victim); err != nil || string(text) != "precious" || info.Mode() != 0o644 {
		t.Errorf("the file outside has %q and %v, %v", text, info.Mode(), err)
	}
	if left, err := os.ReadDir(state); err != nil || len(left) != 2 {
		t.Errorf("there are %v, %v", left, err)
	}
	j, err := openJournalFile("planted" + journalEnd)
	if err != nil {
		t.Fatal(err)
	}
	defer j.close()
	if second, err := openJournalFile("planted" + journalEnd); err == nil {
		second.close()
		t.Error("two runs have one journal")
	}
}
