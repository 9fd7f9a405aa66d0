// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/arvados-s3/keepstore/sdk/go/api"
)

const (
	usersPath  = "arvados/v1/users"
	groupsPath = "arvados/v1/groups"
)

// findPeople returns the UUIDs of users and groups, which are named by UUID,
// users also by e-mail address and groups by name.
func (s *session) findPeople(ctx context.Context, names []string) ([]string, error) {
	var found []string
	for _, name := range names {
		uuid, err := s.findPerson(ctx, name)
		if err != nil {
			return nil, err
		}
		found = append(found, uuid)
	}
	return found, nil
}

func (s *session) findPerson(ctx context.Context, name string) (string, error) {
	path, filters := groupsPath, [][]any{{"group_class", "=", "role"}, {"name", "=", name}}
	switch {
	case isUUID(name, "tpzed") || isUUID(name, "j7d0g"):
		return name, nil
	case name == "": // as of a variable that is not set
		return "", usagef("--with is empty: name a user or a group")
	case strings.Contains(name, "@"):
		path, filters = usersPath, [][]any{{"email", "=", name}}
	}
	var found []string
	for item, err := range s.api.All(ctx, path, api.Params{"filters": filters, "select": []string{"uuid"}}) {
		var one struct{ UUID string }
		if err == nil {
			err = json.Unmarshal(item, &one)
		}
		if err != nil {
			return "", err
		}
		found = append(found, one.UUID)
	}
	if len(found) == 0 {
		return "", usagef("nobody that you may see has the name or address %s: name them by UUID", quote(name))
	}
	if len(found) != 1 {
		return "", usagef("you see %d users or groups that are called %s, in place of one: name who you mean by UUID", len(found), quote(name))
	}
	return found[0], nil
}

// nameAll adds names to UUIDs, as far as the caller may see them: who may not
// see a name still may know the UUID.
func (s *session) nameAll(ctx context.Context, shares []sharedWith) {
	names := map[string]string{}
	for path, infix := range map[string]string{usersPath: "tpzed", groupsPath: "j7d0g"} {
		var uuids []string
		for _, one := range shares {
			if isUUID(one.With, infix) {
				uuids = append(uuids, one.With)
			}
		}
		if len(uuids) == 0 {
			continue
		}
		for item, err := range s.api.All(ctx, path, api.Params{"filters": [][]any{{"uuid", "in", uuids}}}) {
			var one struct{ UUID, Email, Name string }
			if err != nil || json.Unmarshal(item, &one) != nil {
				break
			}
			names[one.UUID] = one.Email + one.Name
		}
	}
	for i := range shares {
		shares[i].Name = names[shares[i].With]
	}
}
