// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"cmp"
	"context"
	"io"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
	"github.com/arvados-s3/keepstore/s3read"
)

// People says who is behind a token and what groups they are in.
type People interface {
	Caller(ctx context.Context, token creds.Secret) (creds.Caller, error)
	Groups(ctx context.Context, token creds.Secret, userUUID string) ([]string, error)
}

// Describer asks S3 about one object.
type Describer interface {
	Head(ctx context.Context, a creds.Access, o locator.Object) (s3read.Info, error)
	Open(ctx context.Context, a creds.Access, e pseudoblock.Extent) (*s3read.Body, error)
}

// Lister asks S3 about many.
type Lister interface {
	Versions(ctx context.Context, a creds.Access, bucket, prefix, after string) iter.Seq2[s3read.Version, error]
	Browse(ctx context.Context, a creds.Access, bucket, prefix, cursor string) (s3read.Page, error)
}

// Importer runs imports. All fields but Buckets, Now, PseudoBlocks,
// ServiceUUID, Counter and MaxRuns are required; without Buckets nobody is told
// how long things stay. It is safe for concurrent use.
type Importer struct {
	People   People
	Keychain creds.Keychain
	// Rules are the access rules behind Keychain.
	Rules     []*creds.Rule
	Describer Describer
	Lister    Lister
	Buckets   Buckets
	Signer    *locator.Signer
	// PseudoBlocks reports whether the API server knows pseudo-blocks, or an
	// error when that is not known yet; nil
	// means no.
	PseudoBlocks func() (bool, error)
	// ServiceUUID goes into a +K hint when it is not empty.
	ServiceUUID string
	// MaxRuns bounds imports at once, over all and for one user; 0 means 32.
	MaxRuns int
	// Counter counts collections; nil if this server cannot.
	Counter Counter
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	retired atomic.Bool

	mu           sync.Mutex
	runs, asking map[string]int // runs and calls of Uses, by user UUID; guarded by mu
}

// Session is the right of one user to run one import. It counts against the
// limit of imports from [Importer.Admit] until Close.
type Session struct {
	im     *Importer
	caller creds.Caller
	token  creds.Secret
	leave  func()
}

// Admit says whether the user of token may import now. It comes before
// anything is read of what they want: a stranger's request costs nothing more.
func (im *Importer) Admit(ctx context.Context, token creds.Secret) (*Session, error) {
	caller, err := im.caller(ctx, token)
	if err != nil {
		return nil, err
	}
	leave, ok := im.enter(&im.runs, caller.UserUUID, cmp.Or(im.MaxRuns, 32))
	if !ok {
		return nil, &Error{Kind: Overloaded, Text: "too many imports run at once: try again when one has ended"}
	}
	return &Session{im, caller, token, leave}, nil
}

// Retire ends imports that are under way, since other access rules hold now.
// They can be taken up again, under those.
func (im *Importer) Retire() { im.retired.Store(true) }

// Close ends the session. It must be called once.
func (s *Session) Close() { s.leave() }

// Run imports what r asks for. Lines go to sink, the manifest text to text.
// An error that comes before the first line can still be told by a status;
// later ones are also sent as a [Failed] line.
func (s *Session) Run(ctx context.Context, r Request, sink Sink, text io.Writer) error {
	p, err := s.im.newPlan(r)
	if err != nil {
		return err
	}
	j, err := s.im.newJob(p, r.Resume, s.caller, s.token, sink, text)
	if err != nil {
		return err
	}
	return j.run(ctx)
}

// Run admits the user of token and runs one import.
func (im *Importer) Run(ctx context.Context, r Request, token creds.Secret, sink Sink, text io.Writer) error {
	s, err := im.Admit(ctx, token)
	if err != nil {
		return err
	}
	defer s.Close()
	return s.Run(ctx, r, sink, text)
}

// caller returns who imports. Importing is where authority over bytes is
// made, so a scoped token such as a sharing link may not do it.
func (im *Importer) caller(ctx context.Context, token creds.Secret) (creds.Caller, error) {
	caller, err := im.People.Caller(ctx, token)
	if err != nil {
		return caller, err
	}
	caller.Token = token
	if !caller.AllScopes || !caller.Active {
		return caller, &Error{Kind: ScopeNeeded, Text: "this needs a full token (scope \"all\") of an active user, not a sharing link"}
	}
	return caller, nil
}

// enter counts one more of what a user does, unless that is one too many. One
// user may have at most a quarter of all.
func (im *Importer) enter(counts *map[string]int, user string, most int) (leave func(), ok bool) {
	im.mu.Lock()
	defer im.mu.Unlock()
	total := 0
	for _, n := range *counts {
		total += n
	}
	if total >= most || (*counts)[user] >= max(most/4, 1) {
		return nil, false
	}
	if *counts == nil {
		*counts = map[string]int{}
	}
	mine := *counts
	mine[user]++
	return func() { im.leave(mine, user) }, true
}

func (im *Importer) leave(counts map[string]int, user string) {
	im.mu.Lock()
	defer im.mu.Unlock()
	if counts[user]--; counts[user] == 0 {
		delete(counts, user)
	}
}

func (im *Importer) now() time.Time {
	if im.Now != nil {
		return im.Now()
	}
	return time.Now()
}

// mayImport reports whether the caller may import under the rule, asking for
// the caller's groups only when they decide.
func (im *Importer) mayImport(ctx context.Context, rule *creds.Rule, caller *creds.Caller, token creds.Secret) (bool, error) {
	if rule.MayImport(*caller) {
		return true, nil
	}
	if len(rule.Import.Groups) == 0 || caller.Groups != nil {
		return false, nil
	}
	groups, err := im.People.Groups(ctx, token, caller.UserUUID)
	if err != nil {
		return false, err
	}
	caller.Groups = append([]string{}, groups...)
	return rule.MayImport(*caller), nil
}
