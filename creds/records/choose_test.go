// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package records

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/arvados-s3/keepstore/creds"
)

const (
	idA = "zzzzz-oss07-aaaaaaaaaaaaaaa"
	idB = "zzzzz-oss07-bbbbbbbbbbbbbbb"
	idC = "zzzzz-oss07-ccccccccccccccc"
	arn = "arn:aws:iam::123456789012:role/ann"

	ann = "zzzzz-tpzed-aaaaaaaaaaaaaaa"
	bob = "zzzzz-tpzed-bbbbbbbbbbbbbbb"
)

var errForeign = errors.New("not in the list of roles")

func noon() time.Time { return time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC) }

func keys(uuid string, scopes ...string) Record {
	return Record{UUID: uuid, Class: ClassKeys, Scopes: scopes, ExternalID: "AKIA", ExpiresAt: noon().Add(time.Hour), ModifiedBy: bob}
}

func role(uuid, arn string, scopes ...string) Record {
	return Record{UUID: uuid, Class: ClassRole, Scopes: scopes, ExternalID: arn, ExpiresAt: noon().Add(time.Hour), ModifiedBy: bob}
}

// mine is a record of Ann's, who asks.
func mine(r Record) Record { return with(r, func(r *Record) { r.ModifiedBy = ann }) }

// with changes a record.
func with(r Record, change func(*Record)) Record {
	change(&r)
	return r
}

// choose is the whole choice in one step.
func choose(list []Record) (string, error) {
	q := question{"b", ann, noon(), func(a string) error {
		if a != arn {
			return errForeign
		}
		return nil
	}}
	fit, err := q.fitting(list)
	if err != nil {
		return "", err
	}
	r, err := q.best(fit)
	return r.UUID, err
}

func wantChoice(t *testing.T, name string, list []Record, want string, kind creds.Kind, words ...string) {
	t.Helper()
	got, err := choose(list)
	var e *creds.Error
	if err != nil && !errors.As(err, &e) {
		t.Fatalf("%s: %v is not an error of creds", name, err)
	}
	if got != want || (err == nil) != (kind == "") || err != nil && e.Kind != kind {
		t.Errorf("%s: %q, %v; want %q, %q", name, got, err, want, kind)
	}
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v does not say %q", name, err, word)
		}
	}
}

// TestRank is case C-10.
func TestRank(t *testing.T) {
	const exact, star = "s3://b", "s3://*"
	for name, c := range map[string]struct {
		list []Record
		want string
		kind creds.Kind
	}{
		"one":                          {[]Record{keys(idA, exact)}, idA, ""},
		"one of all buckets":           {[]Record{keys(idA, star)}, idA, ""},
		"both scopes are exact":        {[]Record{keys(idA, star, exact), keys(idB, star)}, idA, ""},
		"exact before all":             {[]Record{keys(idA, star), keys(idB, exact)}, idB, ""},
		"own before shared":            {[]Record{keys(idA, exact), mine(keys(idB, exact))}, idB, ""},
		"own of all before shared":     {[]Record{keys(idA, exact), mine(keys(idB, star))}, idB, ""},
		"own exact before own all":     {[]Record{mine(keys(idA, star)), mine(keys(idB, exact))}, idB, ""},
		"shared exact before all":      {[]Record{keys(idA, exact), keys(idB, star), keys(idC, star)}, idA, ""},
		"two own":                      {[]Record{mine(keys(idA, exact)), mine(keys(idB, exact)), keys(idC, exact)}, "", creds.Ambiguous},
		"keys and role":                {[]Record{keys(idA, exact), role(idB, arn, exact)}, "", creds.Ambiguous},
		"two of all, one exact shared": {[]Record{mine(keys(idA, star)), mine(keys(idB, star)), keys(idC, exact)}, "", creds.Ambiguous},
		"role":                         {[]Record{role(idA, arn, exact)}, idA, ""},
		"other buckets":                {[]Record{keys(idA, exact), mine(keys(idB, "s3://bb")), mine(keys(idC, "s3://"))}, idA, ""},
		"of nobody":                    {[]Record{with(keys(idA, exact), func(r *Record) { r.ModifiedBy = "" }), keys(idB, exact)}, "", creds.Ambiguous},
		"the same twice":               {[]Record{keys(idA, exact), keys(idA, exact)}, idA, ""},
	} {
		var words []string
		if c.kind == creds.Ambiguous {
			words = []string{c.list[0].UUID, c.list[1].UUID, "s3://b"}
		}
		wantChoice(t, name, c.list, c.want, c.kind, words...)
	}
}

