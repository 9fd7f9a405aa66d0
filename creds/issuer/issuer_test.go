// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"bytes"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/arvados-s3/keepstore/creds"
)

// TestToken: what a token says, checked against the published keys (T-05, T-06).
func TestToken(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 999, time.UTC)
	for _, key := range []any{newRSAKey(t, 2048), newECKey(t, elliptic.P256())} {
		o := options(writeFile(t, pemOf(t, key, "")))
		o.Now = func() time.Time { return now }
		i := open(t, o)
		token, err := verify(t, i.JWKS(), mint(t, i, alice), now)
		if err != nil {
			t.Fatal(err)
		}
		claims := token.Claims.(jwt.MapClaims)
		if id, _ := claims["jti"].(string); len(id) < 20 {
			t.Errorf("jti is %v", claims["jti"])
		}
		delete(claims, "jti")
		want := jwt.MapClaims{
			"iss": origin, "sub": "zzzzz:" + alice, "aud": audience,
			"iat": float64(now.Unix()), "nbf": float64(now.Unix() - 30), "exp": float64(now.Unix() + 300),
			"https://aws.amazon.com/tags": map[string]any{
				"principal_tags":      map[string]any{"arvados_cluster": []any{"zzzzz"}, "arvados_user": []any{alice}},
				"transitive_tag_keys": []any{"arvados_cluster", "arvados_user"},
			},
		}
		if diff := cmp.Diff(want, claims); diff != "" {
			t.Error(diff)
		}
		if len(token.Header) != 3 || token.Header["typ"] != "JWT" || token.Header["kid"] != i.keys[0].ID {
			t.Errorf("header %v", token.Header)
		}
		for _, at := range []time.Duration{-time.Minute, 6 * time.Minute} {
			if _, err := verify(t, i.JWKS(), mint(t, i, alice), now.Add(at)); err == nil {
				t.Errorf("the token is valid %v after it was made", at)
			}
		}
	}
}

