// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// minRSA is the smallest RSA key, in bits, that RFC 7518 allows for RS256.
	minRSA = 2048
	// newRSA is the size of the keys that we make. They are RSA because some
	// STS know RS256 only.
	newRSA = 3072
)

// Key is one key of the issuer. What can be seen of it is public.
type Key struct {
	// ID is the RFC 7638 thumbprint of the public key: the same on every
	// machine that has the key.
	ID string
	// SignFrom is when it begins to sign; zero means from ever.
	SignFrom time.Time

	method  jwt.SigningMethod
	private crypto.Signer
	public  jwk
}

// jwk is a public key as RFC 7517 and RFC 7518 section 6 write it. It has no
// place for a private member.
type jwk struct {
	Type      string `json:"kty"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	ID        string `json:"kid"`
	N         string `json:"n,omitempty"`
	E         string `json:"e,omitempty"`
	Curve     string `json:"crv,omitempty"`
	X         string `json:"x,omitempty"`
	Y         string `json:"y,omitempty"`
	// Chain is one certificate, which Ceph's gateway takes the key from.
	Chain [][]byte `json:"x5c,omitempty"`
}

// newKey takes a private key that PKCS #8 can hold, or says why not.
func newKey(private any, signFrom time.Time) (Key, error) {
	k := Key{SignFrom: signFrom}
	var err error
	switch p := private.(type) {
	case *rsa.PrivateKey:
		if p.N.BitLen() < minRSA {
			return Key{}, fmt.Errorf("is an RSA key of %d bits: use at least %d", p.N.BitLen(), minRSA)
		}
		k.method, k.private, k.public = jwt.SigningMethodRS256, p, rsaJWK(&p.PublicKey)
		k.setID(map[string]string{"e": k.public.E, "kty": "RSA", "n": k.public.N})
		k.public.Chain, err = certificate(p)
	case *ecdsa.PrivateKey:
		if p.Curve != elliptic.P256() {
			return Key{}, fmt.Errorf("is on the curve %s: use P-256, or RSA", p.Curve.Params().Name)
		}
		k.method, k.private = jwt.SigningMethodES256, p
		k.public, err = ecJWK(&p.PublicKey)
		k.setID(map[string]string{"crv": "P-256", "kty": "EC", "x": k.public.X, "y": k.public.Y})
	default:
		return Key{}, errors.New("is neither an RSA nor a P-256 key")
	}
	return k, err
}

// generateKey makes an RSA key.
func generateKey(signFrom time.Time) (Key, error) {
	private, err := rsa.GenerateKey(rand.Reader, newRSA)
	if err != nil {
		return Key{}, err
	}
	return newKey(private, signFrom)
}

// setID computes the thumbprint over the required members, in the order of
// their names and without spaces, which is how a map is encoded.
func (k *Key) setID(required map[string]string) {
	text, _ := json.Marshal(required) // strings always encode
	sum := sha256.Sum256(text)
	k.ID = encode(sum[:])
	k.public.ID = k.ID
}

// Algorithm returns RS256 or ES256.
func (k Key) Algorithm() string { return k.public.Algorithm }

// Fingerprint returns the SHA-1 of the published certificate in hex, which
// Ceph's gateway calls a thumbprint. A P-256 key has none.
func (k Key) Fingerprint() string {
	if len(k.public.Chain) == 0 {
		return ""
	}
	sum := sha1.Sum(k.public.Chain[0])
	return hex.EncodeToString(sum[:])
}

func rsaJWK(p *rsa.PublicKey) jwk {
	exponent := big.NewInt(int64(p.E)).Bytes()
	return jwk{Type: "RSA", Use: "sig", Algorithm: "RS256", N: encode(p.N.Bytes()), E: encode(exponent)}
}

func ecJWK(p *ecdsa.PublicKey) (jwk, error) {
	point, err := p.Bytes() // 4, then x and y of 32 bytes
	if err != nil {
		return jwk{}, err
	}
	return jwk{Type: "EC", Use: "sig", Algorithm: "ES256", Curve: "P-256", X: encode(point[1:33]), Y: encode(point[33:])}, nil
}

// certificate signs the key with itself. All that is in it comes from the key,
// and a PKCS #1 v1.5 signature has no random part, so that each replica makes
// the same one.
func certificate(p *rsa.PrivateKey) ([][]byte, error) {
	sum := sha256.Sum256(p.N.Bytes())
	form := &x509.Certificate{
		SerialNumber:       new(big.Int).SetBytes(sum[:16]),
		Subject:            pkix.Name{CommonName: "keepstore issuer " + hex.EncodeToString(sum[:8])},
		NotBefore:          time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:           time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // RFC 5280: no end
		KeyUsage:           x509.KeyUsageDigitalSignature,
		SignatureAlgorithm: x509.SHA256WithRSA,
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, p.Public(), p)
	return [][]byte{der}, err
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
