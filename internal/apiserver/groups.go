// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"encoding/json"
)

const groupInfix = "j7d0g"

// GroupSpec describes a new group.
type GroupSpec struct {
	Name string
	// Class is "role" (people) or "project" (things); empty means "role".
	Class string
	// OwnerUUID is a user or project; empty means the system user.
	OwnerUUID string
	// Description and Properties, a JSON object, may be empty.
	Description string
	Properties  json.RawMessage
}

// Group is a group of users, or a project.
type Group struct{ UUID, Name, Class, OwnerUUID string }

func (s *Server) groupResource() *resource {
	return &resource{
		name: "groups", object: "group", schema: "Group", kind: "arvados#group", infix: groupInfix,
		from:    table("groups"),
		visible: visibleGroups,
		columns: common(
			column{name: "name", kind: typeString},
			column{name: "group_class", kind: typeString},
			column{name: "description", kind: typeString},
			column{name: "properties", kind: typeHash},
		),
	}
}

// visibleGroups are one's own and those that permission links lead to.
func visibleGroups(c *caller) clause { return within(c, canRead, "uuid") }

// sharedGroups lists the projects that others share with the caller: those
// that are not the caller's own, nor lie in another project that is visible.
func (s *Server) sharedGroups(r *request) (any, error) {
	seen := visibleGroups(r.caller)
	return s.list(r, s.resources.groups, clause{
		"group_class = 'project' AND owner_uuid <> ? AND owner_uuid NOT IN (SELECT uuid FROM groups WHERE " + seen.sql + ")",
		append([]any{r.caller.userUUID}, seen.args...)})
}

// AddGroup adds a group.
func (s *Server) AddGroup(ctx context.Context, spec GroupSpec) (Group, error) {
	g := Group{UUID: s.newUUID(groupInfix), Name: spec.Name, Class: spec.Class, OwnerUUID: spec.OwnerUUID}
	if g.Class == "" {
		g.Class = "role"
	}
	if g.Class != "role" && g.Class != "project" {
		return Group{}, invalid("the class %s of a group must be role or project", clip(g.Class))
	}
	if g.Name == "" {
		return Group{}, invalid("a group needs a name")
	}
	if g.OwnerUUID == "" {
		g.OwnerUUID = s.systemUUID(userInfix)
	}
	now := s.now()
	description, properties := any(nil), "{}"
	if spec.Description != "" {
		description = spec.Description
	}
	if len(spec.Properties) > 0 {
		properties = string(spec.Properties)
	}
	err := s.insert(ctx, s.db, "groups", object{
		"uuid": g.UUID, "owner_uuid": g.OwnerUUID, "created_at": now, "modified_at": now,
		"name": g.Name, "group_class": g.Class, "description": description, "properties": properties,
	})
	if isConflict(err) {
		return Group{}, invalid("there is already a group %s", clip(g.Name))
	}
	return g, storage(err)
}
