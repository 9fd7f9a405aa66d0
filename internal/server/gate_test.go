// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"testing"
	"testing/synctest"
)

// TestOneUserLeavesPlaces is D-05: a user who asks for all places gets half,
// and another user is let in at once.
func TestOneUserLeavesPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(4)
		one, other := user{1}, user{2}
		got, leaves := make(chan error, 4), make(chan func(), 4)
		for range 4 {
			go func() {
				leave, err := g.enter(context.Background(), one, false)
				got <- err
				leaves <- leave
			}()
		}
		synctest.Wait()
		if len(got) != 2 {
			t.Errorf("one user has %d of 4 places, want 2", len(got))
		}
		leave, err := g.enter(context.Background(), other, false)
		if err != nil {
			t.Fatalf("another user: %v", err)
		}
		leave()
		for range 4 { // the two that wait follow as places become free
			if err := <-got; err != nil {
				t.Error(err)
			}
			(<-leaves)()
		}
		if len(g.shares) != 0 || len(g.places) != 0 {
			t.Errorf("%d shares and %d places are left", len(g.shares), len(g.places))
		}
	})
}

// TestWaitEnds: who waits too long, or leaves, takes nothing.
func TestWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(2)
		leave, err := g.enter(context.Background(), user{1}, false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.enter(context.Background(), user{1}, false); err == nil { // the clock of the bubble moves
			t.Error("a second place of one user was given out of two")
		}
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := g.enter(gone, user{1}, false); err == nil {
			t.Error("a client that left was let in")
		}
		leave()
		if len(g.shares) != 0 || len(g.places) != 0 || g.waiting.Load() != 0 {
			t.Errorf("%d shares, %d places, %d waiting are left", len(g.shares), len(g.places), g.waiting.Load())
		}
	})
}
