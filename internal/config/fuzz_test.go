// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/creds"
)

// FuzzLoad: no text makes the loader panic, what it accepts makes a chain of
// rules, and what it refuses comes with faults of one line each.
func FuzzLoad(f *testing.F) {
	f.Add(full)
	f.Add(base)
	disk := files(f)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := load("f", "/etc", []byte(text), disk.read)
		if err == nil {
			if _, err := creds.NewChain(c.Rules, nil); err != nil {
				t.Errorf("accepted, but there is no chain: %v", err)
			}
			return
		}
		var bad *Error
		if !errors.As(err, &bad) || len(bad.Faults) == 0 || c != nil {
			t.Fatalf("refused without a fault: %v, %v", c, err)
		}
		if lines := strings.Count(err.Error(), "\n") + 1; lines != len(bad.Faults) {
			t.Errorf("%d faults on %d lines:\n%v", len(bad.Faults), lines, err)
		}
	})
}

// FuzzArvados: nothing in Arvados' file makes the loader panic.
func FuzzArvados(f *testing.F) {
	disk := files(f)
	f.Fuzz(func(t *testing.T, text string) {
		disk["/etc/arvados.yml"] = text
		c, err := load("f", "/etc", []byte("arvados_config: arvados.yml\n"), disk.read)
		if (c == nil) == (err == nil) {
			t.Errorf("load = %v, %v", c, err)
		}
	})
}
