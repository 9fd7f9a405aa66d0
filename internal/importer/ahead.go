// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"context"
	"sync"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/s3read"
)

// lookAhead is how many single objects are asked about at once: a list of
// thousands of URLs would otherwise take a round trip each.
const lookAhead = 16

// answers are what S3 said of single objects that come next. Only the
// goroutine of the job uses it; the questions run beside it.
type answers struct {
	pending map[int]chan answer // by number of the source
	running sync.WaitGroup
}

type answer struct {
	info s3read.Info
	err  error
}

// ask begins to ask about the present single object and those that follow it
// directly. A source that is refused before S3 is asked has no answer here and
// is told when its turn comes.
func (j *job) ask(ctx context.Context) {
	for i := j.state.Source; i < len(j.targets) && i < j.state.Source+lookAhead; i++ {
		t := &j.targets[i]
		if t.prefix || t.AsOf != nil {
			return
		}
		if j.answers.pending[i] != nil {
			continue
		}
		rule, err := j.Keychain.Match(t.object.Bucket, t.object.Key)
		if err != nil {
			continue
		}
		g, err := j.grant(ctx, rule)
		if err != nil {
			continue
		}
		c := make(chan answer, 1)
		j.answers.pending[i] = c
		j.answers.running.Go(func() {
			info, err := j.Describer.Head(ctx, g.Access, t.object)
			c <- answer{info, err}
		})
	}
}

// answer returns what S3 says of the present single object.
func (j *job) answer(ctx context.Context, access creds.Access, o locator.Object) (s3read.Info, error) {
	j.ask(ctx)
	c := j.answers.pending[j.state.Source]
	if c == nil { // the right to ask ended just now
		return j.Describer.Head(ctx, access, o)
	}
	a := <-c
	delete(j.answers.pending, j.state.Source)
	return a.info, a.err
}
