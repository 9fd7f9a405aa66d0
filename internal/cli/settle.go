// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"io/fs"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// placed is something that was put into the target.
type placed struct {
	from target
	// kept has it, under its last name, and hash is that of its content; nil if
	// it came from the target itself.
	kept *collection.Collection
	hash string
}

// remember keeps what was put at a path.
func (o *copying) remember(client *collection.Client, c *collection.Collection, at string) error {
	one, err := alone(client, c, at)
	if err != nil {
		return err
	}
	hash, err := one.PDH()
	p := o.placed[at]
	p.kept, p.hash = one, hash
	o.placed[at] = p
	return err
}

// settle looks whether what was put into the target still is there, and puts it
// there again if another program took it away. Save did so too, before it was
// taken out of where it came from; since then it may be in no other place. stored
// is the last state that is known.
func (o *copying) settle(ctx context.Context, s *session, to target, stored record) (record, error) {
	c, err := s.load(ctx, to)
	if err != nil {
		return stored, err
	}
	missing := o.missing(s.client, c)
	if len(missing) == 0 {
		return stored, nil
	}
	again, err := s.edit(ctx, to.id, func(c *collection.Collection) error { return o.putBack(s.client, c) })
	if err != nil {
		return stored, &sentence{quote(missing[0]) + " was taken out of " + to.id + " by another program that stored it at the same time: copy it from an old version of the collection", err}
	}
	return again, nil
}

// missing lists the paths at which there is not what was put there.
func (o *copying) missing(client *collection.Client, c *collection.Collection) []string {
	var missing []string
	for at, p := range o.placed {
		if p.kept == nil {
			continue
		}
		if hash, err := contentHash(client, c, at); err != nil || hash != p.hash {
			missing = append(missing, at)
		}
	}
	return missing
}

// putBack puts it there again. What another program put there stays.
func (o *copying) putBack(client *collection.Client, c *collection.Collection) error {
	for _, at := range o.missing(client, c) {
		if _, err := c.Stat(at); err == nil {
			return &sentence{"another program put something else at " + quote(at) + " meanwhile", fs.ErrExist}
		}
		entries, err := o.placed[at].kept.ReadDir(".")
		if err != nil {
			return err
		}
		if err := c.Copy(at, o.placed[at].kept, entries[0].Name()); err != nil {
			return err
		}
	}
	return nil
}
