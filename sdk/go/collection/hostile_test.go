// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/keep"
)

// TestBombs: short texts that describe very much are refused, or cost no more
// than what is done with them needs.
func TestBombs(t *testing.T) {
	many := "./d"
	for i := range 2000 {
		many += " " + opaque(t, fmt.Sprint("key", i), 0, 1)
	}
	const huge = "0db9a2b9589a826664ad399fd128ab5f+9223372036854775807"
	long := strings.Repeat("n", 60_000)
	for name, text := range map[string]string{
		"pieces":      many + strings.Repeat(" 0:2000:f", 17_000) + "\n",
		"long path":   "./" + strings.Repeat("n", maxPath) + "/x " + foo + " 0:3:f\n",
		"deep path":   "./" + strings.Repeat("n/", maxParts) + "x " + foo + " 0:3:f\n",
		"deep file":   ". " + foo + " 0:3:" + strings.Repeat("n/", maxParts+1) + "x\n",
		"bytes":       ". " + huge + " 0:9223372036854775807:a 0:1:b\n",
		"positions":   ". " + huge + " 9223372036854775807:1:a\n",
		"blocks":      ". " + huge + " " + foo + " 0:1:a\n",
		"other bytes": ". " + opaque(t, "key", 0, 10) + " 5:6:a\n",
	} {
		if _, err := Parse(text); KindOf(err) != BadManifest {
			t.Errorf("%s: got %v", name, err)
		}
	}
	c, err := Parse(many + strings.Repeat(" 0:2000:f", 1000) + strings.Repeat(" 0:2000:g", 1000) + "\n./" + long + strings.Repeat(" "+foo, 1) + manyNames(20_000) + "\n")
	if err != nil {
		t.Fatal(err)
	}
	if err := printTree(&strings.Builder{}, c.root, piece.text, 1<<20); KindOf(err) != TooLarge {
		t.Errorf("printing gave %v", err)
	}
	before := testing.AllocsPerRun(1, func() {
		if entries, err := c.ReadDir(long); err != nil || len(entries) != 20_000 {
			t.Errorf("%d entries, %v", len(entries), err)
		}
	})
	if before > 3*20_000 {
		t.Errorf("a folder of 20000 files takes %v allocations", before)
	}
}

func manyNames(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, " 0:1:%d", i)
	}
	return text.String()
}

// TestReadFileOfAnySize: a size that a text claims takes no memory before
// there are bytes.
func TestReadFileOfAnySize(t *testing.T) {
	c := newCluster(t)
	c.text = ". " + opaque(t, "key", 0, 50e12) + " 0:50000000000000:f 0:10:g\n"
	loaded, err := c.client.Load(t.Context(), "zzzzz-4zz18-000000000000000")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := loaded.ReadFile("f"); err == nil {
		t.Errorf("%d bytes came", len(b))
	}
	if b, err := fs.ReadFile(loaded, "f"); err == nil {
		t.Errorf("%d bytes came", len(b))
	}
}

// TestWriterCanceled: a writer that lost bytes because its context ended does
// not put the rest into the collection.
func TestWriterCanceled(t *testing.T) {
	c := newCluster(t)
	ctx, cancel := context.WithCancel(t.Context())
	w, err := c.client.New().Create(ctx, "f")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, keep.MaxBlock)); err != nil {
		t.Fatal(err)
	}
	w.slots <- struct{}{} // uploads are under way
	w.slots <- struct{}{}
	cancel()
	if _, err := w.Write([]byte("x")); !errors.Is(err, context.Canceled) {
		t.Fatalf("Write gave %v", err)
	}
	if err := w.Close(); !errors.Is(err, context.Canceled) {
		t.Errorf("Close gave %v", err)
	}
	if _, err := w.c.Stat("f"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the collection has a part of the file: %v", err)
	}
}

// TestManySmallPieces: a file of very many small pieces is not fetched ahead all
// at once, and reads right.
func TestManySmallPieces(t *testing.T) {
	c := newCluster(t)
	l := opaque(t, "key", 0, 10_000)
	parsed, err := locator.Parse(l)
	if err != nil {
		t.Fatal(err)
	}
	data, want := strings.Repeat("0123456789", 1000), ""
	c.data[parsed.Reduced()] = data
	c.text = ". " + l
	for at := 0; at < 3000; at += 3 {
		c.text += fmt.Sprintf(" %d:1:f", at)
		want += data[at : at+1]
	}
	c.text += "\n"
	loaded, err := c.client.Load(t.Context(), "zzzzz-4zz18-000000000000000")
	if err != nil {
		t.Fatal(err)
	}
	f, err := loaded.OpenFile(t.Context(), "f")
	if err != nil {
		t.Fatal(err)
	}
	f.rows.expect(0, f.Size())
	f.readAhead(0, partSize)
	if next := f.rows[0].next; next != maxPiecesAhead {
		t.Errorf("%d pieces are fetched ahead", next)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := loaded.ReadFile("f"); err != nil || string(got) != want {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
