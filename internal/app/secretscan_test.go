// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/app"
	"github.com/arvados-s3/keepstore/internal/config"
	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/internal/importer"
	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// leaky is a rig with one object in each mode, where all secrets are known.
type leaky struct {
	*people
	scan    *scanner
	objects map[string]locator.Object // by mode
	bodies  strings.Builder           // of all answers
}

func newLeaky(t *testing.T) *leaky {
	t.Helper()
	lab, blanket := bucket(t, servers.MinIO(t)), bucket(t, servers.MinIO(t))
	const own = "leaky"
	k := &leaky{scan: &scanner{secrets: map[string]string{}}, people: newRoles(t, fmt.Sprintf(`log: {level: debug}
limits: {stall: 300ms}
access:
  - {url: "s3://%s/", endpoint: lab, mode: token}
  - {url: "s3://%s/", endpoint: lab, mode: iam, import: {users: ["*"]}}
  - {url: "s3://%s/", endpoint: own, mode: role, role: "ROLE"}
`, lab, blanket, own))}
	k.ownServer.Bucket(t, own, true)
	k.grantOwn(map[string]string{k.aliceUUID: own + "/"})
	user := k.labServer.User(t, "leaky")
	user.AllowRead(t, lab, "")
	k.record(k.alice, lab, user.AccessKey, user.Secret())
	k.objects = map[string]locator.Object{"token": put(t, k.labServer, lab, "x", []byte("x")),
		"iam": put(t, k.labServer, blanket, "x", []byte("x")), "role": put(t, k.ownServer, own, "x", []byte("x"))}
	k.scan.add(t, "secret key of a record", user.Secret())
	k.scan.add(t, "secret key of the server", testenv.SecretKey)
	k.scan.add(t, "signing key", k.api.BlobSigningKey())
	for name, token := range map[string]string{"alice": k.alice, "bob": k.bob, "the link": k.link} {
		k.scan.add(t, "token of "+name, token[strings.LastIndex(token, "/")+1:])
	}
	return k
}

// addCaught adds what was made while the server ran: sessions, the tokens of
// the issuer, and its key.
func (k *leaky) addCaught(calls []faultproxy.Request, accessKey, secretKey, session string) {
	k.t.Helper()
	k.scan.add(k.t, "secret key of a session", secretKey)
	k.scan.add(k.t, "session token", session[:min(len(session), 200)])
	for i, r := range calls {
		token := parseForm(k.t, r.Body).Get("WebIdentityToken")
		parts := strings.Split(token, ".")
		if len(parts) != 3 {
			k.t.Fatalf("the STS got no token: %v", r)
		}
		k.scan.add(k.t, fmt.Sprintf("claims of JWT %d", i), parts[1])
		k.scan.add(k.t, fmt.Sprintf("signature of JWT %d", i), parts[2])
	}
	c, err := config.Load(k.config)
	if err != nil {
		k.t.Fatal(err)
	}
	key, err := os.ReadFile(c.Issuer.KeyFile)
	if err != nil {
		k.t.Fatal(err)
	}
	lines := strings.Split(string(key), "\n")
	k.scan.add(k.t, "key of the issuer", lines[len(lines)/2])
	printed, err := json.Marshal(c)
	k.scanned("the configuration, printed", fmt.Sprintf("%v %+v %#v %s %v", c, *c, *c, printed, err))
	if accessKey == "" {
		k.t.Error("no session was caught")
	}
}

// scanned checks a text.
func (k *leaky) scanned(what, text string) {
	k.t.Helper()
	if text == "" {
		k.t.Errorf("%s: there is nothing to look at", what)
	}
	for _, found := range k.scan.find(text) {
		k.t.Errorf("%s has the %s", what, found)
	}
}

// send keeps the answer for the scan.
func (k *leaky) send(method, path, token, body string, headers ...string) reply {
	k.t.Helper()
	got := k.do(method, path, token, body, headers...)
	fmt.Fprintf(&k.bodies, "%s %v\n%s\n", got.Status, got.Header, got.body)
	return got
}

// signed is the locator of an object, signed for alice.
func (k *leaky) signed(o locator.Object) string {
	l := k.locator(pseudoblock.Extent{Object: o, Size: 1}, pseudoblock.Derived, k.alice)
	signature := l[strings.LastIndex(l, "+A")+2:][:40]
	k.scan.add(k.t, "permission signature "+signature[:4], signature)
	return l
}

