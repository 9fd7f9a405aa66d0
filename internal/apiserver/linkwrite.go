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

// mayShare reports an error unless the caller manages head, which is a group,
// a current collection or a credential, and tail is a user or a group.
func (s *Server) mayShare(ctx context.Context, c *caller, tail, head string) error {
	var tails, heads int
	where := manages(c, "uuid")
	err := s.db.QueryRowContext(ctx, `SELECT
		(SELECT count(*) FROM (SELECT uuid FROM users UNION ALL SELECT uuid FROM groups) WHERE uuid = ?),
		(SELECT count(*) FROM (SELECT uuid FROM groups UNION ALL SELECT uuid FROM credentials UNION ALL SELECT uuid FROM collections WHERE uuid = current_version_uuid)
			WHERE uuid = ? AND (`+where.sql+`))`, slices.Concat([]any{tail, head}, where.args)...).Scan(&tails, &heads)
	switch {
	case err != nil:
		return storage(err)
	case tails == 0:
		return invalid("there is no user or group %s to share with (tail_uuid)", clip(tail))
	case heads == 0:
		return fail(Forbidden, "there is no group, collection or credential %s that you manage (head_uuid)", clip(head))
	}
	return nil
}

// deleteLink ends a permission. Those who manage the head may, and no others.
func (s *Server) deleteLink(r *request) (any, error) {
	if err := r.caller.mayAct(); err != nil {
		return nil, err
	}
	link, err := s.one(r.Context(), s.db, s.resources.links, r.caller, r.uuid)
	if err != nil {
		return nil, err
	}
	tail, head := link["tail_uuid"].(string), link["head_uuid"].(string)
	if err := s.mayShare(r.Context(), r.caller, tail, head); err != nil {
		return nil, err
	}
	_, err = s.db.ExecContext(r.Context(), `DELETE FROM links WHERE uuid = ?`, r.uuid)
	return link, storage(err)
}
