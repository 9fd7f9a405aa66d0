// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package source says what the sources of an import name, and where their
// files go. The server goes by it, and so does a client that sends one import
// in several requests: both must refuse the same.
package source
