// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// shared is with whom a collection is shared, or what was changed about that,
// for share --json.
type shared struct {
	Collection string       `json:"collection"`
	Shares     []sharedWith `json:"shares"`
	Links      []sharedLink `json:"links"`
	Warnings   []string     `json:"warnings,omitempty"`
}

type sharedWith struct {
	UUID  string           `json:"uuid"`
	With  string           `json:"with"`
	Name  string           `json:"name,omitempty"`
	Level collection.Level `json:"level"`
}

type sharedLink struct {
	UUID      string     `json:"uuid"`
	ExpiresAt *time.Time `json:"expires_at"`
	// Token is there only when the link was made just now.
	Token string `json:"token,omitempty"`
}

// showShares tells with whom a collection is shared.
func (s *session) showShares(ctx context.Context, uuid string) error {
	shares, err := s.client.Shares(ctx, uuid)
	if err != nil {
		return err
	}
	links, err := s.client.SharingLinks(ctx, uuid)
	if err != nil {
		return err
	}
	if len(shares)+len(links) == 0 && !s.json {
		s.say("%s is shared with nobody, and you have no links to it; who may use its project may use it, too", uuid)
	}
	return s.printShared(ctx, newShared(uuid, shares, links))
}

// share lets all people use a collection, and tells what was changed also when
// that breaks off.
func (s *session) share(ctx context.Context, uuid string, people []string, level collection.Level) error {
	var done []collection.Share
	var failed error
	for _, with := range people {
		one, err := s.client.Share(ctx, uuid, with, level)
		if failed = err; err != nil {
			break
		}
		done = append(done, one)
	}
	told := newShared(uuid, done, nil)
	if failed == nil {
		told.Warnings = s.warnings(ctx, uuid, "who has none cannot read them, whatever you share")
	}
	if err := s.printShared(ctx, told); err != nil {
		return err
	}
	return failed
}

func (s *session) unshare(ctx context.Context, uuid string, people []string) error {
	var done []collection.Share
	var failed error
	var without []string
	for _, with := range people {
		ended, err := s.client.Unshare(ctx, uuid, with)
		done = append(done, ended...)
		if failed = err; err != nil {
			break
		}
		if len(ended) == 0 {
			without = append(without, with)
		}
	}
	if err := s.printShared(ctx, newShared(uuid, done, nil)); err != nil {
		return err
	}
	if failed == nil && len(without) > 0 {
		failed = partialf("%s was not shared with %s by a permission of its own", uuid, strings.Join(without, ", "))
	}
	return failed
}

// makeLink prints the token, and nothing else, on standard output.
func (s *session) makeLink(ctx context.Context, uuid string, ends time.Time) error {
	if _, err := s.client.Shares(ctx, uuid); err != nil { // a link of somebody who may not share it would surprise its owner
		return err
	}
	link, err := s.client.NewSharingLink(ctx, uuid, ends)
	if err != nil {
		return err
	}
	warnings := s.warnings(ctx, uuid, "a sharing link has none, so it does not open them")
	if s.json {
		told := newShared(uuid, nil, []collection.SharingLink{link})
		told.Links[0].Token, told.Warnings = link.Token.Reveal(), warnings
		return s.printJSON(told)
	}
	if _, err := fmt.Fprintln(s.out, link.Token.Reveal()); err != nil {
		return err
	}
	s.say("Whoever has this token can read %s: with ARVADOS_API_HOST=%s and it as ARVADOS_API_TOKEN, \"keepstore get %s .\" fetches it.", uuid, s.api.Settings().Host, uuid)
	s.warn(warnings)
	return nil
}

func (s *session) endLinks(ctx context.Context, uuid string) error {
	ended, failed := s.client.EndSharingLinks(ctx, uuid)
	if err := s.printShared(ctx, newShared(uuid, nil, ended)); err != nil {
		return err
	}
	if failed == nil && len(ended) == 0 {
		return partialf("you have no sharing links to %s", uuid)
	}
	return failed
}

// warnings tells about objects that sharing does not open.
func (s *session) warnings(ctx context.Context, uuid, without string) []string {
	c, err := s.client.Load(ctx, uuid)
	if err != nil {
		return []string{"whether sharing opens its S3 objects is not known: " + err.Error()}
	}
	personal, all, err := c.PersonalObjects(ctx)
	switch {
	case err != nil:
		return []string{"whether sharing opens its S3 objects is not known: " + err.Error()}
	case personal > 0:
		return []string{fmt.Sprintf("for %s of its %s each reader needs S3 rights of their own (access rules of mode token or role); %s",
			count(int64(personal)), plural(int64(all), "object version"), without)}
	}
	return nil
}

func (s *session) warn(warnings []string) {
	for _, text := range warnings {
		s.say("Warning: %s.", clean(strings.TrimSuffix(text, ".")))
	}
}

func newShared(uuid string, shares []collection.Share, links []collection.SharingLink) *shared {
	told := &shared{Collection: uuid, Shares: []sharedWith{}, Links: []sharedLink{}}
	for _, one := range shares {
		told.Shares = append(told.Shares, sharedWith{UUID: one.UUID, With: one.With, Level: one.Level})
	}
	for _, one := range links {
		told.Links = append(told.Links, sharedLink{UUID: one.UUID, ExpiresAt: one.ExpiresAt})
	}
	return told
}

// printShared prints a line for each permission and link.
func (s *session) printShared(ctx context.Context, told *shared) error {
	s.nameAll(ctx, told.Shares)
	if s.json {
		return s.printJSON(told)
	}
	var rows [][]string
	for _, one := range told.Shares {
		rows = append(rows, []string{string(one.Level), one.With, one.Name})
	}
	for _, one := range told.Links {
		ends := "never ends"
		if one.ExpiresAt != nil {
			ends = "ends " + one.ExpiresAt.UTC().Format(time.RFC3339)
		}
		rows = append(rows, []string{"link", one.UUID, ends})
	}
	if err := s.printTable(rows...); err != nil {
		return err
	}
	s.warn(told.Warnings)
	return nil
}
