// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

import "github.com/arvados-s3/keepstore/internal/importer"

// browse answers GET /s3/browse?url=s3://bucket/prefix/&cursor=…: one page of
// the folders and objects directly under the prefix, for a dialog.
func (x *exchange) browse() error {
	if err := x.checkOrigin(); err != nil {
		return err
	}
	token, err := x.token()
	if err != nil {
		return err
	}
	query := x.r.URL.Query()
	if query.Get("url") == "" {
		return refuse("bad-request", "name the prefix: /s3/browse?url=s3://bucket/prefix/")
	}
	page, err := x.Importer.Browse(x.r.Context(), token, query.Get("url"), query.Get("cursor"))
	if err != nil {
		return err
	}
	return x.sendJSON(page)
}

// access answers GET /s3/access: the rules under which the caller may import;
// with a url, what decides about it for the caller.
func (x *exchange) access() error {
	if err := x.checkOrigin(); err != nil {
		return err
	}
	token, err := x.token()
	if err != nil {
		return err
	}
	if url := x.r.URL.Query().Get("url"); url != "" {
		return x.explain(importer.Question{URL: url, Token: token})
	}
	rules, err := x.Importer.VisibleRules(x.r.Context(), token)
	if err != nil {
		return err
	}
	return x.sendJSON(map[string][]importer.RuleView{"rules": rules})
}

// explain sends a report. That something cannot be read is the answer that was
// asked for, and no failure of this request.
func (x *exchange) explain(q importer.Question) error {
	report, err := x.Importer.Explain(x.r.Context(), q)
	if err != nil && !report.Known {
		return err
	}
	if err != nil {
		x.note("found", report.Error)
		x.noteCause(err)
	}
	return x.sendJSON(report)
}
