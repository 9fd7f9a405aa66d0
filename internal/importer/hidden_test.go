// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
)

// TestHiddenKeysStayHidden: keys under a rule that does not let the caller
// import are named nowhere, whatever they look like: in no line, and in no
// resume token.
func TestHiddenKeysStayHidden(t *testing.T) {
	keys := []string{"open/a/x", "open/b//told", "open/closed//patient1", "open/closed/./patient2", "open/closed/patient3", "open/closed/patient4/", "open/d/x", "open/e/x"}
	im := ticking(t, &bucket{versions: objects(keys...)})
	got := run(t, im, prefix("s3://part/open/"))
	var said strings.Builder
	tokens := 0
	for _, line := range []any{got.files, got.skipped, got.progress, got.done} {
		text, err := json.Marshal(line)
		if err != nil {
			t.Fatal(err)
		}
		said.Write(text)
	}
	for _, p := range got.progress {
		if raw, err := base64.RawURLEncoding.DecodeString(p.Resume); err == nil && len(raw) > 0 {
			said.Write(raw)
			tokens++
		}
	}
	if strings.Contains(said.String(), "patient") {
		t.Errorf("a hidden key is told: %s", said.String())
	}
	if tokens < 2 || !strings.Contains(said.String(), "told") || got.done.Files != 3 || got.done.Skipped != 5 || len(got.skipped) != 2 {
		t.Errorf("control: %d tokens, %+v, %+v", tokens, got.done, got.skipped)
	}
}
