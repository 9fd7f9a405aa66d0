// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package python runs the stock Arvados Python client, unmodified as it comes
// from PyPI, against keepstore in standalone mode before a real S3 server; and
// the tests of sdk/python-shim with the newest and the oldest client.
//
// The scripts are in the folder scripts; "make tools" installs the clients, at
// the versions that .ci/arvados-client.txt, shim.txt and shim-old.txt name.
package python
