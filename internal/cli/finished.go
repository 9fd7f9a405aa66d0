// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sync"
	"syscall"
	"time"
)

// finished is the list of files that a get made complete, in its destination.
// It is there as long as others are missing, so that the same command goes on.
// A nil list has nothing.
type finished struct {
	root *os.Root
	name string
	// before is what an earlier run listed, by path.
	before map[string]finishedFile

	mu    sync.Mutex
	f     *os.File // locked; guarded by mu, like what follows
	added int
	// broken is set when a file could not be listed.
	broken bool
}

// finishedFile is one line: a file as it was when it got its name. A file that
// is still the same is proved to have the content.
type finishedFile struct {
	To string `json:"to"`
	// Part is the name of its part, in which the hash of its content is.
	Part string    `json:"part"`
	Size int64     `json:"size"`
	Time time.Time `json:"time"`
}

// openFinished opens the list of a download, or begins one. Without one a get
// goes its way, too: nil is returned when there can be none.
func openFinished(root *os.Root, t target) *finished {
	sum := sha256.Sum256([]byte("finished\x00" + t.id + "\x00" + t.path))
	l := &finished{root: root, name: fmt.Sprintf(".keepstore-%x.part", sum[:16]), before: map[string]finishedFile{}}
	flags := os.O_RDWR | os.O_CREATE | os.O_EXCL
	if info, err := root.Lstat(l.name); err == nil {
		if flags = os.O_RDWR; !ours(info) { // what others wrote proves nothing
			return nil
		}
	}
	f, err := root.OpenFile(l.name, flags, 0o600)
	if err != nil {
		return nil
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close() // nothing was written
		return nil
	}
	l.f = f
	l.read()
	return l
}

// read takes in what is listed. A line that is torn is none.
func (l *finished) read() {
	lines := bufio.NewScanner(l.f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var one finishedFile
		if json.Unmarshal(lines.Bytes(), &one) == nil {
			l.before[one.To] = one
		}
	}
	_, err := l.f.Seek(0, io.SeekEnd)
	if l.broken = err != nil || lines.Err() != nil; !l.broken && len(l.before) > 0 {
		_, err = l.f.WriteString("\n") // after a torn line
		l.broken = err != nil
	}
}

// has reports whether a file that is there is one that is listed, and still the
// same; part is the name of its part by what the collection is now.
func (l *finished) has(to string, there fs.FileInfo, part func() (string, error)) bool {
	if l == nil {
		return false
	}
	one, listed := l.before[to]
	if !listed || !ours(there) || there.Size() != one.Size || !there.ModTime().Equal(one.Time) {
		return false
	}
	name, err := part()
	return err == nil && path.Base(name) == one.Part
}

// add lists a file right before it gets its name.
func (l *finished) add(to, part string) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	info, err := l.root.Lstat(part)
	if err == nil {
		text, _ := json.Marshal(finishedFile{to, path.Base(part), info.Size(), info.ModTime()}) // texts and times always marshal
		_, err = l.f.Write(append(text, '\n'))
		l.added++
	}
	l.broken = l.broken || err != nil
}

// end closes the list, and removes it unless it is to be kept. It returns what
// to do to go on, in words.
func (l *finished) end(keep bool) string {
	if l == nil {
		return "the same command with --skip-existing goes on"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f != nil && (!keep || l.added+len(l.before) == 0) {
		_ = l.root.Remove(l.name) // it is of no more use, and does no harm
	}
	if l.f != nil {
		_ = l.f.Close() // the lines were written
	}
	if l.f = nil; l.broken {
		return "the same command with --skip-existing goes on"
	}
	return "the same command goes on"
}
