// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package directory_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/internal/volume/directory"
	"github.com/arvados-s3/keepstore/internal/volume/volumetest"
	"github.com/arvados-s3/keepstore/locator"
)

// killRoot, when set, makes the test binary write blocks until it is killed.
const killRoot = "KEEPSTORE_TEST_KILL_ROOT"

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(killRoot) != "":
		writeUntilKilled(os.Getenv(killRoot))
	case os.Getenv(mountRoot) != "":
		onSmallDisk(os.Getenv(mountRoot))
	default:
		os.Exit(m.Run())
	}
}

// writeUntilKilled puts blocks from several goroutines and prints the hash of
// each that was acknowledged.
func writeUntilKilled(root string) {
	v, err := directory.Open(directory.Options{Root: root, Reserve: -1, TrashLifetime: time.Hour})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			for {
				data := volumetest.Data(rand.N(200_000))
				b, err := volume.NewBlock(volume.Sum(data), data)
				if err == nil {
					err = v.Put(context.Background(), b)
				}
				if err != nil {
					fmt.Println("error", err)
					return
				}
				_, _ = os.Stdout.WriteString(string(b.Hash()) + "\n") // one write: whole lines only
			}
		})
	}
	group.Wait()
}

// TestKill: a process that is killed at any moment loses no block that it
// acknowledged, and leaves none that is torn.
func TestKill(t *testing.T) {
	root := t.TempDir()
	var acknowledged []locator.Hash
	for round := range 200 {
		acknowledged = append(acknowledged, killOnce(t, root, round)...)
	}
	if len(acknowledged) < 200 {
		t.Fatalf("only %d blocks were written: the test proves nothing", len(acknowledged))
	}
	clock, seen := &volumetest.Clock{}, &volumetest.Seen{}
	v := open(t, directory.Options{Root: root, Reserve: -1, Now: clock.Now, Observe: seen.Observe})
	buf := make([]byte, volume.MaxSize)
	for _, hash := range acknowledged {
		if _, err := v.Get(context.Background(), hash, buf); err != nil {
			t.Errorf("acknowledged, but %v", err)
		}
	}
	listed := 0
	err := v.Index(context.Background(), "", func(i volume.Info) error {
		listed++
		if n, err := v.Get(context.Background(), i.Hash, buf); err != nil || int64(n) != i.Size {
			t.Errorf("listed with %d bytes, but %d: %v", i.Size, n, err)
		}
		return nil
	})
	if err != nil || listed < len(acknowledged) || len(seen.Events()) != 0 {
		t.Errorf("%d blocks listed, %d spoilt, error %v", listed, len(seen.Events()), err)
	}
	unfinished := len(tempFiles(t, root))
	clock.Advance(2 * time.Hour)
	if _, err := v.EmptyTrash(context.Background()); err != nil || len(tempFiles(t, root)) != 0 {
		t.Errorf("left %v, error %v", tempFiles(t, root), err)
	}
	t.Logf("%d blocks acknowledged, %d listed, %d writes cut", len(acknowledged), listed, unfinished)
}

// killOnce starts a writer, kills it within some milliseconds after its first
// block, and returns what it acknowledged.
func killOnce(t *testing.T, root string, round int) []locator.Hash {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), killRoot+"="+root)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var hashes []locator.Hash
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if len(hashes) == 0 {
			time.AfterFunc(rand.N(20*time.Millisecond), func() { _ = c.Process.Kill() })
		}
		hash := locator.Hash(strings.TrimSpace(lines.Text()))
		if volume.CheckHash(hash) != nil {
			t.Errorf("round %d: the writer says %q", round, lines.Text())
			continue
		}
		hashes = append(hashes, hash)
	}
	if err := c.Wait(); err == nil {
		t.Errorf("round %d: the writer ended by itself", round)
	}
	return hashes
}
