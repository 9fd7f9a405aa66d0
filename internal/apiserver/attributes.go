// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/url"
	"time"
)

// attributes decodes what a request says about an object into a struct.
// Attributes that it does not know are refused.
func (r *request) attributes(name string, into any) error {
	text, _, err := r.attributeText(name)
	if err != nil {
		return err
	}
	return decodeStrictly(text, into)
}

// attributeMap is attributes for updates, where a null differs from nothing.
func (r *request) attributeMap(name string) (map[string]json.RawMessage, error) {
	text, bare, err := r.attributeText(name)
	if err != nil || bare != nil {
		return bare, err
	}
	var attrs map[string]json.RawMessage
	return attrs, decodeStrictly(text, &attrs)
}

// attributeText finds the attributes in the body: JSON {"<name>": {…}}, the
// bare {…}, or a form with the JSON in a field <name>. What stands beside
// <name> are parameters of the request. The bare form is also returned as it
// was decoded, since it may be large.
func (r *request) attributeText(name string) (text []byte, bare map[string]json.RawMessage, err error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, nil, bodyError(err)
	}
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if media == "application/x-www-form-urlencoded" {
		text, err := r.formAttributes(name, string(body))
		return text, nil, err
	}
	var wrapped map[string]json.RawMessage
	if len(body) > 0 && json.Unmarshal(body, &wrapped) != nil {
		return nil, nil, invalid("the body is not a JSON object")
	}
	inner, ok := wrapped[name]
	if !ok {
		return body, wrapped, nil
	}
	for key, value := range wrapped {
		if text := ""; key != name && json.Unmarshal(value, &text) == nil {
			r.query.Add(key, text)
		} else if key != name {
			r.query.Add(key, string(value))
		}
	}
	return inner, nil, nil
}

func (r *request) formAttributes(name, body string) ([]byte, error) {
	form, err := url.ParseQuery(body)
	if err != nil {
		return nil, invalid("the body is not a well-formed form")
	}
	for key, values := range form {
		if key != name {
			r.query[key] = append(r.query[key], values...)
		}
	}
	return []byte(form.Get(name)), nil
}

// checkParameters refuses parameters of the request other than the named.
func (r *request) checkParameters(names ...string) error {
	known := map[string]bool{"alt": true, "select": true}
	for _, name := range names {
		known[name] = true
	}
	for name := range r.query {
		if !known[name] {
			return invalid("this API server does not know the parameter %s of this request", clip(name))
		}
	}
	return nil
}

// The functions below turn one attribute into a value of the database.

func textValue(name string, raw json.RawMessage) (any, error) {
	var text *string
	if json.Unmarshal(raw, &text) != nil {
		return nil, invalid("%s must be text", name)
	}
	if text == nil {
		return nil, nil
	}
	return *text, nil
}

func boolValue(name string, raw json.RawMessage) (any, error) {
	var yes bool
	if json.Unmarshal(raw, &yes) != nil {
		return nil, invalid("%s must be true or false", name)
	}
	return yes, nil
}

func countValue(name string, raw json.RawMessage) (any, error) {
	var n *uint16
	if json.Unmarshal(raw, &n) != nil {
		return nil, invalid("%s must be a small whole number", name)
	}
	if n == nil {
		return nil, nil
	}
	return int64(*n), nil
}

// maxDepth is how deep properties may be nested. SQLite, and some clients,
// cannot read what is nested much deeper.
const maxDepth = 100

// hashValue writes an object anew, so that nothing is stored that spoils the
// lists of other users: text that is no UTF-8, or more than a client can read.
func hashValue(name string, raw json.RawMessage) (any, error) {
	var readable map[string]any // has no number that clients cannot hold
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber() // keeps all digits
	exact := map[string]any{}
	if json.Unmarshal(raw, &readable) != nil || d.Decode(&exact) != nil {
		return nil, invalid("%s must be an object", name)
	}
	if exact == nil {
		return "{}", nil
	}
	if depth(exact) > maxDepth {
		return nil, invalid("%s must not be nested deeper than %d levels", name, maxDepth)
	}
	text, err := json.Marshal(exact)
	return string(text), err
}

func depth(value any) int {
	most := 0
	switch v := value.(type) {
	case map[string]any:
		for _, inner := range v {
			most = max(most, depth(inner))
		}
	case []any:
		for _, inner := range v {
			most = max(most, depth(inner))
		}
	default:
		return 0
	}
	return most + 1
}

func classesValue(name string, raw json.RawMessage) (any, error) {
	var classes []string
	if json.Unmarshal(raw, &classes) != nil {
		return nil, invalid("%s must be a list of names", name)
	}
	if len(classes) == 0 {
		classes = []string{"default"}
	}
	text, err := json.Marshal(classes)
	return string(text), err
}

func timeValue(name string, raw json.RawMessage) (any, error) {
	var text *string
	err := json.Unmarshal(raw, &text)
	if err == nil && text == nil {
		return nil, nil
	}
	var at time.Time
	if err == nil {
		at, err = parseTime(*text)
	}
	if err != nil {
		return nil, invalid("%s must be a time such as 2026-01-31T12:00:00Z, or null", name)
	}
	return formatTime(at), nil
}
