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
	// onDemand columns are too large for lists that do not ask for them, and
	// for filters.
	onDemand bool
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
	// kind is the value of "kind" in replies; infix is in the UUIDs.
	kind, infix string
	// from gives the rows.
	from func() (clause, error)
	// visible says which rows a caller may see.
	visible func(*caller) clause
	columns []column
	// writeOnly is an attribute that comes in and is no column; it may be
	// empty. Who asks for it is told that it is refused, not that it is unknown.
	writeOnly string
	// trash says that rows can be trashed and have old versions, which are
	// shown only to those who ask for them.
	trash bool
	// finish changes a row for the caller before it is shown, and may look at
	// the columns in needs. It may be nil.
	finish func(*caller, object) error
	needs  []string
}

// resources are all there are.
type resources struct {
	users, tokens, groups, links, keepServices, collections, credentials *resource
}

func (s *Server) newResources() resources {
	return resources{
		users:        s.userResource(),
		tokens:       s.tokenResource(),
		groups:       s.groupResource(),
		links:        s.linkResource(),
		keepServices: s.keepServiceResource(),
		collections:  s.collectionResource(),
		credentials:  s.credentialResource(),
	}
}

func (r resources) all() []*resource {
	return []*resource{r.users, r.tokens, r.groups, r.links, r.keepServices, r.collections, r.credentials}
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

// column returns the column of the name; verb is for the error.
func (r *resource) column(verb, name string) (column, error) {
	if r.writeOnly != "" && strings.Contains(name, r.writeOnly) {
		return column{}, fail(Forbidden, "Cannot %s '%s'", verb, r.writeOnly)
	}
	i := slices.IndexFunc(r.columns, func(c column) bool { return c.name == name })
	if i < 0 {
		return column{}, invalid("%s have no attribute %s", r.name, clip(name))
	}
	return r.columns[i], nil
}

// object is one item of a reply.
type object map[string]any

// querier is the database, or a transaction in it.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// fetch returns the rows that match where, as the caller sees them. As in
// Arvados, a list of large texts may be shorter than its limit.
func (s *Server) fetch(ctx context.Context, db querier, r *resource, c *caller, columns []column, where clause, tail clause) ([]object, error) {
	read := r.withNeeds(columns)
	q, err := r.query(c, selectList(read), where, tail)
	if err != nil {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, q.sql, q.args...)
	if err != nil {
		return nil, storage(err)
	}
	defer rows.Close()
	items, size := []object{}, 0
	for size < maxReply && rows.Next() {
		item, err := r.scan(rows, read)
		if err != nil {
			return nil, storage(err)
		}
		if err := r.complete(c, item, read[len(columns):]); err != nil {
			return nil, err
		}
		size += textSize(item)
		items = append(items, item)
	}
	return items, storage(rows.Err())
}

// textSize is how long the texts of a row are together.
func textSize(item object) (size int) {
	for _, value := range item {
		switch v := value.(type) {
		case string:
			size += len(v)
		case json.RawMessage:
			size += len(v)
		}
	}
	return size
}

// withNeeds adds the columns that finish needs.
func (r *resource) withNeeds(columns []column) []column {
	read := slices.Clone(columns)
	for _, name := range r.needs {
		if c, err := r.column("select", name); err == nil && !slices.Contains(columns, c) {
			read = append(read, c)
		}
	}
	return read
}

// complete finishes a row and drops the columns that only finish needed.
func (r *resource) complete(c *caller, item object, extra []column) error {
	if r.finish != nil {
		if err := r.finish(c, item); err != nil {
			return err
		}
	}
	for _, e := range extra {
		delete(item, e.name)
	}
	return nil
}

// count returns the number of rows that match where.
func (s *Server) count(ctx context.Context, db querier, r *resource, c *caller, where clause) (n int, err error) {
	q, err := r.query(c, "count(*)", where, clause{})
	if err != nil {
		return 0, err
	}
	return n, storage(db.QueryRowContext(ctx, q.sql, q.args...).Scan(&n))
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
func (s *Server) one(ctx context.Context, db querier, r *resource, c *caller, uuid string) (object, error) {
	return s.oneWhere(ctx, db, r, c, r.usual(true), clause{"uuid = ?", []any{uuid}}, uuid)
}

// oneWhere returns the one object that where allows; uuid is for the error.
func (s *Server) oneWhere(ctx context.Context, db querier, r *resource, c *caller, columns []column, where clause, uuid string) (object, error) {
	items, err := s.fetch(ctx, db, r, c, columns, where, clause{sql: "LIMIT 1"})
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return nil, fail(NotFound, "Path not found: there is no %s %s that you may see", r.object, clip(uuid))
	}
	return items[0], nil
}

// exists reports an error unless the table has the UUID.
func (s *Server) exists(ctx context.Context, db querier, r *resource, uuid string) error {
	_, err := s.one(ctx, db, r, &caller{admin: true}, uuid)
	return err
}

// usual returns the columns of a reply to those who select none.
func (r *resource) usual(single bool) []column {
	return slices.DeleteFunc(slices.Clone(r.columns), func(c column) bool {
		return c.onDemand && (!single || c.name != "manifest_text")
	})
}

// insert adds a row.
func (s *Server) insert(ctx context.Context, db querier, table string, values object) error {
	names := make([]string, 0, len(values))
	args := make([]any, 0, len(values))
	for name, value := range values {
		names, args = append(names, name), append(args, value)
	}
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(args)), ", ")
	_, err := db.ExecContext(ctx, "INSERT INTO "+table+" ("+strings.Join(names, ", ")+") VALUES ("+marks+")", args...)
	return err
}

// update changes the row with the UUID.
func (s *Server) update(ctx context.Context, db querier, table, uuid string, values object) error {
	sets := make([]string, 0, len(values))
	args := make([]any, 0, len(values)+1)
	for name, value := range values {
		sets, args = append(sets, name+" = ?"), append(args, value)
	}
	_, err := db.ExecContext(ctx, "UPDATE "+table+" SET "+strings.Join(sets, ", ")+" WHERE uuid = ?", append(args, uuid)...)
	return err
}

// change runs f in one transaction. f must use only the transaction: the
// database has few connections, and each may be waiting for this one.
func (s *Server) change(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return storage(err)
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return storage(err)
	}
	return storage(tx.Commit())
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
