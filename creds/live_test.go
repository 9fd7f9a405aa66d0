// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package creds

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// changing gives other keys each time, or an error.
type changing struct {
	asked, invalidated int
	err                error
}

func (c *changing) Credentials(context.Context, *Rule, Caller) (Identity, error) {
	c.asked++
	return Identity{Provider: issued{c, fmt.Sprint("id-", c.asked)}, As: "keys of one's own"}, c.err
}

type issued struct {
	from *changing
	id   string
}

func (i issued) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: i.id, SecretAccessKey: "hunter2"}, nil
}

func (i issued) Invalidate() { i.from.invalidated++ }

// TestLive: rights of a person are asked for again with each request, those of
// the server are not.
func TestLive(t *testing.T) {
	for mode, want := range map[Mode][]string{Token: {"id-2", "id-3"}, Role: {"id-2", "id-3"}, IAM: {"id-1", "id-1"}} {
		source := &changing{}
		rule := Rule{Bucket: "data", Endpoint: &Endpoint{Name: "e"}, Mode: mode, RequesterPays: true}
		chain, err := NewChain([]Rule{rule}, map[Mode]Source{mode: source})
		if err != nil {
			t.Fatal(err)
		}
		var ended error
		still := func(context.Context) error { return ended }
		access, err := Live(t.Context(), chain, &rule, Caller{}, still)
		if err != nil || access.As == "" || !access.RequesterPays || access.Personal != mode.Personal() {
			t.Fatalf("%s: %+v, %v", mode, access, err)
		}
		for _, id := range want {
			if keys, err := access.Provider.Retrieve(t.Context()); err != nil || keys.AccessKeyID != id {
				t.Errorf("%s: got %s, %v, want %s", mode, keys.AccessKeyID, err, id)
			}
		}
		access.Provider.(Renewer).Invalidate()
		if source.invalidated != 1 {
			t.Errorf("%s: invalidated %d times", mode, source.invalidated)
		}
		if text := fmt.Sprintf("%v %+v %#v", access.Provider, access.Provider, access.Provider); mode.Personal() && strings.Contains(text, "hunter2") {
			t.Errorf("%s prints %s", mode, text)
		}
		ended = errors.New("the token was revoked")
		if _, err := access.Provider.Retrieve(t.Context()); err != ended {
			t.Errorf("%s, when the work must end: %v", mode, err)
		}
		ended = nil
		source.err = &Error{Kind: Missing, Text: "the record was deleted"}
		_, err = access.Provider.Retrieve(t.Context())
		if gone := new(Error); mode.Personal() != (errors.As(err, &gone) && gone.Kind == Missing) {
			t.Errorf("%s, when the rights are gone: %v", mode, err)
		}
		if _, err := Live(t.Context(), chain, &rule, Caller{}, still); err == nil {
			t.Errorf("%s: an error of the source is lost", mode)
		}
	}
}

// TestLiveAddsNothing: keys that cannot be renewed still cannot, and what is not
// signed stays so.
func TestLiveAddsNothing(t *testing.T) {
	still := func(context.Context) error { return nil }
	endpoint := &Endpoint{Name: "e", Credentials: CredentialsStatic, AccessKeyID: "id", SecretAccessKey: NewSecret("hunter2")}
	iam, err := NewIAM(t.Context(), map[string]*Endpoint{"e": endpoint})
	if err != nil {
		t.Fatal(err)
	}
	for mode, source := range map[Mode]Source{IAM: iam, Anonymous: AnonymousSource{}} {
		rule := Rule{Bucket: "data", Endpoint: endpoint, Mode: mode}
		chain, err := NewChain([]Rule{rule}, map[Mode]Source{mode: source})
		if err != nil {
			t.Fatal(err)
		}
		access, err := Live(t.Context(), chain, &rule, Caller{}, still)
		if _, renews := access.Provider.(Renewer); err != nil || renews || (access.Provider == nil) != (mode == Anonymous) {
			t.Errorf("%s: %+v, %v", mode, access, err)
		}
	}
}
