// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Outlook is what S3 tells with one object version about how long it stays,
// and how long it can be read. A field is zero where S3 says nothing, or says
// it in another form than the documented one.
type Outlook struct {
	// Expires is when the lifecycle rule with the id ExpiresRule deletes the
	// object. A current version of a bucket with versions becomes an old one
	// then, and is still there.
	Expires     time.Time
	ExpiresRule string
	// LockMode is "GOVERNANCE" or "COMPLIANCE" while nothing may remove the
	// version before LockedUntil.
	LockMode    string
	LockedUntil time.Time
	// LegalHold says that nothing may remove the version until that is lifted.
	LegalHold bool
	// Restoring says that an archived object is being restored; RestoredUntil
	// is until when a restored one can be read.
	Restoring     bool
	RestoredUntil time.Time
}

// maxOutlook bounds the headers that are looked at, in bytes.
const maxOutlook = 1024

// The forms of two headers.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
const (
	expirationForm = `^expiry-date="([^"]*)", ?rule-id="([^"]*)"$`
	restoreForm    = `^ongoing-request="(true|false)"(?:, ?expiry-date="([^"]*)")?$`
)

// readOutlook reads the headers of a reply; nil if they tell nothing.
func readOutlook(h http.Header) *Outlook {
	var o Outlook
	o.readExpiration(single(h, "X-Amz-Expiration"))
	o.readLock(h)
	o.readRestore(single(h, "X-Amz-Restore"))
	if o == (Outlook{}) {
		return nil
	}
	return &o
}

// single returns a header that is there once and is not too long, else "".
func single(h http.Header, name string) string {
	if values := h[name]; len(values) == 1 && len(values[0]) <= maxOutlook {
		return values[0]
	}
	return ""
}

func (o *Outlook) readExpiration(text string) {
	if text == "" {
		return
	}
	match := regexp.MustCompile(expirationForm).FindStringSubmatch(text)
	if match == nil {
		return
	}
	id := ruleID(match[2])
	if when, err := time.Parse(http.TimeFormat, match[1]); err == nil && id != "" {
		o.Expires, o.ExpiresRule = when, id
	}
}

// ruleID decodes a rule's id, which AWS encodes and MinIO does not.
func ruleID(text string) string {
	if decoded, err := url.PathUnescape(text); err == nil {
		text = decoded
	}
	return printableID(text)
}

// printableID returns the id of a lifecycle rule, or "" if no rule has such a
// one: it has at most 255 characters, all of them printable.
func printableID(text string) string {
	odd := func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }
	if utf8.RuneCountInString(text) > 255 || strings.ContainsFunc(text, odd) {
		return ""
	}
	return text
}

func (o *Outlook) readLock(h http.Header) {
	o.LegalHold = single(h, "X-Amz-Object-Lock-Legal-Hold") == "ON"
	mode := single(h, "X-Amz-Object-Lock-Mode")
	until, err := time.Parse(time.RFC3339, single(h, "X-Amz-Object-Lock-Retain-Until-Date"))
	if err == nil && isLockMode(mode) && plainYear(until) {
		o.LockMode, o.LockedUntil = mode, until.UTC()
	}
}

// isLockMode: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
func isLockMode(mode string) bool { return mode == "GOVERNANCE" || mode == "COMPLIANCE" }

// plainYear reports whether RFC 3339 can write the time in any zone.
func plainYear(t time.Time) bool {
	year := t.UTC().Year()
	return year > 0 && year < 9999
}

func (o *Outlook) readRestore(text string) {
	if text == "" {
		return
	}
	match := regexp.MustCompile(restoreForm).FindStringSubmatch(text)
	if match == nil {
		return
	}
	until, err := time.Parse(http.TimeFormat, match[2])
	switch {
	case match[1] == "true" && match[2] == "":
		o.Restoring = true
	case match[1] == "false" && err == nil:
		o.RestoredUntil = until
	}
}
