// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package arvados

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/arvados-s3/keepstore/creds/records"
)

const (
	keyRecord  = "zzzzz-oss07-000000000000001"
	roleRecord = "zzzzz-oss07-000000000000002"
	secretPath = recordsPath + "/" + keyRecord + "/secret"
	stockKeys  = `{"uuid":"` + keyRecord + `","credential_class":"arv:aws_access_key","scopes":["s3://b"],"external_id":"AKIAANN","expires_at":"2026-06-01T00:00:00.000000000Z","modified_by_user_uuid":"` + ann + `"}`
	stockRole  = `{"uuid":"` + roleRecord + `","credential_class":"aws_iam_role","scopes":["s3://b","s3://*"],"external_id":"arn:aws:iam::123456789012:role/ann","expires_at":"2026-06-01T00:00:00Z"}`
)

func wantedRecords() []records.Record {
	ends := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	return []records.Record{
		{UUID: keyRecord, Class: records.ClassKeys, Scopes: []string{"s3://b"}, ExternalID: "AKIAANN", ExpiresAt: ends, ModifiedBy: ann},
		{UUID: roleRecord, Class: records.ClassRole, Scopes: []string{"s3://b", "s3://*"}, ExternalID: "arn:aws:iam::123456789012:role/ann", ExpiresAt: ends},
	}
}

// listed answers the list of one scope with the items, and the other with none.
func listed(scope string, items ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		some := items
		if !strings.Contains(r.FormValue("filters"), `["scopes","contains","`+scope+`"]`) {
			some = nil
		}
		says(200, fmt.Sprintf(`{"kind":"arvados#credentialList","items_available":%d,"items":[%s]}`, len(some), strings.Join(some, ",")))(w, r)
	}
}

func recordsOf(t *testing.T, answer http.HandlerFunc) ([]records.Record, error) {
	t.Helper()
	api := newScript(t)
	api.set(recordsPath, answer)
	return newClient(t, Options{URL: api.URL}).Records(context.Background(), secret("sesame"), "b", "")
}

func TestRecords(t *testing.T) {
	var asked []string
	got, err := recordsOf(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "GET" || r.Header.Get("Authorization") != "Bearer sesame" || r.FormValue("limit") != "100" {
			t.Errorf("asked %s %v", r.Method, r.URL)
		}
		if sel := r.FormValue("select"); sel != `["uuid","credential_class","scopes","external_id","expires_at","modified_by_user_uuid"]` {
			t.Errorf("asked for %s", sel)
		}
		asked = append(asked, r.FormValue("filters"))
		says(200, `{"items_available":2,"items":[`+stockKeys+`,`+stockRole+`]}`)(w, r)
	})
	if diff := cmp.Diff(wantedRecords(), got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	want := []string{
		`[["credential_class","in",["arv:aws_access_key","aws_iam_role"]],["scopes","contains","s3://b"],["uuid","\u003e",""]]`,
		`[["credential_class","in",["arv:aws_access_key","aws_iam_role"]],["scopes","contains","s3://*"],["uuid","\u003e",""]]`,
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Error(diff)
	}
}

