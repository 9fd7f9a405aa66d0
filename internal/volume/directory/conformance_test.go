// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package directory_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/internal/volume/directory"
	"github.com/arvados-s3/keepstore/internal/volume/volumetest"
	"github.com/arvados-s3/keepstore/locator"
)

func TestConformance(t *testing.T) {
	for name, change := range map[string]func(*directory.Options){
		"parallel": func(*directory.Options) {},
		"serial":   func(o *directory.Options) { o.MaxIO = 1 },
		"no-flock": func(o *directory.Options) { o.NoFlock = true },
	} {
		t.Run(name, func(t *testing.T) {
			volumetest.Run(t, func(t *testing.T) volumetest.Harness { return harness(t, change) })
		})
	}
}

func harness(t *testing.T, change func(*directory.Options)) volumetest.Harness {
	h := volumetest.Harness{Clock: &volumetest.Clock{}, Seen: &volumetest.Seen{}, Settle: func() {}}
	o := directory.Options{Root: t.TempDir(), TrashLifetime: volumetest.Lifetime, Now: h.Clock.Now, Observe: h.Seen.Observe}
	change(&o)
	h.Volume = open(t, o)
	o.ReadOnly = true
	h.ReadOnly = open(t, o)
	h.Damage = func(t *testing.T, hash locator.Hash, change func([]byte) []byte) {
		data, err := os.ReadFile(file(o.Root, hash))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file(o.Root, hash), change(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func open(t testing.TB, o directory.Options) *directory.Volume {
	t.Helper()
	v, err := directory.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return v
}

func file(root string, hash locator.Hash) string {
	return filepath.Join(root, string(hash[:3]), string(hash))
}

func wantKind(t testing.TB, err error, k volume.Kind) {
	t.Helper()
	if !volume.IsKind(err, k) {
		t.Errorf("got error %v in place of kind %s", err, k)
	}
}
