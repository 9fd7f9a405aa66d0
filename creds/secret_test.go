// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package creds

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestSecretNeverPrinted looks for the text, plain, in hex and in base64, in
// all that can be printed of values that hold it, also in unexported fields.
func TestSecretNeverPrinted(t *testing.T) {
	const text = "hunter2hunter2"
	secret := NewSecret(text)
	endpoint := &Endpoint{Name: "lab", Region: "r", Credentials: CredentialsStatic, AccessKeyID: "AK", SecretAccessKey: secret, SessionToken: secret}
	provider, err := newStatic(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]any{
		"secret": secret, "pointer": &secret, "endpoint": endpoint, "endpoint value": *endpoint,
		"unexported": struct{ s Secret }{secret}, "exported": struct{ S Secret }{secret},
		"provider": provider, "access": Access{Endpoint: endpoint, Provider: provider},
		"rule": Rule{Bucket: "b-1", Endpoint: endpoint}, "list": []Secret{secret}, "map": map[string]Secret{"k": secret},
	}
	for name, v := range values {
		for form, out := range printed(t, v) {
			for _, trace := range []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text), base64.StdEncoding.EncodeToString([]byte(text))[:16]} {
				if strings.Contains(out, trace) {
					t.Errorf("%s as %s shows the secret: %s", name, form, out)
				}
			}
		}
	}
	if got := fmt.Sprintf("%v %s %d %x", secret, secret, secret, secret); got != "[secret] [secret] [secret] [secret]" {
		t.Errorf("got %s", got)
	}
}

func printed(t *testing.T, v any) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%t"} {
		out[verb] = fmt.Sprintf(verb, v)
	}
	if text, err := json.Marshal(v); err == nil {
		out["JSON"] = string(text)
	}
	if text, err := yaml.Marshal(v); err == nil {
		out["YAML"] = string(text)
	}
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "v", v)
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "v", v)
	out["slog"] = logged.String()
	return out
}

func TestSecretValue(t *testing.T) {
	var zero, empty, read Secret
	if err := read.UnmarshalText([]byte("a")); err != nil {
		t.Fatal(err)
	}
	empty = NewSecret("")
	if !zero.IsZero() || !empty.IsZero() || read.IsZero() || zero.Reveal() != "" || read.Reveal() != "a" {
		t.Error("Reveal or IsZero is wrong")
	}
	if !read.Equal(NewSecret("a")) || read.Equal(NewSecret("b")) || read.Equal(zero) || !zero.Equal(empty) {
		t.Error("Equal is wrong")
	}
}
