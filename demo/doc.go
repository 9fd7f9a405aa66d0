// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Command demo runs everything on one machine, with nothing but Go: a real S3
// gateway that keeps versions and checks signatures, the embedded API server,
// keepstore, and sample data. It leads through what keepstore does, step by
// step, and checks each answer. Without --once it then stays up and prints
// commands to try.
//
// The gateway (versitygw) changes the working directory, keeps state in
// package variables and prints to standard output. It runs in a child process:
// this program again, with the hidden argument in [childArgument].
//
// A file of this package is one part of the stage (gateway, seed, people,
// service), one part of the tour (steps_*.go), or how it is told (print.go,
// stay.go).
package main
