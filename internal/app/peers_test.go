// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/internal/keep"
	"github.com/arvados-s3/keepstore/locator"
)

// process is a server in a process of its own.
type process struct {
	*rig
	command *exec.Cmd
}

// start runs a server with the configuration of r, and makes r talk to it.
func (r *rig) start() *process {
	r.t.Helper()
	p := &process{rig: r, command: exec.Command(os.Args[0])}
	p.command.Env = append(os.Environ(), serveEnv+"="+r.config)
	p.command.Stderr = r.log
	out, err := p.command.StdoutPipe()
	if err == nil {
		err = p.command.Start()
	}
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(p.kill)
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		r.t.Fatalf("the server did not start: %v\n%s", err, r.log)
	}
	r.url = "http://" + strings.TrimSpace(address)
	return p
}

// kill ends the process at once.
func (p *process) kill() {
	_ = p.command.Process.Kill() // it may have ended
	_ = p.command.Wait()
}

// mounts asks for the UUIDs of the mounts.
func (r *rig) mounts() []string {
	r.t.Helper()
	var list []struct{ UUID string }
	got := r.do(http.MethodGet, "/mounts", rootToken, "")
	if err := json.Unmarshal([]byte(got.body), &list); err != nil {
		r.t.Fatalf("%d %q: %v", got.StatusCode, got.body, err)
	}
	var uuids []string
	for _, m := range list {
		uuids = append(uuids, m.UUID)
	}
	return uuids
}

func (r *rig) sendList(path string, list any) {
	r.t.Helper()
	body, err := json.Marshal(list)
	if err != nil {
		r.t.Fatal(err)
	}
	if got := r.do(http.MethodPut, path, rootToken, string(body)); got.StatusCode != 200 {
		r.t.Fatalf("%s: %d %q", path, got.StatusCode, got.body)
	}
	pending := regexp.MustCompile(`_queue_(pending|inprogress)_entries [1-9]`)
	eventually(r.t, "the list was worked on", func() bool {
		return !pending.MatchString(r.do(http.MethodGet, "/metrics", managerToken, "").body)
	})
}

// TestPullFromPeers: two processes copy blocks from each other, with the
// system root token and signatures made for it.
func TestPullFromPeers(t *testing.T) {
	a, rootsA := newProcess(t, "volumes:\n  - {driver: directory, root: ROOT1}\n  - {driver: directory, root: ROOT2}\n")
	b, rootsB := newProcess(t, oneVolume)
	big, small := text(64<<20), text(10)
	l1, l2 := b.putBlock(big), b.putBlock(small)
	damaged := text(20)
	l3 := b.putBlock(damaged)
	if err := os.WriteFile(blockFile(rootsB[0], damaged), []byte(text(20)), 0o600); err != nil {
		t.Fatal(err)
	}
	to := a.mounts()
	entry := func(l string, mount string, servers ...string) keep.PullEntry {
		stripped, _, _ := strings.Cut(l, "+A")
		return keep.PullEntry{Locator: stripped, Servers: servers, MountUUID: mount}
	}
	a.sendList("/pull", []keep.PullEntry{
		entry(l1, to[0], "http://127.0.0.1:1", b.url), entry(l2, to[1], b.url), entry(l3, "", b.url), entry(string(md5Hash("none"))+"+4", "", b.url),
	})
	if !exists(rootsA[0], big) || !exists(rootsA[1], small) || exists(rootsA[0], small) || exists(rootsA[0], damaged) || exists(rootsA[1], damaged) {
		t.Errorf("the volumes have %v and %v\n%s", entries(t, rootsA[0]), entries(t, rootsA[1]), a.log)
	}
	if got := a.get(l1, userToken); got.body != big {
		t.Errorf("the copy gave %d and %d bytes", got.StatusCode, len(got.body))
	}
	back := a.putBlock("back")
	b.sendList("/pull", []keep.PullEntry{entry(back, "", a.url+"/")})
	if got := b.get(back, userToken); got.body != "back" {
		t.Errorf("the other way: %d %q\n%s", got.StatusCode, got.body, b.log)
	}
	if strings.Contains(a.log.String()+b.log.String(), "pbtestsystemroot") {
		t.Error("a log has the token")
	}
}

// newProcess is newKeep with the server in a process of its own.
func newProcess(t *testing.T, text string) (*process, []string) {
	t.Helper()
	r, roots := newKeep(t, text)
	if err := r.stop(); err != nil { // it made the configuration
		t.Fatal(err)
	}
	return r.start(), roots
}