// TestTokensDiffer: users have different subjects, tokens different ids, and
// what is shown of a token is nothing.
func TestTokensDiffer(t *testing.T) {
	i := open(t, options(writeFile(t, pemOf(t, newECKey(t, elliptic.P256()), ""))))
	subjects, ids := map[any]bool{}, map[any]bool{}
	for range 50 {
		for _, user := range []string{alice, bob} {
			token, err := verify(t, i.JWKS(), mint(t, i, user), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			claims := token.Claims.(jwt.MapClaims)
			subjects[claims["sub"]], ids[claims["jti"]] = true, true
		}
	}
	if len(subjects) != 2 || len(ids) != 100 {
		t.Errorf("%d subjects and %d ids of 100 tokens of 2 users", len(subjects), len(ids))
	}
	secret, err := i.Token(alice, audience)
	if shown := fmt.Sprintf("%v %+v %#v %s", secret, secret, secret, err); strings.Contains(shown, "ey") {
		t.Errorf("a token shows as %s", shown)
	}
}

func TestTokenOfNobody(t *testing.T) {
	i := open(t, options(writeFile(t, pemOf(t, newECKey(t, elliptic.P256()), ""))))
	mint(t, i, alice)
	for _, user := range []string{"", "alice", "alice@example.org", alice + "\n", alice + ":x", strings.ToUpper(alice), "zzzzz-j7d0g-000000000000000"} {
		var e *creds.Error
		if token, err := i.Token(user, audience); !errors.As(err, &e) || e.Kind != creds.Missing || !token.IsZero() {
			t.Errorf("user %q: %v", user, err)
		}
	}
}

// TestTokenForNobody: a token is for the audience that is asked for, and for
// no other; there is none for everybody.
func TestTokenForNobody(t *testing.T) {
	i := open(t, options(writeFile(t, pemOf(t, newECKey(t, elliptic.P256()), ""))))
	token, err := i.Token(alice, "minio-of-a-partner")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verify(t, i.JWKS(), token.Reveal(), time.Now()); !errors.Is(err, jwt.ErrTokenInvalidAudience) {
		t.Errorf("a token for a partner is good for %s: %v", audience, err)
	}
	var e *creds.Error
	if token, err := i.Token(alice, ""); !errors.As(err, &e) || e.Kind != creds.Missing || !token.IsZero() {
		t.Errorf("without an audience: %v", err)
	}
}

// TestDocuments: the discovery document has what STS want, and the JWKS
// only public members (T-07).
func TestDocuments(t *testing.T) {
	i := open(t, options(writeFile(t, pemOf(t, newRSAKey(t, 2048), "")+pemOf(t, newECKey(t, elliptic.P256()), "2026-01-01T00:00:00Z"))))
	var got map[string]any
	if err := json.Unmarshal(i.Discovery(), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"issuer": origin, "jwks_uri": origin + "/.well-known/jwks.json",
		"response_types_supported": []any{"id_token"}, "subject_types_supported": []any{"public"},
		"id_token_signing_alg_values_supported": []any{"RS256", "ES256"},
		"claims_supported":                      []any{"iss", "sub", "aud", "iat", "nbf", "exp", "jti"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(i.JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	public := []map[string]bool{
		{"kty": true, "use": true, "alg": true, "kid": true, "n": true, "e": true, "x5c": true},
		{"kty": true, "use": true, "alg": true, "kid": true, "crv": true, "x": true, "y": true},
	}
	for n, want := range public {
		members := map[string]bool{}
		for name := range set.Keys[n] {
			members[name] = true
		}
		if diff := cmp.Diff(want, members); diff != "" {
			t.Errorf("key %d: %s", n, diff)
		}
	}
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "k", "oth"} {
		if all := append(i.JWKS(), i.Discovery()...); bytes.Contains(all, []byte(`"`+name+`"`)) {
			t.Errorf("a document has the private member %q", name)
		}
	}
}

// TestPrivatePartsStay: no number of a private key is in a document, however
// it may be called there.
func TestPrivatePartsStay(t *testing.T) {
	r, e := newRSAKey(t, 2048), newECKey(t, elliptic.P256())
	i := open(t, options(writeFile(t, pemOf(t, r, "")+pemOf(t, e, "2026-01-01T00:00:00Z"))))
	scalar, err := e.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	secret := [][]byte{r.D.Bytes(), r.Primes[0].Bytes(), r.Primes[1].Bytes(), r.Precomputed.Dp.Bytes(), r.Precomputed.Dq.Bytes(), r.Precomputed.Qinv.Bytes(), scalar}
	document := string(i.JWKS())
	for n, s := range secret {
		if strings.Contains(document, encode(s)) {
			t.Errorf("private number %d is published", n)
		}
	}
	if !strings.Contains(document, encode(r.N.Bytes())) {
		t.Error("the modulus is not published")
	}
}

// TestReplicas: two servers with one file publish the same, byte for byte,
// and check each other's tokens; so does a server that was restarted (T-13).
func TestReplicas(t *testing.T) {
	text := pemOf(t, newRSAKey(t, 2048), "") + pemOf(t, newECKey(t, elliptic.P256()), "2026-01-01T00:00:00Z")
	a, b := open(t, options(writeFile(t, text))), open(t, options(writeFile(t, text)))
	if !bytes.Equal(a.JWKS(), b.JWKS()) || !bytes.Equal(a.Discovery(), b.Discovery()) {
		t.Errorf("the replicas publish different documents:\n%s\n%s", a.JWKS(), b.JWKS())
	}
	if _, err := verify(t, b.JWKS(), mint(t, a, alice), time.Now()); err != nil {
		t.Error(err)
	}
	other := open(t, options(writeFile(t, pemOf(t, newECKey(t, elliptic.P256()), ""))))
	if _, err := verify(t, other.JWKS(), mint(t, a, alice), time.Now()); err == nil {
		t.Error("a server with other keys accepts the token")
	}
}

// TestCertificate: x5c holds the key that signs, for verifiers that read no
// other member.
func TestCertificate(t *testing.T) {
	key := newRSAKey(t, 2048)
	i := open(t, options(writeFile(t, pemOf(t, key, ""))))
	var set struct{ Keys []struct{ X5c [][]byte } } // standard base64, unlike all other members
	if err := json.Unmarshal(i.JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(set.Keys[0].X5c[0])
	if err != nil {
		t.Fatal(err)
	}
	if !key.PublicKey.Equal(c.PublicKey.(*rsa.PublicKey)) || c.NotAfter.Year() != 9999 {
		t.Errorf("certificate until %v, with another key", c.NotAfter)
	}
	if err := c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature); err != nil {
		t.Error(err)
	}
	if got := i.keys[0].Fingerprint(); len(got) != 40 {
		t.Errorf("fingerprint %q", got)
	}
}

// TestThumbprint takes the example of RFC 7638, section 3.1.
func TestThumbprint(t *testing.T) {
	const n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
	var k Key
	k.public = rsaJWK(&rsa.PublicKey{N: number(t, n), E: 65537})
	k.setID(map[string]string{"e": k.public.E, "kty": "RSA", "n": k.public.N})
	if k.ID != "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" {
		t.Errorf("kid %s", k.ID)
	}
}

// TestShortCoordinates: the coordinates of a point keep their leading zeros,
// which RFC 7518 section 6.2.1.2 wants.
func TestShortCoordinates(t *testing.T) {
	for range 2000 {
		key := newECKey(t, elliptic.P256())
		point, err := key.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if point[1] != 0 && point[33] != 0 {
			continue
		}
		public, err := ecJWK(&key.PublicKey)
		if err != nil || len(public.X) != 43 || len(public.Y) != 43 {
			t.Errorf("%+v, %v", public, err)
		}
		return
	}
	t.Fatal("no key of 2000 has a short coordinate")
}

func TestBadOptions(t *testing.T) {
	good := options(writeFile(t, pemOf(t, newECKey(t, elliptic.P256()), "")))
	open(t, good)
	for name, change := range map[string]func(*Options){
		"path":     func(o *Options) { o.URL += "/issuer" },
		"slash":    func(o *Options) { o.URL += "/" },
		"query":    func(o *Options) { o.URL += "?a" },
		"user":     func(o *Options) { o.URL = "https://u:p@keep.example.org" },
		"scheme":   func(o *Options) { o.URL = "ftp://keep.example.org" },
		"no host":  func(o *Options) { o.URL = "https://" },
		"cluster":  func(o *Options) { o.ClusterID = "Zzzzz" },
		"key file": func(o *Options) { o.KeyFile = "" },
	} {
		o := good
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
