// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/arvados-s3/keepstore/internal/importer"
)

// keySteps are the story of a collection whose readers bring S3 keys of their
// own, roleSteps the same with roles.
func keySteps() []step {
	return []step{
		{"Two people, two S3 servers, keys of their own", "keepstore itself has no right to what they share: it can give away nothing.", (*tour).storeKeys},
		{"Share a collection over both servers", "who shares a collection shares references: S3 still decides about the data.",
			func(t *tour, ctx context.Context) error { return t.share(ctx, t.keys) }},
		{"Read it as Ann, then as Bob", "each must read exactly what S3 grants, with a key that is nobody else's.",
			func(t *tour, ctx context.Context) error { return t.readAsBoth(ctx, t.keys) }},
		{"Ask what stands in the way", "\"denied\" alone sends people to the wrong door.",
			func(t *tour, ctx context.Context) error { return t.askWhy(ctx, t.keys) }},
		{"Read over a sharing link", "a link is handed on, so it must not carry the S3 rights of whoever made it.", (*tour).overLink},
	}
}

// slowSteps take a minute.
func slowSteps() []step {
	return []step{{"Take the keys away", "what a person may do ends when they or the owner of the keys say so.", (*tour).takeAway}}
}

func roleSteps() []step {
	return []step{
		{"The same with roles: share a collection", "no long-lived key lies anywhere: keepstore names each person to the STS of the S3 server.", (*tour).shareByRole},
		{"Read it as Ann, then as Bob, by their roles", "one role serves both; its policy tells them apart by the name in the token.",
			func(t *tour, ctx context.Context) error { return t.readAsBoth(ctx, t.roles.pair) }},
		{"Ask what stands in the way of a role", "the owner of the bucket wants to know whom to add.",
			func(t *tour, ctx context.Context) error { return t.askWhy(ctx, t.roles.pair) }},
	}
}

// storeKeys lets Ann and Bob store a record for each server.
func (t *tour) storeKeys(ctx context.Context) error {
	t.out.detail("s3://%s at %s: its policy lets Ann and Bob read", t.keys.first.name, t.keys.first.url)
	t.out.detail("s3://%s at %s: its policy lets Ann read, and not Bob", t.keys.second.name, t.keys.second.url)
	_, err := t.keys.first.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &t.keys.first.name, Key: &t.keys.first.objects[0].key}, withKey(t.gateway.Reader))
	t.check(isRefused(err), "the key of keepstore itself, which reads s3://%s, is refused by S3 for s3://%s", bucketName, t.keys.first.name)
	t.out.sent("POST /arvados/v1/credentials, by each of them, with the keys that each server gave them")
	for i, site := range t.keys.sites() {
		if err := t.storeRecord(ctx, t.people.ann, site.name, t.keys.annKey[i]); err != nil {
			return err
		}
		if err := t.storeRecord(ctx, t.people.bob, site.name, t.keys.bobKey[i]); err != nil {
			return err
		}
	}
	own := t.seesOnly(ctx, t.people.ann, t.keys.annKey) && t.seesOnly(ctx, t.people.bob, t.keys.bobKey)
	t.check(own, "the API server has two records for each, which nobody else sees, and lists no secret")
	return nil
}

// storeRecord stores a key for a bucket.
func (t *tour) storeRecord(ctx context.Context, who person, bucket string, key keyPair) error {
	_, err := t.api(ctx, who, http.MethodPost, "credentials", mapping{"credential": mapping{
		"name": who.username + " at s3://" + bucket, "credential_class": "arv:aws_access_key", "scopes": []string{"s3://" + bucket},
		"external_id": key.Access, "secret": key.Secret, "expires_at": time.Now().Add(7 * 24 * time.Hour).UTC().Format(time.RFC3339),
	}}, nil)
	return err
}

// records lists the credential records that a person sees.
func (t *tour) records(ctx context.Context, who person) (text string, items []credential, err error) {
	var list struct{ Items []credential }
	r, err := t.api(ctx, who, http.MethodGet, "credentials", nil, &list)
	return string(r.body), list.Items, err
}

