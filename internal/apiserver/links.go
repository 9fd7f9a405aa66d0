// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import "context"

const linkInfix = "o0j2j"

func (s *Server) linkResource() *resource {
	return &resource{
		name: "links", object: "link", schema: "Link", kind: "arvados#link", infix: linkInfix,
		from:    table("links"),
		visible: visibleLinks,
		columns: common(
			column{name: "link_class", kind: typeString},
			column{name: "name", kind: typeString},
			column{name: "tail_uuid", kind: typeString},
			column{name: "head_uuid", kind: typeString},
			column{name: "properties", kind: typeHash},
		),
	}
}

// visibleLinks are those that one owns, starts or ends, and those to what one
// manages.
func visibleLinks(c *caller) clause {
	if c.admin {
		return everything(c)
	}
	mine := clause{"? IN (owner_uuid, tail_uuid, head_uuid)", []any{c.userUUID}}
	managed := manages(c, "head_uuid")
	return clause{"(" + mine.sql + ") OR (" + managed.sql + ")", append(mine.args, managed.args...)}
}

// AddMember makes a user a member of a group. Doing it twice is no fault.
func (s *Server) AddMember(ctx context.Context, groupUUID, userUUID string) error {
	if err := s.exists(ctx, s.db, s.resources.groups, groupUUID); err != nil {
		return err
	}
	if err := s.exists(ctx, s.db, s.resources.users, userUUID); err != nil {
		return err
	}
	now := s.now()
	err := s.insert(ctx, s.db, "links", object{
		"uuid": s.newUUID(linkInfix), "owner_uuid": s.systemUUID(userInfix), "created_at": now, "modified_at": now,
		"link_class": "permission", "name": "can_read", "tail_uuid": userUUID, "head_uuid": groupUUID, "properties": "{}",
	})
	if isConflict(err) {
		return nil
	}
	return storage(err)
}

// RemoveMember ends a membership. Removing a stranger is no fault.
func (s *Server) RemoveMember(ctx context.Context, groupUUID, userUUID string) error {
	_, err := s.db.ExecContext(ctx,
		`DELETE FROM links WHERE link_class = 'permission' AND tail_uuid = ? AND head_uuid = ?`, userUUID, groupUUID)
	return storage(err)
}
