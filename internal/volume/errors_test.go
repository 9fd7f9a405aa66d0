// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package volume_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/locator"
)

func TestKindsHaveSentences(t *testing.T) {
	for _, k := range volume.Kinds() {
		err := error(volume.Fail(k, "acbd18db4cc2f85cedef654fccc4a4d8", errors.New("open /var/secret: no")))
		if !volume.IsKind(err, k) || volume.IsKind(err, k+"x") {
			t.Errorf("%s is not of its kind", k)
		}
		if text := err.Error(); !strings.Contains(text, "acbd18db4cc2f85cedef654fccc4a4d8") || strings.Contains(text, "secret") {
			t.Errorf("%s says %q", k, text)
		}
		if word := err.(*volume.Error).Word(); word != string(k) {
			t.Errorf("%s has word %s", k, word)
		}
	}
}

// TestWeight: the order of mounts is that of upstream keepstore.
func TestWeight(t *testing.T) {
	text, err := os.ReadFile("testdata/mount_order.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		Hash  locator.Hash
		Order []string
	}
	if err := json.Unmarshal(text, &rows); err != nil || len(rows) == 0 {
		t.Fatal(len(rows), err)
	}
	for _, row := range rows {
		got := slices.Sorted(slices.Values(row.Order))
		slices.SortFunc(got, func(a, b string) int {
			return strings.Compare(volume.Weight(row.Hash, a), volume.Weight(row.Hash, b))
		})
		if !slices.Equal(got, row.Order) {
			t.Errorf("%s: %v in place of %v", row.Hash, got, row.Order)
		}
	}
}

func TestLocks(t *testing.T) {
	var locks volume.Locks
	unlock, err := locks.Lock(context.Background(), "a")
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := locks.Lock(gone, "a"); !volume.IsKind(err, volume.Canceled) {
		t.Errorf("waiting ended with %v", err)
	}
	other, err := locks.Lock(context.Background(), "b")
	if err != nil {
		t.Fatal(err)
	}
	other()
	unlock()
	var group sync.WaitGroup
	inside := 0
	for range 8 {
		group.Go(func() {
			for range 100 {
				unlock, err := locks.Lock(context.Background(), "a")
				if err != nil {
					t.Error(err)
					return
				}
				inside++
				unlock()
			}
		})
	}
	group.Wait()
	if inside != 800 {
		t.Errorf("%d in place of 800", inside)
	}
}

func TestGate(t *testing.T) {
	gate := volume.NewGate(1)
	leave, err := gate.Enter(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := gate.Enter(gone, ""); !volume.IsKind(err, volume.Canceled) {
		t.Errorf("waiting ended with %v", err)
	}
	leave()
	leave, err = gate.Enter(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	leave()
}
