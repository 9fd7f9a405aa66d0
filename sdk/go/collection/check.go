// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"sync"

	"github.com/arvados-s3/keepstore/locator"
)

// Status is what is known of an S3 object.
type Status string

// The values of [Status].
const (
	// OK: the object version is there, the caller may read it, and it is as
	// long as it was.
	OK Status = "ok"
	// IsGone: the version or the object does not exist any more. When the whole
	// bucket is missing, that is unknown.
	IsGone Status = "gone"
	// IsDenied: the caller, or the server, may not read it.
	IsDenied Status = "denied"
	// IsArchived: it must be restored before it can be read.
	IsArchived Status = "archived"
	// IsChanged: it was pinned by ETag and overwritten, or is shorter than the
	// block says.
	IsChanged Status = "changed"
	// IsUnknown: the question could not be answered; Word says why.
	IsUnknown Status = "unknown"
)

// checksAtOnce is how many objects are asked for at once.
const checksAtOnce = 16

// maxFilesTold is how many files are named for one object.
const maxFilesTold = 10

// ObjectStatus is what [Collection.Check] found out about one object version.
type ObjectStatus struct {
	Object locator.Object
	Status Status
	// Word is the word of docs/errors.md, empty for OK; Text is its sentence.
	Word Kind
	Text string
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
	// NotKnown says in sentences what no such check can tell.
	NotKnown []string
}

// Good reports whether all objects can be read.
func (r *CheckReport) Good() bool { return len(r.Objects) == 0 }

// CheckOptions say how to check. The zero value is good.
type CheckOptions struct {
	// Progress is called now and then with how many of how many object
	// versions were asked for.
	Progress func(done, of int)
}

// Check asks for each object version whether it can be read now, by one HEAD
// through keepstore with the rights of the caller. No bytes of objects are
// read, except by the server for blocks of content form, whose MD5 it checks;
// of these each block is asked for.
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
	report := &CheckReport{Counts: map[Status]int{}, NotKnown: []string{
		"when lifecycle rules of a bucket will remove an object: S3 does not tell that through keepstore, so ask the owner of the bucket",
		"whether a restore of an archived object is under way",
	}}
	if err := c.ask(ctx, asked, o); err != nil {
		return nil, err
	}
	for _, q := range asked {
		report.Counts[q.Status]++
		if q.Status != OK {
			report.Objects = append(report.Objects, q.ObjectStatus)
		}
	}
	return report, nil
}

// question is one object version, or one block of content form.
type question struct {
	ObjectStatus
	piece piece
	end   int64 // of the extent that is asked for: the last of the object
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
		err = c.client.keep.Head(ctx, l)
	}
	if KindOf(err) == "signature-expired" {
		if fresh, ok := q.piece.run.origin.renew(ctx, l); ok {
			err = c.client.keep.Head(ctx, fresh)
		}
	}
	if q.Status = statusOf(err); err != nil {
		q.Word, q.Text = KindOf(err), err.Error()
	}
}

func statusOf(err error) Status {
	if err == nil {
		return OK
	}
	switch KindOf(err) {
	case Gone:
		return IsGone
	case Denied, "bucket-not-allowed", "creds-missing", "creds-expired", "creds-ambiguous", "sts-refused", "wrong-region", "s3-ssec", "not-vouched":
		return IsDenied
	case Archived:
		return IsArchived
	case Changed, "past-end":
		return IsChanged
	}
	return IsUnknown
}
