// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"encoding/xml"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/arvados-s3/keepstore/internal/testenv"
)

// site is an issuer that is served on loopback, and an STS that trusts it.
type site struct {
	t       *testing.T
	options Options
	running atomic.Pointer[Issuer]
	sts     *testenv.Server
	fetched atomic.Int64 // how often the keys were read
}

func newSite(t *testing.T, keyFile string) *site {
	s := &site{t: t}
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(server.Close)
	s.options = Options{URL: server.URL, KeyFile: keyFile, ClusterID: "zzzzz"}
	s.running.Store(open(t, s.options))
	return s
}

func newMinIOSite(t *testing.T, keyFile string) *site {
	s := newSite(t, keyFile)
	s.sts = testenv.MinIOWithIssuer(t, testenv.OpenID{ConfigURL: s.options.URL + DiscoveryPath, Audience: audience, Policies: []string{"readonly"}})
	return s
}

func (s *site) serve(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case DiscoveryPath:
		_, _ = w.Write(s.running.Load().Discovery())
	case JWKSPath:
		s.fetched.Add(1)
		_, _ = w.Write(s.running.Load().JWKS())
	default:
		http.NotFound(w, r)
	}
}

// assume calls AssumeRoleWithWebIdentity by hand, and returns the access key,
// or what the STS said.
func (s *site) assume(token string) (accessKey, fault string) {
	s.t.Helper()
	form := url.Values{"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "DurationSeconds": {"900"},
		"RoleArn": {s.sts.RoleARN}, "RoleSessionName": {alice}, "WebIdentityToken": {token}}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	reply, err := client.PostForm(s.sts.URL, form)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = reply.Body.Close() }()
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	var answer struct {
		Key  string `xml:"AssumeRoleWithWebIdentityResult>Credentials>AccessKeyId"`
		Code string `xml:"Error>Code"`
		Text string `xml:"Error>Message"`
	}
	if err := xml.Unmarshal(body, &answer); err != nil {
		s.t.Fatalf("%s: %v", reply.Status, err)
	}
	if (reply.StatusCode == http.StatusOK) != (answer.Key != "") {
		s.t.Fatalf("%s with %+v", reply.Status, answer)
	}
	return answer.Key, strings.TrimSpace(answer.Code + " " + answer.Text)
}

func (s *site) wantAccepted(what, token string) {
	s.t.Helper()
	if key, fault := s.assume(token); key == "" {
		s.t.Errorf("%s: refused: %s", what, fault)
	}
}

