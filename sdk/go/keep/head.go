// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/arvados-s3/keepstore/locator"
)

// Outlook is what HEAD of a block tells about how long the S3 object version
// behind it stays and can be read (docs/protocol.md). Fields are zero where
// nothing is told.
type Outlook struct {
	StorageClass string
	// Expires is when S3 says that the lifecycle rule ExpiresRule deletes the
	// object.
	Expires     time.Time
	ExpiresRule string
	LockMode    string
	LockedUntil time.Time
	LegalHold   bool
	// Restoring says that an archived object is being restored; RestoredUntil
	// is until when a restored one can be read.
	Restoring     bool
	RestoredUntil time.Time
}

func outlookOf(h http.Header) Outlook {
	rule, err := url.PathUnescape(h.Get("X-Keep-S3-Expires-Rule"))
	if err != nil {
		rule = ""
	}
	return Outlook{
		StorageClass: clean(h.Get("X-Keep-S3-Storage-Class")),
		Expires:      timeOf(h, "X-Keep-S3-Expires"), ExpiresRule: rule,
		LockMode: clean(h.Get("X-Keep-S3-Lock-Mode")), LockedUntil: timeOf(h, "X-Keep-S3-Locked-Until"),
		LegalHold:     h.Get("X-Keep-S3-Legal-Hold") == "on",
		Restoring:     h.Get("X-Keep-S3-Restore") == "ongoing",
		RestoredUntil: timeOf(h, "X-Keep-S3-Restored-Until"),
	}
}

func timeOf(h http.Header, name string) time.Time {
	t, err := time.Parse(time.RFC3339, h.Get(name))
	if err != nil {
		return time.Time{}
	}
	return t
}

// Head asks whether a block can be read now. It reads nothing of it. The
// outlook is good next to an error, too: an object that is being restored
// cannot be read.
func (c *Client) Head(ctx context.Context, l locator.Locator) (Outlook, error) {
	var outlook Outlook
	err := c.ask(ctx, l, func(s service) error {
		a, err := c.do(ctx, s, http.MethodHead, l.String(), nil, nil)
		if err != nil {
			return err
		}
		defer a.Close()
		outlook = outlookOf(a.Header)
		if a.StatusCode != http.StatusOK {
			return a.refusal("the block " + l.Stripped() + " cannot be read")
		}
		return nil
	})
	return outlook, err
}

// maxLifecycle bounds the answer to Lifecycle in bytes.
const maxLifecycle = 16 << 20

// Lifecycle sends GET /s3/lifecycle (docs/protocol.md) and returns the JSON
// answer. Services that know no such route are passed over.
func (c *Client) Lifecycle(ctx context.Context, s3URL string) ([]byte, error) {
	var text []byte
	err := c.ask(ctx, locator.Locator{}, func(s service) error {
		a, err := c.do(ctx, s, http.MethodGet, "s3/lifecycle?url="+url.QueryEscape(s3URL), http.Header{"Accept": {"application/json"}}, nil)
		if err != nil {
			return err
		}
		defer a.Close()
		if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "application/json" {
			return a.refused("the lifecycle rules of " + s3URL + " cannot be asked for")
		}
		text, err = io.ReadAll(io.LimitReader(a, maxLifecycle))
		return err
	})
	return text, err
}