// use reads, imports, and asks about everything, by right and wrong tokens.
func (k *leaky) use() {
	k.t.Helper()
	for _, o := range k.objects {
		l := k.signed(o)
		for _, token := range []string{k.alice, k.bob, k.link, k.another()} {
			k.send(http.MethodGet, "/"+l, token, "")
			k.send(http.MethodHead, "/"+l, token, "")
		}
		k.send(http.MethodPost, "/s3/import", k.alice, fmt.Sprintf(`{"sources":[{"url":"s3://%s/"},{"url":%q}]}`, o.Bucket, l), jsonType)
		report, err := app.Explain(k.t.Context(), k.config, importer.Question{URL: o.URL(), Token: creds.NewSecret(k.alice), Operator: true})
		fmt.Fprintf(&k.bodies, "%+v %v\n", report, err)
		for _, what := range []string{"browse", "access"} {
			k.send(http.MethodGet, "/s3/"+what+"?url="+url.QueryEscape("s3://"+o.Bucket+"/x"), k.alice, "")
			k.send(http.MethodGet, "/s3/"+what+"?url="+url.QueryEscape("s3://"+o.Bucket+"/x"), k.bob, "")
		}
	}
}

// provoke lets each server answer with what it was sent, and with other faults.
func (k *leaky) provoke() {
	k.t.Helper()
	mirror := func(r *faultproxy.Reply) {
		faultproxy.Answer(403, "<Error><Code>SignatureDoesNotMatch</Code><Message>"+r.Asked.Head+r.Asked.Body+"</Message></Error>")(r)
	}
	listed := func(r *faultproxy.Reply) {
		text, _ := json.Marshal(r.Asked.Head + r.Asked.Body) // a string can be marshalled
		faultproxy.Answer(422, `{"errors":[`+string(text)+`]}`)(r)
	}
	for _, do := range []faultproxy.Action{mirror, faultproxy.Answer(500, ""), faultproxy.ResetAt(0), faultproxy.Redirect(307, k.apiHTTP.URL)} {
		for _, proxy := range []*faultproxy.Proxy{k.lab, k.own, k.sts} {
			proxy.Set(faultproxy.Rule{Do: []faultproxy.Action{do}})
			_, token := k.user(fmt.Sprintf("provoked%d", number.Add(1)))
			for _, o := range k.objects {
				k.send(http.MethodGet, "/"+k.signed(o), k.alice, "")
				k.send(http.MethodGet, "/"+k.whole(o, 1), token, "")
			}
			k.forget()
		}
	}
	for _, do := range []faultproxy.Action{listed, faultproxy.Answer(401, `{"errors":["no"]}`), faultproxy.Answer(500, ""), faultproxy.ResetAt(0)} {
		k.asked.Set(faultproxy.Rule{Do: []faultproxy.Action{do}})
		k.send(http.MethodGet, "/"+k.whole(k.objects["token"], 1), k.another(), "")
		k.forget()
	}
	for _, path := range []string{"/" + k.alice, "/?api_token=" + url.QueryEscape(k.alice), "/s3/access?url=" + url.QueryEscape(k.alice)} {
		k.send(http.MethodGet, path, "", "")
	}
	for _, path := range []string{"/debug/pprof/heap", "/debug/pprof/goroutine?debug=2", "/debug/vars"} {
		for _, token := range []string{"", k.alice, "management-of-the-test"} {
			if got := k.send(http.MethodGet, path, token, ""); got.StatusCode < 400 {
				k.t.Errorf("%s is served with the token %.8q: %d", path, token, got.StatusCode)
			}
		}
	}
}

// TestSecretsStayInside is S-01: with every kind of success and fault, at the
// debug level, no secret leaves by a log, a metric, an answer or a profile.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	k := newLeaky(t)
	keys := k.stsKeys()
	k.use()
	calls := k.sts.Log()
	k.wander()
	k.provoke()
	k.use()
	k.crash()
	k.write("access: []\nroles: {allow: [" + k.api.BlobSigningKey() + "]}\nblob_signing: {key: [" + testenv.SecretKey + "]}\n")
	k.reload <- nil
	k.waitForLog("reload refused")
	k.write("access: []\n")
	k.addCaught(calls, keys.AccessKeyID, keys.SecretAccessKey, keys.SessionToken)

	canary := "canary-of-the-scan-4711"
	k.send(http.MethodGet, "/"+k.whole(k.objects["token"], 1), k.alice, "", "X-Request-Id: "+canary)
	metrics := k.do(http.MethodGet, "/metrics", "management-of-the-test", "").body
	profiles := k.profiles(canary)
	for what, text := range map[string]string{"the log": k.log.String(), "the answers": k.bodies.String(), "the metrics": metrics, "the profiles": profiles} {
		k.scanned(what, text)
		if what != "the metrics" && !strings.Contains(text, canary) {
			t.Errorf("%s do not hold what was planted there", what)
		}
	}
	if !strings.Contains(metrics, "arvados_concurrent_requests") || !strings.Contains(k.log.String(), `"cause"`) {
		t.Error("these are not the metrics, or not the log at the debug level")
	}
}

