// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"crypto/subtle"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// health answers GET /_health/ping as other Arvados services do.
func (x *exchange) health() error {
	if err := x.manage(); err != nil {
		return err
	}
	return x.sendJSON(map[string]string{"health": "OK"})
}

// scrape answers GET /metrics.
func (x *exchange) scrape() error {
	if err := x.manage(); err != nil {
		return err
	}
	promhttp.HandlerFor(x.registry, promhttp.HandlerOpts{}).ServeHTTP(x.w, x.r)
	return nil
}

// manage checks the management token.
func (x *exchange) manage() error {
	if x.ManagementToken.IsZero() {
		return refuse("disabled", "health and metrics are off: the operator can set management_token_file")
	}
	token, err := x.token()
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare([]byte(token.Reveal()), []byte(x.ManagementToken.Reveal())) != 1 {
		return refuse("management-token", "this needs the management token of the cluster")
	}
	return nil
}
