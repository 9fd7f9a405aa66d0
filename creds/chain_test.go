// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package creds

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"pgregory.net/rapid"
)

func chain(t testing.TB, urls ...string) *Chain {
	t.Helper()
	endpoint := &Endpoint{Name: "e"}
	var rules []Rule
	for _, url := range urls {
		bucket, prefix, _ := strings.Cut(strings.TrimPrefix(url, "s3://"), "/")
		rules = append(rules, Rule{Bucket: bucket, Prefix: prefix, Endpoint: endpoint, Mode: IAM})
	}
	c, err := NewChain(rules, map[Mode]Source{Anonymous: AnonymousSource{}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// outcome is the URL of the rule that was found, or the kind of the error.
func outcome(rule *Rule, err error) string {
	var e *Error
	switch {
	case errors.As(err, &e) && rule == nil:
		return e.Word()
	case err == nil && rule != nil:
		return rule.URL()
	}
	return fmt.Sprintf("%v, %v", rule, err)
}

const refused = string(NotAllowed)

// TestMatch has the refusals of cases next to keys that pass.
func TestMatch(t *testing.T) {
	c := chain(t, "s3://data/public/", "s3://data/public/deep/er/", "s3://wide/", "s3://both/", "s3://both/private/")
	for _, test := range []struct{ bucket, key, want string }{
		{"data", "public/x", "s3://data/public/"},
		{"data", "public/", "s3://data/public/"},
		{"data", "public/folder/", "s3://data/public/"},
		{"data", "public/...", "s3://data/public/"},
		{"data", "public/..x/y", "s3://data/public/"},
		{"data", "public/deep/x", "s3://data/public/"},
		{"data", "public/deep/er", "s3://data/public/"},
		{"data", "public/deep/er/", "s3://data/public/deep/er/"},
		{"data", "public/deep/er/x", "s3://data/public/deep/er/"},
		{"data", "public", refused},
		{"data", "publicx/y", refused},
		{"data", "Public/x", refused},
		{"data", "other/public/x", refused},
		{"data", "private/x", refused},
		{"data", "public/../private/x", refused},
		{"data", "public/./../private/x", refused},
		{"data", "public/..", refused},
		{"data", "public/../", refused},
		{"data", "public/.", refused},
		{"data", "public//x", refused},
		{"data", "public//", refused},
		{"data", "/public/x", refused},
		{"data", "./public/x", refused},
		{"data", "", refused},
		{"data.evil", "public/x", refused},
		{"data-", "public/x", refused},
		{"dat", "public/x", refused},
		{"DATA", "public/x", refused},
		{"data/", "public/x", refused},
		{"data/public", "x", refused},
		{"", "public/x", refused},
		{"wide", "anything", "s3://wide/"},
		{"wide", "a/../b//c", "s3://wide/"},
		{"wide", "a/../../other/x", refused},
		{"wide", "../other/x", refused},
		{"wide", "./a/.././../x", refused},
		{"wide", "..", refused},
		{"wide", "...", "s3://wide/"},
		{"wide", "a/b/../../c", "s3://wide/"},
		{"both", "x", "s3://both/"},
		{"both", "private", "s3://both/"},
		{"both", "private/x", "s3://both/private/"},
		{"both", "x/../private/y", refused},
		{"both", "x//y", refused},
	} {
		if got := outcome(c.Match(test.bucket, test.key)); got != test.want {
			t.Errorf("Match(%q, %q) = %s, want %s", test.bucket, test.key, got, test.want)
		}
	}
}

func TestMatchPrefix(t *testing.T) {
	c := chain(t, "s3://data/public/", "s3://wide/", "s3://both/", "s3://both/private/")
	for _, test := range []struct{ bucket, prefix, want string }{
		{"data", "public/", "s3://data/public/"},
		{"data", "public/a", "s3://data/public/"},
		{"data", "public/a/.hidden", "s3://data/public/"},
		{"data", "", refused},
		{"data", "p", refused},
		{"data", "public", refused},
		{"data", "publicx/", refused},
		{"data", "public/../private/", refused},
		{"data", "public/..", refused},
		{"data", "public//", refused},
		{"other", "", refused},
		{"wide", "", "s3://wide/"},
		{"wide", "a//", "s3://wide/"},
		{"both", "", "s3://both/"},
		{"both", "priv", "s3://both/"},
		{"both", "private/", "s3://both/private/"},
		{"both", "x/../private/", refused},
	} {
		if got := outcome(c.MatchPrefix(test.bucket, test.prefix)); got != test.want {
			t.Errorf("MatchPrefix(%q, %q) = %s, want %s", test.bucket, test.prefix, got, test.want)
		}
	}
}

// TestMatchLikeLinear compares with the definition: the longest of all rules
// whose text begins the key.
func TestMatchLikeLinear(t *testing.T) {
	segment := rapid.SampledFrom([]string{"a", "b", "ab", ".", "..", "", "a.b"})
	rapid.Check(t, func(t *rapid.T) {
		seen := map[string]bool{}
		var rules []Rule
		for range rapid.IntRange(0, 6).Draw(t, "rules") {
			prefix := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "ab"}), 0, 3).Draw(t, "prefix"), "/")
			if prefix != "" {
				prefix += "/"
			}
			if !seen[prefix] {
				seen[prefix] = true
				rules = append(rules, Rule{Bucket: "b-1", Prefix: prefix, Endpoint: &Endpoint{}})
			}
		}
		c, err := NewChain(rules, nil)
		if err != nil {
			t.Fatal(err)
		}
		key := strings.Join(rapid.SliceOfN(segment, 1, 4).Draw(t, "key"), "/")
		if got, want := outcome(c.Match("b-1", key)), linear(rules, key); got != want {
			t.Fatalf("Match(%q) = %s, want %s", key, got, want)
		}
	})
}

