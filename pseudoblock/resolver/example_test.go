// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package resolver_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock/resolver"
	"github.com/arvados-s3/keepstore/s3read"
)

// newServer is a bare http.Server that reads pseudo-blocks, in under 30 lines:
// the whole of what a program needs to embed the read path. TestEmbedded runs
// it.
func newServer(key []byte, tokens resolver.Tokens, endpoint *creds.Endpoint, rules ...creds.Rule) (*http.Server, error) {
	signer, err1 := locator.NewSigner(key, 336*time.Hour)
	iam, err2 := creds.NewIAM(context.Background(), map[string]*creds.Endpoint{endpoint.Name: endpoint})
	chain, err3 := creds.NewChain(rules, map[creds.Mode]creds.Source{creds.IAM: iam})
	r := &resolver.Resolver{Signer: signer, Tokens: tokens, Keychain: chain,
		Reader: s3read.New(s3read.Options{}), Buffers: resolver.NewBuffers(256 << 20)}
	handle := func(w http.ResponseWriter, q *http.Request) {
		token := strings.TrimPrefix(q.Header.Get("Authorization"), "Bearer ")
		grant, err := r.Resolve(q.Context(), resolver.Request{Locator: q.URL.Path[1:], Token: creds.NewSecret(token)})
		var body resolver.Body
		if err == nil {
			body, err = grant.Open(q.Context(), 0, grant.Block.Size)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden) // a real server looks at the error's Word
			return
		}
		defer body.Close()
		w.Header().Set("Content-Length", strconv.FormatInt(grant.Block.Size, 10))
		if _, err := body.WriteTo(w); err != nil {
			panic(http.ErrAbortHandler) // cut the connection: the bytes are not complete
		}
	}
	return &http.Server{Handler: http.HandlerFunc(handle)}, errors.Join(err1, err2, err3)
}
