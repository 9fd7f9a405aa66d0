// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/keep"
)

// Status is what is known of an S3 object.
type Status string

// The values of [Status].
const (
	// OK: the object version is there, the caller may read it, and it is as
	// long as it was.
	OK Status = "ok"
	// IsExpiring: it can be read now, and S3 says when that ends: see Ends.
	IsExpiring Status = "expiring"
	// IsGone: the version or the object does not exist any more. When the whole
	// bucket is missing, that is unknown.
	IsGone Status = "gone"
	// IsDenied: the caller, or the server, may not read it.
	IsDenied Status = "denied"
	// IsKeyRotated: S3 does not know the access key any more, so nobody can
	// tell what it may read.
	IsKeyRotated Status = "key-rotated"
	// IsArchived: it must be restored before it can be read.
	IsArchived Status = "archived"
	// IsRestoring: it is archived, and is being restored.
	IsRestoring Status = "restoring"
	// IsChanged: it was pinned by ETag and overwritten.
	IsChanged Status = "changed"
	// IsShort: it is shorter than the block says.
	IsShort Status = "size-differs"
	// IsUnknown: the question could not be answered; Word says why.
	IsUnknown Status = "unknown"
)

// Readable reports whether an object of this status can be read now.
func (s Status) Readable() bool { return s == OK || s == IsExpiring }

// checksAtOnce is how many objects are asked for at once.
const checksAtOnce = 16

// maxFilesTold is how many files are named for one object.
const maxFilesTold = 10

// ObjectStatus is what [Collection.Check] found out about one object version.
type ObjectStatus struct {
	Object locator.Object
	Status Status
	// Word is the word of docs/errors.md, empty for OK and IsExpiring; Text is
	// its sentence, or says why it expires.
	Word Kind
	Text string
	// Ends is from when it can be read no more, at the earliest, and EndsBy
	// the lifecycle rule that removes it; it is empty where the time of a
	// restored copy ends. Both are for IsExpiring.
	Ends   time.Time
	EndsBy string
	// LockedUntil is before when nothing may remove it, and LegalHold says
	// that nothing may until that is lifted.
	LockedUntil time.Time
	LegalHold   bool
	// Files are up to ten files that need the object, of FileCount.
	Files     []string
	FileCount int
}

// CheckReport is the result of [Collection.Check].
type CheckReport struct {
	// Objects are all object versions with another status than OK, in the order
	// of the files that need them.
	Objects []ObjectStatus
	// Counts has the number of object versions of each status.
	Counts map[Status]int
	// Lifecycle are the lifecycle rules by which object versions become
	// unreadable some day, or may.
	Lifecycle []RuleUse
	// Locked counts object versions that nothing may remove now, and
	// LockedUntil is when the first of them may be, if S3 tells.
	Locked      int
	LockedUntil time.Time
	// NotKnown says in sentences what this check could not tell of these objects.
	NotKnown []string
}

// RuleUse is a lifecycle rule, with the number of object versions of the
// collection that it is about, or may be about.
type RuleUse struct {
	LifecycleRule
	Objects int `json:"objects"`
}

// Good reports whether all objects can be read now.
func (r *CheckReport) Good() bool {
	return !slices.ContainsFunc(r.Objects, func(o ObjectStatus) bool { return !o.Status.Readable() })
}

// CheckOptions say how to check. The zero value is good.
type CheckOptions struct {
	// Progress is called now and then with how many of how many object
	// versions were asked for.
	Progress func(done, of int)
}

// Check asks for each object version whether it can be read now, by one HEAD
// through keepstore with the rights of the caller, and for each bucket which
// lifecycle rules it has, where the caller may import from it. No bytes of
// objects are read, except by the server for blocks of content form, whose MD5
// it checks; of these each block is asked for.
//
// Ordinary blocks are not asked for: that is the work of keep-balance.
func (c *Collection) Check(ctx context.Context, o CheckOptions) (*CheckReport, error) {
	if c.client == nil {
		return nil, noClient()
	}
	if err := renewAll(ctx, c.snapshot()); err != nil {
		return nil, err
	}
	asked := c.questions()
	if err := c.ask(ctx, asked, o); err != nil {
		return nil, err
	}
	rules := c.client.bucketRules(ctx, asked)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	report := &CheckReport{Counts: map[Status]int{}, NotKnown: rules.notKnown}
	for _, q := range asked {
		rules.judge(q)
		report.add(q)
	}
	report.Lifecycle = rules.used()
	return report, nil
}

