// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import "time"

// scale says how much is measured.
type scale struct {
	rounds int
	large  []largeRead
	// ranges is how long each load of small ranges runs.
	ranges time.Duration
	// first is the number of requests in one round of first bytes.
	first int64
	// amplify is the number of small ranges whose bytes are counted.
	amplify int64
	slow    []int64 // sizes read from the slow S3
	blocks  blockScale
	imports importScale
	// crawlers is the number of slow clients.
	crawlers int
	sdk      sdkScale
	// python is the size of the file that the Python clients read.
	python int64
	micro  string // -benchtime
}

// largeRead is a number of requests for a whole object in one round.
type largeRead struct {
	size, requests int64
}

// blockScale is numbers of blocks in one round, of 64 MiB and of 4 KiB.
type blockScale struct {
	large, small int64
	// stored is how many of 4 KiB are read in turn.
	stored int64
	// settle waits for the disk of the whole machine between turns, so that
	// nobody pays for the work of another.
	settle bool
}

// sdkScale is what is read through the Go SDK.
type sdkScale struct {
	// sequential is the size of the object that is read from end to end, of
	// which the S3 server must have one.
	sequential int64
	// reads is the number of small reads at random offsets.
	reads int64
	// manifests is -benchtime of manifests of a million files; empty leaves
	// them out.
	manifests string
}

// importScale is numbers of keys; 0 leaves the measurement out.
type importScale struct {
	nested, flat, old, quick, memory, real int
	// page is how long a page of a listing takes.
	page time.Duration
}

func normalScale() scale {
	return scale{
		rounds: 5, large: []largeRead{{blob, 16}, {gib, 1}}, ranges: 1500 * time.Millisecond, first: 1000, amplify: 2000,
		slow: []int64{blob, 4 * blob}, blocks: blockScale{large: 6, small: 1000, stored: 5000, settle: true}, crawlers: 500, micro: "200ms", python: gib,
		sdk:     sdkScale{sequential: gib, reads: 2000, manifests: "5x"},
		imports: importScale{nested: 1_000_000, flat: 1_000_000, old: 100_000, quick: 1_000_000, real: 20_000, page: 75 * time.Millisecond},
	}
}

// fullScale adds what takes many minutes.
func fullScale() scale {
	s := normalScale()
	s.crawlers, s.imports.memory = 2000, 10_000_000
	return s
}

func quickScale() scale {
	return scale{
		rounds: 3, large: []largeRead{{blob, 8}, {gib, 1}}, ranges: 500 * time.Millisecond, first: 700, amplify: 500,
		slow: []int64{blob}, blocks: blockScale{large: 3, small: 300, stored: 1500, settle: true}, crawlers: 200, micro: "50ms", python: gib,
		sdk:     sdkScale{sequential: gib, reads: 500, manifests: "2x"},
		imports: importScale{nested: 100_000, flat: 100_000, old: 20_000, quick: 200_000, real: 2_000, page: 75 * time.Millisecond},
	}
}

// smokeScale is for the test of this package: everything runs, and no number
// means anything.
func smokeScale() scale {
	return scale{
		rounds: 1, large: []largeRead{{blob, 1}}, ranges: 20 * time.Millisecond, first: 20, amplify: 20,
		slow: []int64{mib}, blocks: blockScale{large: 1, small: 20, stored: 40}, crawlers: 3, micro: "", python: blob,
		sdk:     sdkScale{sequential: blob, reads: 20},
		imports: importScale{nested: 3000, flat: 3000, old: 1200, quick: 3000, memory: 3000, page: time.Millisecond},
	}
}
