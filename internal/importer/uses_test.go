// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/arvados-s3/keepstore/creds"
)

// held is a counter that answers when it is let go.
type held struct{ open chan struct{} }

func (h held) CountCollections(context.Context, creds.Secret, string) (UseCounts, error) {
	<-h.open
	return UseCounts{}, nil
}

// TestUsesOfOneUser: one user has at most a quarter of the places for such
// questions, so that others get an answer, and gives them back.
func TestUsesOfOneUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		im, h := newImporter(t, &bucket{}), held{make(chan struct{})}
		im.Counter = h
		ask := func(token string) error {
			_, err := im.Uses(t.Context(), creds.NewSecret(token), "s3://data/p/")
			return err
		}
		var running sync.WaitGroup
		start := func(n int, token string) {
			for range n {
				running.Go(func() {
					if err := ask(token); err != nil {
						t.Errorf("%s: %v", token, err)
					}
				})
			}
			synctest.Wait()
		}
		start(maxUses/4, "alice")
		if err := ask("alice"); wordOf(err) != string(Overloaded) {
			t.Errorf("one more question of alice: %v", err)
		}
		start(1, "bob")
		close(h.open)
		running.Wait()
		if err := ask("alice"); err != nil || len(im.asking) != 0 {
			t.Errorf("%d still ask, %v", len(im.asking), err)
		}
	})
}
