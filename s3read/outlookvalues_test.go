// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func date(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// TestReadOutlook: what is not in the documented form is dropped, each beside
// the form that is taken.
func TestReadOutlook(t *testing.T) {
	const day, when = "Tue, 01 Dec 2026 00:00:00 GMT", "2026-12-01T00:00:00.000Z"
	lock := func(mode, until string) []string {
		return []string{"X-Amz-Object-Lock-Mode", mode, "X-Amz-Object-Lock-Retain-Until-Date", until}
	}
	for name, c := range map[string]struct {
		header []string
		want   Outlook
	}{
		"nothing":               {nil, Outlook{}},
		"expiration":            {[]string{"X-Amz-Expiration", `expiry-date="` + day + `", rule-id="old%20things"`}, Outlook{Expires: date(2026, 12, 1), ExpiresRule: "old things"}},
		"expiration, plain id":  {[]string{"X-Amz-Expiration", `expiry-date="` + day + `", rule-id="50% off"`}, Outlook{Expires: date(2026, 12, 1), ExpiresRule: "50% off"}},
		"expiration, no id":     {[]string{"X-Amz-Expiration", `expiry-date="` + day + `"`}, Outlook{}},
		"expiration, odd id":    {[]string{"X-Amz-Expiration", `expiry-date="` + day + `", rule-id="a%1b[2Jb"`}, Outlook{}},
		"expiration, long id":   {[]string{"X-Amz-Expiration", `expiry-date="` + day + `", rule-id="` + strings.Repeat("x", 256) + `"`}, Outlook{}},
		"expiration, bad date":  {[]string{"X-Amz-Expiration", `expiry-date="tomorrow", rule-id="r"`}, Outlook{}},
		"expiration, twice":     {[]string{"X-Amz-Expiration", `expiry-date="` + day + `", rule-id="r"`, "X-Amz-Expiration", `expiry-date="` + day + `", rule-id="s"`}, Outlook{}},
		"expiration, directory": {[]string{"X-Amz-Expiration", "NotImplemented"}, Outlook{}},
		"lock":                  {lock("COMPLIANCE", when), Outlook{LockMode: "COMPLIANCE", LockedUntil: date(2026, 12, 1)}},
		"lock, no mode":         {lock("", when), Outlook{}},
		"lock, odd mode":        {lock("compliance", when), Outlook{}},
		"lock, bad date":        {lock("GOVERNANCE", day), Outlook{}},
		"lock, odd year":        {lock("GOVERNANCE", "9999-12-31T23:00:00-23:00"), Outlook{}},
		"legal hold":            {[]string{"X-Amz-Object-Lock-Legal-Hold", "ON"}, Outlook{LegalHold: true}},
		"no legal hold":         {[]string{"X-Amz-Object-Lock-Legal-Hold", "OFF"}, Outlook{}},
		"restoring":             {[]string{"X-Amz-Restore", `ongoing-request="true"`}, Outlook{Restoring: true}},
		"restored":              {[]string{"X-Amz-Restore", `ongoing-request="false", expiry-date="` + day + `"`}, Outlook{RestoredUntil: date(2026, 12, 1)}},
		"restored, bad date":    {[]string{"X-Amz-Restore", `ongoing-request="false", expiry-date="soon"`}, Outlook{}},
		"restored, no date":     {[]string{"X-Amz-Restore", `ongoing-request="false"`}, Outlook{}},
		"restoring, with more":  {[]string{"X-Amz-Restore", `ongoing-request="true", tier="x"`}, Outlook{}},
	} {
		h := http.Header{}
		for i := 0; i < len(c.header); i += 2 {
			h.Add(c.header[i], c.header[i+1])
		}
		got := readOutlook(h)
		if c.want == (Outlook{}) {
			if got != nil {
				t.Errorf("%s: %+v, want nothing", name, got)
			}
		} else if got == nil || *got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func rule(text string) string {
	return "<LifecycleConfiguration><Rule>" + text + "</Rule></LifecycleConfiguration>"
}

const gone30 = "<NoncurrentVersionExpiration><NoncurrentDays>30</NoncurrentDays></NoncurrentVersionExpiration>"

// TestDecodeLifecycle has the forms of the documentation, and what is refused.
func TestDecodeLifecycle(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want []LifecycleRule
	}{
		"noncurrent": {rule("<ID>a</ID><Status>Enabled</Status><Filter><Prefix>logs/</Prefix></Filter>" + gone30),
			[]LifecycleRule{{ID: "a", Prefix: "logs/", NoncurrentDays: 30}}},
		"with a name space": {`<?xml version="1.0"?><LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule><Status>Enabled</Status><Prefix> a </Prefix>` + gone30 + "</Rule></LifecycleConfiguration>\n",
			[]LifecycleRule{{Prefix: " a ", NoncurrentDays: 30}}},
		"disabled":     {rule("<Status>Disabled</Status>" + gone30), nil},
		"moves only":   {rule("<Status>Enabled</Status><Transition><Days>3</Days><StorageClass>GLACIER</StorageClass></Transition>"), nil},
		"markers only": {rule("<Status>Enabled</Status><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"), nil},
		"and": {rule("<Status>Enabled</Status><Filter><And><Prefix>p</Prefix><Tag><Key>k</Key><Value>v</Value></Tag><Tag><Key>k2</Key><Value>v</Value></Tag>" +
			"<ObjectSizeGreaterThan>5</ObjectSizeGreaterThan><ObjectSizeLessThan>9</ObjectSizeLessThan></And></Filter><Expiration><Days>7</Days></Expiration>"),
			[]LifecycleRule{{Prefix: "p", Tagged: true, LargerThan: 5, SmallerThan: 9, Days: 7}}},
		"date": {rule("<Status>Enabled</Status><Filter/><Expiration><Date>2026-12-01T00:00:00.000Z</Date></Expiration>"),
			[]LifecycleRule{{Date: date(2026, 12, 1)}}},
		"newer versions": {rule("<Status>Enabled</Status><Prefix/><Filter><Prefix>x</Prefix></Filter><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>2</NewerNoncurrentVersions></NoncurrentVersionExpiration>"),
			[]LifecycleRule{{Prefix: "x", NoncurrentDays: 1, NewerNoncurrentVersions: 2}}},
		"an unknown condition": {rule("<Status>Enabled</Status><Filter><Weekday>1</Weekday></Filter>" + gone30), []LifecycleRule{{Tagged: true, NoncurrentDays: 30}}},
		"an odd id":            {rule("<ID>a\x1bb</ID><Status>Enabled</Status>" + gone30), []LifecycleRule{{NoncurrentDays: 30}}},
		"empty":                {"<LifecycleConfiguration/>", nil},
		"as good as never": {rule("<Status>Enabled</Status><NoncurrentVersionExpiration><NoncurrentDays>2147483647</NoncurrentDays></NoncurrentVersionExpiration>"),
			[]LifecycleRule{{NoncurrentDays: 1_000_000}}},
		"beside the rules": {strings.Replace(rule("<Status>Enabled</Status>"+gone30), "<Rule>", "<Prefix>p</Prefix><Days>1</Days><Status>Disabled</Status><Rule>", 1),
			[]LifecycleRule{{NoncurrentDays: 30}}},
	} {
		got, err := decodeLifecycle([]byte(c.body))
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v, %s", name, err, diff)
		}
	}
	for name, body := range map[string]string{
		"cut short":           rule("<Status>Enabled</Status>" + gone30)[:60],
		"nothing":             "",
		"another document":    "<ListBucketResult/>",
		"two documents":       rule("<Status>Enabled</Status>") + "<a/>",
		"no status":           rule(gone30),
		"odd status":          rule("<Status>yes</Status>" + gone30),
		"two ids":             rule("<ID>a</ID><ID>b</ID><Status>Enabled</Status>" + gone30),
		"two prefixes":        rule("<Prefix>a</Prefix><Filter><Prefix>b</Prefix></Filter><Status>Enabled</Status>" + gone30),
		"a long prefix":       rule("<Prefix>" + strings.Repeat("a", 1025) + "</Prefix><Status>Enabled</Status>" + gone30),
		"days as text":        rule("<Status>Enabled</Status><Expiration><Days>x</Days></Expiration>"),
		"negative days":       rule("<Status>Enabled</Status><Expiration><Days>-1</Days></Expiration>"),
		"very many days":      rule("<Status>Enabled</Status><Expiration><Days>99999999999</Days></Expiration>"),
		"a bad date":          rule("<Status>Enabled</Status><Expiration><Date>soon</Date></Expiration>"),
		"a bad size":          rule("<Status>Enabled</Status><Filter><ObjectSizeLessThan>a</ObjectSizeLessThan></Filter>"),
		"a document type":     "<!DOCTYPE a><LifecycleConfiguration/>",
		"very deep":           rule(strings.Repeat("<a>", 20) + strings.Repeat("</a>", 20)),
		"too many rules":      "<LifecycleConfiguration>" + strings.Repeat("<Rule><Status>Disabled</Status></Rule>", 1001) + "</LifecycleConfiguration>",
		"elements that cross": "<LifecycleConfiguration><Rule></LifecycleConfiguration></Rule>",
	} {
		if got, err := decodeLifecycle([]byte(body)); err == nil {
			t.Errorf("%s: taken as %+v", name, got)
		}
	}
}

