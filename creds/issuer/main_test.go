// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	audience = "sts.amazonaws.com"
	origin   = "https://keep.zzzzz.example.org"
	alice    = "zzzzz-tpzed-alice0000000000"
	bob      = "zzzzz-tpzed-bob000000000000"
)

func newRSAKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newECKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// pemOf writes a key as operators bring it.
func pemOf(t testing.TB, key any, from string) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	block := &pem.Block{Type: "PRIVATE KEY", Bytes: der}
	if from != "" {
		block.Headers = map[string]string{"Sign-From": from}
	}
	return string(pem.EncodeToMemory(block))
}

func writeFile(t testing.TB, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "issuer.pem")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func options(file string) Options {
	return Options{URL: origin, KeyFile: file, ClusterID: "zzzzz"}
}

func open(t testing.TB, o Options) *Issuer {
	t.Helper()
	i, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func mint(t testing.TB, i *Issuer, user string) string {
	t.Helper()
	token, err := i.Token(user, audience)
	if err != nil {
		t.Fatal(err)
	}
	return token.Reveal()
}

// published decodes a JWKS as a stranger does: by RFC 7517 and RFC 7518 alone.
func published(t testing.TB, document []byte) map[string]any {
	t.Helper()
	var set struct {
		Keys []struct{ Kty, Kid, Alg, Use, N, E, Crv, X, Y string }
	}
	if err := json.Unmarshal(document, &set); err != nil {
		t.Fatal(err)
	}
	keys := make(map[string]any)
	for _, k := range set.Keys {
		switch k.Kty + " " + k.Alg + " " + k.Use + " " + k.Crv {
		case "RSA RS256 sig ":
			keys[k.Kid] = &rsa.PublicKey{N: number(t, k.N), E: int(number(t, k.E).Int64())}
		case "EC ES256 sig P-256":
			point := append([]byte{4}, append(decode(t, k.X), decode(t, k.Y)...)...)
			public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
			if err != nil {
				t.Fatal(err)
			}
			keys[k.Kid] = public
		default:
			t.Fatalf("a key that no verifier takes: %+v", k)
		}
	}
	return keys
}

func number(t testing.TB, text string) *big.Int {
	t.Helper()
	return new(big.Int).SetBytes(decode(t, text))
}

func decode(t testing.TB, text string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// verify checks a token as strictly as an STS may, against a published JWKS.
func verify(t testing.TB, document []byte, token string, at time.Time) (*jwt.Token, error) {
	t.Helper()
	keys := published(t, document)
	return jwt.Parse(token, func(token *jwt.Token) (any, error) {
		kid, _ := token.Header["kid"].(string)
		if keys[kid] == nil {
			return nil, jwt.ErrTokenUnverifiable
		}
		return keys[kid], nil
	}, jwt.WithValidMethods([]string{"RS256", "ES256"}), jwt.WithIssuer(origin), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithTimeFunc(func() time.Time { return at }))
}