// TestRecordPages lists many records with a server that gives fewer than it
// was asked for, and one more than there may be.
func TestRecordPages(t *testing.T) {
	for _, c := range []struct {
		total, page int
		counts, ok  bool
	}{
		{0, 100, true, true}, {1, 100, true, true}, {100, 100, true, true}, {101, 100, true, true}, {250, 7, true, true},
		{250, 100, false, true}, {1000, 100, true, true}, {1001, 100, true, false}, {1001, 2000, true, false}, {5000, 100, false, false},
	} {
		got, err := recordsOf(t, pages(t, c.total, c.page, c.counts))
		if (err == nil) != c.ok || c.ok && len(got) != c.total {
			t.Errorf("%+v: %d records, %v", c, len(got), err)
		}
		if !c.ok && !errors.Is(err, records.ErrTooMany) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// pages answers like the API server, with at most size items.
func pages(t *testing.T, total, size int, counts bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var filters [][]any
		if err := json.Unmarshal([]byte(r.FormValue("filters")), &filters); err != nil {
			t.Error(err)
		}
		after := filters[2][2].(string)
		var items []string
		left := 0
		for i := range total {
			uuid := fmt.Sprintf("zzzzz-oss07-%015d", i)
			if uuid <= after || filters[1][2] != "s3://b" {
				continue
			}
			if left++; len(items) < size {
				items = append(items, strings.Replace(stockKeys, keyRecord, uuid, 1))
			}
		}
		count := ""
		if counts {
			count = fmt.Sprintf(`"items_available":%d,`, left)
		}
		says(200, `{`+count+`"items":[`+strings.Join(items, ",")+`]}`)(w, r)
	}
}

// TestHostileRecords spoils one field of a good record at a time.
func TestHostileRecords(t *testing.T) {
	spoil := func(old, new string) string { return strings.Replace(stockKeys, old, new, 1) }
	const class, scopes, date = `"arv:aws_access_key"`, `["s3://b"]`, `"2026-06-01T00:00:00.000000000Z"`
	const noText, noList, noTime = "its class or external_id is not text", "its scopes are not a list of texts", "its expires_at is not a time"
	for _, c := range []struct {
		item  string
		count int
		fault string
	}{
		{stockKeys, 1, ""},
		{spoil(`{`, `{"endpoint":"https://evil","region":{},"sts_endpoint":[1],"proxy":"http://evil",`), 1, ""},
		{spoil(class, `7`), 1, noText}, {spoil(class, `null`), 1, noText}, {spoil(class, `["arv:aws_access_key"]`), 1, noText},
		{spoil(`"AKIAANN"`, `{"a":1}`), 1, noText}, {spoil(`"AKIAANN"`, `null`), 1, noText}, {spoil(`"AKIAANN"`, `true`), 1, noText},
		{spoil(scopes, `"s3://b"`), 1, noList}, {spoil(scopes, `["s3://b",7]`), 1, noList}, {spoil(scopes, `[null]`), 1, noList},
		{spoil(scopes, `{"0":"s3://b"}`), 1, noList}, {spoil(`"scopes":`+scopes, `"x":1`), 1, noList},
		{spoil(date, `null`), 1, noTime}, {spoil(date, `1780272000`), 1, noTime}, {spoil(date, `"tomorrow"`), 1, noTime}, {spoil(date, `""`), 1, noTime},
		{spoil(date, `"2026-06-01"`), 1, noTime}, {spoil(date, `"2026-06-01 00:00:00 UTC"`), 1, noTime}, {spoil(date, `"2026-13-01T00:00:00Z"`), 1, noTime},
		{spoil(date, `"2026-06-01T00:00:00\u0000Z"`), 1, noTime},
		{spoil(keyRecord, `zzzzz-4zz18-000000000000001`), 0, ""}, {spoil(keyRecord, keyRecord+`0`), 0, ""}, {spoil(keyRecord, keyRecord+`\n`), 0, ""},
		{spoil(keyRecord, `zzzzz-oss07-00000000000000\u0000`), 0, ""}, {spoil(keyRecord, ``), 0, ""}, {spoil(`"`+keyRecord+`"`, `7`), 0, ""},
		{spoil(`"`+keyRecord+`"`, `null`), 0, ""}, {`null`, 0, ""}, {`7`, 0, ""}, {`[]`, 0, ""}, {`"x"`, 0, ""}, {`{}`, 0, ""},
		{stockKeys + `,` + stockKeys, 2, ""},
	} {
		got, err := recordsOf(t, listed("s3://b", c.item))
		if err != nil || len(got) != c.count || c.count > 0 && (got[0].Fault != c.fault || got[0].UUID != keyRecord) {
			t.Errorf("%s: %+v, %v", c.item, got, err)
		}
	}
}

// TestRecordsHideNothing: a faulty record does not hide a good one.
func TestRecordsHideNothing(t *testing.T) {
	got, err := recordsOf(t, listed("s3://*", `7`, strings.Replace(stockKeys, `["s3://b"]`, `7`, 1), stockRole))
	want := wantedRecords()
	want[0].Scopes, want[0].Fault = nil, "its scopes are not a list of texts"
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestRecordListReplies(t *testing.T) {
	huge := strings.Replace(stockKeys, `"s3://b"`, `"`+strings.Repeat("x", maxReply)+`"`, 1)
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		kind   Kind
		cause  error
	}{
		"good": {listed("s3://b", stockKeys), "", nil},
		"none": {listed("s3://b"), "", nil},
		"401":  {says(401, noTokens), TokenRefused, nil},
		"403":  {says(403, `{"errors":["Forbidden"]}`), Denied, nil},
		"404":  {says(404, `{"errors":["Path not found (req-1)"]}`), Denied, records.ErrNotFound},
		"422":  {says(422, `{"errors":["Invalid attribute"]}`), Unavailable, nil},
		"500":  {says(500, `{"errors":["oops"]}`), Unavailable, nil},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
		}, Unavailable, nil},
		"HTML":             {says(200, `<html>`), Unavailable, nil},
		"null":             {says(200, `null`), Unavailable, nil},
		"no items":         {says(200, `{"items_available":0}`), Unavailable, nil},
		"items of no list": {says(200, `{"items":{}}`), Unavailable, nil},
		"count of no type": {says(200, `{"items":[],"items_available":"many"}`), Unavailable, nil},
		"the same again":   {says(200, `{"items":[`+stockKeys+`],"items_available":99}`), Unavailable, nil},
		"no end of items":  {says(200, `{"items":[7],"items_available":99}`), Unavailable, nil},
		"too large":        {listed("s3://b", huge), Unavailable, nil},
	} {
		_, err := recordsOf(t, c.answer)
		if kind := kindOf(t, err); kind != c.kind || c.cause != nil && !errors.Is(err, c.cause) {
			t.Errorf("%s: %q (%v), want %q", name, kind, err, c.kind)
		}
	}
}

