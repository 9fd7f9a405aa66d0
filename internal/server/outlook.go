// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"time"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/s3read"
)

// The headers of HEAD that tell how long an object version stays and can be
// read. Only what S3 said in its documented form is passed on.
const (
	classHeader         = "X-Keep-S3-Storage-Class"
	expiresHeader       = "X-Keep-S3-Expires"
	expiresRuleHeader   = "X-Keep-S3-Expires-Rule"
	lockModeHeader      = "X-Keep-S3-Lock-Mode"
	lockedUntilHeader   = "X-Keep-S3-Locked-Until"
	legalHoldHeader     = "X-Keep-S3-Legal-Hold"
	restoreHeader       = "X-Keep-S3-Restore"
	restoredUntilHeader = "X-Keep-S3-Restored-Until"
)

func outlookNames() []string {
	return []string{classHeader, expiresHeader, expiresRuleHeader, lockModeHeader, lockedUntilHeader, legalHoldHeader, restoreHeader, restoredUntilHeader}
}

// outlookHeaders passes on what S3 said of an object; nil says nothing.
func (x *exchange) outlookHeaders(info *s3read.Info) {
	if info == nil {
		return
	}
	h := x.w.Header()
	if isWord(info.StorageClass) {
		h.Set(classHeader, info.StorageClass)
	}
	o := info.Outlook
	if o == nil {
		return
	}
	if !o.Expires.IsZero() {
		setTime(h, expiresHeader, o.Expires)
		h.Set(expiresRuleHeader, locator.Escape(o.ExpiresRule, false))
	}
	if !o.LockedUntil.IsZero() {
		h.Set(lockModeHeader, o.LockMode)
		setTime(h, lockedUntilHeader, o.LockedUntil)
	}
	if o.LegalHold {
		h.Set(legalHoldHeader, "on")
	}
	if o.Restoring {
		h.Set(restoreHeader, "ongoing")
	}
	if !o.RestoredUntil.IsZero() {
		h.Set(restoreHeader, "done")
		setTime(h, restoredUntilHeader, o.RestoredUntil)
	}
}

func setTime(h http.Header, name string, t time.Time) { h.Set(name, t.UTC().Format(time.RFC3339)) }

// isWord reports whether text can be a storage class: letters, digits, "_".
func isWord(text string) bool {
	for _, c := range []byte(text) {
		if c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return text != "" && len(text) <= 64
}

// lifecycle answers GET /s3/lifecycle?url=s3://bucket/prefix/: how long
// references to what lies there stay good, as far as the settings of the bucket
// tell.
func (x *exchange) lifecycle() error {
	if err := x.checkOrigin(); err != nil {
		return err
	}
	token, err := x.token()
	if err != nil {
		return err
	}
	url := x.r.URL.Query().Get("url")
	if url == "" {
		return refuse("bad-request", "name the object or prefix: /s3/lifecycle?url=s3://bucket/prefix/")
	}
	outlook, err := x.Importer.Outlook(x.r.Context(), token, url)
	if err != nil {
		return err
	}
	return x.sendJSON(outlook)
}
