// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3http

import v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

// NewSigner makes a signer for one request. A signer must not be shared: it
// remembers signing keys by access key id alone, so whoever knows the id of a
// key in use could sign with any secret.
func NewSigner() *v4.Signer {
	return v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
}