// TestLeftOut: what cannot be used is not chosen, hides nothing that can, and
// is named where nothing else is left.
func TestLeftOut(t *testing.T) {
	good := keys(idC, "s3://b")
	for name, c := range map[string]struct {
		bad  Record
		kind creds.Kind
		word string
	}{
		"no scope":           {keys(idA), creds.Missing, "store one"},
		"another scope":      {keys(idA, "s3://c"), creds.Missing, "store one"},
		"scope of a key":     {keys(idA, "s3://b/x"), creds.Missing, "store one"},
		"scope in capitals":  {keys(idA, "S3://B"), creds.Missing, "store one"},
		"scope with a space": {keys(idA, " s3://b"), creds.Missing, "store one"},
		"a pattern":          {keys(idA, "s3://?"), creds.Missing, "store one"},
		"expires now":        {with(keys(idA, "s3://b"), func(r *Record) { r.ExpiresAt = noon() }), creds.Expired, idA},
		"never set":          {with(keys(idA, "s3://b"), func(r *Record) { r.ExpiresAt = time.Time{} }), creds.Expired, idA},
		"unknown class":      {with(keys(idA, "s3://b"), func(r *Record) { r.Class = "aws_access_key" }), creds.Missing, idA},
		"faulty":             {Record{UUID: idA, Fault: "its scopes are not a list of texts"}, creds.Missing, idA + " (its scopes are not a list of texts)"},
		"NUL in a scope":     {keys(idA, "s3://b", "x\x00"), creds.Missing, idA},
		"newline in the id":  {with(keys(idA, "s3://b"), func(r *Record) { r.ExternalID = "A\nB" }), creds.Missing, idA},
		"not UTF-8":          {with(keys(idA, "s3://b"), func(r *Record) { r.ExternalID = "A\ufffdB" }), creds.Missing, idA},
		"endless id":         {with(keys(idA, "s3://b"), func(r *Record) { r.ExternalID = strings.Repeat("x", 3000) }), creds.Missing, idA},
		"no role":            {role(idA, "", "s3://b"), creds.Missing, idA},
		"another role":       {role(idA, "arn:aws:iam::1:role/x", "s3://b"), creds.Missing, idA},
		"expired role":       {with(role(idA, "", "s3://b"), func(r *Record) { r.ExternalID, r.ExpiresAt = arn, noon() }), creds.Expired, idA},
	} {
		wantChoice(t, name+" beside a good one", []Record{mine(c.bad), good}, idC, "")
		wantChoice(t, name, []Record{c.bad}, "", c.kind, c.word, "s3://b")
	}
	wantChoice(t, "two forms", []Record{keys(idA, "s3://b"), keys(idA, "s3://*")}, "", creds.Missing, idA, "two forms")
	wantChoice(t, "two forms beside a good one", []Record{mine(keys(idA, "s3://b")), mine(keys(idA, "s3://*")), good}, idC, "")
	wantChoice(t, "of two people", []Record{mine(keys(idA, "s3://b")), keys(idA, "s3://b")}, "", creds.Missing, idA, "two forms")
}

