// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package creds decides with which S3 credentials, at which endpoint, an
// object may be read, and by whom it may be imported.
//
// Access rules come from configuration. The longest rule whose bucket and
// prefix match wins, it has exactly one [Mode], and there is no fall-back
// from one mode to another: no rule, no access. Endpoints, regions and hosts
// come from configuration only, never from a locator, a record or a reply.
//
// The package takes nothing from the environment unless an endpoint says
// "credentials: environment".
package creds