// credential is what is listed of a record.
type credential struct {
	UUID       string
	ExternalID string `json:"external_id"`
	Scopes     []string
}

func (t *tour) seesOnly(ctx context.Context, who person, keys [2]keyPair) bool {
	text, items, err := t.records(ctx, who)
	for _, key := range keys {
		mine := func(c credential) bool { return c.ExternalID == key.Access }
		if err != nil || strings.Contains(text, key.Secret) || !slices.ContainsFunc(items, mine) {
			return false
		}
	}
	return len(items) == len(keys)
}

// api asks the API server as a person. A nil result is not read.
func (t *tour) api(ctx context.Context, who person, method, path string, attributes mapping, result any) (reply, error) {
	body, err := json.Marshal(attributes)
	if err != nil {
		return reply{}, err
	}
	c := client{url: t.service.apiURL, token: who.token}
	r, err := c.do(ctx, method, "arvados/v1/"+path, map[string]string{"Content-Type": "application/json"}, body)
	if err == nil && r.status != http.StatusOK {
		err = fmt.Errorf("the API server answered %d to %s %s: %s", r.status, method, path, short(r.line(), 300))
	}
	if err == nil && result != nil {
		err = json.Unmarshal(r.body, result)
	}
	return r, err
}

// shareByRole shows first that no key is kept for these servers.
func (t *tour) shareByRole(ctx context.Context) error {
	p := t.roles.pair
	t.out.detail("s3://%s at %s: the policy of its role lets two read:", p.first.name, p.first.url)
	t.out.detail("    %s (Ann) and %s (Bob)", p.first.ann, p.first.bob)
	t.out.detail("s3://%s at %s: the policy of its role lets only Ann read", p.second.name, p.second.url)
	config, err := os.ReadFile(t.dir.config())
	if err != nil {
		return err
	}
	_, anns, err := t.records(ctx, t.people.ann)
	if err != nil {
		return err
	}
	_, bobs, err := t.records(ctx, t.people.bob)
	if err != nil {
		return err
	}
	other := func(c credential) bool {
		return !slices.Equal(c.Scopes, []string{"s3://" + t.keys.first.name}) && !slices.Equal(c.Scopes, []string{"s3://" + t.keys.second.name})
	}
	t.check(bytes.Count(config, []byte("access_key_id:")) == 1 && !slices.ContainsFunc(slices.Concat(anns, bobs), other),
		"no key for these servers: none in keepstore.yml, and no credential record")
	return t.share(ctx, p)
}

// share lets Ann import from both sites, save a collection and share it.
func (t *tour) share(ctx context.Context, p *pair) error {
	request, err := json.Marshal(importer.Request{Sources: []importer.Source{
		{URL: p.first.folder(), Path: "lab"}, {URL: p.second.folder(), Path: "partner"}}})
	if err != nil {
		return err
	}
	t.out.sent("POST /s3/import of %s and %s, by Ann", p.first.folder(), p.second.folder())
	r, err := t.ann().importAs(ctx, "text/plain", string(request))
	if err == nil {
		err = r.wants(http.StatusOK)
	}
	if err != nil {
		return err
	}
	if p.shared, err = t.save(ctx, "run 7 by "+p.mode, string(r.body)); err != nil {
		return err
	}
	if skipped := r.trailer.Get("X-Keep-Skipped"); skipped != "0" {
		return fmt.Errorf("the import skipped %q sources or objects", skipped)
	}
	if p.signed, err = p.locators(p.shared.Text); err != nil {
		return err
	}
	t.out.sent("POST /arvados/v1/collections, and /arvados/v1/links: Bob can_read it")
	t.out.got("%s, %d files", p.shared.UUID, p.shared.Files)
	_, err = t.api(ctx, t.people.ann, http.MethodPost, "links", mapping{"link": mapping{
		"link_class": "permission", "name": "can_read", "tail_uuid": t.people.bob.uuid, "head_uuid": p.shared.UUID}}, nil)
	t.check(p.shared.Files == p.files(), "the collection has the %d files of s3://%s and the %d of s3://%s",
		len(p.first.objects), p.first.name, len(p.second.objects), p.second.name)
	return err
}
