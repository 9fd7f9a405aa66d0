// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/arvados-s3/keepstore/creds/sts"
)

// session is the provider of one role for one name. It gives the session of
// the moment, and asks for another in time. It holds no keys.
type session struct {
	source *Source
	key    string
	ask    func(context.Context) (aws.Credentials, error)
}

func (s *Source) session(r sts.Request, ask func(context.Context) (aws.Credentials, error)) *session {
	return &session{source: s, key: key(r), ask: ask}
}

// Retrieve returns the session that is remembered, or asks for one. Errors are
// [*creds.Error], or that of ctx for a caller who left.
func (s *session) Retrieve(ctx context.Context) (aws.Credentials, error) {
	return s.source.sessions.Get(ctx, s.key, func(ctx context.Context) (aws.Credentials, time.Time, error) {
		got, err := s.ask(ctx)
		if err != nil {
			return aws.Credentials{}, time.Time{}, err
		}
		left := got.Expires.Sub(s.source.o.Now())
		return got, got.Expires.Add(-min(margin, left/2)), nil
	})
}

// Ends returns when the session of the moment ends at the STS.
func (s *session) Ends(ctx context.Context) (time.Time, error) {
	got, err := s.Retrieve(ctx)
	return got.Expires, err
}

// Invalidate is for a session that S3 refuses: see [creds.Renewer].
func (s *session) Invalidate() { s.source.sessions.Renew(s.key) }

// String keeps what is inside out of every log.
func (s *session) String() string { return "a session of a role" }

// GoString is as String.
func (s *session) GoString() string { return s.String() }

// key tells sessions apart by all that a session depends on: where, which
// role, for whom, how narrow, and how it is asked for, which follows from the
// endpoint. The lengths make it unambiguous.
func key(r sts.Request) string {
	h := sha256.New()
	for _, part := range []string{r.Endpoint.Name, r.Role, r.SessionName, r.Policy} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	return string(h.Sum(nil))
}
