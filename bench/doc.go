// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Bench measures keepstore side by side with its peers on this machine and
// writes the results to bench/RESULTS.md and bench/results.json:
//
//	go run ./bench            about 10 minutes
//	go run ./bench --quick    about 2 minutes, smaller samples
//	go run ./bench --full     longer: 10 million keys, 2,000 slow clients
//
// The numbers to reach are those of the design. Nothing here passes or fails:
// a number that depends on the machine is for people to read.
//
// One run starts everything it needs on free ports of the loopback address, in
// a temporary folder: nginx as the S3 server (it serves files, and a version id
// in each reply), a second nginx as the peer (proxy_pass to the first), and
// keepstore as it is built from this tree, in standalone mode. What they are
// compared on is measured in turn (A B A B), several times; tables show the
// median and the range. Where a line says "pinned", the server that is measured
// has one core to itself, and the S3 server and the load share the others.
//
// Where no S3 server can be told what to do (pages that take 75 ms, replies
// that come slowly, millions of keys) a generator of ours takes its place; the
// results say so. The load and the generator are this program started again,
// so that their CPU time is not counted as that of a server. The Go SDK is measured
// in the place of the load.
//
//	main.go       flags, sections, order
//	rig.go        the servers of one run
//	process.go    one server process, its CPU time and memory
//	nginx.go, keepstore.go, s3server.go    how each is started
//	load*.go      the load generator
//	generator*.go the S3 generator
//	block*.go     blocks, their files, and the servers that they are measured on
//	measure*.go   one file per group of numbers
//	python/       the readers of the Python section
//	stats.go, report.go, machine.go        the results
package main
