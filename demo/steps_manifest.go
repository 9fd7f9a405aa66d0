// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/http"
	"strings"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
)

const pdhTrailer = "X-Keep-Portable-Data-Hash"

func (t *tour) manifest(ctx context.Context) error {
	t.out.sent("POST /s3/import with Accept: text/plain")
	r, err := t.ann().importAs(ctx, "text/plain", importRequest(prefixURL))
	if err == nil {
		err = r.wants(http.StatusOK)
	}
	if err != nil {
		return err
	}
	text := string(r.body)
	t.out.got("%s of manifest, %d streams; one of them, without signatures:", inBytes(int64(len(text))), strings.Count(text, "\n"))
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "./odd ") {
			t.showStream(line)
		}
	}
	pdh := r.trailer.Get(pdhTrailer)
	computed, err := manifest.PDH(text)
	if err != nil {
		return err
	}
	t.out.got("%s: %s", pdhTrailer, pdh)
	t.check(pdh != "" && pdh == computed, "the portable data hash fits the text")
	t.check(pdh == t.first.done.PDH, "the second import has the portable data hash of the first")
	bobs, err := t.as(t.people.bob).importURL(ctx, prefixURL)
	if err == nil {
		err = bobs.good()
	}
	if err != nil {
		return err
	}
	t.check(bobs.done.PDH == pdh && bobs.files[0].Locator != t.first.files[0].Locator, "Bob's import has it too, though his locators are signed for his token")
	return nil
}

// showStream prints the name, the first block and the first files of a line.
func (t *tour) showStream(line string) {
	blocks, files := 0, 0
	for _, word := range strings.Fields(line)[1:] {
		if l, err := locator.Parse(word); err == nil {
			if blocks++; blocks == 1 {
				t.out.detail("%s %s", "./odd", l.Unsigned())
			}
		} else if files++; files <= 3 {
			t.out.detail("      %s", word)
		}
	}
	t.out.detail("      … %d blocks and %d files in all", blocks, files)
}
