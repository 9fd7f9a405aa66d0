// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
)

// together sends n reads at once and returns how many gave status 200.
func (p *people) together(n int, l, token string) int {
	p.t.Helper()
	statuses := make(chan int, n)
	var running sync.WaitGroup
	for range n {
		running.Go(func() { statuses <- p.get(l, token).StatusCode })
	}
	running.Wait()
	close(statuses)
	good := 0
	for s := range statuses {
		if s == 200 {
			good++
		}
	}
	return good
}

// roleReader is a rig on which alice may read one object by the role.
func roleReader(t *testing.T) (p *people, l string) {
	t.Helper()
	const own = "role-reader"
	p = newRoles(t, fmt.Sprintf("access:\n  - {url: \"s3://%s/\", endpoint: own, mode: role, role: \"ROLE\"}\n", own))
	p.ownServer.Bucket(t, own, true)
	p.grantOwn(map[string]string{p.aliceUUID: own + "/", p.bobUUID: own + "/"})
	return p, p.whole(put(t, p.ownServer, own, "x", []byte("x")), 1)
}

// keyReader is the same with a key in a record, in a bucket of its own.
func keyReader(t *testing.T) (p *people, l, key, bucketName string) {
	t.Helper()
	lab := bucket(t, servers.MinIO(t))
	p = newPeople(t, fmt.Sprintf("access:\n  - {url: \"s3://%s/\", endpoint: lab, mode: token}\n", lab))
	user := p.labServer.User(t, "alice")
	user.AllowRead(t, lab, "")
	p.record(p.alice, lab, user.AccessKey, user.Secret())
	return p, p.whole(put(t, p.labServer, lab, "x", []byte("x")), 1), user.AccessKey, lab
}

// TestOneSessionForManyReads: 500 concurrent reads of one user make one call
// of the STS, which asks for what the configuration says (T-04 to T-06, T-12).
func TestOneSessionForManyReads(t *testing.T) {
	t.Parallel()
	p, l := roleReader(t)
	if good := p.together(500, l, p.alice); good != 500 {
		t.Errorf("%d of 500 reads succeeded", good)
	}
	log := p.sts.Log()
	if len(log) != 1 {
		t.Fatalf("500 reads called the STS %d times", len(log))
	}
	form := parseForm(t, log[0].Body)
	c := claims(form.Get("WebIdentityToken"))
	if c.Subject != p.subject(p.aliceUUID) || c.Issuer != p.url || c.Audience != ownAudience || c.ID == "" ||
		c.Expires-c.Issued > 300 || c.Expires <= c.Issued || c.NotBefore > c.Issued {
		t.Errorf("the token claims %+v", c)
	}
	if form.Get("RoleArn") != p.ownServer.RoleARN || form.Get("RoleSessionName") != p.aliceUUID || form.Get("DurationSeconds") != "900" {
		t.Errorf("the STS was asked %v", form)
	}
	if policy := form.Get("Policy"); !strings.Contains(policy, "arn:aws:s3:::role-reader/*") || strings.Contains(policy, "Put") || strings.Contains(policy, `s3:*"`) {
		t.Errorf("the session policy is %s", policy)
	}
	if log[0].AccessKey != "" {
		t.Errorf("the call is signed with the key %s: a token needs none", log[0].AccessKey)
	}
	p.together(20, l, p.bob)
	if log := p.sts.Log(); len(log) != 2 || claims(parseForm(t, log[1].Body).Get("WebIdentityToken")).Subject != p.subject(p.bobUUID) {
		t.Errorf("with reads of bob the STS was called %d times", len(log))
	}
}

// TestOneQuestionForManyReads is C-05: 200 first reads with one token ask the
// API server once, and one who leaves takes nobody along.
func TestOneQuestionForManyReads(t *testing.T) {
	t.Parallel()
	p, l, _, _ := keyReader(t)
	p.asked.Set(faultproxy.Rule{Do: []faultproxy.Action{faultproxy.Delay(300 * time.Millisecond)}})
	ctx, leave := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/"+l, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.alice)
	left := make(chan error, 1)
	go func() {
		resp, err := p.client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		left <- err
	}()
	eventually(t, "the first question", func() bool { return len(p.asked.Log()) > 0 })
	time.AfterFunc(100*time.Millisecond, leave)
	if good := p.together(200, l, p.alice); good != 200 {
		t.Errorf("%d of 200 reads succeeded", good)
	}
	if err := <-left; err == nil {
		t.Error("the first client got its answer, and did not leave")
	}
	seen := map[string]int{}
	for _, r := range p.asked.Log() {
		seen[r.Path+"?"+r.Query]++
	}
	for path, n := range seen {
		if n != 1 {
			t.Errorf("%s was asked %d times", path, n)
		}
	}
	if len(seen) < 3 {
		t.Errorf("the API server was asked only %v", seen)
	}
}

