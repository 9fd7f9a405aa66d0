// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package arvados

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/creds/records"
)

const (
	recordsPath    = "/arvados/v1/credentials"
	recordsPerPage = 100
)

// The methods of this file remember nothing: package records does. They
// implement [records.API].
var _ records.API = (*Client)(nil)

// Records returns the credential records that the token can read and that
// have the scope "s3://<bucket>" or "s3://*"; if a user is named, those that
// this user was the last to change. What a record says is not
// checked here; one that cannot be understood comes with a fault, and one
// without a proper UUID not at all. More than [records.MaxRecords] in one
// list are an error with the cause [records.ErrTooMany].
func (c *Client) Records(ctx context.Context, token creds.Secret, bucket, user string) ([]records.Record, error) {
	if err := checkToken(token.Reveal()); err != nil {
		return nil, err
	}
	var found []records.Record
	known := map[string]bool{} // a record may have both scopes
	for _, scope := range []string{"s3://" + bucket, "s3://*"} {
		list, err := c.askRecords(ctx, token, scope, user)
		if err != nil {
			return nil, because(err)
		}
		found = slices.Concat(found, slices.DeleteFunc(list, func(r records.Record) bool { return known[r.UUID] }))
		for _, r := range list {
			known[r.UUID] = true
		}
	}
	return found, nil
}

// askRecords pages by UUID and not by offset, so that a record that goes
// meanwhile does not hide another.
func (c *Client) askRecords(ctx context.Context, token creds.Secret, scope, user string) ([]records.Record, error) {
	var list []records.Record
	for seen, last := 0, ""; ; {
		page, more, err := c.askRecordPage(ctx, token, scope, user, last)
		if err != nil {
			return nil, err
		}
		if seen += len(page); seen > records.MaxRecords || more && seen == records.MaxRecords {
			return nil, unavailable(records.ErrTooMany)
		}
		before := last
		for _, item := range page {
			if r := decodeRecord(item); r.UUID != "" && r.UUID > before {
				list, last = append(list, r), max(last, r.UUID)
			}
		}
		if !more {
			return list, nil
		}
		if last == before {
			return nil, unavailable(errors.New("the API server lists the same credentials over and over"))
		}
	}
}

// askRecordPage returns one page, and whether there are more. A server may
// answer with fewer items than it was asked for.
func (c *Client) askRecordPage(ctx context.Context, token creds.Secret, scope, user, after string) ([]json.RawMessage, bool, error) {
	conditions := [][]any{
		{"credential_class", "in", []string{records.ClassKeys, records.ClassRole}},
		{"scopes", "contains", scope},
		{"uuid", ">", after},
	}
	if user != "" {
		conditions = append(conditions, []any{"modified_by_user_uuid", "=", user})
	}
	filters, err := json.Marshal(conditions)
	if err != nil {
		return nil, false, unavailable(err)
	}
	query := url.Values{
		"filters": {string(filters)},
		"select":  {`["uuid","credential_class","scopes","external_id","expires_at","modified_by_user_uuid"]`},
		"order":   {`["uuid asc"]`},
		"count":   {"exact"},
		"limit":   {strconv.Itoa(recordsPerPage)},
	}
	var reply struct {
		Items     *[]json.RawMessage
		Available *int `json:"items_available"`
	}
	if err := c.get(ctx, token, recordsPath, query, &reply); err != nil {
		return nil, false, err
	}
	if reply.Items == nil {
		return nil, false, unavailable(errors.New("the API server's list of credentials lacks items"))
	}
	items := *reply.Items
	return items, len(items) > 0 && (reply.Available == nil || *reply.Available > len(items)), nil
}

// decodeRecord reads the fields one by one, so that the UUID of a record with
// a faulty field can be told. Other fields, such as hosts, are not looked at.
func decodeRecord(item json.RawMessage) records.Record {
	var fields struct {
		UUID       text            `json:"uuid"`
		Class      text            `json:"credential_class"`
		ExternalID text            `json:"external_id"`
		ExpiresAt  text            `json:"expires_at"`
		ModifiedBy text            `json:"modified_by_user_uuid"`
		Scopes     json.RawMessage `json:"scopes"`
	}
	if json.Unmarshal(item, &fields) != nil || !isUUID(fields.UUID.s, "oss07") {
		return records.Record{}
	}
	r := records.Record{UUID: fields.UUID.s, Class: fields.Class.s, ExternalID: fields.ExternalID.s}
	if isUUID(fields.ModifiedBy.s, "tpzed") {
		r.ModifiedBy = fields.ModifiedBy.s
	}
	var err error
	switch r.ExpiresAt, err = time.Parse(time.RFC3339, fields.ExpiresAt.s); {
	case fields.Class.odd || fields.ExternalID.odd:
		r.Fault = "its class or external_id is not text"
	case !decodeTexts(fields.Scopes, &r.Scopes):
		r.Fault = "its scopes are not a list of texts"
	case err != nil:
		r.Fault = "its expires_at is not a time"
	}
	return r
}

// decodeTexts decodes a list of texts. Package json takes null for a text.
func decodeTexts(list json.RawMessage, into *[]string) bool {
	var texts []text
	if json.Unmarshal(list, &texts) != nil {
		return false
	}
	for _, t := range texts {
		if t.odd {
			return false
		}
		*into = append(*into, t.s)
	}
	return true
}

// text is a JSON string; odd if it was something else.
type text struct {
	s   string
	odd bool
}

// UnmarshalJSON never fails, so that one odd field does not hide the others.
func (t *text) UnmarshalJSON(raw []byte) error {
	t.odd = len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &t.s) != nil
	return nil
}

// RecordKeys returns the content of a record of class [records.ClassKeys].
// Its errors never quote the reply.
func (c *Client) RecordKeys(ctx context.Context, token creds.Secret, uuid string) (records.Keys, error) {
	if err := checkToken(token.Reveal()); err != nil {
		return records.Keys{}, err
	}
	if !isUUID(uuid, "oss07") {
		return records.Keys{}, unavailable(errors.New("that is not the UUID of a credential record"))
	}
	var reply struct {
		ExternalID text `json:"external_id"`
		Secret     text `json:"secret"`
	}
	err := c.get(ctx, token, recordsPath+"/"+uuid+"/secret", nil, &reply)
	if notJSON(err) || err == nil && (reply.ExternalID.odd || reply.Secret.odd) {
		return records.Keys{}, unavailable(errors.New("the API server's reply about the secret of a record is not the JSON asked for"))
	}
	if err != nil {
		return records.Keys{}, because(err)
	}
	return records.Keys{AccessKeyID: reply.ExternalID.s, Secret: creds.NewSecret(reply.Secret.s)}, nil
}

// notJSON reports whether err is one of package json, which quotes what it
// stumbled over.
func notJSON(err error) bool {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	return errors.As(err, &syntax) || errors.As(err, &kind)
}

// because adds what a refusal means to the questions about records.
func because(err error) error {
	var a *answered
	if !errors.As(err, &a) {
		return err
	}
	return &Error{Kind: Denied, Err: errors.Join(a, a.meaning()),
		Text: "the Arvados API server does not let this token use the credential records that are needed here"}
}
