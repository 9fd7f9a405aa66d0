// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package records_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"pgregory.net/rapid"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/creds/records"
)

// step is one thing that happens; what its numbers mean depends on the kind.
type step struct{ kind, who, record, bucket, wait int }

const (
	stepRead = iota
	stepHeld
	stepInvalidate
	stepRotate
	stepShare
	stepUnshare
	stepEdit
	stepDelete
	stepStore
	stepDown
	stepSlow
	stepWait
	stepKinds
)

func steps() *rapid.Generator[[]step] {
	one := rapid.Custom(func(t *rapid.T) step {
		return step{max(0, rapid.IntRange(-stepKinds, stepKinds-1).Draw(t, "kind")), rapid.IntRange(0, 3).Draw(t, "who"),
			rapid.IntRange(0, 7).Draw(t, "record"), rapid.IntRange(0, 1).Draw(t, "bucket"), rapid.IntRange(0, 70).Draw(t, "wait")}
	})
	return rapid.SliceOfN(one, 200, 600)
}

// world plays steps and checks each key that comes out against a history of
// its own.
type world struct {
	v    *vault
	s    *records.Source
	held map[int]creds.Identity
	// could says when a user could last read a record, current when a key was
	// last the one of its record, by id.
	could, current map[string]time.Time
	// own says when a record was last a user's own.
	own map[string]time.Time
	// ends are those of the records; one that was deleted never comes back.
	ends  map[string]time.Time
	gone  map[string]bool
	reads int
}

// The world has four tokens of three users.
func (w *world) caller(who int) creds.Caller {
	user := fmt.Sprintf("zzzzz-tpzed-00000000000000%d", who%3)
	return caller(fmt.Sprint("token", who), user)
}

func recordUUID(i int) string { return fmt.Sprintf("zzzzz-oss07-00000000000000%d", i) }

func newWorld() *world {
	w := &world{v: newVault(), held: map[int]creds.Identity{}, could: map[string]time.Time{}, current: map[string]time.Time{}, own: map[string]time.Time{}, ends: map[string]time.Time{}, gone: map[string]bool{}}
	for who := range 4 {
		c := w.caller(who)
		w.v.users[c.Token.Reveal()] = c.UserUUID
	}
	for i := range 6 { // two for each user, of different rank
		w.v.store(recordUUID(i), w.caller(i).UserUUID, time.Now().Add(time.Duration(50+i*50)*time.Second), []string{"s3://bucket0", "s3://*"}[i/3])
	}
	w.s = records.New(records.Options{API: w.v})
	return w
}

// note writes the history of what holds at this moment.
func (w *world) note() {
	w.v.mu.Lock()
	defer w.v.mu.Unlock()
	for uuid, e := range w.v.entries {
		w.current[e.ExternalID] = time.Now()
		w.ends[uuid] = e.ExpiresAt
		w.own[e.ModifiedBy+uuid] = time.Now()
		for user := range e.readers {
			w.could[user+uuid+strings.Join(e.Scopes, " ")] = time.Now()
		}
	}
}

// judge says why keys that came for a bucket must not have come, or "".
func (w *world) judge(s step, as string, got aws.Credentials) string {
	w.reads++
	user := w.caller(s.who).UserUUID
	uuid := "zzzzz-oss07-00000000000" + got.AccessKeyID[2:6]
	scope := fmt.Sprint("s3://bucket", s.bucket)
	last := w.could[user+uuid+scope]
	if all := w.could[user+uuid+"s3://*"]; all.After(last) {
		last = all
	}
	switch {
	case !strings.HasSuffix(as, uuid):
		return "the keys are not those of " + as
	case got.SecretAccessKey != "secret of "+got.AccessKeyID:
		return "the key and its id are of different records"
	case time.Since(last) >= time.Minute:
		return "the user could not read the record for a minute or more"
	case time.Since(w.current[got.AccessKeyID]) >= time.Minute:
		return "the key was replaced a minute ago or more"
	case !time.Now().Before(w.ends[uuid]) || got.Expires.After(w.ends[uuid]):
		return "the record has expired, or expires before its keys"
	case !got.CanExpire || !got.Expires.After(time.Now()) || got.Expires.After(time.Now().Add(time.Minute)):
		return "the keys hold until " + got.Expires.String()
	}
	return ""
}

func (w *world) play(s step) string {
	uuid := recordUUID(s.record)
	slot := s.who*2 + s.bucket
	switch s.kind {
	case stepRead:
		id, err := w.s.Credentials(context.Background(), tokenRule(fmt.Sprint("bucket", s.bucket)), w.caller(s.who))
		if err != nil {
			return ""
		}
		w.held[slot] = id
		if own, is := strings.CutPrefix(id.As, "your credential record "); is && time.Since(w.own[w.caller(s.who).UserUUID+own]) >= time.Minute {
			return id.As + " was somebody else's for a minute or more"
		}
		return w.retrieve(s, id)
	case stepHeld:
		if id, ok := w.held[slot]; ok {
			return w.retrieve(s, id)
		}
	case stepInvalidate:
		if id, ok := w.held[slot]; ok {
			id.Provider.(creds.Renewer).Invalidate()
		}
	case stepStore:
		scope := []string{"s3://bucket0", "s3://bucket1", "s3://*"}[s.wait%3]
		if w.v.entries[uuid] == nil && !w.gone[uuid] {
			w.v.store(uuid, w.caller(s.who).UserUUID, time.Now().Add(time.Duration(s.wait)*5*time.Second), scope)
		}
	case stepWait:
		time.Sleep(time.Duration(s.wait) * time.Second)
	case stepDown:
		w.v.change(func() {
			if w.v.down = nil; s.wait%4 == 0 {
				w.v.down = errDown
			}
		})
	case stepSlow:
		w.v.change(func() { w.v.delay = time.Duration(s.wait%4) * time.Second })
	case stepRotate:
		if w.v.entries[uuid] != nil {
			w.v.rotate(uuid)
		}
	default:
		w.v.change(func() { w.alter(s, uuid, w.v.entries[uuid]) })
	}
	return ""
}

func (w *world) retrieve(s step, id creds.Identity) string {
	got, err := id.Provider.Retrieve(context.Background())
	if err != nil {
		return ""
	}
	return w.judge(s, id.As, got)
}

func (w *world) alter(s step, uuid string, e *entry) {
	if e == nil {
		return
	}
	switch user := w.caller(s.who).UserUUID; s.kind {
	case stepShare:
		e.readers[user] = true
	case stepUnshare:
		delete(e.readers, user)
	case stepEdit:
		e.ModifiedBy = user
	case stepDelete:
		delete(w.v.entries, uuid)
		w.gone[uuid] = true
	}
}

// TestNothingCrosses: whatever happens, in any order, a token gets only keys
// of records that its own user could read within the last minute, and only
// keys that were current within it.
func TestNothingCrosses(t *testing.T) {
	reads := 0
	rapid.Check(t, func(rt *rapid.T) {
		list := steps().Draw(rt, "steps")
		fault := ""
		synctest.Test(t, func(*testing.T) {
			w := newWorld()
			for i, s := range list {
				w.note()
				if fault = w.play(s); fault != "" {
					fault = fmt.Sprintf("step %d, %+v: %s", i, s, fault)
					break
				}
				synctest.Wait()
			}
			time.Sleep(time.Minute) // lets questions end that run in the background
			reads += w.reads
		})
		if fault != "" {
			rt.Fatal(fault)
		}
	})
	if reads == 0 {
		t.Error("no read ever got keys, so nothing was checked")
	}
}