// TestOwn: whose a record is, is said, and two unknowns are not the same.
func TestOwn(t *testing.T) {
	for user, want := range map[string]string{ann: "the shared credential record " + idA, bob: "your credential record " + idA} {
		if got := keys(idA).of(user); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if (Record{UUID: idA}).ownOf("") {
		t.Error("what nobody made belongs to one without a name")
	}
}

// TestSentences: what to store is said, the role of somebody is not.
func TestSentences(t *testing.T) {
	wantChoice(t, "none", nil, "", creds.Missing, `"s3://b"`, ClassKeys, ClassRole, "docs/sharing.md")
	_, err := choose([]Record{role(idA, "arn:aws:iam::999:role/x", "s3://b")})
	if err == nil || strings.Contains(err.Error(), "999") || !errors.Is(err, errForeign) {
		t.Errorf("%v", err)
	}
	var many []Record
	for i := range 10 {
		many = append(many, keys(fmt.Sprintf("zzzzz-oss07-%015d", i), "s3://b"))
	}
	wantChoice(t, "ten", many, "", creds.Ambiguous, many[0].UUID, many[1].UUID, "and 7 more")
}

// anyRecord draws from few values, so that records meet.
func anyRecord() *rapid.Generator[Record] {
	return rapid.Custom(func(t *rapid.T) Record {
		return Record{
			UUID:       rapid.SampledFrom([]string{idA, idB, idC, "zzzzz-oss07-ddddddddddddddd"}).Draw(t, "uuid"),
			Class:      rapid.SampledFrom([]string{ClassKeys, ClassRole, "other", ""}).Draw(t, "class"),
			Scopes:     rapid.SliceOfN(rapid.SampledFrom([]string{"s3://b", "s3://*", "s3://c", "\x00"}), 0, 3).Draw(t, "scopes"),
			ExternalID: rapid.SampledFrom([]string{arn, "arn:x", "", "\n"}).Draw(t, "id"),
			ExpiresAt:  noon().Add(time.Duration(rapid.IntRange(-1, 2).Draw(t, "life"))),
			Fault:      rapid.SampledFrom([]string{"", "", "", "a fault"}).Draw(t, "fault"),
			ModifiedBy: rapid.SampledFrom([]string{ann, bob, ""}).Draw(t, "editor"),
		}
	})
}

// TestChoiceProperties: the order never matters; what is chosen is usable by
// the plain words of the rule; nothing usable of a better rank is passed by.
func TestChoiceProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(anyRecord(), 0, 8).Draw(t, "list")
		got, err := choose(list)
		again, errAgain := choose(rapid.Permutation(list).Draw(t, "order"))
		if got != again || fmt.Sprint(err) != fmt.Sprint(errAgain) {
			t.Fatalf("%q (%v) or %q (%v), by the order", got, err, again, errAgain)
		}
		if (err == nil) != (got != "") {
			t.Fatalf("%q and %v", got, err)
		}
		better := usable(list)
		if err == nil && better[got] == nil {
			t.Fatalf("chose %s, which is not usable", got)
		}
		if kindIs(err, creds.Missing) || kindIs(err, creds.Expired) {
			if len(better) > 0 {
				t.Fatalf("%v although %v can be used", err, better)
			}
			return
		}
		score := func(uuid string) int { return plainScore(*better[uuid]) }
		var scores []int
		for uuid := range better {
			scores = append(scores, score(uuid))
		}
		slices.Sort(scores)
		alone := len(scores) == 1 || scores[len(scores)-2] < scores[len(scores)-1]
		if alone != (err == nil) || err == nil && score(got) != scores[len(scores)-1] {
			t.Fatalf("chose %q (%v) with scores %v", got, err, scores)
		}
	})
}

func kindIs(err error, kind creds.Kind) bool {
	var e *creds.Error
	return errors.As(err, &e) && e.Kind == kind
}

// usable says in other words than the code which records can be used.
func usable(list []Record) map[string]*Record {
	good := map[string]*Record{}
	for i, r := range list {
		twin := slices.ContainsFunc(list, func(o Record) bool { return o.UUID == r.UUID && fmt.Sprint(o) != fmt.Sprint(r) })
		scoped := slices.Contains(r.Scopes, "s3://b") || slices.Contains(r.Scopes, "s3://*")
		classed := r.Class == ClassKeys || r.Class == ClassRole && r.ExternalID == arn
		odd := r.Fault != "" || r.ExternalID == "\n" || slices.Contains(r.Scopes, "\x00")
		if scoped && classed && !odd && !twin && r.ExpiresAt.After(noon()) {
			good[r.UUID] = &list[i]
		}
	}
	return good
}

func plainScore(r Record) int {
	score := 0
	if r.ModifiedBy == ann {
		score += 10
	}
	if slices.Contains(r.Scopes, "s3://b") {
		score++
	}
	return score
}
