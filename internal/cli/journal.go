// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// journalEnd is the end of the names of journals of imports. Each lies in a
// file of its own, "HASH.journal", whose name stands for the command, the
// token and the cluster.
const journalEnd = ".journal"

// journalLife is how long a resume token can be used.
const journalLife = 24 * time.Hour

// cannotGoOn says that there is no journal, and why.
const cannotGoOn = "if this import breaks off, another run of it cannot go on: %s"

// journalFile is where an import keeps how far it is. It is locked as long as
// it is open. A nil journalFile keeps nothing.
type journalFile struct {
	f *os.File
	// refused is set when the file is something else, which stays as it is.
	refused bool
	// broken is set when it could not be written to the end.
	broken bool
}

// journal opens the journal of the import, unless it is to have none or there
// can be none.
func (o *importing) journal(s *session, sources []collection.Source) *journalFile {
	if o.dryRun || o.noResume {
		return nil
	}
	j, err := openJournalFile(o.journalName(s, sources))
	if err == nil && o.restart {
		err = j.f.Truncate(0)
	}
	if err != nil {
		s.say(cannotGoOn, clean(err.Error()))
		return nil
	}
	return j
}

// journalName stands for everything that decides what is imported and where it
// goes. How clashes are dealt with may be said anew.
func (o *importing) journalName(s *session, sources []collection.Source) string {
	text, _ := json.Marshal([]any{sources, o.form, o.path, o.update, o.project, o.name}) // texts and times always marshal
	settings := s.api.Settings()
	sum := sha256.Sum256(fmt.Appendf(nil, "keepstore import\n%s\n%s\n%s", s.api.Address(), settings.Token.Reveal(), text))
	return fmt.Sprintf("%x%s", sum[:16], journalEnd)
}

// journalFolder makes the folder for journals, as the XDG Base Directory
// Specification says.
func journalFolder() (string, error) {
	state := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", errors.New("there is no home folder to keep its journal in: set XDG_STATE_HOME")
		}
		state = filepath.Join(home, ".local", "state")
	}
	folder := filepath.Join(state, "keepstore", "imports")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	return folder, os.Chmod(folder, 0o700) // it may be an older one
}

func openJournalFile(name string) (*journalFile, error) {
	folder, err := journalFolder()
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	removeOld(root)
	const tries = 5 // another run may remove it right after it was opened
	for range tries {
		if j, err := lockJournal(root, name); j != nil || err != nil {
			return j, err
		}
	}
	return nil, errors.New("its journal is removed again and again")
}

// lockJournal returns nil when the file is not there any more.
func lockJournal(root *os.Root, name string) (*journalFile, error) {
	f, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close() // nothing was written
		return nil, errors.New("the same import runs already, and keeps the journal")
	}
	mine, err := f.Stat()
	now, gone := root.Lstat(name)
	switch {
	case err != nil:
	case gone != nil || !os.SameFile(mine, now):
		_ = f.Close() // nothing was written
		return nil, nil
	case !ours(mine):
		err = fmt.Errorf("%s is no file of yours alone", f.Name())
	default:
		err = f.Chmod(0o600)
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, err
	}
	return &journalFile{f: f}, nil
}

// removeOld removes journals that nobody can go on with and nobody has locked.
// What cannot be removed stays.
func removeOld(root *os.Root) {
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || filepath.Ext(e.Name()) != journalEnd || time.Since(info.ModTime()) < journalLife {
			continue
		}
		if j, err := lockJournal(root, e.Name()); err == nil && j != nil {
			_ = root.Remove(e.Name())
			j.close()
		}
	}
}

// options say what is told of the journal, in one line each.
func (j *journalFile) options(m *meter, r *report, p *pace) *collection.Journal {
	if j == nil {
		return nil
	}
	return &collection.Journal{
		File: j.f,
		Resumed: func(at collection.Progress, begun time.Time) {
			p.from = at.Listed
			m.say("this goes on with the import of %s, which broke off after %s; --restart begins anew", begun.Local().Format("2006-01-02 15:04:05"), plural(at.Files, "file"))
		},
		Anew: func(reason error) {
			p.from, r.Left = 0, []collection.Skipped{}
			m.say("an earlier run of this import cannot be continued, so it begins anew: %s", clean(reason.Error()))
		},
		Broken: func(err error) {
			j.broken = true
			m.say("the import goes on, but if it breaks off, another run may have to do more again: %s", clean(err.Error()))
		},
	}
}

// close lets others use the journal.
func (j *journalFile) close() {
	if j != nil {
		_ = j.f.Close() // what is in it was synced
	}
}

// remove removes the journal of an import that is stored. What cannot be
// removed is emptied.
func (j *journalFile) remove() {
	if j == nil || j.refused {
		return
	}
	if err := os.Remove(j.f.Name()); err != nil {
		_ = j.f.Truncate(0) // nothing else can be done
	}
}

// kept adds to an error of storing what was imported that it is not lost.
func (j *journalFile) kept(err error) error {
	if j == nil || j.refused || j.broken || err == nil {
		return err
	}
	return &sentence{err.Error() + "; what was imported is kept for 24 hours, and the same command stores it without asking S3 again", err}
}

// again says what another run of the command would do after this one failed.
func (j *journalFile) again(result *collection.ImportResult) string {
	if j != nil && !j.refused && result != nil && result.Unfinished != nil {
		return "nothing was stored; within 24 hours the same command goes on where it was"
	}
	return "nothing was stored; the same command begins again"
}
