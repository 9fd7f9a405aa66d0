// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// destination is a new or existing collection that files come into.
type destination struct {
	name, project, update, path, clash string
}

func (d *destination) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&d.name, "name", "", "name of the collection; with --update-collection, its new name")
	f.StringVar(&d.project, "project-uuid", "", "project of the new collection; your home project without it")
	f.StringVar(&d.update, "update-collection", "", "UUID of a collection to add to, in place of a new one")
	f.StringVar(&d.path, "path", "", "folder in the collection that the files come into")
	f.StringVar(&d.clash, "on-clash", "refuse", "what to do where there is a file already: refuse, replace or keep")
	cmd.MarkFlagsMutuallyExclusive("project-uuid", "update-collection")
}

// record is what is told of a collection that was stored.
type record struct {
	UUID string `json:"uuid"`
	PDH  string `json:"portable_data_hash"`
	Name string `json:"name"`
}

// check finds faults of the command line, before anything is sent.
func (d *destination) check() error {
	folder := path.Clean("./" + d.path)
	switch {
	case d.update != "" && !isUUID(d.update, "4zz18"):
		return usagef("--update-collection must be the UUID of a collection, such as zzzzz-4zz18-0123456789abcde")
	case d.project != "" && !isUUID(d.project, "j7d0g") && !isUUID(d.project, "tpzed"):
		return usagef("--project-uuid must be the UUID of a project, such as zzzzz-j7d0g-0123456789abcde")
	case !fs.ValidPath(folder) || strings.Contains("/"+d.path+"/", "/../"):
		return usagef("--path must be a folder in the collection, not %s", quote(d.path))
	}
	d.path = folder
	_, err := d.onClash()
	return err
}

func (d *destination) onClash() (collection.Clash, error) {
	switch d.clash {
	case "refuse":
		return collection.ClashRefuse, nil
	case "replace":
		return collection.ClashReplace, nil
	case "keep":
		return collection.ClashKeep, nil
	}
	return 0, usagef("--on-clash must be refuse, replace or keep")
}

// open returns the collection. It also looks for the project, since it would
// be a pity to learn only after long work that there is none.
func (d *destination) open(ctx context.Context, s *session) (*collection.Collection, error) {
	if d.update != "" {
		return s.client.Load(ctx, d.update)
	}
	if d.project != "" {
		kind := "groups"
		if isUUID(d.project, "tpzed") {
			kind = "users"
		}
		if err := s.api.Call(ctx, http.MethodGet, "arvados/v1/"+kind+"/"+d.project, nil, nil); err != nil {
			return nil, err
		}
	}
	return s.client.New(), nil
}

// save stores the collection, a new one in several parts if it must be.
func (d *destination) save(ctx context.Context, c *collection.Collection, defaultName string) ([]record, error) {
	o := collection.SaveOptions{Name: d.name, OwnerUUID: d.project}
	if d.update == "" {
		o.UniqueName = true
		if o.Name == "" {
			o.Name = defaultName
		}
	}
	err := c.Save(ctx, o)
	if d.update == "" && collection.KindOf(err) == collection.TooLarge {
		parts, err := c.SaveParts(ctx, o)
		return records(parts...), err
	}
	return records(c.Record()), err
}

func records(all ...collection.Record) []record {
	told := make([]record, 0, len(all))
	for _, r := range all {
		told = append(told, record{r.UUID, r.PDH, r.Name})
	}
	return told
}

// printUUIDs prints the UUID of each collection.
func (s *session) printUUIDs(all []record) error {
	names := make([]string, 0, len(all))
	for _, r := range all {
		names = append(names, r.UUID)
	}
	return s.printNames(names)
}