// TestManyDeadTokens is C-06 in small: strangers are refused, and users do not
// notice them.
func TestManyDeadTokens(t *testing.T) {
	t.Parallel()
	p, l, key, _ := keyReader(t)
	p.reads("before", l, p.alice, 200, "", key)
	p.forget()
	var running sync.WaitGroup
	for i := range 8 {
		running.Go(func() {
			for j := range 100 {
				if got := p.get(l, fmt.Sprintf("v2/zzzzz-gj3su-%08d%07d/%s", i, j, strings.Repeat("x", 40))); got.StatusCode != 400 && got.StatusCode != 401 && got.StatusCode != 403 {
					t.Errorf("a dead token gave %d %q", got.StatusCode, got.body)
				}
			}
		})
	}
	running.Wait()
	if log := p.s3(); len(log) != 0 {
		t.Errorf("dead tokens made S3 be asked %v", log)
	}
	p.reads("after", l, p.alice, 200, "", key)
	if log := p.others(); len(log) != 0 {
		t.Errorf("the dead tokens pushed alice's answers out: %v", log)
	}
}

// TestDenialsPass are C-04 and C-16: a denial of S3 is about one object and
// one user, and a grant is seen soon.
func TestDenialsPass(t *testing.T) {
	t.Parallel()
	lab := bucket(t, servers.MinIO(t))
	p := newPeople(t, fmt.Sprintf("access:\n  - {url: \"s3://%s/\", endpoint: lab, mode: token}\n", lab))
	x, y := p.whole(put(t, p.labServer, lab, "x/1", []byte("x")), 1), p.whole(put(t, p.labServer, lab, "y/1", []byte("y")), 1)
	alice, bob := p.labServer.User(t, "alice"), p.labServer.User(t, "bob")
	alice.AllowRead(t, lab, "y/")
	bob.AllowRead(t, lab, "")
	p.silentFor("without a record", x, p.alice, 403, "creds-missing")
	p.record(p.alice, lab, alice.AccessKey, alice.Secret())
	p.record(p.bob, lab, bob.AccessKey, bob.Secret())
	eventually(t, "alice's new record", func() bool { return p.get(y, p.alice).StatusCode == 200 })
	p.reads("alice, x", x, p.alice, 403, "s3-denied", alice.AccessKey)
	p.reads("alice, y", y, p.alice, 200, "", alice.AccessKey)
	p.reads("bob, x", x, p.bob, 200, "", bob.AccessKey)
	alice.AllowRead(t, lab, "x/")
	eventually(t, "alice's new right", func() bool { return p.get(x, p.alice).StatusCode == 200 })
}

// TestInactiveUsers: a user who was switched off gets no session and no keys,
// whatever their token and records say.
func TestInactiveUsers(t *testing.T) {
	t.Parallel()
	p, l := roleReader(t)
	off := faultproxy.Rule{Path: regexp.MustCompile(`^/arvados/v1/users/current`), Do: []faultproxy.Action{faultproxy.Body(func(b []byte) []byte {
		return bytes.Replace(b, []byte(`"is_active":true`), []byte(`"is_active":false`), 1)
	})}}
	token := p.another()
	p.asked.Set(off)
	p.wantError(p.get(p.signFor(l, token), token), 403, "user-inactive")
	if log := append(p.s3(), p.sts.Log()...); len(log) != 0 {
		t.Errorf("S3 and the STS were asked %v", log)
	}
	p.forget()
	if got := p.get(p.signFor(l, token), p.another()); got.StatusCode != 200 {
		t.Errorf("an active user: %d %q", got.StatusCode, got.body)
	}
}
