// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/md5"
	"fmt"
	"net/http"
	"strings"

	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
)

const readme = "These samples lie in S3. This file does not: it is an ordinary Keep block.\n"

// mix stores an ordinary block and saves a collection of it and of the
// imported files.
func (t *tour) mix(ctx context.Context) error {
	block, err := t.store(ctx)
	if err != nil {
		return err
	}
	const folder = prefixURL + "sample-01/"
	files, err := t.ann().importURL(ctx, folder)
	if err == nil {
		err = files.good()
	}
	if err != nil {
		return err
	}
	references, err := t.ann().importAs(ctx, "text/plain", importRequest(folder))
	if err != nil {
		return err
	}
	text := fmt.Sprintf(". %s 0:%d:README\n", block, len(readme)) + string(references.body)
	t.out.sent("POST /arvados/v1/collections, to the API server, with one line for README before the manifest of the import")
	saved, err := t.save(ctx, "mixed "+t.first.done.PDH, text)
	if err != nil {
		return err
	}
	pdh, err := manifest.PDH(text)
	if err != nil {
		return err
	}
	t.out.got("%s, portable data hash %s, %d files", saved.UUID, saved.PDH, saved.Files)
	t.check(saved.PDH == pdh && saved.Files == len(files.files)+1, "the API server counts and names what was sent")
	return t.readBoth(ctx, saved.Text)
}

// store puts the block, and shows that other bytes under its hash are refused.
func (t *tour) store(ctx context.Context) (locator string, err error) {
	hash := fmt.Sprintf("%x", md5.Sum([]byte(readme)))
	t.out.sent("PUT /%s with %d bytes", hash, len(readme))
	r, err := t.ann().do(ctx, http.MethodPut, hash, nil, []byte(readme))
	if err == nil {
		err = r.wants(http.StatusOK)
	}
	if err != nil {
		return "", err
	}
	wrong, err := t.ann().do(ctx, http.MethodPut, hash, nil, []byte("other bytes"))
	t.check(wrong.status == http.StatusBadRequest, "other bytes under this hash are refused")
	return strings.TrimSpace(string(r.body)), err
}

// collection is what the API server answers.
type collection struct {
	UUID  string `json:"uuid"`
	PDH   string `json:"portable_data_hash"`
	Text  string `json:"manifest_text"`
	Files int    `json:"file_count"`
}

func (t *tour) save(ctx context.Context, name, text string) (saved collection, err error) {
	_, err = t.api(ctx, t.people.ann, http.MethodPost, "collections?ensure_unique_name=true",
		mapping{"collection": mapping{"name": name, "manifest_text": text}}, &saved)
	return saved, err
}

// readBoth reads a block of each kind by the locators of the saved manifest,
// which the API server signed.
func (t *tour) readBoth(ctx context.Context, text string) error {
	lines := strings.Split(text, "\n")
	own, err := t.ann().read(ctx, strings.Fields(lines[0])[1], "")
	if err != nil {
		return err
	}
	t.check(own.status == http.StatusOK && string(own.body) == readme, "README reads back from the disk, by the locator that the API server signed")
	theirs, err := t.ann().read(ctx, strings.Fields(lines[1])[1], "")
	if err != nil {
		return err
	}
	t.check(theirs.status == http.StatusOK, "a block of the imported files reads from S3, in the same collection (%d bytes)", len(theirs.body))
	return nil
}
