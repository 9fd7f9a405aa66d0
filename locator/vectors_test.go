// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package locator_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/locator"
)

// load reads a file of testdata/vectors into out, and fails on unknown keys.
func load(t *testing.T, name string, out any) {
	t.Helper()
	f, err := os.Open("../testdata/vectors/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := json.NewDecoder(f)
	d.DisallowUnknownFields()
	if err := d.Decode(out); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// stricter names each vector that the documented regular expression of
// Arvados matches and Parse refuses, with the reason. docs/locator.md has the
// same table for people.
var stricter = map[string]string{
	"ffffffffffffffffffffffffffffffff+9223372036854775808+BczM6Ly9iLz8_Pj5-fg+C0": "the size does not fit 63 bits",
	"ffffffffffffffffffffffffffffffff+05+BczM6Ly9iLz8_Pj5-fg+C0":                  "a leading zero is a second spelling",
	"ffffffffffffffffffffffffffffffff+5+BczM6Ly9iLz8_Pj5-fg+C-1":                  "no byte has a negative offset",
	"ffffffffffffffffffffffffffffffff+5+BczM6Ly9iLz8_Pj5-fg+C":                    "an empty offset may be read as 0 or as missing",
	"ffffffffffffffffffffffffffffffff+5+B+C0":                                     "an empty +B names nothing",
	"ffffffffffffffffffffffffffffffff+5+BczM6Ly9iLz8_Pj5-fg+C0+Bsecond":           "two +B hints: readers could differ on which one counts",
}

func TestLocatorVectors(t *testing.T) {
	var file struct {
		Vectors []struct {
			Locator    string
			Documented bool
			Size       *int64
		}
	}
	load(t, "locators.json", &file)
	if len(file.Vectors) != 43 {
		t.Errorf("got %d vectors, want 43", len(file.Vectors))
	}
	used := 0
	for _, v := range file.Vectors {
		l, err := locator.Parse(v.Locator)
		if reason := stricter[v.Locator]; reason != "" {
			used++
			if err == nil || !v.Documented {
				t.Errorf("%q: listed as stricter (%s), but documented=%v and error %v", v.Locator, reason, v.Documented, err)
			}
			continue
		}
		if (err == nil) != v.Documented {
			t.Errorf("%q: error %v, documented %v", v.Locator, err, v.Documented)
		}
		if err == nil && (v.Size == nil || l.Size() != *v.Size) {
			t.Errorf("%q: size %d, stock has %v", v.Locator, l.Size(), v.Size)
		}
	}
	if used != len(stricter) {
		t.Errorf("the table of stricter cases has %d rows, of which %d are vectors", len(stricter), used)
	}
}

type signatureVector struct {
	Name, Unsigned, Signed, Token, Key, Stock string
	Expiry                                    int64
	TTLSeconds                                int64 `json:"ttl_seconds"`
}

// notALocator names each signature vector that Parse refuses. Stock answers
// are in the vectors; ours is stricter for the first one only.
var notALocator = map[string]string{
	"no size hint":                        "the size is part of what a locator names",
	"two +A hints":                        "stock Go finds no signature, the API server takes the last",
	"9-digit timestamp":                   "stock Go finds no signature",
	"padded base64 hint":                  "stock Go finds no signature",
	"hint starting with A before real +A": "stock Go finds no signature",
}

var errorOf = map[string]error{
	"ok":                nil,
	"Missing signature": &locator.Error{Kind: locator.BadSignature},
	"Invalid signature": &locator.Error{Kind: locator.BadSignature},
	"Signature expired": &locator.Error{Kind: locator.SignatureExpired},
}

func TestSignatureVectors(t *testing.T) {
	var file struct {
		Vectors      []signatureVector
		SignManifest map[string]any `json:"sign_manifest"`
	}
	load(t, "signatures.json", &file)
	if len(file.Vectors) != 24 {
		t.Errorf("got %d vectors, want 24", len(file.Vectors))
	}
	for _, v := range file.Vectors {
		t.Run(v.Name, func(t *testing.T) { checkSignatureVector(t, v) })
	}
}

func checkSignatureVector(t *testing.T, v signatureVector) {
	l, err := locator.Parse(v.Signed)
	if reason, ok := notALocator[v.Name]; ok {
		if err == nil {
			t.Errorf("accepted, but listed as refused: %s", reason)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := locator.NewSigner([]byte(v.Key), time.Duration(v.TTLSeconds)*time.Second)
	if v.Key == "" {
		if err == nil {
			t.Error("NewSigner took an empty key")
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(2e9, 0)
	want, known := errorOf[v.Stock]
	if !known {
		t.Fatalf("unknown stock result %q", v.Stock)
	}
	if err := s.VerifyHash(l.Hash(), l.Signature(), v.Token, now); !matches(err, want) {
		t.Errorf("VerifyHash: %v, stock says %s", err, v.Stock)
	}
	if len(l.Refs()) > 0 && want == nil { // a signature over ffff… vouches for nothing
		want = &locator.Error{Kind: locator.BadSignature}
	}
	if err := s.Verify(l, v.Token, now); !matches(err, want) {
		t.Errorf("Verify: %v, want %v", err, want)
	}
	if v.Stock == "ok" && len(l.Refs()) == 0 {
		checkSigns(t, s, v)
	}
}

// checkSigns proves that we sign as stock does.
func checkSigns(t *testing.T, s *locator.Signer, v signatureVector) {
	unsigned, err := locator.Parse(v.Unsigned)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Sign(unsigned, v.Token, time.Unix(v.Expiry, 0)).String(); got != v.Signed {
		t.Errorf("signed differently: got %s, want %s", got, v.Signed)
	}
}

// TestSignManifest checks the signatures in the example of a signed manifest:
// the ordinary block's is ours, those over the opaque hash are not.
func TestSignManifest(t *testing.T) {
	var file struct {
		Vectors      []json.RawMessage
		SignManifest struct {
			In, Out, Key, Token string
			TTLSeconds          int64 `json:"ttl_seconds"`
			Expiry              int64
		} `json:"sign_manifest"`
	}
	load(t, "signatures.json", &file)
	m := file.SignManifest
	s, err := locator.NewSigner([]byte(m.Key), time.Duration(m.TTLSeconds)*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	blocks := 0
	for _, token := range strings.Fields(m.Out) {
		l, err := locator.Parse(token)
		if err != nil {
			continue
		}
		blocks++
		stock := s.VerifyHash(l.Hash(), l.Signature(), m.Token, time.Unix(0, 0))
		ours := s.Verify(l, m.Token, time.Unix(0, 0))
		if stock != nil || (ours == nil) != (len(l.Refs()) == 0) {
			t.Errorf("%s: by hash %v, by identity %v", l.Unsigned(), stock, ours)
		}
	}
	if blocks != 3 {
		t.Errorf("found %d locators in the signed manifest, want 3", blocks)
	}
	if _, err := locator.Parse(strings.Fields(m.In)[1]); err == nil {
		t.Error("Parse took +Aoldsig@00000000")
	}
}
