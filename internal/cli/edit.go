// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// editTries is how often a change is made anew when somebody else changed
// something at the same path. What others change elsewhere is merged by Save.
const editTries = 3

// edit loads a stored collection, changes it and saves it. f may be called
// several times, each time with what is stored then.
func (s *session) edit(ctx context.Context, id string, f func(*collection.Collection) error) (record, error) {
	return s.editWith(ctx, id, collection.SaveOptions{}, f)
}

func (s *session) editWith(ctx context.Context, id string, o collection.SaveOptions, f func(*collection.Collection) error) (record, error) {
	for try := 1; ; try++ {
		c, err := s.client.Load(ctx, id)
		if err != nil {
			return record{}, err
		}
		if err := f(c); err != nil {
			return record{}, err
		}
		o.Merge = true
		err = c.Save(ctx, o)
		if err == nil {
			return records(c.Record())[0], nil
		}
		if try == editTries || collection.KindOf(err) != collection.Conflict {
			return record{}, err
		}
	}
}

// editAll changes collections at targets, all targets of one collection in one
// step.
func (s *session) editAll(ctx context.Context, targets []target, f func(*collection.Collection, target) error) ([]record, error) {
	var order []string
	byID := map[string][]target{}
	for _, t := range targets {
		if err := t.mustBeStored(); err != nil {
			return nil, err
		}
		if byID[t.id] == nil {
			order = append(order, t.id)
		}
		byID[t.id] = append(byID[t.id], t)
	}
	var done []record
	for _, id := range order {
		r, err := s.edit(ctx, id, func(c *collection.Collection) error {
			for _, t := range byID[id] {
				if err := f(c, t); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return done, err
		}
		done = append(done, r)
	}
	return done, nil
}

// printEdited tells programs what was stored. People see it by ls.
func (s *session) printEdited(done []record, err error) error {
	if err != nil || !s.json {
		return err
	}
	return s.printJSON(done)
}
