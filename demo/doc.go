// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Command demo runs everything on one machine, with nothing but Go: two real S3
// gateways that keep versions and check signatures, the embedded API server,
// keepstore, and sample data. It leads through what keepstore does, step by
// step, and checks each answer. Without --once it then stays up and prints
// commands to try.
//
// The gateway (versitygw) changes the working directory, keeps state in
// package variables and prints to standard output. So each runs in a child
// process: this program again, with a hidden argument. Mode role takes an STS
// that finds our issuer on this machine, which the gateways have not. Where
// there is a MinIO program, a child of the other hidden argument runs it, so
// that it ends with the demo however that ends.
//
// A file of this package is one part of the stage (child, gateway, minio,
// roles, seed, people, settings, service), what is read there (accesslog,
// witness, pair), one part of the tour (steps_*.go), or how it is told
// (print.go, stay.go).
package main
