// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package python runs the stock Arvados Python client, unmodified as it comes
// from PyPI, against keepstore in standalone mode before a real S3 server.
//
// The scripts are in the folder scripts; "make tools" installs the client, at
// the version that .ci/arvados-client.txt names.
package python