// TestWhoseRecord: what does not name a user makes the record nobody's, and
// is no reason to leave it out.
func TestWhoseRecord(t *testing.T) {
	const owner = `"` + ann + `"`
	for _, c := range []struct{ said, want string }{
		{owner, ann}, {`null`, ""}, {`7`, ""}, {`""`, ""}, {`[` + owner + `]`, ""}, {`{"uuid":` + owner + `}`, ""}, {`"zzzzz-j7d0g-000000000000001"`, ""},
		{`"` + ann + ` "`, ""}, {`"` + ann + `\n"`, ""}, {`"` + strings.ToUpper(ann) + `"`, ""}, {owner + `,"owner_uuid":` + owner, ann}, {`"x","owner_uuid":` + owner, ""},
	} {
		got, err := recordsOf(t, listed("s3://b", strings.Replace(stockKeys, owner, c.said, 1)))
		if err != nil || len(got) != 1 || got[0].ModifiedBy != c.want || got[0].Fault != "" {
			t.Errorf("%s: %+v, %v", c.said, got, err)
		}
	}
}

// TestRecordKeys checks that no error shows anything of a reply about a
// secret, not even its causes.
func TestRecordKeys(t *testing.T) {
	const hush = "opensaysme"
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		kind   Kind
		cause  error
	}{
		"good":              {says(200, `{"external_id":"AKIAANN","secret":"`+hush+`"}`), "", nil},
		"withheld":          {says(403, `{"errors":["Token is not associated with a running container. (req-abc)"],"error_token":"1+`+hush+`"}`), Denied, records.ErrWithheld},
		"expired":           {says(403, `{"errors":["Credential has expired. (req-abc)"]}`), Denied, records.ErrExpired},
		"another 403":       {says(403, `{"errors":["`+hush+`"]}`), Denied, nil},
		"gone":              {says(404, `{"errors":["Path not found"]}`), Denied, records.ErrNotFound},
		"401":               {says(401, noTokens), TokenRefused, nil},
		"500 with a secret": {says(500, `{"errors":["`+hush+`"]}`), Unavailable, nil},
		"cut":               {says(200, `{"external_id":"AKIAANN","secret":"`+hush), Unavailable, nil},
		"bare":              {says(200, hush), Unavailable, nil},
		"text":              {says(200, `"`+hush+`"`), Unavailable, nil},
		"number":            {says(200, `{"external_id":"AKIAANN","secret":12345678901234567890}`), Unavailable, nil},
		"list":              {says(200, `{"external_id":["`+hush+`"],"secret":"x"}`), Unavailable, nil},
	} {
		api := newScript(t)
		api.set(secretPath, c.answer)
		got, err := newClient(t, Options{URL: api.URL}).RecordKeys(context.Background(), secret("sesame"), keyRecord)
		if kind := kindOf(t, err); kind != c.kind || c.cause != nil && !errors.Is(err, c.cause) {
			t.Errorf("%s: %q (%v), want %q", name, kind, err, c.kind)
		}
		if err == nil && (got.AccessKeyID != "AKIAANN" || got.Secret.Reveal() != hush) {
			t.Errorf("%s: %+v", name, got)
		}
		for e := err; e != nil; e = errors.Unwrap(e) {
			if strings.Contains(fmt.Sprintf("%v %#v", e, e), hush) || strings.Contains(e.Error(), "'o'") || strings.Contains(e.Error(), "12345") {
				t.Errorf("%s: the error shows the reply: %v", name, e)
			}
		}
	}
}

