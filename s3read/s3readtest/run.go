// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3readtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
	"github.com/arvados-s3/keepstore/s3read"
)

// Harness is a server to test.
type Harness struct {
	// Access is that of the owner of the buckets.
	Access creds.Access
	// Versioned is an empty bucket with versioning, Unversioned one without.
	Versioned, Unversioned string
	// Client puts test data.
	Client *s3.Client
	Quirks Quirks
}

// Quirks are known differences from AWS. The zero value is AWS.
type Quirks struct {
	// RefusedKeys are keys that the server does not store.
	RefusedKeys map[string]bool
	// RenamedKeys are keys that it stores under another name, which the
	// listing shows; an empty name means that it shows none, because another
	// key of this suite is stored under the same name.
	RenamedKeys map[string]string
	// UnversionedKeys are keys that it stores without a version.
	UnversionedKeys map[string]bool
	// Garbled are keys that the listing shows with U+FFFD.
	Garbled map[string]bool
	// AcceptedCredentials are wrong credentials that the server takes for the
	// owner's, as named in the row "wrong keys".
	AcceptedCredentials map[string]bool
	// ListsForAll says that it lists a private bucket for requests that are not
	// signed.
	ListsForAll bool
	// HidesSize says that the reply to a range wholly past the end does not
	// tell the size of the object.
	HidesSize bool
	// LosesParallelPuts says that of versions stored at the same time only
	// some stay. The suite then stores one at a time.
	LosesParallelPuts bool
}

// suite is one run.
type suite struct {
	Harness
	reader *s3read.Reader
}

// Run runs every row.
func Run(t *testing.T, h Harness) {
	s := &suite{Harness: h, reader: s3read.New(s3read.Options{Stall: 20 * time.Second})}
	t.Cleanup(s.reader.Close)
	for _, row := range []struct {
		name string
		test func(*suite, *testing.T)
	}{
		{"ranges", (*suite).ranges},
		{"past end", (*suite).pastEnd},
		{"never sent", (*suite).neverSent},
		{"old versions", (*suite).oldVersions},
		{"multipart", (*suite).multipart},
		{"etag pin", (*suite).etagPin},
		{"head", (*suite).head},
		{"missing", (*suite).missing},
		{"wrong keys", (*suite).wrongKeys},
		{"anonymous", (*suite).anonymous},
		{"odd keys", (*suite).oddKeys},
		{"many versions of one key", (*suite).deepKey},
		{"long listing", (*suite).longListing},
		{"browse", (*suite).browse},
	} {
		t.Run(row.name, func(t *testing.T) { row.test(s, t) })
	}
}

// pattern returns n bytes in which every window differs.
func pattern(n int, seed byte) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(data) // never fails
	return data
}

// store puts an object and returns it as the server named its version.
func (s *suite) store(bucket, key string, data []byte) (locator.Object, error) {
	out, err := s.Client.PutObject(context.Background(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(data)})
	o := locator.Object{Bucket: bucket, Key: key}
	if err == nil && out.VersionId != nil {
		o.VersionID = *out.VersionId
	}
	return o, err
}

func (s *suite) put(t *testing.T, key string, data []byte) locator.Object {
	t.Helper()
	o, err := s.store(s.Versioned, key, data)
	if err != nil {
		t.Fatalf("storing %q: %v", key, err)
	}
	return o
}

func (s *suite) remove(t *testing.T, key, version string) string {
	t.Helper()
	in := &s3.DeleteObjectInput{Bucket: &s.Versioned, Key: &key}
	if version != "" {
		in.VersionId = &version
	}
	out, err := s.Client.DeleteObject(context.Background(), in)
	if err != nil {
		t.Fatalf("deleting %q: %v", key, err)
	}
	if out.VersionId == nil {
		return ""
	}
	return *out.VersionId
}

func (s *suite) open(access creds.Access, o locator.Object, offset, size int64) ([]byte, error) {
	b, err := s.reader.Open(context.Background(), access, pseudoblock.Extent{Object: o, Offset: offset, Size: size})
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(b)
	return data, errors.Join(err, b.Close())
}

// read checks that a range has the bytes wanted.
func (s *suite) read(t *testing.T, o locator.Object, offset int64, want []byte) {
	t.Helper()
	got, err := s.open(s.Access, o, offset, int64(len(want)))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s at %d: %d bytes of %d, equal: %v, error %v", o, offset, len(got), len(want), bytes.Equal(got, want), err)
	}
}

// fails checks that a read of 5 bytes at offset is refused.
func (s *suite) fails(t *testing.T, o locator.Object, offset int64, kind s3read.Kind) *s3read.Error {
	t.Helper()
	_, err := s.open(s.Access, o, offset, 5)
	return wantKind(t, err, kind)
}

func wantKind(t *testing.T, err error, kind s3read.Kind) *s3read.Error {
	t.Helper()
	e := new(s3read.Error)
	if !errors.As(err, &e) || e.Kind != kind || e.Text == "" {
		t.Errorf("got error %v (%s, status %d, code %s) in place of kind %s", err, e.Kind, e.Status, e.Code, kind)
	}
	return e
}
