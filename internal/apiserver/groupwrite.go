// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"database/sql"
	"encoding/json"
)

// createGroup makes a project; a role, which is a set of people, only for
// administrators.
func (s *Server) createGroup(r *request) (any, error) {
	if err := r.caller.mayAct(); err != nil {
		return nil, err
	}
	var attrs struct {
		Name        string          `json:"name"`
		Class       string          `json:"group_class"`
		OwnerUUID   string          `json:"owner_uuid"`
		Description string          `json:"description"`
		Properties  json.RawMessage `json:"properties"`
	}
	if err := r.attributes(s.resources.groups.object, &attrs); err != nil {
		return nil, err
	}
	if err := r.checkParameters(); err != nil {
		return nil, err
	}
	spec := GroupSpec{Name: attrs.Name, Class: attrs.Class, OwnerUUID: attrs.OwnerUUID, Description: attrs.Description}
	if spec.Class != "project" && !r.caller.admin {
		return nil, fail(Forbidden, "only an administrator may make groups of people: group_class must be project")
	}
	if spec.Class == "project" && spec.OwnerUUID == "" {
		spec.OwnerUUID = r.caller.userUUID
	}
	if spec.OwnerUUID != "" {
		if err := s.mayWriteIn(r.Context(), s.db, r.caller, spec.OwnerUUID); err != nil {
			return nil, err
		}
	}
	properties, err := hashValue("properties", orNull(attrs.Properties))
	if err != nil {
		return nil, err
	}
	spec.Properties = json.RawMessage(properties.(string))
	g, err := s.AddGroup(r.Context(), spec)
	if err != nil {
		return nil, err
	}
	return s.one(r.Context(), s.db, s.resources.groups, r.caller, g.UUID)
}

func orNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	return raw
}

// updateGroup changes what a project or group is called. Moving it is not
// offered: it could be moved into itself.
func (s *Server) updateGroup(r *request) (any, error) {
	attrs, err := r.attributeMap(s.resources.groups.object)
	if err != nil {
		return nil, err
	}
	if err := r.checkParameters(); err != nil {
		return nil, err
	}
	values := object{"modified_at": s.now()}
	for name, raw := range attrs {
		switch name {
		case "name", "description":
			values[name], err = textValue(name, raw)
		case "properties":
			values[name], err = hashValue(name, raw)
		default:
			err = invalid("groups have no attribute %s that can be changed", clip(name))
		}
		if err != nil {
			return nil, err
		}
	}
	if name, given := values["name"]; given && (name == nil || name == "") {
		return nil, invalid("a group needs a name")
	}
	err = s.change(r.Context(), func(tx *sql.Tx) error {
		if err := s.mayChangeGroup(r, tx, canWrite); err != nil {
			return err
		}
		return s.update(r.Context(), tx, "groups", r.uuid, values)
	})
	if isConflict(err) {
		return nil, invalid("UniqueViolation: there is already a group of that name here: choose another")
	}
	if err != nil {
		return nil, err
	}
	return s.one(r.Context(), s.db, s.resources.groups, r.caller, r.uuid)
}

// mayChangeGroup reports an error unless the caller has the level. Groups of
// people belong to administrators: who is in one may not change it.
func (s *Server) mayChangeGroup(r *request, tx querier, at level) error {
	group, err := s.one(r.Context(), tx, s.resources.groups, r.caller, r.uuid)
	if err != nil {
		return err
	}
	if err := r.caller.mayAct(); err != nil {
		return err
	}
	if group["group_class"] != "project" {
		at = canManage
	}
	n, err := s.count(r.Context(), tx, s.resources.groups, r.caller, and(clause{"uuid = ?", []any{r.uuid}}, within(r.caller, at, "uuid")))
	if err == nil && n == 0 {
		err = fail(Forbidden, "you may see the group %s, but not change it", r.uuid)
	}
	return err
}

// deleteGroup deletes an empty project or a group, and all links to it.
func (s *Server) deleteGroup(r *request) (any, error) {
	group, err := s.one(r.Context(), s.db, s.resources.groups, r.caller, r.uuid)
	if err != nil {
		return nil, err
	}
	return group, s.change(r.Context(), func(tx *sql.Tx) error {
		if err := s.mayChangeGroup(r, tx, canManage); err != nil {
			return err
		}
		var n int
		err := tx.QueryRowContext(r.Context(), `SELECT (SELECT count(*) FROM collections WHERE owner_uuid = ?1) + (SELECT count(*) FROM groups WHERE owner_uuid = ?1)`, r.uuid).Scan(&n)
		if err != nil {
			return err
		}
		if n > 0 {
			return invalid("the project %s is not empty: move or delete what is in it, the trash included", r.uuid)
		}
		return deleteAll(r, tx, r.uuid)
	})
}

func deleteAll(r *request, tx querier, uuid string) error {
	for _, q := range []string{
		`DELETE FROM links WHERE ? IN (head_uuid, tail_uuid)`,
		`DELETE FROM groups WHERE uuid = ?`,
	} {
		if _, err := tx.ExecContext(r.Context(), q, uuid); err != nil {
			return err
		}
	}
	return nil
}