// crash lets a server of its own process read, and end in the middle of a read
// with a dump of all goroutines in its log.
func (k *leaky) crash() {
	k.t.Helper()
	here := k.url
	defer func() { k.url = here }()
	child := k.start()
	for mode, o := range k.objects {
		if got := k.send(http.MethodGet, "/"+k.signed(o), k.alice, ""); got.StatusCode != 200 {
			k.t.Errorf("mode %s in a process of its own: %d %q", mode, got.StatusCode, got.body)
		}
	}
	k.lab.Set(faultproxy.Rule{Do: []faultproxy.Action{faultproxy.Delay(time.Minute)}})
	req, err := http.NewRequest(http.MethodGet, k.url+"/"+k.signed(k.objects["token"]), nil)
	if err != nil {
		k.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+k.alice)
	ended := make(chan error, 1)
	go func() {
		resp, err := k.client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		ended <- err
	}()
	eventually(k.t, "a read in progress", func() bool { return len(k.lab.Log()) > 0 })
	if err := child.command.Process.Signal(syscall.SIGQUIT); err != nil {
		k.t.Fatal(err)
	}
	<-ended
	_ = child.command.Wait() // that it failed is what was wanted
	k.forget()
	if text := k.log.String(); !strings.Contains(text, "SIGQUIT: quit") || !strings.Contains(text, "s3read.") {
		k.t.Error("the log has no dump of goroutines that read")
	}
}

// wander checks where secrets go: Arvados tokens to the API server only, our
// JSON web tokens to the STS only, secret keys nowhere.
func (k *leaky) wander() {
	k.t.Helper()
	token := k.alice[strings.LastIndex(k.alice, "/")+1:]
	counts := map[string]int{}
	for server, log := range map[string][]faultproxy.Request{"S3": k.s3(), "STS": k.sts.Log(), "API": k.asked.Log()} {
		for _, r := range log {
			text := r.Head + r.Body
			if strings.Contains(text, token) {
				counts[server+" token"]++
			}
			if strings.Contains(text, "eyJhbGciOi") && !strings.Contains(text, "X-Amz-Security-Token: eyJ") {
				counts[server+" JWT"]++
			}
			for _, what := range []string{"secret key of a record", "secret key of the server", "signing key"} {
				if strings.Contains(text, k.scan.secrets[what]) {
					k.t.Errorf("%s was sent the %s", server, what)
				}
			}
		}
	}
	for what, may := range map[string]bool{"S3 token": false, "STS token": false, "API token": true, "S3 JWT": false, "STS JWT": true, "API JWT": false} {
		if counts[what] > 0 != may {
			k.t.Errorf("%s: seen %d times", what, counts[what])
		}
	}
}

// profiles are all that a profiler or a crash would show of this process. The
// label of a goroutine is planted.
func (k *leaky) profiles(planted string) string {
	k.t.Helper()
	var all bytes.Buffer
	stop, started := make(chan struct{}), make(chan struct{})
	go pprof.Do(context.Background(), pprof.Labels("planted", planted), func(context.Context) { close(started); <-stop })
	<-started
	defer close(stop)
	for _, profile := range pprof.Profiles() {
		for debug := range 3 {
			var b bytes.Buffer
			if err := profile.WriteTo(&b, debug); err != nil {
				k.t.Fatal(err)
			}
			if z, err := gzip.NewReader(bytes.NewReader(b.Bytes())); err == nil {
				_, err = io.Copy(&all, z)
				if err != nil {
					k.t.Fatal(err)
				}
				continue
			}
			_, _ = b.WriteTo(&all) // a bytes.Buffer does not fail
		}
	}
	stacks := make([]byte, 16<<20)
	all.Write(stacks[:runtime.Stack(stacks, true)])
	return all.String()
}

// TestHeadersOfAnswers: answers are private, whatever the mode (W-05).
func TestHeadersOfAnswers(t *testing.T) {
	t.Parallel()
	p, l, _, _ := keyReader(t)
	for what, got := range map[string]reply{"a read": p.get(l, p.alice), "a refusal": p.get(l, p.bob)} {
		if c := got.Header.Get("Cache-Control"); !strings.Contains(c, "no-store") || !strings.Contains(got.Header.Get("Vary"), "Authorization") {
			t.Errorf("%s: %v", what, got.Header)
		}
	}
}