// TestTrashAndBack takes blocks away as keep-balance does: by index, list and
// exact time.
func TestTrashAndBack(t *testing.T) {
	r, roots := newProcess(t, oneVolume)
	l, young := r.putBlock("old"), r.putBlock("young")
	mtime := age(t, roots[0], "old", ttl+time.Hour)
	index := r.do(http.MethodGet, "/index/"+l[:4], rootToken, "").body
	if want := fmt.Sprintf("%s+3 %d\n\n", md5Hash("old"), mtime.UnixNano()); index != want {
		t.Fatalf("index: %q, want %q", index, want)
	}
	entry := func(data string, at int64) keep.TrashEntry {
		return keep.TrashEntry{Locator: string(md5Hash(data)), BlockMtime: at, MountUUID: r.mounts()[0]}
	}
	r.sendList("/trash", []keep.TrashEntry{entry("old", mtime.UnixNano()+1), entry("young", time.Now().UnixNano())})
	if r.get(l, userToken).body != "old" || r.get(young, userToken).body != "young" {
		t.Error("a block went away whose time is another, or which is young")
	}
	r.sendList("/trash", []keep.TrashEntry{entry("old", mtime.UnixNano())})
	r.wantError(r.get(l, userToken), 404, "block-not-found")
	if got := r.do(http.MethodPut, "/untrash/"+l[:32], rootToken, ""); got.StatusCode != 200 || r.get(l, userToken).body != "old" {
		t.Errorf("untrash: %d %q", got.StatusCode, got.body)
	}
	age(t, roots[0], "old", ttl+time.Hour)
	if got := r.do("TOUCH", "/"+l, rootToken, ""); got.StatusCode != 200 {
		t.Errorf("TOUCH: %d %q", got.StatusCode, got.body)
	}
	r.do(http.MethodDelete, "/"+l[:32], rootToken, "")
	if r.get(l, userToken).body != "old" {
		t.Error("a block went away that was just touched")
	}
	age(t, roots[0], "old", ttl+time.Hour)
	r.do(http.MethodDelete, "/"+l[:32], rootToken, "")
	r.wantError(r.get(l, userToken), 404, "block-not-found")
}

// TestReloadOfVolumes: a reload changes the policy and keeps the volumes.
func TestReloadOfVolumes(t *testing.T) {
	r, roots := newKeep(t, oneVolume)
	l, before := r.putBlock("foo"), r.mounts()
	age(t, roots[0], "foo", ttl+time.Hour)
	r.writeKeep("volumes: [{driver: directory, root: " + t.TempDir() + "}]\nblob_trash: false\ntrash_lifetime: 400h\n")
	r.reload <- nil
	r.waitForLog(`"reloaded"`)
	for _, setting := range []string{"volumes", "trash_lifetime"} {
		r.waitForLog(`takes a restart: the old one stays","setting":"` + setting + `"`)
	}
	r.wantError(r.do(http.MethodDelete, "/"+l, rootToken, ""), 405, "trash-off")
	if got := r.get(l, userToken); got.body != "foo" || r.mounts()[0] != before[0] {
		t.Errorf("got %d %q, mounts %v and then %v", got.StatusCode, got.body, before, r.mounts())
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r.writeKeep(strings.ReplaceAll(oneVolume, "ROOT1", roots[0]))
	r.serve()
	if got := r.mounts(); got[0] != before[0] || !regexp.MustCompile(`^zzzzz-nyw5e-[a-z0-9]{15}$`).MatchString(got[0]) {
		t.Errorf("the mount is %v after a restart, it was %v", got, before)
	}
}

// TestKilledServer: whenever a server is killed, what it acknowledged is there
// when it comes back, and nothing is there by half.
func TestKilledServer(t *testing.T) {
	const kills, writers = 40, 4
	p, _ := newProcess(t, oneVolume)
	var mu sync.Mutex
	stored := map[string]string{} // by locator; guarded by mu
	for i := range kills {
		var running sync.WaitGroup
		for range writers {
			running.Go(func() {
				for p.acknowledged(text(1<<18), func(l, data string) {
					mu.Lock()
					defer mu.Unlock()
					stored[l] = data
				}) {
				}
			})
		}
		eventually(t, "blocks are stored", func() bool { mu.Lock(); defer mu.Unlock(); return len(stored) > 3*i })
		p.kill()
		running.Wait()
		p = p.start()
	}
	for l, data := range stored {
		if got := p.get(l, userToken); got.StatusCode != 200 || got.body != data {
			t.Fatalf("an acknowledged block: %d, right: %v", got.StatusCode, got.body == data)
		}
	}
	index := p.do(http.MethodGet, "/index", rootToken, "").body
	for _, line := range strings.Split(strings.TrimSpace(index), "\n") {
		name, _, _ := strings.Cut(line, " ")
		if name != "" && p.do(http.MethodHead, "/"+p.signName(name), userToken, "").StatusCode != 200 {
			t.Errorf("%s is in the index and not whole", name)
		}
	}
	t.Logf("%d kills, %d blocks acknowledged", kills, len(stored))
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.command.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// acknowledged puts a block, and reports whether the server lives.
func (p *process) acknowledged(data string, keep func(l, data string)) bool {
	r, err := http.NewRequest(http.MethodPut, p.url+"/"+string(md5Hash(data)), strings.NewReader(data))
	if err != nil {
		return false
	}
	r.Header.Set("Authorization", "Bearer "+userToken)
	resp, err := p.client.Do(r)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	line, err := bufio.NewReader(resp.Body).ReadString('\n')
	if err == nil && resp.StatusCode == 200 {
		keep(strings.TrimSpace(line), data)
	}
	return err == nil
}

// signName signs the hash and size of an index line.
func (r *rig) signName(name string) string {
	size := 0
	if _, err := fmt.Sscanf(name[33:], "%d", &size); err != nil {
		r.t.Fatal(err)
	}
	return r.sign(locator.Hash(name[:32]), size, userToken)
}
