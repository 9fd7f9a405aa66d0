// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

// uses answers GET /s3/uses?url=s3://bucket/prefix/: how many collections have
// objects there, also of those that the caller may not see.
func (x *exchange) uses() error {
	if err := x.checkOrigin(); err != nil {
		return err
	}
	token, err := x.token()
	if err != nil {
		return err
	}
	query := x.r.URL.Query()
	if query.Get("url") == "" || len(query["url"]) > 1 {
		return refuse("bad-request", "name one object or prefix: /s3/uses?url=s3://bucket/prefix/")
	}
	if x.Importer.Counter == nil {
		return refuse("disabled", "this server cannot count collections that you may not see: the operator can set system_root_token_file")
	}
	uses, err := x.Importer.Uses(x.r.Context(), token, query.Get("url"))
	if err != nil {
		return err
	}
	return x.sendJSON(uses)
}
