// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// usedBy is what needs an object, for whereused --json.
type usedBy struct {
	Collections []used `json:"collections"`
	// Folders counts what Collections lacks; it is null, and NotKnown says
	// why, when that is not known.
	Folders  []folderUse `json:"folders"`
	NotKnown string      `json:"not_known,omitempty"`
}

// used is a collection that needs an object.
type used struct {
	UUID  string `json:"uuid"`
	Hash  string `json:"portable_data_hash"`
	Name  string `json:"name"`
	Owner string `json:"owner_uuid"`
	// Objects, Files and Bytes count what of the collection lies there.
	Objects int   `json:"objects"`
	Files   int64 `json:"files"`
	Bytes   int64 `json:"bytes"`
}

// folderUse counts the collections that have objects in a folder.
type folderUse struct {
	Folder string `json:"folder"`
	// Hidden are current collections that the caller may not see. Past are
	// old versions, and collections in the trash, of which PastVisible are
	// such as the caller may see.
	Hidden      int64 `json:"hidden"`
	Past        int64 `json:"past"`
	PastVisible int64 `json:"past_visible"`
}

func newWhereUsed() *cobra.Command {
	return command(&cobra.Command{
		Use:   "whereused s3://BUCKET/KEY",
		Short: "Find the collections that need an S3 object, a version or a prefix",
		Long: `Whereused finds the collections, of those that you may see, that have bytes of
an object (s3://bucket/key), of one version of it (s3://bucket/key?versionId=…),
or of anything below a prefix (s3://bucket/prefix/). Keys are percent-encoded,
as "keepstore ls --long" prints them.

Then it asks keepstore how many collections there are in all, for the folder of
the object and for all that the access rule covers, and tells how many of these
you may not see, and how many old versions and collections in the trash there
are. That takes the right to import there; it says so when the numbers are not
known. Collections that were stored by programs that do not record their sources
are neither found nor counted.

The exit status is 0 when at least one collection needs it, or may need it: one
that you may not see, an old version, or one in the trash has objects in its
folder. It is 3 when there is none, or none that you may see and the others are
not known.`,
		Example: `  keepstore whereused s3://bucket/prefix/
  keepstore whereused 's3://bucket/key?versionId=abc'
  keepstore whereused --json s3://bucket/prefix/ | jq '.folders[0].hidden'`,
		Args: cobra.ExactArgs(1),
	}, whereUsed)
}

func whereUsed(ctx context.Context, s *session, args []string) error {
	if !strings.HasPrefix(args[0], "s3://") {
		return usagef("%s is not an S3 URL such as s3://bucket/key or s3://bucket/prefix/", quote(args[0]))
	}
	found := usedBy{Collections: []used{}}
	for use, err := range s.client.WhereUsed(ctx, args[0]) {
		if err != nil {
			return badSource(err)
		}
		found.Collections = append(found.Collections, used{use.UUID, use.PDH, use.Name, use.OwnerUUID, use.Objects, use.Files, use.Bytes})
	}
	counts, err := s.client.CountUses(ctx, args[0])
	switch {
	case err == nil:
		found.Folders = folderUses(counts)
	case ctx.Err() != nil:
		return err
	default:
		found.NotKnown = whyNotCounted(err)
	}
	if err := found.print(s); err != nil {
		return err
	}
	if len(found.Collections) == 0 {
		hintFolder(ctx, s, args[0])
	}
	if !found.mayBeNeeded() {
		return &Exit{Code: Partial}
	}
	return nil
}

// hintFolder tells when a folder is needed whose "/" was forgotten.
func hintFolder(ctx context.Context, s *session, url string) {
	if isPrefix(url) || strings.Contains(url, "?") {
		return
	}
	for _, err := range s.client.WhereUsed(ctx, url+"/") {
		if err == nil {
			s.say("There are collections that need objects below %s/: a folder is named with \"/\" at its end.", escaped(url))
		}
		return
	}
}

func folderUses(counts []collection.UseCount) []folderUse {
	all := []folderUse{}
	for _, c := range counts {
		all = append(all, folderUse{
			Folder: c.Folder, Hidden: c.Now.Hidden(),
			Past:        max(0, c.Ever.All-c.Now.All),
			PastVisible: max(0, c.Ever.Visible-c.Now.Visible),
		})
	}
	return all
}

// whyNotCounted says why nobody counted, in other words where a service just
// does not know the question.
func whyNotCounted(err error) string {
	switch collection.KindOf(err) {
	case "no-route", "method", "block-not-found", "keep-bad-reply":
		return "no Keep service here can count them"
	}
	return err.Error()
}

// mayBeNeeded looks at the folder that was asked for: in all that a rule
// covers there nearly always is something.
func (u *usedBy) mayBeNeeded() bool {
	return len(u.Collections) > 0 || len(u.Folders) > 0 && u.Folders[0].Hidden+u.Folders[0].Past > 0
}

func (u *usedBy) print(s *session) error {
	if s.json {
		return s.printJSON(u)
	}
	var rows [][]string
	for _, c := range u.Collections {
		rows = append(rows, []string{c.UUID, plural(int64(c.Objects), "object version"), plural(c.Files, "file"), size(c.Bytes), c.Name})
	}
	s.say("%s that you may see.", plural(int64(len(u.Collections)), "collection"))
	for _, f := range u.Folders {
		past := count(f.Past) + " that are old versions or in the trash"
		if f.Past == 1 {
			past = "1 that is an old version or in the trash"
		}
		s.say("In %s: %s that you may not see; %s, %s of which you may see.",
			escaped(f.Folder), plural(f.Hidden, "collection"), past, count(f.PastVisible))
	}
	if u.NotKnown != "" {
		s.say("How many collections that you may not see need it is not known: %s.", clean(strings.TrimSuffix(u.NotKnown, ".")))
	}
	return s.printTable(rows...)
}
