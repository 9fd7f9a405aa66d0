// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package issuer is an OpenID provider for one purpose: it makes short-lived
// tokens that say "this request is for that user of this cluster", for the
// STS of a cloud, and publishes the keys to check them with.
//
// The keys are in one file. Each is published as long as it is in the file;
// the one that signs is the newest whose time has come. So a new key is known
// to all before it is used, replicas that share the file agree, and nothing
// has to happen at the moment of the change.
package issuer