func linear(rules []Rule, key string) string {
	best, odd, prefixes := refused, hasOddSegment(key), false
	length := -1
	for _, r := range rules {
		prefixes = prefixes || r.Prefix != ""
		if strings.HasPrefix(key, r.Prefix) && len(r.Prefix) > length {
			best, length = r.URL(), len(r.Prefix)
		}
	}
	clean := path.Clean("./" + key)
	if odd && (prefixes || clean == ".." || strings.HasPrefix(clean, "../")) {
		return refused
	}
	return best
}

// TestRefusalTellsNothing: the text is the same for every key of a bucket.
func TestRefusalTellsNothing(t *testing.T) {
	c := chain(t, "s3://data/public/")
	_, one := c.Match("data", "private/exists")
	_, two := c.Match("data", "public/../x")
	if one.Error() != two.Error() {
		t.Errorf("%q and %q differ", one, two)
	}
}

func TestNewChainRefuses(t *testing.T) {
	endpoint := &Endpoint{}
	good := Rule{Bucket: "data", Prefix: "a/", Endpoint: endpoint, Mode: IAM}
	if _, err := NewChain([]Rule{good, {Bucket: "data", Endpoint: endpoint}}, nil); err != nil {
		t.Fatal("the positive control is refused:", err)
	}
	for name, rules := range map[string][]Rule{
		"twice":       {good, good},
		"twice whole": {{Bucket: "data", Endpoint: endpoint}, {Bucket: "data", Endpoint: endpoint}},
		"bucket":      {{Bucket: "DATA", Endpoint: endpoint}},
		"no endpoint": {{Bucket: "data"}},
		"no slash":    {{Bucket: "data", Prefix: "a", Endpoint: endpoint}},
		"dots":        {{Bucket: "data", Prefix: "a/../", Endpoint: endpoint}},
		"empty":       {{Bucket: "data", Prefix: "a//", Endpoint: endpoint}},
		"slash":       {{Bucket: "data", Prefix: "/", Endpoint: endpoint}},
		"too long":    {{Bucket: "data", Prefix: strings.Repeat("a", 1100) + "/", Endpoint: endpoint}},
	} {
		if _, err := NewChain(rules, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

type fixed struct {
	provider aws.CredentialsProvider
	err      error
}

func (f fixed) Credentials(context.Context, *Rule, Caller) (Identity, error) {
	return Identity{Provider: f.provider}, f.err
}

// TestAccess: a rule is served by the source of its mode, or not at all.
func TestAccess(t *testing.T) {
	endpoint := &Endpoint{Name: "e", Credentials: CredentialsStatic, AccessKeyID: "AK", SecretAccessKey: NewSecret("s")}
	provider, err := newStatic(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	rule := Rule{Bucket: "data", Endpoint: endpoint, Mode: IAM, RequesterPays: true, EtagPin: true}
	down := &Error{Kind: Unavailable, Text: "down"}
	for _, test := range []struct {
		name    string
		sources map[Mode]Source
		want    string
	}{
		{"own source", map[Mode]Source{IAM: fixed{provider: provider}, Anonymous: fixed{err: down}}, ""},
		{"no source", map[Mode]Source{Anonymous: AnonymousSource{}}, string(Missing)},
		{"failing source", map[Mode]Source{IAM: fixed{err: down}, Anonymous: AnonymousSource{}}, string(Unavailable)},
	} {
		c, err := NewChain([]Rule{rule}, test.sources)
		if err != nil {
			t.Fatal(err)
		}
		matched, err := c.Match("data", "k")
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Access(t.Context(), matched, Caller{})
		var e *Error
		if errors.As(err, &e) != (test.want != "") || e != nil && e.Word() != test.want {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
		want := Access{}
		if test.want == "" {
			want = Access{Endpoint: endpoint, Provider: provider, RequesterPays: true, EtagPin: true}
		}
		if got != want {
			t.Errorf("%s: got %v", test.name, got)
		}
	}
}

func TestMayImport(t *testing.T) {
	user := Caller{UserUUID: "u1", Active: true, AllScopes: true, Groups: []string{"g1"}}
	scoped, inactive := user, user
	scoped.AllScopes, inactive.Active = false, false
	for _, test := range []struct {
		name   string
		rule   Rule
		caller Caller
		want   bool
	}{
		{"everybody", Rule{Mode: IAM, Import: Importers{Users: []string{"*"}}}, user, true},
		{"by name", Rule{Mode: IAM, Import: Importers{Users: []string{"u1"}}}, user, true},
		{"by group", Rule{Mode: IAM, Import: Importers{Groups: []string{"g1"}}}, user, true},
		{"nobody", Rule{Mode: IAM}, user, false},
		{"others", Rule{Mode: IAM, Import: Importers{Users: []string{"u2"}, Groups: []string{"g2"}}}, user, false},
		{"star group", Rule{Mode: IAM, Import: Importers{Groups: []string{"*"}}}, user, false},
		{"scoped", Rule{Mode: IAM, Import: Importers{Users: []string{"*"}}}, scoped, false},
		{"inactive", Rule{Mode: IAM, Import: Importers{Users: []string{"*"}}}, inactive, false},
		{"anonymous", Rule{Mode: Anonymous}, user, true},
		{"anonymous scoped", Rule{Mode: Anonymous}, scoped, false},
	} {
		if got := test.rule.MayImport(test.caller); got != test.want {
			t.Errorf("%s: got %v", test.name, got)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	urls := []string{"s3://data/public/"}
	for i := range 1000 {
		urls = append(urls, fmt.Sprintf("s3://data/project-%d/", i))
	}
	c := chain(b, urls...)
	for b.Loop() {
		if _, err := c.Match("data", "project-500/run/7/lane/3/sample.bam"); err != nil {
			b.Fatal(err)
		}
	}
}
