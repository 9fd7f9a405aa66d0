// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3readtest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/locator"
)

// OddKeys are legal S3 keys that break something somewhere.
func OddKeys() []string {
	return []string{
		"percent%", "percent%20", "percent%2F", "plus+plus", "space space", " leading-space", "trailing-space ",
		"question?mark", "question?versionId=x", "hash#hash", "amp&amp;", "equals=", "single'quote", `double"quote`,
		"tab\ttab", "newline\nnewline", "cr\rcr", "crlf\r\nend", `back\slash`, "nfc-\u00e9", "nfd-e\u0301", "emoji-😀",
		".leading-dot", "trailing-dot.", "a/./b", "a/../b", "..", "a//b", "//double", "/leading-slash", "trailing/",
		"<xml>&lt;</xml>", "semi;colon", "comma,star*", "colon:at@", "(paren)[bracket]{brace}", "pipe|caret^tilde~`",
		"control\x01char", "del\x7f", "ffff-\uffff", "replacement-\ufffd", "bidi-\u202e", strings.Repeat("long/segments-", 73) + "12",
		strings.Repeat("x", 255),
	}
}

// oddKeys: each odd key is read back exactly, or was refused when stored.
func (s *suite) oddKeys(t *testing.T) {
	ctx := context.Background()
	stored := make(map[string]locator.Object)
	for i, odd := range OddKeys() {
		data := fmt.Appendf(nil, "%d of %q", i, odd)
		o, err := s.store(s.Versioned, odd, data)
		if (err != nil) != s.Quirks.RefusedKeys[odd] {
			t.Errorf("storing %q: %v; quirk: %v", odd, err, s.Quirks.RefusedKeys[odd])
		}
		if err != nil {
			continue
		}
		if (o.VersionID == "") != s.Quirks.UnversionedKeys[odd] {
			t.Errorf("storing %q: version %q", odd, o.VersionID)
		}
		if o.VersionID == "" {
			continue
		}
		stored[odd] = o
		s.read(t, o, 0, data)
		info, err := s.reader.Head(ctx, s.Access, locator.Object{Bucket: s.Versioned, Key: odd})
		if err != nil || info.Object != o || info.Size != int64(len(data)) {
			t.Errorf("head of %q: %+v, %v", odd, info, err)
		}
	}
	if want := len(OddKeys()) - len(s.Quirks.RefusedKeys) - len(s.Quirks.UnversionedKeys); len(stored) != want || want < 30 {
		t.Errorf("%d odd keys stored, want %d", len(stored), want)
	}
	s.listed(t, stored)
}

// listed checks that the listing of the bucket has the odd keys.
func (s *suite) listed(t *testing.T, stored map[string]locator.Object) {
	t.Helper()
	found := make(map[locator.Object]bool)
	garbled := make(map[string]bool)
	for v, err := range s.reader.Versions(context.Background(), s.Access, s.Versioned, "", "") {
		if err != nil {
			t.Fatal(err)
		}
		found[v.Object] = true
		if v.Undecodable {
			garbled[v.Object.VersionID] = true
		}
	}
	for key, o := range stored {
		if name, ok := s.Quirks.RenamedKeys[key]; ok {
			o.Key = name
		}
		wantGarbled := s.Quirks.Garbled[key] || strings.ContainsRune(key, '\ufffd')
		if garbled[o.VersionID] != wantGarbled {
			t.Errorf("key %q: undecodable is %v", key, garbled[o.VersionID])
		}
		if want := o.Key != ""; !wantGarbled && found[o] != want {
			t.Errorf("key %q: listed as %q is %v", key, o.Key, found[o])
		}
	}
}
