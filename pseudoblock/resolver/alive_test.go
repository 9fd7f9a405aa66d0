// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package resolver_test

import (
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/pseudoblock"
	"github.com/arvados-s3/keepstore/pseudoblock/resolver"
	"github.com/arvados-s3/keepstore/s3read"
)

// between does something after each request for bytes.
type between struct {
	*s3read.Reader
	access []creds.Access
	then   func()
}

func (b *between) Open(ctx context.Context, a creds.Access, e pseudoblock.Extent) (*s3read.Body, error) {
	body, err := b.Reader.Open(ctx, a, e)
	b.access = append(b.access, a)
	b.then()
	return body, err
}

// TestRevokedWhileReading: bytes that are on their way may arrive, but S3 is not
// asked again for a token that was revoked meanwhile.
func TestRevokedWhileReading(t *testing.T) {
	for key, renews := range map[string]bool{"own/alice/x": false, "role/alice/x": false, "iam/x": false} {
		for _, revoked := range []bool{false, true} {
			o := newOffice(t)
			reader := &between{Reader: o.Reader.(*s3read.Reader), then: func() {
				if revoked {
					o.down = errDead
				}
			}}
			o.Reader = reader
			grant, err := o.Resolve(t.Context(), resolver.Request{Locator: o.locator(pseudoblock.Opaque, key, "alice"), Token: creds.NewSecret("alice")})
			if err != nil {
				t.Fatal(err)
			}
			body, err := grant.Open(t.Context(), 0, grant.Block.Size)
			if err != nil {
				t.Fatal(err)
			}
			if data, err := io.ReadAll(body); err != nil || string(data) != key {
				t.Errorf("%s: %q, %v", key, data, err)
			}
			body.Close()
			provider := reader.access[0].Provider
			if _, err := provider.Retrieve(t.Context()); (err == errDead) != revoked {
				t.Errorf("%s: the next request gets %v", key, err)
			}
			if _, ok := provider.(creds.Renewer); ok != renews {
				t.Errorf("%s: the keys are a renewer: %v", key, ok)
			}
			if text := fmt.Sprintf("%v %+v %#v", provider, provider, provider); text != "the keys of a read the keys of a read the keys of a read" {
				t.Errorf("it prints %s", text)
			}
		}
	}
}

// TestRevokedBetweenLocations: a location that fails is the last that a revoked
// token tries.
func TestRevokedBetweenLocations(t *testing.T) {
	o := newOffice(t)
	reader := &between{Reader: o.Reader.(*s3read.Reader), then: func() {}}
	o.Reader = reader
	l := o.content("alice", "role/alice/x", "own/alice/x", "iam/x", "role/alice/x")
	if got := o.read(l, "alice"); got != "bytes role/alice/x" {
		t.Fatalf("control: %s", got)
	}
	reader.access, reader.then = nil, func() { o.down = errDead }
	grant, err := o.Resolve(t.Context(), resolver.Request{Locator: l, Token: creds.NewSecret("alice")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := grant.Open(t.Context(), 0, grant.Block.Size); word(err) != "content-unavailable" {
		t.Errorf("got %v", err)
	}
	if len(reader.access) != 1 {
		t.Errorf("%d locations were tried", len(reader.access))
	}
}
