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
		p.say("  %s", p.paint(dim, "# "+c.about))
		p.say("  %s\n", c.line)
	}
	p.say("The commands of keepstore are run from this repository: paste them in its folder.")
	p.say("The tokens work at the API server too. It speaks http; stock clients want keepstore standalone --api-tls.")
	p.say("The S3 gateways are at %s and %s.", s.gateway.url, s.partner.url)
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
	all := append(firstCommands(s, t), sharedCommands(s.keys, "keys")...)
	if s.roles == nil {
		return all
	}
	return append(append(all, sharedCommands(s.roles.pair, "roles")...),
		command{"what keepstore publishes for the STS", `curl -sS "$KEEP/.well-known/openid-configuration"`})
}

const keepstoreAsAnn = `ARVADOS_API_TOKEN=$TOKEN go run ./cmd/keepstore `

// sharedCommands are Bob's, on what Ann shared. Under these modes it is S3 that
// decides, so that her locators serve as well as his.
func sharedCommands(p *pair, by string) []command {
	const curl, keepstore = `curl -sS -H "Authorization: Bearer $BOB" "$KEEP/%s"`, `ARVADOS_API_TOKEN=$BOB go run ./cmd/keepstore `
	all := []command{
		{"as Bob, with " + by + ": a file that he may read", fmt.Sprintf(curl, p.signed[0][0].text)},
		{"as Bob, with " + by + ": one that he may not", fmt.Sprintf(curl, p.signed[1][0].text)},
		{"why not, step by step", keepstore + `access test --server "$KEEP" ` + p.second.objectURL(0)},
	}
	if p.mode == "token" {
		all = append(all, command{"the credential records that Bob has", keepstore + "credential list"})
	}
	return all
}

func firstCommands(s *stage, t *tour) []command {
	small, _ := t.first.file(s.bucket.objects[0].key) // the tour has read it
	other, _ := t.first.file(s.bucket.objects[1].key)
	large, _ := t.first.file(largeKey)
	gone, _ := t.first.file(changingKey)
	forged, _ := forgery(small, other)
	const auth = `-H "Authorization: Bearer $TOKEN"`
	get := func(path string) string { return fmt.Sprintf(`curl -sS %s "$KEEP/%s"`, auth, path) }
	return []command{
		{"where keepstore and the API server are, and the tokens of Ann and Bob", fmt.Sprintf("export KEEP=%s ARVADOS_API_HOST=%s TOKEN=%s BOB=%s",
			s.service.url, s.service.apiURL, t.people.ann.token.Reveal(), t.people.bob.token.Reveal())},
		{"what Ann's token may import", get("s3/access")},
		{"look around in the bucket", get("s3/browse?url=" + url.QueryEscape(prefixURL))},
		{"import a folder: one line of JSON for each file", fmt.Sprintf(`curl -sS %s -H "Content-Type: application/json" -d '{"sources":[{"url":"%ssample-01/"}]}' "$KEEP/s3/import"`, auth, prefixURL)},
		{"the same as manifest text, filtered", fmt.Sprintf(`curl -sS %s -H "Content-Type: application/json" -H "Accept: text/plain" -d '{"sources":[{"url":"%s","include":["**/reads-1.txt"]}]}' "$KEEP/s3/import"`, auth, prefixURL)},
		{"read a block", get(small.Locator)},
		{"read one that was overwritten and deleted in S3 since", get(gone.Locator)},
		{"read 16 bytes of a large one", strings.Replace(get(large.Locator), "-sS", "-sS -r 1000000-1000015", 1) + " | od -c"},
		{"the collection, with the objects that its files are", keepstoreAsAnn + "ls --long " + t.study + "/sample-01"},
		{"fetch a folder of it; the same command goes on where it broke off", fmt.Sprintf(`D=$(mktemp -d) && %sget %s/odd "$D" && ls "$D"`, keepstoreAsAnn, t.study)},
		{"who needs the objects of a folder", keepstoreAsAnn + "whereused " + prefixURL + "sample-01/"},
		{"the first signature on the second file: refused", strings.Replace(get(forged), "-sS", "-sS -i", 1)},
	}
}
