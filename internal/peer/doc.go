// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package peer reads blocks from other Keep servers of the cluster, as one
// service of it from another: with the system root token, and a signature made
// for that token.
package peer
