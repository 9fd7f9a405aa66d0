// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/s3http"
	"github.com/arvados-s3/keepstore/locator"
)

// emptySHA256 is the SHA-256 of an empty body.
const emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// userAgent names us in the access logs of the bucket's owner.
const userAgent = "keepstore"

// call is one S3 request in the making; every attempt builds it anew.
type call struct {
	op     string // "get", "head", "list" or "bucket"
	access creds.Access
	object locator.Object
	region string     // in which the bucket is taken to be
	query  url.Values // of a listing, or what to tell of a bucket
	offset int64      // of a range; size 0 means no Range header
	size   int64
	// ifMatch is the ETag (unquoted) that the object must still have.
	ifMatch string
}

func (c *call) method() string {
	if c.op == "head" {
		return http.MethodHead
	}
	return http.MethodGet
}

// request builds the unsigned request. The key goes out byte for byte: "..",
// "//" and the like are part of an S3 key and must not be cleaned.
func (c *call) request(ctx context.Context) *http.Request {
	scheme, host, prefix := c.access.Endpoint.Address(c.object.Bucket, c.region)
	u := &url.URL{Scheme: scheme, Host: host, Path: prefix + "/" + c.object.Key, RawPath: prefix + "/" + locator.Escape(c.object.Key, true)}
	header := make(http.Header, 8)
	switch {
	case c.query != nil:
		u.Path, u.RawPath = prefix+"/", ""
		u.RawQuery = strings.ReplaceAll(c.query.Encode(), "+", "%20")
	case c.object.VersionID != "":
		u.RawQuery = "versionId=" + locator.Escape(c.object.VersionID, false)
	}
	if c.size > 0 {
		header["Range"] = []string{"bytes=" + strconv.FormatInt(c.offset, 10) + "-" + strconv.FormatInt(c.offset+c.size-1, 10)}
	}
	if c.ifMatch != "" {
		header["If-Match"] = []string{`"` + c.ifMatch + `"`}
	}
	if c.access.RequesterPays {
		header["X-Amz-Request-Payer"] = []string{"requester"}
	}
	r := &http.Request{Method: c.method(), URL: u, Host: host, Header: header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	return r.WithContext(ctx)
}

// sign adds the signature, unless the access is anonymous, and then the
// headers that a proxy on the way may change.
func (k *client) sign(ctx context.Context, c *call, r *http.Request) error {
	if c.access.Provider != nil {
		keys, err := c.access.Provider.Retrieve(ctx)
		if err != nil {
			return credsError(err, c.access.Endpoint)
		}
		r.Header["X-Amz-Content-Sha256"] = []string{emptySHA256}
		if err := s3http.NewSigner().SignHTTP(ctx, keys, r, emptySHA256, "s3", c.region, k.options.Now()); err != nil {
			return credsError(err, c.access.Endpoint)
		}
	}
	r.Header["Accept-Encoding"] = []string{"identity"}
	r.Header["User-Agent"] = []string{userAgent}
	return nil
}

// credsError passes errors that have a word of their own, such as that of an
// API server that is down, and makes others one of package creds.
func credsError(err error, e *creds.Endpoint) error {
	if _, known := errors.AsType[interface {
		error
		Word() string
	}](err); known {
		return err
	}
	return &creds.Error{Kind: creds.Unavailable, Err: err,
		Text: fmt.Sprintf("the credentials for S3 endpoint %q cannot be had at the moment: try again, or ask the operator", e.Name)}
}
