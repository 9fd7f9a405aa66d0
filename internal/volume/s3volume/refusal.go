// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3volume

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/arvados-s3/keepstore/internal/volume"
)

// refusal is a reply of S3 that is not a success.
type refusal struct {
	status int
	code   string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("S3 answered %d %s", r.status, r.code)
}

// refuse reads an error reply.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
func refuse(method string, reply *http.Response) error {
	var told struct{ Code string }
	// Without a document, as after HEAD, the status alone is what we know.
	_ = xml.NewDecoder(io.LimitReader(reply.Body, 64<<10)).Decode(&told)
	r := &refusal{status: reply.StatusCode, code: plain(told.Code)}
	if r.code == "" && method == http.MethodHead {
		r.code = plain(reply.Header.Get("X-Minio-Error-Code"))
	}
	return r
}

// plain keeps what error codes are made of.
func plain(s string) string {
	keep := func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '.' {
			return r
		}
		return -1
	}
	return strings.Map(keep, s[:min(len(s), 100)])
}

// kind says what a refusal means for a block. A missing bucket is a fault of
// the volume and no missing block.
func (r *refusal) kind() volume.Kind {
	switch {
	case r.status == http.StatusNotFound && (r.code == "" || r.code == "NoSuchKey"):
		return volume.BlockNotFound
	case r.status == http.StatusInsufficientStorage, strings.Contains(r.code, "StorageFull"), strings.Contains(r.code, "QuotaExceeded"):
		return volume.VolumeFull
	}
	return volume.VolumeError
}

// passing reports whether the same request may succeed later.
func (r *refusal) passing() bool {
	switch r.status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return r.kind() != volume.VolumeFull
	}
	return r.code == "RequestTimeout" || r.code == "OperationAborted"
}
