// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// mixingTime is how long users are mixed: some life times of what is
// remembered, or nearly so.
const mixingTime = 60 * time.Second

// mixer reads for two users, each of whom may read one prefix only, under mode
// token (on lab) and mode role (on own). Users read different ranges, so that
// a request tells whose it is.
type mixer struct {
	*people
	users   [2]mixed
	crossed atomic.Int64 // reads that gave what is not the user's
	served  atomic.Int64
	denied  atomic.Int64
	// longest is the most nanoseconds from the new keys in Arvados to a read.
	longest atomic.Int64
}

// mixed is one of the users.
type mixed struct {
	uuid, token, prefix string
	user                *testenv.User
	record              string
	// objects are locators for the user's range: [mode][owner].
	objects [2][2]string
	// recovered is closed when a read works after the keys were replaced.
	recovered atomic.Pointer[chan struct{}]
}

const mixedRange = 512 // where bob's ranges begin

// TestMixingAndRevocation runs the two tests that take a minute side by side.
func TestMixingAndRevocation(t *testing.T) {
	t.Parallel()
	var running sync.WaitGroup
	running.Go(func() { testRevocation(t) })
	testMixing(t)
	running.Wait()
}

// testMixing is C-01: 64 goroutines read for two users at random while their
// keys are replaced. Nobody ever gets what S3 does not grant them, and no
// request carries the key of another.
func testMixing(t *testing.T) {
	m := newMixer(t)
	var running sync.WaitGroup
	var stop atomic.Bool
	for range 64 {
		running.Go(func() {
			for !stop.Load() && m.crossed.Load() == 0 {
				m.readOne()
			}
		})
	}
	rotations := 0
	for began := time.Now(); (time.Since(began) < mixingTime || rotations < 4) && !t.Failed(); rotations++ {
		m.rotate(&m.users[rotations%2])
	}
	stop.Store(true)
	running.Wait()
	m.check()
	t.Logf("%d reads served and %d refused, %d rotations, the slowest seen after %v",
		m.served.Load(), m.denied.Load(), rotations, time.Duration(m.longest.Load()).Round(time.Millisecond))
	if m.served.Load() == 0 || m.denied.Load() == 0 {
		t.Error("too little happened")
	}
}

func newMixer(t *testing.T) *mixer {
	t.Helper()
	const own = "mixing"
	lab := bucket(t, servers.MinIO(t))
	m := &mixer{people: newRoles(t, fmt.Sprintf("access:\n  - {url: \"s3://%s/\", endpoint: lab, mode: token}\n"+
		"  - {url: \"s3://%s/\", endpoint: own, mode: role, role: \"ROLE\"}\n", lab, own))}
	m.ownServer.Bucket(t, own, true)
	m.grantOwn(map[string]string{m.aliceUUID: own + "/0/", m.bobUUID: own + "/1/"})
	m.users[0].uuid, m.users[0].token = m.aliceUUID, m.alice
	m.users[1].uuid, m.users[1].token = m.bobUUID, m.bob
	var objects [2][2]locator.Object // [mode][owner]
	for owner := range m.users {
		u := &m.users[owner]
		u.prefix = fmt.Sprintf("%d/", owner)
		data := []byte(strings.Repeat(fmt.Sprint(owner), 2*mixedRange))
		objects[0][owner] = put(t, m.labServer, lab, u.prefix+"x", data)
		objects[1][owner] = put(t, m.ownServer, own, u.prefix+"x", data)
		u.user = m.labServer.User(t, "mixed")
		u.user.AllowRead(t, lab, u.prefix)
		u.record = m.record(u.token, lab, u.user.AccessKey, u.user.Secret())
	}
	for reader := range m.users {
		for mode := range objects {
			for owner, o := range objects[mode] {
				e := pseudoblock.Extent{Object: o, Offset: int64(reader * mixedRange), Size: mixedRange / 2}
				m.users[reader].objects[mode][owner] = m.locator(e, pseudoblock.Derived, m.users[reader].token)
			}
		}
	}
	m.forget()
	return m
}

// readOne reads something for somebody.
func (m *mixer) readOne() {
	reader, owner, mode := rand.IntN(2), rand.IntN(2), rand.IntN(2)
	u := &m.users[reader]
	recovered := u.recovered.Load()
	got := m.get(u.objects[mode][owner], u.token)
	switch {
	case got.StatusCode == 200 && reader != owner, got.StatusCode == 200 && got.body != strings.Repeat(fmt.Sprint(owner), mixedRange/2):
		m.crossed.Add(1)
		m.t.Errorf("user %d reads what is user %d's: %d %.20q", reader, owner, got.StatusCode, got.body)
	case got.StatusCode == 200:
		m.served.Add(1)
		if next := u.recovered.Load(); mode == 0 && next != nil && recovered == next && u.recovered.CompareAndSwap(next, nil) {
			close(*next)
		}
	case got.StatusCode == 403 && (reader != owner || mode == 0):
		m.denied.Add(1) // a key that was replaced a moment ago is refused to its owner too
	case busy(got):
	default:
		m.t.Errorf("user %d reads an object of user %d: %d %q", reader, owner, got.StatusCode, got.body)
	}
}

