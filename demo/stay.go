// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/url"
	"strings"
)

// stay prints how to go on by hand. The commands are one line each and work
// as they are; the tests run them.
func stay(p *printer, s *stage, t *tour) {
	p.say("\nEverything stays up until Ctrl-C. Paste this into another terminal:\n")
	for _, c := range commands(s, t) {
		if c.about != "" {
			p.say("  %s", p.paint(dim, "# "+c.about))
		}
		p.say("  %s\n", c.line)
	}
	p.say("The API server is at %s; the token works there too. The S3 gateway is at %s.", s.service.apiURL, s.gateway.url)
	p.say("keepstore's own log: %s", s.dir.keepstoreLog())
	if s.dir.temporary {
		p.say("Press Ctrl-C to stop everything and remove the folder.")
	} else {
		p.say("Press Ctrl-C to stop everything. The folder %s stays.", s.dir.path)
	}
}

// command is one line to paste.
type command struct{ about, line string }

func commands(s *stage, t *tour) []command {
	small, _ := t.first.file(s.bucket.objects[0].key) // the tour has read it
	other, _ := t.first.file(s.bucket.objects[1].key)
	large, _ := t.first.file(largeKey)
	gone, _ := t.first.file(changingKey)
	forged, _ := forgery(small, other)
	const auth = `-H "Authorization: Bearer $TOKEN"`
	get := func(path string) string { return fmt.Sprintf(`curl -sS %s "$KEEP/%s"`, auth, path) }
	return []command{
		{"where keepstore is, and the token of a user of this demo", fmt.Sprintf("export KEEP=%s TOKEN=%s", s.service.url, t.people.ann.token.Reveal())},
		{"what this token may import", get("s3/access")},
		{"look around in the bucket", get("s3/browse?url=" + url.QueryEscape(prefixURL))},
		{"import a folder: one line of JSON for each file", fmt.Sprintf(`curl -sS %s -H "Content-Type: application/json" -d '{"sources":[{"url":"%ssample-01/"}]}' "$KEEP/s3/import"`, auth, prefixURL)},
		{"the same as manifest text, filtered", fmt.Sprintf(`curl -sS %s -H "Content-Type: application/json" -H "Accept: text/plain" -d '{"sources":[{"url":"%s","include":["**/reads-1.txt"]}]}' "$KEEP/s3/import"`, auth, prefixURL)},
		{"read a block", get(small.Locator)},
		{"read one that was overwritten and deleted in S3 since", get(gone.Locator)},
		{"read 16 bytes of a large one", strings.Replace(get(large.Locator), "-sS", "-sS -r 1000000-1000015", 1) + " | od -c"},
		{"the first signature on the second file: refused", strings.Replace(get(forged), "-sS", "-sS -i", 1)},
	}
}
