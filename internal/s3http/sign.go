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

// Escape percent-encodes as S3 does.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
func Escape(s string, slash bool) string {
	const upperHex = "0123456789ABCDEF"
	plain := func(c byte) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			c == '-' || c == '.' || c == '_' || c == '~' || c == '/' && slash
	}
	odd := 0
	for i := range len(s) {
		if !plain(s[i]) {
			odd++
		}
	}
	if odd == 0 {
		return s
	}
	out := make([]byte, 0, len(s)+2*odd)
	for i := range len(s) {
		if plain(s[i]) {
			out = append(out, s[i])
			continue
		}
		out = append(out, '%', upperHex[s[i]>>4], upperHex[s[i]&15])
	}
	return string(out)
}
