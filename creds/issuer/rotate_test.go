// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"crypto/elliptic"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// world is a server with a clock that the test moves, and all that it has
// published, by minute.
type world struct {
	t       testing.TB
	file    string
	now     atomic.Int64
	running atomic.Pointer[Issuer]
	history [][]byte
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, file: writeFile(t, pemOf(t, newECKey(t, elliptic.P256()), ""))}
	w.now.Store(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC).Unix())
	w.reload()
	return w
}

func (w *world) clock() time.Time { return time.Unix(w.now.Load(), 0).UTC() }

func (w *world) reload() {
	o := options(w.file)
	o.Now = w.clock
	w.running.Store(open(w.t, o))
}

func (w *world) rotate(wait time.Duration) []Key {
	w.t.Helper()
	keys, err := Rotate(w.file, wait, w.clock())
	if err != nil {
		w.t.Fatal(err)
	}
	w.reload()
	return keys
}

// minute lets a minute pass.
func (w *world) minute() {
	w.history = append(w.history, w.running.Load().JWKS())
	w.now.Add(60)
}

// seen returns what an STS knows that asked some minutes ago.
func (w *world) seen(ago int) []byte {
	if ago == 0 {
		return w.running.Load().JWKS()
	}
	return w.history[max(0, len(w.history)-ago)]
}

// TestRotationUnderLoad: at every minute of several rotations, tokens that
// are made at the same time by many verify with keys that an STS remembers
// from up to an hour before, and with those that it reads when the token
// ends (T-08).
func TestRotationUnderLoad(t *testing.T) {
	w := newWorld(t)
	used := map[string]bool{}
	var waiting []string // minted, to be checked when they are about to end
	for minute := range 400 {
		if minute%130 == 65 {
			w.rotate(Overlap)
		}
		w.minute()
		for _, token := range w.load(4) {
			for _, ago := range []int{0, 1, 30, 60} {
				parsed, err := verify(t, w.seen(ago), token, w.clock())
				if err != nil {
					t.Fatalf("minute %d, keys %d minutes old: %v", minute, ago, err)
				}
				used[parsed.Header["kid"].(string)] = true
			}
			waiting = append(waiting, token)
		}
		for len(waiting) > 4*4 { // four minutes old
			if _, err := verify(t, w.seen(0), waiting[0], w.clock()); err != nil {
				t.Fatalf("minute %d: a token of four minutes: %v", minute, err)
			}
			waiting = waiting[1:]
		}
	}
	if len(used) != 4 {
		t.Errorf("%d keys signed, of 4", len(used))
	}
}

// load mints n tokens at once.
func (w *world) load(n int) []string {
	tokens := make([]string, n)
	var all sync.WaitGroup
	for k := range tokens {
		all.Go(func() { tokens[k] = mint(w.t, w.running.Load(), alice) })
	}
	all.Wait()
	return tokens
}

// TestHasty is the control of the test above: a key that signs at once is
// refused by an STS that remembers older keys.
func TestHasty(t *testing.T) {
	w := newWorld(t)
	w.minute()
	w.rotate(0)
	w.minute()
	token := mint(t, w.running.Load(), alice)
	if _, err := verify(t, w.seen(2), token, w.clock()); err == nil {
		t.Error("a key that was never published verifies")
	}
	if _, err := verify(t, w.seen(0), token, w.clock()); err != nil {
		t.Error(err)
	}
}

// TestSwitch: a server that runs on changes its key by itself, at the time.
func TestSwitch(t *testing.T) {
	w := newWorld(t)
	keys := w.rotate(Overlap)
	server, begin := w.running.Load(), w.now.Load()
	for offset, want := range map[int64]string{0: keys[0].ID, 3599: keys[0].ID, 3600: keys[1].ID, 7200: keys[1].ID} {
		w.now.Store(begin + offset)
		token, err := verify(t, server.JWKS(), mint(t, server, alice), w.clock())
		if err != nil || token.Header["kid"] != want {
			t.Errorf("after %d s: %v, %v", offset, token.Header["kid"], err)
		}
	}
}

// TestDropped: a key stays until it was replaced more than an hour ago.
func TestDropped(t *testing.T) {
	w := newWorld(t)
	first := w.rotate(time.Minute)
	w.now.Add(61 * 60) // the second key has signed for exactly an hour
	second := w.rotate(time.Minute)
	if len(second) != 3 || second[0].ID != first[0].ID {
		t.Fatalf("%d keys", len(second))
	}
	w.now.Add(61*60 + 1)
	third := w.rotate(time.Minute)
	if len(third) != 2 || third[0].ID != second[2].ID {
		t.Fatalf("%d keys", len(third))
	}
	read, err := ReadKeys(w.file)
	if err != nil || len(read) != 2 || read[0].ID != third[0].ID || read[1].ID != third[1].ID || !read[1].SignFrom.Equal(third[1].SignFrom) {
		t.Errorf("the file has %d keys, %v", len(read), err)
	}
}

// TestRotateRefused: what cannot be done changes nothing.
func TestRotateRefused(t *testing.T) {
	w := newWorld(t)
	w.rotate(time.Hour)
	before, err := os.ReadFile(w.file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Rotate(w.file, time.Hour, w.clock()); err == nil || !strings.Contains(err.Error(), "rotate again after") {
		t.Errorf("a key waits, and another is made: %v", err)
	}
	_, unlock, err := lock(w.file)
	if err != nil {
		t.Fatal(err)
	}
	w.now.Add(2 * 3600)
	if _, err := Rotate(w.file, time.Hour, w.clock()); err == nil || !strings.Contains(err.Error(), "under way") {
		t.Errorf("during another rotation: %v", err)
	}
	if after, _ := os.ReadFile(w.file); string(after) != string(before) {
		t.Error("a refused rotation changed the file")
	}
	unlock()
	w.rotate(time.Hour) // now it can be done
	if _, err := Rotate(filepath.Join(t.TempDir(), "none"), time.Hour, w.clock()); err == nil {
		t.Error("a file that is not there was rotated")
	}
	if _, err := Rotate(writeFile(t, "nothing"), time.Hour, w.clock()); err == nil {
		t.Error("a file without keys was rotated")
	}
}

// TestFileStays: the file keeps its mode and owner, and a link to it stays a
// link.
func TestFileStays(t *testing.T) {
	w := newWorld(t)
	if err := os.Chmod(w.file, 0o640); err != nil {
		t.Fatal(err)
	}
	owner := os.Getuid()
	if owner == 0 { // only root can give files away
		owner = 65534
		if err := os.Chown(w.file, owner, -1); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(t.TempDir(), "link.pem")
	if err := os.Symlink(w.file, link); err != nil {
		t.Fatal(err)
	}
	if _, err := Rotate(link, time.Hour, w.clock()); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(w.file)
	if err != nil || info.Mode() != 0o640 || info.Sys().(*syscall.Stat_t).Uid != uint32(owner) {
		t.Errorf("%+v, %v", info, err)
	}
	if l, err := os.Lstat(link); err != nil || l.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link became %v, %v", l.Mode(), err)
	}
	if keys, err := ReadKeys(w.file); err != nil || len(keys) != 2 {
		t.Errorf("%d keys, %v", len(keys), err)
	}
	if names, _ := filepath.Glob(filepath.Join(filepath.Dir(w.file), ".*")); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}
