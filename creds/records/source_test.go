// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package records_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/creds/records"
)

const keyID = "AK0001-0" // of keysOne before any rotation

// inBubble runs f with a vault that holds one record of Ann's for an hour,
// and its source, on a clock of their own.
func inBubble(t *testing.T, f func(t *testing.T, v *vault, s *records.Source)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		v := newVault()
		v.store(keysOne, ann, time.Now().Add(time.Hour), "s3://b")
		f(t, v, records.New(records.Options{API: v}))
		synctest.Wait()
	})
}

func TestWarmRead(t *testing.T) {
	inBubble(t, func(t *testing.T, v *vault, s *records.Source) {
		id, err := s.Credentials(t.Context(), tokenRule("b"), annCaller())
		if err != nil || id.As != "your credential record "+keysOne {
			t.Fatalf("%q, %v", id.As, err)
		}
		got, err := id.Provider.Retrieve(t.Context())
		if err != nil || !got.CanExpire || !got.Expires.Equal(time.Now().Add(records.Fresh)) {
			t.Errorf("the keys hold until %v, %v", got.Expires, err)
		}
		for range 100 {
			wantKeys(t, s, tokenRule("b"), annCaller(), keyID)
		}
		if v.called("list") != 1 || v.called("secret") != 1 {
			t.Errorf("asked %v", v.calls)
		}
		text := fmt.Sprintf("%v %+v %#v %v %+v %#v", id, id, id, s, s, s)
		if strings.Contains(text, "secret of") || strings.Contains(text, "ann-token") {
			t.Errorf("printing shows a secret: %s", text)
		}
	})
}

// TestOwnComesFirst: of two records the one that Ann made is hers, until
// somebody else edits it, and the choice takes one question.
func TestOwnComesFirst(t *testing.T) {
	inBubble(t, func(t *testing.T, v *vault, s *records.Source) {
		v.store(keysTwo, bob, time.Now().Add(time.Hour), "s3://b")
		v.change(func() { v.entries[keysTwo].readers[ann] = true })
		wantKeys(t, s, tokenRule("b"), annCaller(), keyID)
		if v.called("list") != 1 || v.called("secret") != 1 {
			t.Errorf("asked %v", v.calls)
		}
		v.change(func() { v.entries[keysOne].ModifiedBy = bob })
		time.Sleep(records.Fresh)
		wantKind(t, s, tokenRule("b"), annCaller(), creds.Ambiguous)
		v.change(func() { delete(v.entries, keysTwo) })
		time.Sleep(records.FreshRefusal)
		id, err := s.Credentials(t.Context(), tokenRule("b"), annCaller())
		if err != nil || id.As != "the shared credential record "+keysOne {
			t.Errorf("%q, %v", id.As, err)
		}
	})
}

func TestLinksHaveNoRights(t *testing.T) {
	inBubble(t, func(t *testing.T, v *vault, s *records.Source) {
		link := annCaller()
		link.AllScopes = false
		wantKind(t, s, tokenRule("b"), link, creds.ScopeNeeded)
		if len(v.calls) > 0 {
			t.Errorf("asked %v", v.calls)
		}
		wantKeys(t, s, tokenRule("b"), annCaller(), keyID)
	})
}

// TestRevocation is case C-02: whatever is taken away, the reads of a client
// that never stops, and of one that holds a provider, end within a minute.
func TestRevocation(t *testing.T) {
	for name, take := range map[string]func(v *vault){
		"token":      func(v *vault) { delete(v.users, "ann-token") },
		"permission": func(v *vault) { delete(v.entries[keysOne].readers, ann) },
		"record":     func(v *vault) { delete(v.entries, keysOne) },
		"scope":      func(v *vault) { v.entries[keysOne].Scopes = []string{"s3://c"} },
		"secret":     func(v *vault) { v.withhold = true },
	} {
		for _, after := range []time.Duration{0, time.Second, 44 * time.Second, 46 * time.Second, 59 * time.Second, 107 * time.Second} {
			t.Run(fmt.Sprint(name, after), func(t *testing.T) {
				inBubble(t, func(t *testing.T, v *vault, s *records.Source) { revoke(t, v, s, after, take) })
			})
		}
	}
}