// TestRecordKeysOfNoRecord: a UUID from anywhere never changes the address.
func TestRecordKeysOfNoRecord(t *testing.T) {
	api := newScript(t)
	for _, uuid := range []string{"", "..", keyRecord + "/../x", keyRecord + "?x", "zzzzz-4zz18-000000000000001"} {
		_, err := newClient(t, Options{URL: api.URL}).RecordKeys(context.Background(), secret("sesame"), uuid)
		if kind := kindOf(t, err); kind != Unavailable {
			t.Errorf("%q: %q", uuid, kind)
		}
	}
	if len(api.calls) > 0 {
		t.Errorf("asked %v", api.calls)
	}
}

// FuzzRecord reads anything as an item of a list: what comes out has a proper
// UUID and is either understood or faulty, or it is nothing.
func FuzzRecord(f *testing.F) {
	f.Fuzz(func(t *testing.T, item []byte) {
		r := decodeRecord(item)
		switch {
		case r.UUID == "":
			if diff := cmp.Diff(records.Record{}, r); diff != "" {
				t.Error(diff)
			}
		case !isUUID(r.UUID, "oss07"):
			t.Errorf("the UUID %q passes", r.UUID)
		case r.ModifiedBy != "" && !isUUID(r.ModifiedBy, "tpzed"):
			t.Errorf("the user %q passes", r.ModifiedBy)
		case r.Fault == "":
			var plain map[string]any
			if json.Unmarshal(item, &plain) != nil || r.ExpiresAt.IsZero() && !strings.Contains(string(item), "0001") {
				t.Errorf("%q is understood as %+v", item, r)
			}
		}
	})
}

// TestRecordsOfUser asks for the records of one user.
func TestRecordsOfUser(t *testing.T) {
	api := newScript(t)
	api.set(recordsPath, func(w http.ResponseWriter, r *http.Request) {
		if got := r.FormValue("filters"); !strings.HasSuffix(got, `,["modified_by_user_uuid","=","`+ann+`"]]`) {
			t.Errorf("asked for %s", got)
		}
		says(200, `{"items_available":1,"items":[`+stockKeys+`]}`)(w, r)
	})
	got, err := newClient(t, Options{URL: api.URL}).Records(context.Background(), secret("sesame"), "b", ann)
	if err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
}
