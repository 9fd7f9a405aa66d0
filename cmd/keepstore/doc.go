// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Command keepstore serves S3 objects as Keep blocks. This package only wires:
// each command reads its flags and calls one function of another package. The
// commands that act for a user of an API server, built on account.go, send
// their few requests themselves, by sdk/go/api. Those for collections are in
// internal/cli.
package main
