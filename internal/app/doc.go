// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package app puts the parts of keepstore together: configuration, API
// client, credentials, S3 reader, import and HTTP server. build.go is the one
// place where the order of the parts can be seen.
package app
