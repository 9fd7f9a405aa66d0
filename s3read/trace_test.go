// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read_test

import (
	"context"
	"errors"
	"flag"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/locator"
)

var update = flag.Bool("update", false, "write the golden traces anew")

func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }

// TestGoldenTraces pins down which S3 requests each operation makes.
func TestGoldenTraces(t *testing.T) {
	ctx := context.Background()
	for name, run := range map[string]func(r *rig) error{
		"read": func(r *rig) error { _, err := r.read(); return err },
		"resumed-read": func(r *rig) error {
			r.once(faultproxy.CloseAt(1000))
			_, err := r.read()
			return err
		},
		"head-pinned": func(r *rig) error { _, err := r.reader.Head(ctx, r.access, bigObject); return err },
		"head-current": func(r *rig) error {
			_, err := r.reader.Head(ctx, r.access, locator.Object{Bucket: faultBucket, Key: bigObject.Key})
			return err
		},
		"head-missing": func(r *rig) error {
			_, err := r.reader.Head(ctx, r.access, locator.Object{Bucket: faultBucket, Key: "missing"})
			wantKind(r.t, err, "s3-not-found")
			return nil
		},
		"import-listing": func(r *rig) error {
			for _, err := range r.reader.Versions(ctx, r.access, faultBucket, "dir/", "dir/a") {
				if err != nil {
					return err
				}
			}
			return nil
		},
		"bucket-settings": func(r *rig) error {
			_, err := r.reader.Lifecycle(ctx, r.access, faultBucket)
			_, lockErr := r.reader.ObjectLock(ctx, r.access, faultBucket)
			return errors.Join(err, lockErr)
		},
		"browse": func(r *rig) error { _, err := r.reader.Browse(ctx, r.access, faultBucket, "dir/", ""); return err },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, patient)
			r.proxy.Set()
			if err := run(r); err != nil {
				t.Fatal(err)
			}
			golden(t, name, r)
		})
	}
}

func golden(t *testing.T, name string, r *rig) {
	t.Helper()
	var lines strings.Builder
	for _, request := range r.proxy.Log() {
		line := strings.ReplaceAll(request.String(), bigObject.VersionID, "VERSION")
		if request.IfMatch != "" {
			line = strings.ReplaceAll(line, request.IfMatch, "ETAG")
		}
		lines.WriteString(line + "\n")
	}
	file := filepath.Join("testdata", "trace", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(lines.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if lines.String() != string(want) {
		t.Errorf("the requests changed (see -update):\n%s\nwant:\n%s", lines.String(), want)
	}
}
