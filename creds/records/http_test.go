// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package records_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/creds/records"
	"github.com/arvados-s3/keepstore/internal/arvados"
)

// ServeHTTP answers as Arvados' API server does, from what the vault holds.
// Every record claims hosts of its own: case C-12.
func (v *vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token := creds.NewSecret(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	path, secret := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/arvados/v1/"), "/secret")
	var filters [][]any
	json.Unmarshal([]byte(r.FormValue("filters")), &filters)
	switch {
	case r.Method != http.MethodGet:
		reply(w, 405, map[string]any{"errors": []string{"only GET is expected"}})
	case path == "credentials" && !secret:
		bucket := strings.TrimPrefix(filters[1][2].(string), "s3://")
		of := ""
		if len(filters) > 3 {
			of, _ = filters[3][2].(string)
		}
		list, err := v.Records(r.Context(), token, bucket, of)
		items := []any{}
		for _, rec := range list {
			items = append(items, map[string]any{"uuid": rec.UUID, "credential_class": rec.Class, "scopes": rec.Scopes, "external_id": rec.ExternalID,
				"expires_at": rec.ExpiresAt.UTC().Format("2006-01-02T15:04:05.000000000Z"), "modified_by_user_uuid": rec.ModifiedBy,
				"endpoint": "http://evil.example", "region": "evil-1", "sts_endpoint": "http://evil.example", "proxy": "http://evil.example"})
		}
		replyOr(w, err, map[string]any{"kind": "arvados#credentialList", "items_available": len(items), "items": items})
	default:
		keys, err := v.RecordKeys(r.Context(), token, strings.TrimPrefix(path, "credentials/"))
		replyOr(w, err, map[string]any{"external_id": keys.AccessKeyID, "secret": keys.Secret.Reveal()})
	}
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

// replyOr replies with the body, or with the status and words of Arvados.
func replyOr(w http.ResponseWriter, err error, body any) {
	status, text := 500, "oops"
	switch {
	case err == nil:
		reply(w, 200, body)
		return
	case errors.Is(err, errToken):
		status, text = 401, "Not logged in"
	case errors.Is(err, records.ErrNotFound):
		status, text = 404, "Path not found"
	case errors.Is(err, records.ErrWithheld):
		status, text = 403, "Token is not associated with a running container."
	case errors.Is(err, records.ErrExpired):
		status, text = 403, "Credential has expired."
	}
	reply(w, status, map[string]any{"errors": []string{text + " (req-0123456789abcdefghij)"}, "error_token": "1767268800+abcd"})
}

// overHTTP returns a vault behind HTTP and a source that asks it.
func overHTTP(t *testing.T, front func(http.Handler) http.Handler) (*vault, *records.Source) {
	t.Helper()
	v := newVault()
	server := httptest.NewServer(front(v))
	t.Cleanup(server.Close)
	api, err := arvados.New(arvados.Options{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	return v, records.New(records.Options{API: api, Roles: &roles{}})
}

func plain(h http.Handler) http.Handler { return h }

func TestOverHTTP(t *testing.T) {
	v, s := overHTTP(t, plain)
	ends := time.Now().Add(time.Hour)
	v.store(keysOne, ann, ends, "s3://b")
	v.store(keysTwo, bob, ends, "s3://*")
	v.change(func() { v.entries[keysTwo].readers[ann] = true })
	v.storeRole(annRole, ann, arn, ends, "s3://r")
	rule := tokenRule("b")
	before := *rule.Endpoint
	wantKeys(t, s, rule, annCaller(), keyID)
	wantKeys(t, s, rule, caller("bob-token", bob), "AK0002-0")
	id, err := s.Credentials(t.Context(), tokenRule("r"), annCaller())
	if err != nil || id.As != "the role of your credential record "+annRole {
		t.Errorf("%q, %v", id.As, err)
	}
	if fmt.Sprint(*rule.Endpoint) != fmt.Sprint(before) {
		t.Errorf("a record changed the endpoint: %+v", rule.Endpoint)
	}
}

// TestStockWithholds is case C-09: the error says what stock Arvados does and
// what to do.
func TestStockWithholds(t *testing.T) {
	v, s := overHTTP(t, plain)
	v.store(keysOne, ann, time.Now().Add(time.Hour), "s3://b")
	v.change(func() { v.withhold = true })
	_, err := s.Credentials(t.Context(), tokenRule("b"), annCaller())
	if kind(err) != creds.Missing {
		t.Fatal(err)
	}
	for _, word := range []string{keysOne, "only to tokens of running containers", records.ClassRole, "s3://b", "docs/sharing.md"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q lacks %q", err, word)
		}
	}
	v.storeRole(keysOne, ann, arn, time.Now().Add(time.Hour), "s3://b") // does what it says
	other := tokenRule("b")
	other.Endpoint = &creds.Endpoint{Name: "no memory of it"}
	if _, err := s.Credentials(t.Context(), other, annCaller()); err != nil {
		t.Error(err)
	}
}

// TestServerSays is case C-08, with C-07: each thing that the API server may
// say to a list or to a question for a secret has its own word.
func TestServerSays(t *testing.T) {
	type words = struct{ list, secret string }
	for name, c := range map[string]struct {
		status int
		body   string
		want   words
	}{
		"good":         {0, "", words{"", ""}},
		"401":          {401, `{"errors":["Not logged in"]}`, words{"token-refused", "token-refused"}},
		"403":          {403, `{"errors":["Forbidden"]}`, words{"api-denied", "api-denied"}},
		"404":          {404, `{"errors":["Path not found"]}`, words{"creds-missing", "creds-missing"}},
		"403 expired":  {403, `{"errors":["Credential has expired."]}`, words{"api-denied", "creds-expired"}},
		"403 withheld": {403, `{"errors":["Token is not associated with a running container."]}`, words{"api-denied", "creds-missing"}},
		"500":          {500, `{"errors":["oops"]}`, words{"api-unavailable", "api-unavailable"}},
		"307":          {307, ``, words{"api-unavailable", "api-unavailable"}},
		"HTML":         {200, `<html>`, words{"api-unavailable", "api-unavailable"}},
		"no content":   {200, `{}`, words{"api-unavailable", "creds-missing"}},
		"odd keys":     {200, `{"items":[],"items_available":0,"external_id":"A B","secret":"x"}`, words{"creds-missing", "creds-missing"}},
		"header":       {200, `{"items":[],"external_id":"AK\r\nHost: evil","secret":"x"}`, words{"creds-missing", "creds-missing"}},
		"blanked":      {200, `{"items":[],"external_id":"AK","secret":""}`, words{"creds-missing", "creds-missing"}},
	} {
		for path, want := range map[string]string{"credentials": c.want.list, "secret": c.want.secret} {
			v, s := overHTTP(t, func(h http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if c.status == 0 || !strings.HasSuffix(r.URL.Path, path) {
						h.ServeHTTP(w, r)
						return
					}
					w.Header().Set("Location", "http://evil.example/")
					w.WriteHeader(c.status)
					w.Write([]byte(c.body))
				})
			})
			v.store(keysOne, ann, time.Now().Add(time.Hour), "s3://b")
			_, err := read(context.Background(), s, tokenRule("b"), annCaller())
			if got := wordOf(err); got != want {
				t.Errorf("%s to %s: %q (%v), want %q", name, path, got, err, want)
			}
		}
	}
}

func wordOf(err error) string {
	var worded interface{ Word() string }
	if errors.As(err, &worded) {
		return worded.Word()
	}
	if err != nil {
		return "no word: " + err.Error()
	}
	return ""
}

// TestTooManyRecords: a list without end is an error that says so.
func TestTooManyRecords(t *testing.T) {
	v, s := overHTTP(t, plain)
	for i := range records.MaxRecords + 1 {
		v.store(fmt.Sprintf("zzzzz-oss07-%015d", i), ann, time.Now().Add(time.Hour), "s3://*")
	}
	wantKind(t, s, tokenRule("b"), annCaller(), creds.Ambiguous)
	wantKind(t, s, tokenRule("b"), caller("bob-token", bob), creds.Missing)
}
