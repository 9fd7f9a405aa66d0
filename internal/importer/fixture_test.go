// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
	"github.com/arvados-s3/keepstore/s3read"
)

// The tests of this package simulate the listing, because no S3 server here
// can hold what they need: archived classes, 50 TB objects, ten million keys.
// The tests of internal/app run imports against real servers.

const (
	alice = "zzzzz-tpzed-000000000000001"
	bob   = "zzzzz-tpzed-000000000000002"
)

// people knows two users by their tokens.
type people struct{}

func (people) Caller(_ context.Context, token creds.Secret) (creds.Caller, error) {
	switch token.Reveal() {
	case "alice":
		return creds.Caller{UserUUID: alice, Active: true, AllScopes: true}, nil
	case "bob":
		return creds.Caller{UserUUID: bob, Active: true, AllScopes: true}, nil
	case "link":
		return creds.Caller{UserUUID: alice, Active: true}, nil
	}
	return creds.Caller{}, fmt.Errorf("unknown token")
}

func (people) Groups(_ context.Context, _ creds.Secret, user string) ([]string, error) {
	if user == bob {
		return []string{"zzzzz-j7d0g-000000000000001"}, nil
	}
	return nil, nil
}

// bucket simulates the versions of one bucket, in listing order.
type bucket struct {
	versions []s3read.Version
	// breakAfter ends the listing with an error after so many versions.
	breakAfter int
	heads      atomic.Int64
	headError  error
	// refuse, if set, says what S3 refuses of one object.
	refuse func(locator.Object) error
}

func (b *bucket) Versions(_ context.Context, _ creds.Access, name, prefix, after string) iter.Seq2[s3read.Version, error] {
	return func(yield func(s3read.Version, error) bool) {
		for i, v := range b.versions {
			if b.breakAfter > 0 && i == b.breakAfter {
				yield(s3read.Version{}, &s3read.Error{Kind: s3read.Unreachable, Text: "S3 is gone"})
				return
			}
			v.Object.Bucket = name
			if strings.HasPrefix(v.Object.Key, prefix) && v.Object.Key > after && !yield(v, nil) {
				return
			}
		}
	}
}

func (b *bucket) Browse(_ context.Context, _ creds.Access, _, prefix, _ string) (s3read.Page, error) {
	return s3read.Page{Folders: []string{prefix + "sub/"}, Objects: []s3read.Info{{Object: locator.Object{Bucket: "data", Key: prefix + "x"}, Size: 1}}}, nil
}

func (b *bucket) Head(_ context.Context, _ creds.Access, o locator.Object) (s3read.Info, error) {
	b.heads.Add(1)
	if b.headError != nil {
		return s3read.Info{}, b.headError
	}
	if b.refuse != nil {
		if err := b.refuse(o); err != nil {
			return s3read.Info{}, err
		}
	}
	for _, v := range b.versions {
		if v.Object.Key == o.Key && (o.VersionID == v.Object.VersionID || o.VersionID == "" && v.Latest) && !v.DeleteMarker {
			v.Object.Bucket = o.Bucket
			return v.Info, nil
		}
	}
	return s3read.Info{}, &s3read.Error{Kind: s3read.NotFound, Text: "no such key"}
}

func (b *bucket) Open(context.Context, creds.Access, pseudoblock.Extent) (*s3read.Body, error) {
	panic("these tests read no bytes")
}

// headAnything says that every object can be read.
type headAnything struct{ *bucket }

func (headAnything) Head(_ context.Context, _ creds.Access, o locator.Object) (s3read.Info, error) {
	return s3read.Info{Object: o, Size: 10}, nil
}

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// object is one current version of ten bytes.
func object(key string) s3read.Version {
	return s3read.Version{Latest: true, Info: s3read.Info{
		Object: locator.Object{Key: key, VersionID: "v1"}, Size: 10, ETag: "e", LastModified: epoch, StorageClass: "STANDARD"}}
}

func objects(keys ...string) []s3read.Version {
	var out []s3read.Version
	for _, k := range keys {
		out = append(out, object(k))
	}
	return out
}

func newImporter(t testing.TB, b *bucket) *Importer {
	t.Helper()
	signer, err := locator.NewSigner([]byte("key"), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	endpoint := &creds.Endpoint{Name: "lab", URL: "http://127.0.0.1:1", Region: "r"}
	rules := []creds.Rule{
		{Bucket: "data", Endpoint: endpoint, Mode: creds.IAM, Import: creds.Importers{Users: []string{alice}, Groups: []string{"zzzzz-j7d0g-000000000000001"}}},
		{Bucket: "weak", Endpoint: endpoint, Mode: creds.IAM, EtagPin: true, Import: creds.Importers{Users: []string{"*"}}},
		{Bucket: "part", Prefix: "open/", Endpoint: endpoint, Mode: creds.Anonymous},
		{Bucket: "part", Prefix: "open/closed/", Endpoint: endpoint, Mode: creds.IAM, Import: creds.Importers{Users: []string{bob}}},
	}
	chain, err := creds.NewChain(rules, map[creds.Mode]creds.Source{creds.IAM: creds.AnonymousSource{}, creds.Anonymous: creds.AnonymousSource{}})
	if err != nil {
		t.Fatal(err)
	}
	im := &Importer{People: people{}, Keychain: chain, Describer: b, Lister: b, Signer: signer,
		PseudoBlocks: func() (bool, error) { return true, nil }}
	for i := range rules {
		im.Rules = append(im.Rules, &rules[i])
	}
	return im
}

// lines is a Sink that keeps everything.
type lines struct {
	files    []File
	skipped  []Skipped
	progress []Progress
	done     *Done
	failed   *Failed
}

func (l *lines) Line(line any) error {
	switch line := line.(type) {
	case File:
		l.files = append(l.files, line)
	case Skipped:
		l.skipped = append(l.skipped, line)
	case Progress:
		l.progress = append(l.progress, line)
	case Done:
		l.done = &line
	case Failed:
		l.failed = &line
	default:
		return fmt.Errorf("unknown line %T", line)
	}
	return nil
}

// run imports as alice and checks the sum that always holds.
func run(t *testing.T, im *Importer, r Request) *lines {
	t.Helper()
	out := &lines{}
	if err := im.Run(t.Context(), r, creds.NewSecret("alice"), out, io.Discard); err != nil {
		t.Fatal(err)
	}
	if out.done == nil {
		t.Fatal("there is no done line")
	}
	if d := out.done; d.Listed != d.Files+d.Skipped {
		t.Fatalf("listed %d is not files %d + skipped %d", d.Listed, d.Files, d.Skipped)
	}
	return out
}

func prefix(url string) Request { return Request{Sources: []Source{{URL: url}}} }

// refused runs an import that must fail with the given word and no line.
func refused(t *testing.T, im *Importer, token string, r Request, word string) {
	t.Helper()
	out := &lines{}
	err := im.Run(t.Context(), r, creds.NewSecret(token), out, io.Discard)
	if got := wordOf(err); err == nil || got != word {
		t.Errorf("error %v has the word %q, want %q", err, got, word)
	}
	if len(out.files)+len(out.skipped) > 0 || out.done != nil {
		t.Errorf("lines were sent: %+v", out)
	}
}
