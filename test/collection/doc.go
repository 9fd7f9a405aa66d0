// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package collection tests package sdk/go/collection from outside, as its
// users have it: a built keepstore binary in standalone mode, before MinIO,
// and the SDK over HTTP.
package collection
