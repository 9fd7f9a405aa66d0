// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package records

import (
	"cmp"
	"slices"
	"time"
)

// question is all that a choice depends on, apart from the records. Its
// methods do no I/O, and the order of the records does not matter to them.
type question struct {
	bucket string
	user   string // the UUID of the caller
	now    time.Time
	// mayAssume says why a role is not assumed here, or nil.
	mayAssume func(arn string) error
}

// leftOut is a record that would fit if it were not for why.
type leftOut struct {
	uuid, why string
	expired   bool
	cause     error
}

// fitting returns the records that can be used, by UUID, or the error that
// says why there is none.
func (q question) fitting(records []Record) ([]Record, error) {
	var fit []Record
	var left []leftOut
	for _, r := range unique(records) {
		if r.Fault == "" && q.scope(r) == none {
			continue // a server that ignores filters must not widen a scope
		}
		if l := q.check(r); l.why != "" {
			left = append(left, l)
			continue
		}
		fit = append(fit, r)
	}
	if len(fit) == 0 {
		return nil, nothingFits(q.bucket, left)
	}
	return fit, nil
}

// unique returns the records by UUID. One that is listed in two forms is
// marked, since there is no telling which of them holds.
func unique(records []Record) []Record {
	sorted := slices.SortedFunc(slices.Values(records), func(a, b Record) int { return cmp.Compare(a.UUID, b.UUID) })
	var list []Record
	for _, r := range sorted {
		last := len(list) - 1
		switch {
		case last < 0 || list[last].UUID != r.UUID:
			list = append(list, r)
		case !list[last].equal(r):
			list[last] = Record{UUID: r.UUID, Fault: "it is listed in two forms"}
		}
	}
	return list
}

func (r Record) equal(o Record) bool {
	return r.Class == o.Class && slices.Equal(r.Scopes, o.Scopes) && r.ExternalID == o.ExternalID &&
		r.ExpiresAt.Equal(o.ExpiresAt) && r.ModifiedBy == o.ModifiedBy && r.Fault == o.Fault
}

// check returns why the record is left out; an empty why means it is not.
func (q question) check(r Record) leftOut {
	l := leftOut{uuid: r.UUID, why: r.fault()}
	switch {
	case l.why != "":
	case !q.now.Before(r.ExpiresAt):
		l.why, l.expired = "it has expired", true
	case r.Class == ClassRole:
		if l.cause = q.mayAssume(r.ExternalID); l.cause != nil {
			l.why = "this server may not assume its role"
		}
	}
	return l
}

// fault says what is wrong with the record by itself, or "".
func (r Record) fault() string {
	switch {
	case r.Fault != "":
		return r.Fault
	case r.Class != ClassKeys && r.Class != ClassRole:
		return "its class is not one that this server uses"
	case hasControl(r.ExternalID) || slices.ContainsFunc(r.Scopes, hasControl):
		return "it holds control characters"
	case len(r.ExternalID) > maxExternalID:
		return "its external_id is too long"
	case r.Class == ClassRole && r.ExternalID == "":
		return "it names no role"
	}
	return ""
}

// How well a record's scopes fit, best first.
const (
	exact = iota
	wildcard
	none
)

func (q question) scope(r Record) int {
	switch {
	case slices.Contains(r.Scopes, "s3://"+q.bucket):
		return exact
	case slices.Contains(r.Scopes, "s3://*"):
		return wildcard
	}
	return none
}

// best returns the one record of the best rank. The list must come from
// fitting.
func (q question) best(fit []Record) (Record, error) {
	rank := func(r Record) int {
		if r.ownOf(q.user) {
			return q.scope(r)
		}
		return q.scope(r) + none
	}
	top := slices.MinFunc(fit, func(a, b Record) int { return cmp.Compare(rank(a), rank(b)) })
	equals := slices.DeleteFunc(slices.Clone(fit), func(r Record) bool { return rank(r) != rank(top) })
	if len(equals) > 1 {
		return Record{}, ambiguous(q.bucket, equals)
	}
	return top, nil
}
