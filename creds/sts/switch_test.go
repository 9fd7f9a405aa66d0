// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package sts_test

import (
	"context"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/faultproxy"
)

// TestSwitchingProtocols is case N-08 for the STS: after status 101 net/http
// gives the connection away, and no deadline holds for it any more.
func TestSwitchingProtocols(t *testing.T) {
	raw := faultproxy.NewRaw(t, faultproxy.Switch)
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err := newClient(0).AssumeWithToken(ctx, request(raw.URL()), creds.NewSecret(testToken))
		done <- err
	}()
	select {
	case err := <-done:
		want(t, "101", err, creds.Unavailable, "does not answer as it should")
	case <-time.After(30 * time.Second):
		t.Fatal("the call does not end")
	}
}
