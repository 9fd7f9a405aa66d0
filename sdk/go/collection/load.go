// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/api"
	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
)

const collections = "arvados/v1/collections"

// recordFields are the attributes of [Record].
func recordFields() []string {
	return []string{"uuid", "portable_data_hash", "name", "description", "owner_uuid", "properties", "version", "created_at", "modified_at", "trash_at"}
}

// stored is a collection as the API server gives it.
type stored struct {
	Record
	Text string `json:"manifest_text"`
}

// Load loads a collection by its UUID or its portable data hash, or reads
// manifest text, which is what holds a line feed or nothing.
func (c *Client) Load(ctx context.Context, id string) (*Collection, error) {
	if id == "" || strings.Contains(id, "\n") {
		return c.Parse(id)
	}
	fields := []string{"portable_data_hash", "manifest_text"}
	switch {
	case isUUID(id):
		fields = append(recordFields(), "manifest_text")
	case !isHash(id):
		return nil, fault(BadPath, "%s is neither the UUID nor the portable data hash of a collection, nor a manifest", quote(id))
	}
	var s stored
	if err := c.api.Call(ctx, http.MethodGet, collections+"/"+id, api.Params{"select": fields}, &s); err != nil {
		return nil, err
	}
	if isUUID(id) && s.UUID != id { // a Save would go there
		return nil, fault(WrongHash, "the API server gave the collection %s where %s was asked for: nothing of it is used", quote(s.UUID), id)
	}
	if err := c.checkHash(ctx, id, s); err != nil {
		return nil, err
	}
	loaded, err := parseWith(c, s.Text, id)
	if err != nil {
		return nil, err
	}
	loaded.record, loaded.base = s.Record, s.Text
	if !isUUID(id) {
		loaded.record = Record{PDH: s.PDH}
	}
	return loaded, nil
}

func isUUID(id string) bool {
	return regexp.MustCompile(`^[0-9a-z]{5}-4zz18-[0-9a-z]{15}$`).MatchString(id)
}

func isHash(id string) bool {
	return regexp.MustCompile(`^[0-9a-f]{32}\+[0-9]+(\+[A-Z][-A-Za-z0-9@_]*)*$`).MatchString(id)
}

// checkHash compares a text with its portable data hash. A stock API server
// computes another one for opaque blocks, one that many data sets share. Such
// a collection is loaded by its UUID only.
func (c *Client) checkHash(ctx context.Context, id string, s stored) error {
	pdh, err := manifest.PDH(s.Text)
	if err != nil {
		return &Error{Kind: BadManifest, Text: "the collection " + id + " has a text that is no manifest: " + err.Error(), Err: err}
	}
	if pdh == s.PDH && (isUUID(id) || sameHash(pdh, id)) {
		return nil
	}
	if isUUID(id) && strings.Contains(s.Text, " "+string(locator.Opaque)+"+") {
		if aware, _, err := c.learn(ctx); err != nil || !aware {
			return err
		}
	}
	return fault(WrongHash, "the API server gave for %s a text with the portable data hash %s, where %s was expected: nothing of it is used", quote(id), pdh, s.PDH)
}

// sameHash reports whether id is the hash, perhaps with hints.
func sameHash(pdh, id string) bool { return id == pdh || strings.HasPrefix(id, pdh+"+") }

// manifestText loads the text of a collection alone.
func (c *Client) manifestText(ctx context.Context, id string) (string, error) {
	var s stored
	err := c.api.Call(ctx, http.MethodGet, collections+"/"+id, api.Params{"select": []string{"manifest_text"}}, &s)
	return s.Text, err
}