// forge signs claims that are ours but for a change.
func (s *site) forge(method jwt.SigningMethod, kid string, key any, change jwt.MapClaims) string {
	s.t.Helper()
	claims := s.running.Load().claims(alice, audience, time.Now())
	maps.Copy(claims, change)
	token := jwt.NewWithClaims(method, claims)
	token.Header["kid"] = kid
	text, err := token.SignedString(key)
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

// TestMinIO: a real STS takes our tokens, and from what we publish it can
// tell apart all that are not ours (T-09). Before and after each refusal our
// own token is accepted.
func TestMinIO(t *testing.T) {
	for name, private := range map[string]any{"RS256": newRSAKey(t, 2048), "ES256": newECKey(t, elliptic.P256())} {
		t.Run(name, func(t *testing.T) {
			s := newMinIOSite(t, writeFile(t, pemOf(t, private, "")))
			own := s.running.Load().keys[0]
			foreign := map[string]any{"RS256": newRSAKey(t, 2048), "ES256": newECKey(t, elliptic.P256())}[name]
			for name, token := range s.forgeries(own, foreign) {
				s.wantAccepted("the control of "+name, mint(t, s.running.Load(), alice))
				if key, fault := s.assume(token); key != "" {
					t.Errorf("%s: accepted", name)
				} else if fault == "" || strings.Contains(fault, "IAM sub-system") {
					t.Errorf("%s: refused for another reason: %q", name, fault)
				}
			}
			s.wantAccepted("our token", mint(t, s.running.Load(), bob))
			s.wantAccepted("a forgery without a change", s.forge(own.method, own.ID, own.private, nil))
		})
	}
}

// forgeries are tokens that no STS may accept.
func (s *site) forgeries(own Key, foreign any) map[string]string {
	s.t.Helper()
	hour := time.Now().Add(time.Hour).Unix()
	public, err := x509.MarshalPKIXPublicKey(own.private.Public())
	if err != nil {
		s.t.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	publicJSON, err := json.Marshal(own.public)
	if err != nil {
		s.t.Fatal(err)
	}
	genuine := mint(s.t, s.running.Load(), alice)
	parts := strings.Split(genuine, ".")
	other := strings.Split(mint(s.t, s.running.Load(), bob), ".")
	ours := func(change jwt.MapClaims) string { return s.forge(own.method, own.ID, own.private, change) }
	hs := jwt.SigningMethodHS256
	return map[string]string{
		"another audience":       ours(jwt.MapClaims{"aud": "sts.example.org"}),
		"no audience":            ours(jwt.MapClaims{"aud": ""}),
		"expired":                ours(jwt.MapClaims{"exp": time.Now().Add(-time.Minute).Unix()}),
		"from the future":        ours(jwt.MapClaims{"nbf": hour, "exp": hour + 300}),
		"alg none":               s.forge(jwt.SigningMethodNone, own.ID, jwt.UnsafeAllowNoneSignatureType, nil),
		"HS256, public PEM":      s.forge(hs, own.ID, publicPEM, nil),
		"HS256, public DER":      s.forge(hs, own.ID, public, nil),
		"HS256, public JWK":      s.forge(hs, own.ID, publicJSON, nil),
		"HS256, empty, kid=aud":  s.forge(hs, audience, []byte{}, nil),
		"a foreign key":          s.forge(own.method, own.ID, foreign, nil),
		"a foreign key, own kid": s.forge(own.method, "another", foreign, nil),
		"an unknown kid":         s.forge(own.method, "another", own.private, nil),
		"no kid":                 s.forge(own.method, "", own.private, nil),
		"another's claims":       parts[0] + "." + other[1] + "." + parts[2],
		"cut signature":          parts[0] + "." + parts[1] + "." + parts[2][:20],
		"no signature":           parts[0] + "." + parts[1] + ".",
		"alg none by header":     base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"`+own.ID+`"}`)) + "." + parts[1] + ".",
	}
}

// TestCephRGW: Ceph's gateway takes our tokens by the certificate, and sees
// who did not make them. It has no words in its refusals.
func TestCephRGW(t *testing.T) {
	if !testenv.WithCephRGW() {
		return
	}
	s := newSite(t, writeFile(t, pemOf(t, newRSAKey(t, 2048), "")))
	own := s.running.Load().keys[0]
	s.sts = testenv.CephRGWWithIssuer(t, s.options.URL, audience, own.Fingerprint())
	hour := time.Now().Add(time.Hour).Unix()
	for name, token := range map[string]string{
		"a foreign key":    s.forge(own.method, own.ID, newRSAKey(t, 2048), nil),
		"another audience": s.forge(own.method, own.ID, own.private, jwt.MapClaims{"aud": "sts.example.org"}),
		"another issuer":   s.forge(own.method, own.ID, own.private, jwt.MapClaims{"iss": "http://127.0.0.1:1"}),
		"expired":          s.forge(own.method, own.ID, own.private, jwt.MapClaims{"exp": time.Now().Add(-time.Minute).Unix()}),
		"from the future":  s.forge(own.method, own.ID, own.private, jwt.MapClaims{"nbf": hour, "exp": hour + 300}),
		"alg none":         s.forge(jwt.SigningMethodNone, own.ID, jwt.UnsafeAllowNoneSignatureType, nil),
		"HS256, empty":     s.forge(jwt.SigningMethodHS256, own.ID, []byte{}, nil),
	} {
		s.wantAccepted("the control of "+name, mint(t, s.running.Load(), alice))
		if key, _ := s.assume(token); key != "" {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestMinIORotation: from before a rotation until after the new key signs,
// each token is accepted, and MinIO reads the keys again for the new one.
func TestMinIORotation(t *testing.T) {
	s := newMinIOSite(t, writeFile(t, pemOf(t, newRSAKey(t, 2048), "")))
	start := time.Now()
	clock := start.Add(-time.Minute) // our clock stands, and lies within the life of a token
	s.options.Now = func() time.Time { return clock }
	reload := func() { s.running.Store(open(t, s.options)) }
	three := func(what, kid string) {
		for range 3 {
			if key, _ := s.running.Load().signing(clock); key.ID != kid {
				t.Errorf("%s: another key signs", what)
			}
			s.wantAccepted(what, mint(t, s.running.Load(), alice))
		}
	}
	reload()
	old := s.running.Load().keys[0]
	three("before", old.ID)
	keys, err := Rotate(s.options.KeyFile, 30*time.Second, clock)
	if err != nil {
		t.Fatal(err)
	}
	three("before the reload", old.ID)
	reload()
	three("while the new key waits", old.ID)
	before := s.fetched.Load()
	clock = start
	three("when the new key signs", keys[1].ID)
	if s.fetched.Load() == before {
		t.Error("MinIO accepted a key that it never read")
	}
	s.wantAccepted("the replaced key", s.forge(old.method, old.ID, old.private, nil))
}