func TestDecodeObjectLock(t *testing.T) {
	of := func(text string) string { return "<ObjectLockConfiguration>" + text + "</ObjectLockConfiguration>" }
	const on = "<ObjectLockEnabled>Enabled</ObjectLockEnabled>"
	retention := func(text string) string {
		return of(on + "<Rule><DefaultRetention>" + text + "</DefaultRetention></Rule>")
	}
	for body, want := range map[string]ObjectLock{
		of(""): {},
		of(on): {Enabled: true},
		retention("<Mode>COMPLIANCE</Mode><Days>30</Days>"):  {Enabled: true, Mode: "COMPLIANCE", Days: 30},
		retention("<Mode>GOVERNANCE</Mode><Years>2</Years>"): {Enabled: true, Mode: "GOVERNANCE", Years: 2},
	} {
		if got, err := decodeObjectLock([]byte(body)); got != want || err != nil {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
	for _, body := range []string{"", "<a/>", retention("<Mode>x</Mode><Days>3</Days>"), retention("<Mode>COMPLIANCE</Mode>"), retention("<Days>3</Days>"),
		retention("<Mode>COMPLIANCE</Mode><Days>x</Days>"), retention("<Mode>COMPLIANCE</Mode><Mode>COMPLIANCE</Mode><Days>3</Days>")} {
		if got, err := decodeObjectLock([]byte(body)); err == nil {
			t.Errorf("%s: taken as %+v", body, got)
		}
	}
}

// TestTextInPieces: text that comes in very many pieces is put together without
// a copy of all of it for each.
func TestTextInPieces(t *testing.T) {
	const pieces = 30_000
	for _, piece := range []string{"a<!---->", "<![CDATA[a]]>", "<![CDATA[a]]>&amp;<?x?>"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		text := ""
		err := readXML([]byte("<a><b>"+strings.Repeat(piece, pieces)+"</b></a>"), "a", func(_, found string) error {
			text = found
			return nil
		})
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; err != nil || strings.Count(text, "a") != pieces || used > 16<<20 {
			t.Errorf("%s: %d bytes of text took %d bytes of memory, %v", piece, len(text), used, err)
		}
	}
}

// FuzzLifecycle: no text makes the decoders fail otherwise than by an error,
// or give what no rule can be.
func FuzzLifecycle(f *testing.F) {
	f.Add([]byte(rule("<ID>a</ID><Status>Enabled</Status><Filter><And><Prefix>p</Prefix><Tag><Key>k</Key></Tag></And></Filter>" + gone30)))
	f.Add([]byte("<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = decodeObjectLock(body) // must not panic
		rules, err := decodeLifecycle(body)
		for _, r := range rules {
			if err != nil || !r.Current() && !r.Noncurrent() || r.NoncurrentDays < 0 || r.Days < 0 || len(r.Prefix) > 1024 || printableID(r.ID) != r.ID {
				t.Errorf("%+v, %v", r, err)
			}
		}
	})
}
