// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"encoding/json"
	"slices"
)

// createLink shares something with a user or a group. Links other than
// permissions are not offered.
func (s *Server) createLink(r *request) (any, error) {
	if err := r.caller.mayAct(); err != nil {
		return nil, err
	}
	var attrs struct {
		Class      string          `json:"link_class"`
		Name       string          `json:"name"`
		Tail       string          `json:"tail_uuid"`
		Head       string          `json:"head_uuid"`
		OwnerUUID  string          `json:"owner_uuid"`
		Properties json.RawMessage `json:"properties"`
	}
	if err := r.attributes(s.resources.links.object, &attrs); err != nil {
		return nil, err
	}
	if err := r.checkParameters(); err != nil {
		return nil, err
	}
	if attrs.Class != "permission" || !slices.Contains(levelNames(), attrs.Name) {
		return nil, invalid("this API server knows only links of class permission with the names can_read, can_write and can_manage")
	}
	if err := s.mayShare(r.Context(), r.caller, attrs.Tail, attrs.Head); err != nil {
		return nil, err
	}
	uuid, now := s.newUUID(linkInfix), s.now()
	err := s.insert(r.Context(), s.db, "links", object{
		"uuid": uuid, "owner_uuid": s.systemUUID(userInfix), "created_at": now, "modified_at": now,
		"link_class": attrs.Class, "name": attrs.Name, "tail_uuid": attrs.Tail, "head_uuid": attrs.Head, "properties": "{}",
	})
	if isConflict(err) {
		return s.sameLink(r, attrs.Tail, attrs.Head, attrs.Name)
	}
	if err != nil {
		return nil, storage(err)
	}
	return s.one(r.Context(), s.db, s.resources.links, r.caller, uuid)
}

// sameLink returns the link that is there already.
func (s *Server) sameLink(r *request, tail, head, name string) (any, error) {
	where := clause{"link_class = 'permission' AND tail_uuid = ? AND head_uuid = ? AND name = ?", []any{tail, head, name}}
	return s.oneWhere(r.Context(), s.db, s.resources.links, r.caller, s.resources.links.columns, where, head)
}

// mayShare reports an error unless the caller manages head, and tail is a user
// or a group.
func (s *Server) mayShare(ctx context.Context, c *caller, tail, head string) error {
	var n int
	err := s.db.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT uuid FROM users UNION ALL SELECT uuid FROM groups) WHERE uuid = ?`, tail).Scan(&n)
	if err != nil {
		return storage(err)
	}
	if n == 0 {
		return invalid("there is no user or group %s to share with (tail_uuid)", clip(tail))
	}
	return s.mustManage(ctx, c, head)
}

// mustManage reports an error unless the caller manages head, which is a group,
// a current collection or a credential.
func (s *Server) mustManage(ctx context.Context, c *caller, head string) error {
	var n int
	where := manages(c, "uuid")
	err := s.db.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT uuid FROM groups UNION ALL SELECT uuid FROM credentials
		UNION ALL SELECT uuid FROM collections WHERE uuid = current_version_uuid) WHERE uuid = ? AND (`+where.sql+`)`,
		slices.Concat([]any{head}, where.args)...).Scan(&n)
	if err == nil && n == 0 {
		return fail(Forbidden, "there is no group, collection or credential %s that you manage (head_uuid)", clip(head))
	}
	return storage(err)
}

// updateLink changes the level of a permission, for those who may give it.
func (s *Server) updateLink(r *request) (any, error) {
	link, err := s.ownLink(r)
	if err != nil {
		return nil, err
	}
	attrs, err := r.attributeMap(s.resources.links.object)
	if err != nil {
		return nil, err
	}
	if err := r.checkParameters(); err != nil {
		return nil, err
	}
	level, _ := link["name"].(string)
	for name, raw := range attrs {
		value, err := textValue(name, raw)
		if name == "name" && err == nil && value != nil {
			level = value.(string)
		} else if value != link[name] || err != nil {
			return nil, invalid("of a permission only the name can be changed, not %s: delete it, and make another", clip(name))
		}
	}
	if !slices.Contains(levelNames(), level) {
		return nil, invalid("the name of a permission must be can_read, can_write or can_manage, not %s", clip(level))
	}
	err = s.update(r.Context(), s.db, "links", r.uuid, object{"name": level, "modified_at": s.now()})
	if isConflict(err) {
		return nil, invalid("UniqueViolation: there is already a permission %s for the same two: delete this one", clip(level))
	}
	if err != nil {
		return nil, storage(err)
	}
	return s.one(r.Context(), s.db, s.resources.links, r.caller, r.uuid)
}

// ownLink returns a link that the caller may change or end.
func (s *Server) ownLink(r *request) (object, error) {
	if err := r.caller.mayAct(); err != nil {
		return nil, err
	}
	link, err := s.one(r.Context(), s.db, s.resources.links, r.caller, r.uuid)
	if err != nil {
		return nil, err
	}
	return link, s.mayShare(r.Context(), r.caller, link["tail_uuid"].(string), link["head_uuid"].(string))
}

// getPermissions lists who may do what with an object that the caller manages.
func (s *Server) getPermissions(r *request) (any, error) {
	if err := s.mustManage(r.Context(), r.caller, r.uuid); err != nil {
		return nil, err
	}
	return s.list(r, s.resources.links, clause{"link_class = 'permission' AND head_uuid = ?", []any{r.uuid}})
}

// deleteLink ends a permission. Those who manage the head may, and no others.
func (s *Server) deleteLink(r *request) (any, error) {
	link, err := s.ownLink(r)
	if err != nil {
		return nil, err
	}
	_, err = s.db.ExecContext(r.Context(), `DELETE FROM links WHERE uuid = ?`, r.uuid)
	return link, storage(err)
}
