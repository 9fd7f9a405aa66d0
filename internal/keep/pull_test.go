// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/internal/keep"
	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/locator"
)

// others stands for other servers; the name of a server says what it does.
// Real ones are in internal/app.
type others struct {
	data  map[locator.Hash][]byte
	begun chan locator.Hash
}

func (o others) Fetch(ctx context.Context, server string, l locator.Locator, buf []byte) error {
	switch server {
	case "good":
		copy(buf, o.data[l.Hash()])
		return nil
	case "lying":
		return nil // zeros
	case "stuck":
		o.begun <- l.Hash()
		<-ctx.Done()
		return ctx.Err()
	}
	return errors.New("the server is down")
}

func (r *rig) with(o others) { r.SetPolicy(keep.Policy{MinAge: minAge, Fetcher: o}) }

func pullOf(b volume.Block, mount string, servers ...string) keep.PullEntry {
	return keep.PullEntry{Locator: fmt.Sprintf("%s+%d", b.Hash(), len(b.Data())), Servers: servers, MountUUID: mount}
}

func TestPull(t *testing.T) {
	r := open(t, plain, plain, readOnly)
	b := make([]volume.Block, 5)
	o := others{data: map[locator.Hash][]byte{}}
	for i := range b {
		b[i] = block(t, 100+i)
		o.data[b[i].Hash()] = b[i].Data()
	}
	entries := []keep.PullEntry{
		pullOf(b[0], r.mounts[1].UUID, "down", "lying", "good"), pullOf(b[1], "", "good"), pullOf(b[2], r.mounts[0].UUID, "lying"),
		pullOf(b[3], r.mounts[2].UUID, "good"), pullOf(b[4], "zzzzz-nyw5e-nosuchmount0000", "good"),
	}
	if err := r.SetPulls(entries); err != nil { // without a token for it
		t.Fatal(err)
	}
	eventually(t, "the list was worked on", func() bool { return r.Queues() == keep.Queues{} })
	r.with(o)
	if err := r.SetPulls(entries); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the list was worked on", func() bool { return r.Queues() == keep.Queues{} })
	r.reads(b[0])
	r.reads(b[1])
	if got := r.on(b[0].Hash()); !slices.Equal(got, []int{1}) {
		t.Errorf("a block for mount 1 is on %v", got)
	}
	for i := 2; i < 5; i++ {
		if got := r.on(b[i].Hash()); len(got) > 0 {
			t.Errorf("block %d is on %v", i, got)
		}
	}
	r.Stop()
	if n := strings.Count(r.log.String(), "pull"); n != 5+3 {
		t.Errorf("the log tells of %d pulls that came to nothing:\n%s", n, r.log)
	}
}

// TestListsAreReplaced: a new list drops what nobody has begun, and Stop ends
// what was begun.
func TestListsAreReplaced(t *testing.T) {
	r := open(t, plain)
	o := others{begun: make(chan locator.Hash, 100)}
	r.with(o)
	var list []keep.PullEntry
	for range 20 {
		list = append(list, pullOf(block(t, 10), "", "stuck"))
	}
	if err := r.SetPulls(list); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		<-o.begun
	}
	if q := r.Queues(); q.PullBusy != 4 || q.PullPending != 16 {
		t.Errorf("got %+v", q)
	}
	if err := r.SetPulls([]keep.PullEntry{{Locator: string(block(t, 1).Hash())}}); err == nil {
		t.Error("a list without sizes was taken")
	}
	if q := r.Queues(); q.PullPending != 16 {
		t.Errorf("a list that was refused replaced the other: %+v", q)
	}
	if err := r.SetPulls(list[:3]); err != nil {
		t.Fatal(err)
	}
	if q := r.Queues(); q.PullPending != 3 {
		t.Errorf("got %+v", q)
	}
	r.Stop()
	if q := r.Queues(); q.PullBusy != 0 {
		t.Errorf("got %+v", q)
	}
}