// busy reports whether a read failed for want of time, which says nothing.
func busy(got reply) bool { return got.StatusCode == 503 || got.StatusCode == 504 }

// rotate replaces the keys of a user, first at S3 and then in Arvados, and
// waits until reads of theirs work again.
func (m *mixer) rotate(u *mixed) {
	m.t.Helper()
	secret := u.user.Rotate(m.t)
	m.arvados(http.MethodPatch, "credentials/"+u.record, u.token, map[string]any{"credential": map[string]any{"secret": secret}})
	began, recovered := time.Now(), make(chan struct{})
	u.recovered.Store(&recovered)
	select {
	case <-recovered:
		m.longest.Store(max(m.longest.Load(), int64(time.Since(began))))
	case <-time.After(30 * time.Second):
		m.t.Errorf("30 s after the keys of %s were replaced their reads still fail", u.uuid)
	}
}

// check looks at whose key each request carried.
func (m *mixer) check() {
	m.t.Helper()
	requests := 0
	for mode, log := range [][]faultproxy.Request{m.lab.Log(), m.own.Log()} {
		for _, r := range log {
			reader := 0
			if strings.HasPrefix(r.Range, fmt.Sprintf("bytes=%d-", mixedRange)) {
				reader = 1
			}
			requests++
			if u := &m.users[reader]; mode == 0 && r.AccessKey != u.user.AccessKey || mode == 1 && m.sessions.user(r.AccessKey) != u.uuid {
				m.t.Fatalf("a request for user %d carries the key %q: %v", reader, r.AccessKey, r)
			}
		}
	}
	if int64(requests) < m.served.Load() {
		m.t.Errorf("S3 was asked only %d times", requests)
	}
	calls := map[string]int{}
	for _, r := range m.sts.Log() {
		calls[r.Body[strings.Index(r.Body, "RoleSessionName="):][:60]]++
	}
	if len(calls) != 2 || len(m.sts.Log()) > 4 {
		m.t.Errorf("the STS was asked %d times, for the sessions %v", len(m.sts.Log()), calls)
	}
}

// testRevocation is C-02: what was revoked is refused within 60 s, counted
// from the answer of the API server, although reads never pause.
func testRevocation(t *testing.T) {
	lab, linked, kept := bucket(t, servers.MinIO(t)), bucket(t, servers.MinIO(t)), bucket(t, servers.MinIO(t))
	rule := "  - {url: \"s3://%s/\", endpoint: lab, mode: token}\n"
	p := newPeople(t, "access:\n"+fmt.Sprintf(rule, lab)+fmt.Sprintf(rule, linked)+fmt.Sprintf(rule, kept))
	user := p.labServer.User(t, "revoked")
	locators := map[string]string{}
	records := map[string]string{}
	for _, name := range []string{lab, linked, kept} {
		user.AllowRead(t, name, "")
		locators[name] = p.whole(put(t, p.labServer, name, "x", []byte("x")), 1)
		records[name] = p.record(p.alice, name, user.AccessKey, user.Secret())
	}
	link := p.share(p.alice, "can_manage", p.bobUUID, records[linked])
	leaverUUID, leaver := p.user("leaver")
	p.share(p.alice, "can_manage", leaverUUID, records[kept])
	leaverToken := strings.Split(leaver, "/")[1]
	revocations := []struct{ what, bucket, token, path string }{
		{"a token", kept, leaver, "api_client_authorizations/" + leaverToken},
		{"a permission link", linked, p.bob, "links/" + link},
		{"a record", lab, p.alice, "credentials/" + records[lab]},
	}
	var running sync.WaitGroup
	for _, row := range revocations {
		if got := p.get(locators[row.bucket], row.token); got.StatusCode != 200 {
			t.Fatalf("%s: before, a read gave %d %q", row.what, got.StatusCode, got.body)
		}
		token := p.alice
		if row.token == leaver {
			token = leaver
		}
		p.arvados(http.MethodDelete, row.path, token, nil)
		running.Go(func() { p.untilRefused(row.what, locators[row.bucket], row.token) })
	}
	running.Wait()
	p.reads("what nobody revoked", locators[kept], p.alice, 200, "", user.AccessKey)
}

// untilRefused reads all the time. A read that begins more than 60 s after the
// revocation must fail, however slow this machine is.
func (p *people) untilRefused(what, l, token string) {
	revoked := time.Now()
	for reads := 0; ; reads++ {
		began := time.Now()
		got := p.get(l, token)
		if got.StatusCode != 200 && !busy(got) {
			if got.StatusCode != 401 && got.StatusCode != 403 {
				p.t.Errorf("%s: refused with %d %q", what, got.StatusCode, got.body)
			}
			p.t.Logf("%s: refused after %.1f s and %d reads with %s", what, time.Since(revoked).Seconds(), reads, got.Header.Get("X-Keep-Error"))
			return
		}
		if began.Sub(revoked) > 60*time.Second && !busy(got) {
			p.t.Errorf("%s: %v after its end a read still worked", what, began.Sub(revoked))
			return
		}
		time.Sleep(50 * time.Millisecond) // constant traffic, at a rate that leaves the machine to others
	}
}
