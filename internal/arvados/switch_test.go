// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package arvados

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/faultproxy"
)

// TestSwitchingProtocols is case N-08 for the API server: after status 101
// net/http gives the connection away, and no deadline holds for it any more.
func TestSwitchingProtocols(t *testing.T) {
	raw := faultproxy.NewRaw(t, faultproxy.Switch)
	c, err := New(Options{URL: raw.URL(), Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	done := make(chan error, 1)
	go func() {
		_, err := c.Records(context.Background(), creds.NewSecret("v2/zzzzz-gj3su-000000000000001/secret"), "bucket", "")
		done <- err
	}()
	select {
	case err := <-done:
		if e := new(Error); !errors.As(err, &e) || e.Kind != Unavailable {
			t.Errorf("got %v, want an error of kind %s", err, Unavailable)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the question does not end")
	}
}
