// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package s3http holds what all plain HTTP requests to S3 endpoints share,
// whoever makes them: the transport, which goes only where the configuration
// says, and the signer.
package s3http