func revoke(t *testing.T, v *vault, s *records.Source, after time.Duration, take func(*vault)) {
	held, err := s.Credentials(t.Context(), tokenRule("b"), annCaller())
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for time.Since(start) < after+3*time.Minute {
		if time.Since(start) == after {
			v.change(func() { take(v) })
		}
		_, err := read(t.Context(), s, tokenRule("b"), annCaller())
		_, errHeld := held.Provider.Retrieve(t.Context())
		switch since := time.Since(start) - after; {
		case since < 0 && (err != nil || errHeld != nil):
			t.Fatalf("%v before: %v, %v", -since, err, errHeld)
		case since >= time.Minute && (err == nil || errHeld == nil):
			t.Fatalf("%v after: %v, %v", since, err, errHeld)
		}
		time.Sleep(time.Second)
		synctest.Wait()
	}
}

// TestExpiryToTheSecond is case C-03, for new reads and for a held provider.
func TestExpiryToTheSecond(t *testing.T) {
	for _, life := range []time.Duration{time.Second, 50 * time.Second, time.Minute, 100 * time.Second} {
		inBubble(t, func(t *testing.T, v *vault, s *records.Source) {
			ends := time.Now().Add(life)
			v.change(func() { v.entries[keysOne].ExpiresAt = ends })
			held, err := s.Credentials(t.Context(), tokenRule("b"), annCaller())
			if err != nil {
				t.Fatal(err)
			}
			for time.Now().Before(ends) {
				wantKeys(t, s, tokenRule("b"), annCaller(), keyID)
				got, err := held.Provider.Retrieve(t.Context())
				if err != nil || got.Expires.After(ends) {
					t.Errorf("held: keys until %v, %v; the record ends at %v", got.Expires, err, ends)
				}
				time.Sleep(500 * time.Millisecond)
			}
			wantKind(t, s, tokenRule("b"), annCaller(), creds.Expired)
			if _, err := held.Provider.Retrieve(t.Context()); kind(err) != creds.Expired {
				t.Errorf("held: %v", err)
			}
		})
	}
}

// TestNextInLine: the end of the best record is the turn of the next one, in
// that second, also when it ends while the list is on the way; and a choice
// that a busy machine takes too long for is none.
func TestNextInLine(t *testing.T) {
	inBubble(t, func(t *testing.T, v *vault, s *records.Source) {
		v.store(keysTwo, bob, time.Now().Add(time.Hour), "s3://b")
		v.change(func() {
			v.entries[keysTwo].readers[ann] = true
			v.entries[keysOne].ExpiresAt = time.Now().Add(10 * time.Second)
		})
		wantKeys(t, s, tokenRule("b"), annCaller(), keyID)
		time.Sleep(10*time.Second - 1)
		wantKeys(t, s, tokenRule("b"), annCaller(), keyID)
		time.Sleep(time.Nanosecond)
		wantKeys(t, s, tokenRule("b"), annCaller(), "AK0002-0")
	})
	inBubble(t, func(t *testing.T, v *vault, s *records.Source) {
		v.store(keysTwo, ann, time.Now().Add(time.Hour), "s3://*")
		v.change(func() { v.delay, v.entries[keysOne].ExpiresAt = 2*time.Second, time.Now().Add(time.Second) })
		wantKeys(t, s, tokenRule("b"), annCaller(), "AK0002-0")
	})
	withRole(t, func(t *testing.T, v *vault, r *roles, s *records.Source) {
		r.pause = 3 * time.Second
		v.change(func() { v.entries[annRole].ExpiresAt = time.Now().Add(2 * time.Second) })
		if wantKind(t, s, tokenRule("b"), annCaller(), creds.Expired); len(r.assumed) > 0 {
			t.Error("assumed the role of a record that has expired")
		}
	})
}

