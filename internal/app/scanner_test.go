// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// scanner looks for secrets in what a server lets out.
type scanner struct{ secrets map[string]string } // by what they are

// forms are the ways in which a text may hold a secret.
func forms(secret string) map[string]string {
	quoted, _ := json.Marshal(secret) // a string can be marshalled
	all := map[string]string{
		"as it is": secret, "in JSON": strings.Trim(string(quoted), `"`), "quoted": strings.Trim(fmt.Sprintf("%+q", secret), `"`),
		"in a query": url.QueryEscape(secret), "in a path": url.PathEscape(secret), "in hex": hex.EncodeToString([]byte(secret)),
		"as numbers": strings.Trim(fmt.Sprint([]byte(secret)), "[]"),
	}
	// Base64 of a longer text that holds the secret differs by where in a group
	// of three bytes it begins; its first and last characters mix with others.
	for shift := range 3 {
		text := strings.Repeat("\x00", shift) + secret
		text = text[:len(text)/3*3]
		begin := []int{0, 2, 3}[shift]
		all[fmt.Sprintf("in base64, shifted by %d", shift)] = base64.StdEncoding.EncodeToString([]byte(text))[begin:]
		all[fmt.Sprintf("in URL base64, shifted by %d", shift)] = base64.URLEncoding.EncodeToString([]byte(text))[begin:]
	}
	return all
}

// find names the secrets in a text.
func (s *scanner) find(text string) (found []string) {
	for what, secret := range s.secrets {
		for form, bytes := range forms(secret) {
			if i := strings.Index(text, bytes); i >= 0 {
				found = append(found, fmt.Sprintf("%s %s after %.200q", what, form, text[max(0, i-200):i]))
				break
			}
		}
	}
	return found
}

// add adds a secret, which must be long enough not to occur by chance.
func (s *scanner) add(t *testing.T, what, secret string) {
	t.Helper()
	if len(secret) < 16 {
		t.Fatalf("the %s is no secret to look for: %d characters", what, len(secret))
	}
	s.secrets[what] = secret
}

// TestScannerFinds: the scan finds a planted secret in each form and place.
func TestScannerFinds(t *testing.T) {
	t.Parallel()
	s := &scanner{secrets: map[string]string{}}
	s.add(t, "canary", "c4n+ry/"+strings.Repeat("\u00e9\"x", 4))
	for form, text := range forms(s.secrets["canary"]) {
		if len(s.find("before "+text+" after")) != 1 {
			t.Errorf("a secret %s is not found", form)
		}
	}
	for _, pad := range []string{"", "a", "ab", "abc", "Authorization: Basic user:"} {
		for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
			if text := e.EncodeToString([]byte(pad + s.secrets["canary"] + "more")); len(s.find(text)) != 1 {
				t.Errorf("a secret after %q is not found in %s", pad, text)
			}
		}
	}
	if found := s.find("nothing of the kind"); len(found) != 0 {
		t.Errorf("in a text without secrets: %q", found)
	}
}