// add takes the answer to one question into the report.
func (r *CheckReport) add(q *question) {
	r.Counts[q.Status]++
	if q.Status != OK {
		r.Objects = append(r.Objects, q.ObjectStatus)
	}
	if q.LegalHold || !q.LockedUntil.IsZero() {
		r.Locked++
	}
	if until := q.LockedUntil; !until.IsZero() && (r.LockedUntil.IsZero() || until.Before(r.LockedUntil)) {
		r.LockedUntil = until
	}
}

// question is one object version, or one block of content form.
type question struct {
	ObjectStatus
	piece   piece
	end     int64 // of the extent that is asked for: the last of the object
	outlook keep.Outlook
}

// questions lists what to ask for: for each object version the block that
// reaches farthest into it.
func (c *Collection) questions() []*question {
	c.mu.RLock()
	defer c.mu.RUnlock()
	known, order := map[string]*question{}, []*question(nil)
	_ = c.root.walk(func(dir string, e entry) error { // visit returns no error
		if e.file == nil {
			return nil
		}
		path := join(dir, e.name)
		e.file.pieces(func(p piece) bool {
			if q := questionFor(known, p); q != nil {
				if q.FileCount == 0 {
					order = append(order, q)
				}
				q.in(path)
			}
			return true
		})
		return nil
	})
	return order
}

// questionFor finds the question for a piece, or makes it.
func questionFor(known map[string]*question, p piece) *question {
	l, err := p.locator()
	if err != nil || !isReference(l) {
		return nil
	}
	ref := l.Refs()[0]
	key := ref.B
	if l.Verified() {
		key = l.Reduced()
	}
	q := known[key]
	if q == nil {
		o, err := locator.DecodeObject(ref.B)
		if err != nil {
			return nil
		}
		q = &question{ObjectStatus: ObjectStatus{Object: o}}
		known[key] = q
	}
	if end := ref.C + l.Size(); end > q.end {
		q.piece, q.end = p, end
	}
	return q
}

func (q *question) in(path string) {
	if n := len(q.Files); n > 0 && q.Files[n-1] == path {
		return
	}
	if q.FileCount++; len(q.Files) < maxFilesTold {
		q.Files = append(q.Files, path)
	}
}

// ask asks all questions, several at once.
func (c *Collection) ask(ctx context.Context, asked []*question, o CheckOptions) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var mu sync.Mutex
	done, next := 0, make(chan *question)
	for range min(checksAtOnce, len(asked)) {
		wg.Go(func() {
			for q := range next {
				c.head(ctx, q)
				mu.Lock()
				if done++; o.Progress != nil && (done%100 == 0 || done == len(asked)) {
					o.Progress(done, len(asked))
				}
				mu.Unlock()
			}
		})
	}
	for _, q := range asked {
		select {
		case next <- q:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	return ctx.Err()
}

// head asks one question.
func (c *Collection) head(ctx context.Context, q *question) {
	l, err := q.piece.current()
	if err == nil {
		q.outlook, err = c.client.keep.Head(ctx, l)
	}
	if KindOf(err) == "signature-expired" {
		if fresh, ok := q.piece.run.origin.renew(ctx, l); ok {
			q.outlook, err = c.client.keep.Head(ctx, fresh)
		}
	}
	q.Status = statusOf(err)
	if q.Status == IsArchived && q.outlook.Restoring {
		q.Status = IsRestoring
	}
	if q.LegalHold, q.LockedUntil = q.outlook.LegalHold, q.outlook.LockedUntil; q.LockedUntil.Before(time.Now()) {
		q.LockedUntil = time.Time{}
	}
	if err != nil {
		q.Word, q.Text = KindOf(err), err.Error()
	}
}

// keysUnknown is the word for keys that S3 does not know, or not any more.
const keysUnknown = "creds-expired"

func statusOf(err error) Status {
	if err == nil {
		return OK
	}
	switch KindOf(err) {
	case Gone:
		return IsGone
	case keysUnknown:
		return IsKeyRotated
	case Denied, "bucket-not-allowed", "creds-missing", "creds-ambiguous", "sts-refused", "wrong-region", "s3-ssec", "not-vouched":
		return IsDenied
	case Archived:
		return IsArchived
	case Changed:
		return IsChanged
	case "past-end":
		return IsShort
	}
	return IsUnknown
}
