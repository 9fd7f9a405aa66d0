// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"time"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// outlook tells how long what was imported stays.
type outlook struct {
	Lifecycle   []collection.Lifecycle  `json:"lifecycle"`
	ObjectLock  []collection.ObjectLock `json:"object_lock"`
	Locked      int64                   `json:"locked"`
	LockedUntil *time.Time              `json:"locked_until,omitempty"`
}

func newOutlook(r *collection.ImportResult) outlook {
	return outlook{
		Lifecycle: append([]collection.Lifecycle{}, r.Lifecycle...), ObjectLock: append([]collection.ObjectLock{}, r.ObjectLock...),
		Locked: r.Locked, LockedUntil: orNil(r.LockedUntil),
	}
}

// say tells it on standard error. That a bucket has no rules and no lock is no
// news.
func (o *outlook) say(s *session) {
	for _, l := range o.Lifecycle {
		switch {
		case !l.Known:
			s.say("%s: it is not known whether lifecycle rules remove versions: %s", escaped(l.URL), clean(l.Text))
		case l.Hidden > 0:
			s.say("%s: %s for keys that you may not be told of", escaped(l.URL), are(int64(l.Hidden), "lifecycle rule"))
		}
		for _, r := range l.Rules {
			s.say("%s", clean(r.Text))
		}
	}
	for _, l := range o.ObjectLock {
		if l.Known && l.Text != "" {
			s.say("%s", clean(l.Text))
		}
	}
	if o.Locked > 0 {
		s.say("Object Lock: nothing may remove %s, the first until %s", plural(o.Locked, "imported version"), o.LockedUntil.Format(time.DateOnly))
	}
}
