// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

import "strconv"

// Issuer publishes the documents of an OpenID provider. They do not change
// while it lives.
type Issuer interface {
	// Discovery and JWKS return JSON.
	Discovery() []byte
	JWKS() []byte
}

// discovery answers GET /.well-known/openid-configuration.
func (x *exchange) discovery() error { return x.publish(Issuer.Discovery) }

// keySet answers GET /.well-known/jwks.json.
func (x *exchange) keySet() error { return x.publish(Issuer.JWKS) }

// publish sends a document that is the same for everyone, so that an STS and
// the caches on the way may keep it. For that reason nothing of the request is
// in the answer, not even its id.
func (x *exchange) publish(document func(Issuer) []byte) error {
	if x.Issuer == nil {
		return refuse("disabled", "this server issues no identity tokens: the operator can set issuer.url")
	}
	body, h := document(x.Issuer), x.w.Header()
	h.Del("X-Request-Id")
	h.Del("Vary")
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, err := x.w.Write(body)
	return err
}
