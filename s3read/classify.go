// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// maxSkew is how much two clocks may differ before a refusal is blamed on it:
// as much as S3 itself takes.
const maxSkew = 15 * time.Minute

// refusal is an S3 reply that is not the success asked for.
type refusal struct {
	errorDocument
	status int
	// marker says that a delete marker is (on top of) the object; markerID is
	// its version where the reply tells.
	marker   bool
	markerID string
	// skew is how far this server's clock is ahead of S3's; zero if S3 does
	// not tell the time.
	skew time.Duration
}

// refuse reads what S3 said instead and makes it an error.
func (a *attempt) refuse() error {
	body, err := a.errorBody()
	if err != nil {
		return err
	}
	r := refusal{errorDocument: parseErrorXML(body), status: a.reply.StatusCode}
	header := a.reply.Header
	r.marker = strings.EqualFold(header.Get("X-Amz-Delete-Marker"), "true")
	if r.marker {
		r.markerID = word(header.Get("X-Amz-Version-Id"), false)
	}
	if r.code == "" {
		r.code = word(header.Get("X-Minio-Error-Code"), false)
	}
	if r.region == "" {
		r.region = word(header.Get("X-Amz-Bucket-Region"), false)
	}
	if r.size < 0 {
		r.size = parseUnsatisfied(header.Get("Content-Range"))
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		r.skew = a.options.Now().Sub(date)
	}
	return a.classify(r)
}

// errorBody reads at most 64 KiB within one stall time. What it cannot read
// it does without.
func (a *attempt) errorBody() ([]byte, error) {
	var body bytes.Buffer
	if a.reply.StatusCode < 300 {
		return nil, nil
	}
	a.watch.begin()
	n, err := io.Copy(&body, io.LimitReader(a.reply.Body, maxErrorBody))
	a.watch.end(int(n))
	if err != nil && a.operation.ctx.Err() != nil {
		return nil, a.broken(a, err)
	}
	return body.Bytes(), nil
}

// kindByCode maps the codes of S3 and of its relatives.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
func kindByCode(code string) Kind {
	switch code {
	case "NoSuchKey", "NoSuchVersion", "MethodNotAllowed":
		return NotFound
	case "NoSuchBucket":
		return NoBucket
	case "AccessDenied", "AllAccessDisabled", "AccountProblem", "KMS.DisabledException", "KMS.KMSInvalidStateException", "KMS.NotFoundException":
		return Denied
	case "InvalidRange":
		return PastEnd
	case "InvalidObjectState":
		return Archived
	case "PreconditionFailed":
		return Changed
	case "PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
		return WrongRegion
	case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken", "InvalidTokenId",
		"InvalidAccessKeyId", "XAdminUserNotFound", "SignatureDoesNotMatch":
		return CredsExpired
	case "RequestTimeTooSkewed", "RequestExpired":
		return ClockSkew
	case "SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "Throttling", "ThrottlingException",
		"TooManyRequests", "RequestLimitExceeded", "BandwidthLimitExceeded", "OperationAborted":
		return SlowDown
	}
	return ""
}

// kindByStatus is for replies without a code that we know.
func kindByStatus(status int) Kind {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return Denied
	case http.StatusNotFound, http.StatusGone, http.StatusMethodNotAllowed:
		return NotFound
	case http.StatusPreconditionFailed:
		return Changed
	case http.StatusRequestedRangeNotSatisfiable:
		return PastEnd
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return SlowDown
	}
	return BadReply
}

// kind decides what a refusal means.
func (a *attempt) kind(r refusal) Kind {
	if r.status >= 300 && r.status < 400 {
		if r.region != "" && r.region != a.region {
			return WrongRegion
		}
		return BadReply
	}
	if r.status < 400 {
		return BadReply
	}
	if isCustomerKey(r) {
		return CustomerKey
	}
	kind := kindByCode(r.code)
	if r.status == http.StatusBadRequest && r.code == "" && r.region != "" {
		kind = WrongRegion // a HEAD, which has no code
	}
	if kind == WrongRegion && (r.region == "" || r.region == a.region) {
		kind = ""
	}
	if kind == "" && r.status == http.StatusBadRequest && a.object.VersionID != "" && badVersion(r.code) {
		kind = NotFound
	}
	if kind == "" {
		kind = kindByStatus(r.status)
	}
	if (kind == Denied || kind == CredsExpired) && r.status == http.StatusForbidden && a.access.Provider != nil && r.skew.Abs() > maxSkew {
		kind = ClockSkew
	}
	return kind
}

// badVersion: servers answer 400 to a version id that they could not have
// made; to HEAD without any code.
func badVersion(code string) bool {
	return code == "" || code == "InvalidArgument" || code == "NoSuchVersion"
}

// isCustomerKey: S3 has no code of its own for a missing SSE-C key.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html
func isCustomerKey(r refusal) bool {
	return r.status == http.StatusBadRequest && r.code == "InvalidRequest" &&
		strings.Contains(strings.ToLower(r.message), "server side encryption")
}

func (a *attempt) classify(r refusal) *Error {
	e := &Error{Kind: a.kind(r), Op: a.op, Object: a.object, Status: r.status, Code: r.code, marker: r.marker, region: r.region}
	if r.message != "" {
		e.Err = errors.New(withoutKeys(r.message))
	}
	e.retry = e.Kind == SlowDown && a.op != "bucket" // some servers answer 500 to what they do not know
	switch e.Kind {
	case PastEnd:
		if a.op != "get" {
			return a.bad("it speaks of a range, but none was asked for")
		}
		past := a.pastEnd(r.size)
		past.Code, past.Err = r.code, e.Err
		return past
	case BadReply:
		bad := a.bad(a.badWhy(r))
		bad.Code, bad.Err = r.code, e.Err
		return bad
	}
	e.Text = a.sentence(e.Kind, r)
	return e
}

// withoutKeys ends a message for the log where it names an object, since keys are
// confidential: AWS says which resource it refused.
func withoutKeys(message string) string {
	const mark = ":s3:::"
	before, _, found := strings.Cut(message, mark)
	if !found {
		return message
	}
	return before + mark + "…"
}

func (a *attempt) badWhy(r refusal) string {
	switch {
	case a.op == "bucket" && r.status == http.StatusNotImplemented:
		return "the server has no such settings of buckets"
	case r.status == http.StatusOK:
		return "it has status 200, which stands for the whole object, in place of the range asked for"
	case r.status >= 300 && r.status < 400:
		return "it redirects to another address, which is never followed"
	case r.status == http.StatusNotImplemented:
		return "the server does not implement versions of objects"
	case r.code != "":
		return "it has an unexpected error code (" + r.code + ")"
	}
	return "it has an unexpected status (" + http.StatusText(r.status) + ")"
}
