// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"strings"
)

const (
	bucketName = "demo-data"
	// prefix is what the tour imports.
	prefix = "study/"

	largeKey    = prefix + "large.bin"
	emptyKey    = prefix + "empty.txt"
	changingKey = prefix + "results.csv"
	retiredKey  = prefix + "retired.txt"
	folderKey   = prefix + "notes/"

	largeSize = 5<<20 + 123
)

// sum is a SHA-256.
type sum = [sha256.Size]byte

// object is one version that was put into the bucket.
type object struct {
	key     string
	body    []byte
	sum     sum
	version string
}

func newObject(key string, body []byte) *object {
	return &object{key: key, body: body, sum: sha256.Sum256(body)}
}

// oddKeys are names that are easily hurt on their way through a URL, a
// listing or a manifest.
func oddKeys() []string {
	names := []string{
		"with space.txt", "two  spaces.txt", "100%.txt", "50%2F50.txt", "a+b.txt", "naïve-日本語-🙂.txt",
		"why?not=this&that#there.txt", "quote'double\"angle<>.txt", "back\\slash.txt", "(1) [x] {y} ~!$@;,.txt", "-dash.txt",
	}
	for i, name := range names {
		names[i] = prefix + "odd/" + name
	}
	return names
}

// samples returns what the bucket is filled with.
func samples() []*object {
	var all []*object
	for sample := range 30 {
		for part := range 10 {
			key := fmt.Sprintf("%ssample-%02d/reads-%d.txt", prefix, sample+1, part+1)
			all = append(all, newObject(key, text(key, 3+(sample*7+part*13)%40)))
		}
	}
	for _, key := range oddKeys() {
		all = append(all, newObject(key, text(key, 5)))
	}
	return append(all,
		newObject(changingKey, text("first measurement", 20)),
		newObject(retiredKey, text(retiredKey, 2)),
		newObject(emptyKey, nil),
		newObject(folderKey, nil),
		newObject(largeKey, noise(largeSize)),
	)
}

func text(about string, lines int) []byte {
	var b strings.Builder
	for n := range lines {
		fmt.Fprintf(&b, "%s, line %d of %d\n", about, n+1, lines)
	}
	return []byte(b.String())
}

func noise(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b) // it never fails
	return b
}
