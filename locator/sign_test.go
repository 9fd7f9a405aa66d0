// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package locator_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/locator"
)

// matches compares errors by kind; nil matches only nil.
func matches(err, want error) bool {
	if want == nil {
		return err == nil
	}
	return errors.Is(err, want)
}

func signer(t testing.TB) *locator.Signer {
	t.Helper()
	s, err := locator.NewSigner([]byte("made-up-key-for-tests"), 336*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func parse(t testing.TB, text string) locator.Locator {
	t.Helper()
	l, err := locator.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

var (
	badSignature = &locator.Error{Kind: locator.BadSignature}
	expired      = &locator.Error{Kind: locator.SignatureExpired}
)

// TestSignatureBindsReference checks that a signature fits only the extent it
// was made for, in either spelling.
func TestSignatureBindsReference(t *testing.T) {
	s, end := signer(t), time.Unix(2e9, 0)
	o := locator.Object{Bucket: "bucket", Key: "key", VersionID: "v1"}
	ref := locator.Ref{B: o.Encode(), C: 7}
	opaque := parse(t, string(locator.Opaque)+"+5").WithRef(ref)
	signed := s.Sign(opaque, "token", end)
	derived := parse(t, string(locator.Identity(5, ref))+"+5").WithRef(ref)
	o.Key = "other"
	for _, test := range []struct {
		name  string
		l     locator.Locator
		token string
		now   time.Time
		want  error
	}{
		{"as signed", signed, "token", end, nil},
		{"derived spelling", derived.WithSignature(signed.Signature()), "token", end, nil},
		{"parsed again", parse(t, signed.String()), "token", end, nil},
		{"a second before expiry", signed, "token", end.Add(-time.Second), nil},
		{"a second after expiry", signed, "token", end.Add(time.Second), expired},
		{"signed again", s.Sign(signed, "token", end.Add(time.Hour)), "token", end.Add(time.Second), nil},
		{"no signature", signed.Unsigned(), "token", end, badSignature},
		{"other token", signed, "token2", end, badSignature},
		{"no token", signed, "", end, badSignature},
		{"other size", parse(t, strings.Replace(signed.String(), "+5+", "+6+", 1)), "token", end, badSignature},
		{"other offset", parse(t, strings.Replace(signed.String(), "+C7", "+C8", 1)), "token", end, badSignature},
		{"other object", parse(t, strings.Replace(signed.String(), ref.B, o.Encode(), 1)), "token", end, badSignature},
		{"reference removed", parse(t, "ffffffffffffffffffffffffffffffff+5").WithSignature(signed.Signature()), "token", end, badSignature},
	} {
		if err := s.Verify(test.l, test.token, test.now); !matches(err, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
	}
}

func TestSignEdges(t *testing.T) {
	s, l := signer(t), parse(t, "acbd18db4cc2f85cedef654fccc4a4d8+3")
	if got := s.Sign(l, "", time.Unix(2e9, 0)); got != l {
		t.Errorf("an empty token gave a signature")
	}
	for _, at := range []time.Time{time.Unix(1<<40, 0), time.Unix(-5, 0), {}} {
		signed := s.Sign(l, "token", at)
		if again, err := locator.Parse(signed.String()); err != nil || again != signed {
			t.Errorf("expiry %v: the signed locator does not parse: %v", at, err)
		}
	}
	if _, err := locator.NewSigner(nil, time.Hour); err == nil {
		t.Error("NewSigner took an empty key")
	}
	if _, err := locator.NewSigner([]byte("k"), time.Millisecond); err == nil {
		t.Error("NewSigner took a TTL below a second")
	}
}

// TestSecretsStayHidden prints everything that holds a signature, key or
// token, and looks for them.
func TestSecretsStayHidden(t *testing.T) {
	s := signer(t)
	l := s.Sign(parse(t, "acbd18db4cc2f85cedef654fccc4a4d8+3"), "secret-token", time.Unix(2e9, 0))
	mac := strings.TrimPrefix(strings.Split(l.String(), "+")[2], "A")[:40]
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("read", "locator", l, "signature", l.Signature())
	out := log.String()
	for _, v := range []any{s, *s, l.Signature()} {
		out += fmt.Sprintf("%v %+v %#v %s\n", v, v, v, v)
	}
	for _, text := range []string{
		"acbd18db4cc2f85cedef654fccc4a4d8+3+A" + mac + "=@77359400",
		"acbd18db4cc2f85cedef654fccc4a4d8+3+" + mac + "@77359400",
		"acbd18db4cc2f85cedef654fccc4a4d8+3+R" + mac + "=@77359400",
		"v2/zzzzz-gj3su-000000000000000/" + mac,
	} {
		_, err := locator.Parse(text)
		out += fmt.Sprintln(err)
	}
	for _, url := range []string{"s3://" + mac[:10] + ":" + mac[:20] + "@bucket/key?versionId=1", "https://" + mac[:20] + "@host/"} {
		_, err := locator.ParseURL(url)
		out += fmt.Sprintln(err)
	}
	if strings.Contains(out, mac[:20]) || strings.Contains(out, "made-up-key") || strings.Contains(out, "[109 97") {
		t.Errorf("a secret was printed:\n%s", out)
	}
	if !strings.Contains(out, "acbd18db4cc2f85cedef654fccc4a4d8+3") {
		t.Error("the log does not show the locator")
	}
}

// TestDerive compares with HMAC-SHA256 computed by another program.
func TestDerive(t *testing.T) {
	const want = "077fc4fd5504ff0b30382e7fdc0eba25d38c9b4582cec9c784a944fa82509934"
	if got := hex.EncodeToString(signer(t).Derive("purpose one")); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if bytes.Equal(signer(t).Derive("purpose one"), signer(t).Derive("purpose two")) {
		t.Error("two labels give one key")
	}
}