// TestExpiryMeanwhile: a record that ends while its secret is on the way is
// not used, and one whose end is put off serves on.
func TestExpiryMeanwhile(t *testing.T) {
	inBubble(t, func(t *testing.T, v *vault, s *records.Source) {
		v.change(func() { v.delay, v.entries[keysOne].ExpiresAt = 3*time.Second, time.Now().Add(4*time.Second) })
		wantKind(t, s, tokenRule("b"), annCaller(), creds.Expired)
	})
	inBubble(t, func(t *testing.T, v *vault, s *records.Source) {
		v.change(func() { v.entries[keysOne].ExpiresAt = time.Now().Add(100 * time.Second) })
		held, err := s.Credentials(t.Context(), tokenRule("b"), annCaller())
		if err != nil {
			t.Fatal(err)
		}
		v.change(func() { v.entries[keysOne].ExpiresAt = time.Now().Add(time.Hour) })
		for range 300 {
			time.Sleep(time.Second)
			if _, err := held.Provider.Retrieve(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestRefusalsAreShort is case C-04.
func TestRefusalsAreShort(t *testing.T) {
	inBubble(t, func(t *testing.T, v *vault, s *records.Source) {
		bobs := caller("bob-token", bob)
		for range 100 {
			wantKind(t, s, tokenRule("b"), bobs, creds.Missing)
		}
		if v.called("list") != 2 { // for records of bob's own, and for all
			t.Errorf("asked %d times", v.called("list"))
		}
		v.change(func() { v.entries[keysOne].readers[bob] = true })
		time.Sleep(records.FreshRefusal)
		wantKeys(t, s, tokenRule("b"), bobs, keyID)
		v.change(func() { v.withhold = true })
		wantKind(t, s, tokenRule("b"), annCaller(), creds.Missing)
		v.change(func() { v.withhold = false })
		time.Sleep(records.FreshRefusal)
		wantKeys(t, s, tokenRule("b"), annCaller(), keyID)
	})
}

// TestManyWaiters is case C-05: one question for all, also when the one who
// made us ask has left.
func TestManyWaiters(t *testing.T) {
	inBubble(t, func(t *testing.T, v *vault, s *records.Source) {
		v.change(func() { v.delay = time.Second })
		first, leave := context.WithCancel(t.Context())
		left := make(chan error)
		go func() { _, err := read(first, s, tokenRule("b"), annCaller()); left <- err }()
		synctest.Wait()
		var others errgroup.Group
		for range 199 {
			others.Go(func() error {
				got, err := read(t.Context(), s, tokenRule("b"), annCaller())
				if err == nil && got.AccessKeyID != keyID {
					err = errors.New("other keys")
				}
				return err
			})
		}
		synctest.Wait()
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("the first got %v", err)
		}
		if err := others.Wait(); err != nil {
			t.Error(err)
		}
		if v.called("list") != 1 || v.called("secret") != 1 {
			t.Errorf("asked %v", v.calls)
		}
	})
}

// TestManyTokens is case C-06: what is remembered is bounded, and a flood of
// tokens without rights pushes nobody out.
func TestManyTokens(t *testing.T) {
	v := newVault()
	v.store(keysOne, ann, time.Now().Add(time.Hour), "s3://b")
	s := records.New(records.Options{API: v, Now: func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }})
	wantKeys(t, s, tokenRule("b"), annCaller(), keyID)
	for i := range 100_000 {
		if _, err := s.Credentials(t.Context(), tokenRule("b"), caller(fmt.Sprint("bad", i), bob)); !errors.Is(err, errToken) {
			t.Fatal(err)
		}
	}
	asked := v.called("list")
	wantKeys(t, s, tokenRule("b"), annCaller(), keyID)
	s.Credentials(t.Context(), tokenRule("b"), caller("bad99999", bob))
	if v.called("list") != asked {
		t.Error("a good answer or the newest refusal is gone")
	}
	s.Credentials(t.Context(), tokenRule("b"), caller("bad0", bob))
	if v.called("list") != asked+1 {
		t.Error("the oldest refusal stayed")
	}
	v.change(func() {
		for i := range 20_000 {
			v.users[fmt.Sprint("good", i)] = ann
		}
	})
	for i := range 20_000 {
		wantKeys(t, s, tokenRule("b"), caller(fmt.Sprint("good", i), ann), keyID)
	}
	asked = v.called("list") + v.called("secret")
	wantKeys(t, s, tokenRule("b"), annCaller(), keyID)
	if v.called("list")+v.called("secret") != asked+2 {
		t.Error("the oldest answer stayed")
	}
}

// TestServerDown is case C-07.
func TestServerDown(t *testing.T) {
	inBubble(t, func(t *testing.T, v *vault, s *records.Source) {
		wantKeys(t, s, tokenRule("b"), annCaller(), keyID)
		v.change(func() { v.down = errDown })
		for range 60 {
			wantKeys(t, s, tokenRule("b"), annCaller(), keyID)
			time.Sleep(time.Second)
		}
		if _, err := read(t.Context(), s, tokenRule("b"), annCaller()); err != errDown {
			t.Errorf("%v; want the error of the API client as it is", err)
		}
		v.change(func() { v.down = nil })
		wantKeys(t, s, tokenRule("b"), annCaller(), keyID)
		time.Sleep(records.Fresh)
		v.change(func() { v.delay = 30 * time.Second })
		start := time.Now()
		if _, err := read(t.Context(), s, tokenRule("b"), annCaller()); err == nil || time.Since(start) > 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// TestRotation is this package's part of case C-11.
func TestRotation(t *testing.T) {
	inBubble(t, func(t *testing.T, v *vault, s *records.Source) {
		id, err := s.Credentials(t.Context(), tokenRule("b"), annCaller())
		if err != nil {
			t.Fatal(err)
		}
		renewer := id.Provider.(creds.Renewer)
		time.Sleep(10 * time.Second)
		v.rotate(keysOne)
		for range 100 { // S3 refuses the old keys, and perhaps the new ones too
			renewer.Invalidate()
			got, err := renewer.Retrieve(t.Context())
			if err != nil || got.AccessKeyID != "AK0001-1" {
				t.Fatalf("%s, %v", got.AccessKeyID, err)
			}
		}
		if v.called("list") != 2 || v.called("secret") != 2 {
			t.Errorf("asked %v", v.calls)
		}
	})
}

// TestEndpointsApart is case C-15, and the same for buckets.
func TestEndpointsApart(t *testing.T) {
	inBubble(t, func(t *testing.T, v *vault, s *records.Source) {
		other := tokenRule("b")
		other.Endpoint = &creds.Endpoint{Name: "aws"}
		wantKeys(t, s, tokenRule("b"), annCaller(), keyID)
		time.Sleep(10 * time.Second)
		v.rotate(keysOne)
		wantKeys(t, s, other, annCaller(), "AK0001-1")
		wantKeys(t, s, tokenRule("b"), annCaller(), keyID) // as remembered
		wantKind(t, s, tokenRule("c"), annCaller(), creds.Missing)
		if v.called("list") != 4 || v.called("secret") != 2 { // twice for c, where ann has none of her own
			t.Errorf("asked %v", v.calls)
		}
	})
}

// TestNoMixing is the shape of case C-01: many at once, with rotation, and
// nobody ever gets what belongs to another.
func TestNoMixing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault()
		v.store(keysOne, ann, time.Now().Add(time.Hour), "s3://b")
		v.store(keysTwo, bob, time.Now().Add(time.Hour), "s3://b")
		v.change(func() { v.delay = 50 * time.Millisecond })
		s := records.New(records.Options{API: v})
		var all sync.WaitGroup
		for i := range 64 {
			who, prefix := annCaller(), "AK0001-"
			if i%2 == 1 {
				who, prefix = caller("bob-token", bob), "AK0002-"
			}
			all.Go(func() {
				for range 200 {
					got, err := read(t.Context(), s, tokenRule("b"), who)
					if err != nil || !strings.HasPrefix(got.AccessKeyID, prefix) || got.SecretAccessKey != "secret of "+got.AccessKeyID {
						t.Errorf("%s got %s, %v", who.UserUUID, got.AccessKeyID, err)
					}
					time.Sleep(time.Second + time.Duration(i)*time.Millisecond)
				}
			})
		}
		for range 20 {
			time.Sleep(10 * time.Second)
			v.rotate(keysOne)
			v.rotate(keysTwo)
		}
		all.Wait()
	})
}
