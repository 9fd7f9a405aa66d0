// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// The types of columns, as the discovery document names them.
const (
	typeString  = "string"
	typeBoolean = "boolean"
	typeInteger = "integer"
	typeTime    = "datetime"
	typeArray   = "Array"
	typeHash    = "Hash"
)

// column is one attribute of a resource.
type column struct {
	name, kind string
	// expr is the SQL that gives it; empty means the column of that name.
	expr string
}

func (c column) sql() string {
	if c.expr == "" {
		return c.name
	}
	return c.expr
}

// clause is SQL with its arguments.
type clause struct {
	sql  string
	args []any
}

// resource is a kind of object that can be listed and fetched.
type resource struct {
	// name is the plural in URLs; object is its singular in bodies; schema
	// is its name in the discovery document.
	name, object, schema string
	// kind is the value of "kind" in replies.
	kind string
	// from gives the rows.
	from func() (clause, error)
	// visible says which rows a caller may see.
	visible func(*caller) clause
	columns []column
}

// resources are all there are.
type resources struct{ users, tokens, groups, links, keepServices *resource }

func (s *Server) newResources() resources {
	return resources{
		users:        s.userResource(),
		tokens:       s.tokenResource(),
		groups:       s.groupResource(),
		links:        s.linkResource(),
		keepServices: s.keepServiceResource(),
	}
}

func (r resources) all() []*resource {
	return []*resource{r.users, r.tokens, r.groups, r.links, r.keepServices}
}

func table(name string) func() (clause, error) {
	return func() (clause, error) { return clause{sql: name}, nil }
}

func everything(*caller) clause { return clause{sql: "1"} }

// common returns the columns that every stored resource has.
func common(more ...column) []column {
	return append([]column{
		{name: "uuid", kind: typeString},
		{name: "owner_uuid", kind: typeString},
		{name: "created_at", kind: typeTime},
		{name: "modified_at", kind: typeTime},
	}, more...)
}

func (r *resource) column(name string) (column, error) {
	i := slices.IndexFunc(r.columns, func(c column) bool { return c.name == name })
	if i < 0 {
		return column{}, invalid("%s have no attribute %s", r.name, clip(name))
	}
	return r.columns[i], nil
}

// object is one item of a reply.
type object map[string]any

// fetch returns the rows that match where, as the caller sees them.
func (s *Server) fetch(ctx context.Context, r *resource, c *caller, columns []column, where clause, tail clause) ([]object, error) {
	q, err := r.query(c, selectList(columns), where, tail)
	if err != nil {
		return nil, err
	}
	rows, err := s.db.QueryContext(ctx, q.sql, q.args...)
	if err != nil {
		return nil, storage(err)
	}
	defer rows.Close()
	items := []object{}
	for rows.Next() {
		item, err := r.scan(rows, columns)
		if err != nil {
			return nil, storage(err)
		}
		items = append(items, item)
	}
	return items, storage(rows.Err())
}

// count returns the number of rows that match where.
func (s *Server) count(ctx context.Context, r *resource, c *caller, where clause) (n int, err error) {
	q, err := r.query(c, "count(*)", where, clause{})
	if err != nil {
		return 0, err
	}
	return n, storage(s.db.QueryRowContext(ctx, q.sql, q.args...).Scan(&n))
}

// query puts one SELECT together. Values from outside are only ever arguments.
func (r *resource) query(c *caller, what string, where, tail clause) (clause, error) {
	from, err := r.from()
	if err != nil {
		return clause{}, err
	}
	visible := r.visible(c)
	return clause{
		sql:  "SELECT " + what + " FROM " + from.sql + " WHERE (" + visible.sql + ") AND (" + where.sql + ") " + tail.sql,
		args: slices.Concat(from.args, visible.args, where.args, tail.args),
	}, nil
}

func selectList(columns []column) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = c.sql()
	}
	return strings.Join(parts, ", ")
}

func (r *resource) scan(rows *sql.Rows, columns []column) (object, error) {
	values, targets := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		targets[i] = &values[i]
	}
	if err := rows.Scan(targets...); err != nil {
		return nil, err
	}
	item := object{"kind": r.kind}
	for i, c := range columns {
		item[c.name] = shape(c.kind, values[i])
	}
	return item, nil
}

// shape turns a value of the database into one of the API.
func shape(kind string, value any) any {
	switch v := value.(type) {
	case int64:
		if kind == typeBoolean {
			return v != 0
		}
	case string:
		if kind == typeArray || kind == typeHash {
			return json.RawMessage(v)
		}
	}
	return value
}

// one returns the object with the UUID, if the caller may see it.
func (s *Server) one(ctx context.Context, r *resource, c *caller, uuid string) (object, error) {
	items, err := s.fetch(ctx, r, c, r.columns, clause{"uuid = ?", []any{uuid}}, clause{})
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return nil, fail(NotFound, "Path not found: there is no %s %s that you may see", r.object, clip(uuid))
	}
	return items[0], nil
}

// exists reports an error unless the table has the UUID.
func (s *Server) exists(ctx context.Context, r *resource, uuid string) error {
	_, err := s.one(ctx, r, &caller{admin: true}, uuid)
	return err
}

// insert adds a row.
func (s *Server) insert(ctx context.Context, table string, values object) error {
	names := make([]string, 0, len(values))
	args := make([]any, 0, len(values))
	for name, value := range values {
		names, args = append(names, name), append(args, value)
	}
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(args)), ", ")
	_, err := s.db.ExecContext(ctx, "INSERT INTO "+table+" ("+strings.Join(names, ", ")+") VALUES ("+marks+")", args...)
	return err
}

// isConflict reports whether the error says that a unique value is taken.
func isConflict(err error) bool {
	const uniqueConstraint, primaryKeyConstraint = 2067, 1555
	var coded interface{ Code() int }
	return errors.As(err, &coded) && (coded.Code() == uniqueConstraint || coded.Code() == primaryKeyConstraint)
}

// newUUID returns a random UUID of the given type.
func (s *Server) newUUID(infix string) string {
	return s.cluster + "-" + infix + "-" + randomText(15)
}
