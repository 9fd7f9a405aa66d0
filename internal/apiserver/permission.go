// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"slices"
)

// level is how much a caller may do with an object.
type level int

const (
	canRead level = iota + 1
	canWrite
	canManage
)

// levelNames are the names of permission links.
func levelNames() []string { return []string{"can_read", "can_write", "can_manage"} }

// reach lists what a user reaches, with the level: itself, what permission
// links lead to, and the projects inside these. A way is as strong as its
// weakest link. Links to users lead nowhere.
const reach = `WITH RECURSIVE reach(uuid, level) AS (
	SELECT ?, 3
	UNION SELECT l.head_uuid, min(r.level, CASE l.name WHEN 'can_manage' THEN 3 WHEN 'can_write' THEN 2 ELSE 1 END)
		FROM reach r JOIN links l ON l.tail_uuid = r.uuid
		WHERE l.link_class = 'permission' AND l.name IN ('can_read', 'can_write', 'can_manage') AND l.head_uuid NOT LIKE '_____-tpzed-%'
	UNION SELECT g.uuid, r.level FROM reach r JOIN groups g ON g.owner_uuid = r.uuid) `

// reachable is a subquery with all that the caller reaches at the level.
func reachable(c *caller, at level) clause {
	return clause{"(" + reach + "SELECT uuid FROM reach WHERE level >= ?)", []any{c.userUUID, at}}
}

// within says which rows the caller reaches, by one of the columns.
func within(c *caller, at level, columns ...string) clause {
	switch {
	case c.admin:
		return clause{sql: "1"}
	case !c.active:
		return clause{sql: "0"}
	}
	where, set := clause{sql: "0"}, reachable(c, at)
	for _, name := range columns {
		where = clause{where.sql + " OR " + name + " IN " + set.sql, slices.Concat(where.args, set.args)}
	}
	return where
}

// mayWriteIn reports an error unless the caller may add to the user or
// project.
func (s *Server) mayWriteIn(ctx context.Context, db querier, c *caller, owner string) error {
	where := within(c, canWrite, "uuid")
	var n int
	err := db.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT uuid FROM users UNION ALL SELECT uuid FROM groups WHERE group_class = 'project')
		WHERE uuid = ? AND (`+where.sql+`)`, slices.Concat([]any{owner}, where.args)...).Scan(&n)
	if err == nil && n == 0 {
		return fail(Forbidden, "there is no user or project %s that you may write to", clip(owner))
	}
	return storage(err)
}

// mayAct reports an error if the caller may change nothing at all.
func (c *caller) mayAct() error {
	if !c.active {
		return fail(Forbidden, "your account is not active: ask the administrator to activate it")
	}
	return nil
}

// manages says which rows have, in the column, something that the caller
// manages: a group, a credential or a collection.
func manages(c *caller, column string) clause {
	direct := within(c, canManage, column)
	owned := within(c, canManage, "owner_uuid")
	return clause{
		"(" + direct.sql + ") OR " + column + " IN (SELECT uuid FROM collections WHERE " + owned.sql + ")",
		slices.Concat(direct.args, owned.args),
	}
}
