// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	defaultLimit = 100
	maxLimit     = 1000
)

// listing is a parsed list request.
type listing struct {
	columns       []column
	where         clause
	order         string
	limit, offset int
	count         bool
}

// list answers a list request in Arvados' shape.
func (s *Server) list(r *request, res *resource, more clause) (any, error) {
	l, err := parseListing(res, r.query)
	if err != nil {
		return nil, err
	}
	l.where = and(l.where, more)
	tail := clause{"ORDER BY " + l.order + " LIMIT ? OFFSET ?", []any{l.limit, l.offset}}
	items, err := s.fetch(r.Context(), res, r.caller, l.columns, l.where, tail)
	if err != nil {
		return nil, err
	}
	reply := object{"kind": res.kind + "List", "limit": l.limit, "offset": l.offset, "items": items}
	if l.count {
		reply["items_available"], err = s.count(r.Context(), res, r.caller, l.where)
	}
	return reply, err
}

func and(a, b clause) clause {
	return clause{"(" + a.sql + ") AND (" + b.sql + ")", slices.Concat(a.args, b.args)}
}

func parseListing(res *resource, q url.Values) (listing, error) {
	l := listing{columns: res.columns, where: clause{sql: "1"}, order: "uuid", limit: defaultLimit, count: true}
	for name := range q {
		if err := l.parse(res, name, q.Get(name)); err != nil {
			return listing{}, err
		}
	}
	return l, nil
}

func (l *listing) parse(res *resource, name, value string) (err error) {
	switch name {
	case "filters":
		l.where, err = parseFilters(res, value)
	case "order":
		l.order, err = parseOrder(res, value)
	case "select":
		l.columns, err = parseSelect(res, value)
	case "limit":
		l.limit, err = parseNumber(name, value)
		l.limit = min(l.limit, maxLimit)
	case "offset":
		l.offset, err = parseNumber(name, value)
	case "count":
		if l.count = value == "exact"; !l.count && value != "none" {
			err = invalid("count must be exact or none")
		}
	case "alt":
		// Google's client library always says alt=json.
	default:
		err = invalid("this API server does not know the parameter %s of a list", clip(name))
	}
	return err
}

func parseNumber(name, value string) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return 0, invalid("%s must be a whole number, not %s", name, clip(value))
	}
	return n, nil
}

func parseSelect(res *resource, value string) ([]column, error) {
	var names []string
	if json.Unmarshal([]byte(value), &names) != nil || len(names) == 0 {
		return nil, invalid(`select must be a JSON list of attributes, such as ["uuid"]`)
	}
	var columns []column
	for _, name := range names {
		if name == "kind" { // is always given
			continue
		}
		c, err := res.column(name)
		if err != nil {
			return nil, err
		}
		columns = append(columns, c)
	}
	if len(columns) == 0 {
		return res.columns[:1], nil
	}
	return columns, nil
}

// parseOrder takes a JSON list or comma-separated text. The UUID comes last,
// so that pages never overlap.
func parseOrder(res *resource, value string) (string, error) {
	var terms []string
	if json.Unmarshal([]byte(value), &terms) != nil {
		terms = strings.Split(value, ",")
	}
	var order []string
	for _, term := range terms {
		words := strings.Fields(term)
		if len(words) == 0 || len(words) > 2 || (len(words) == 2 && words[1] != "asc" && words[1] != "desc") {
			return "", invalid(`order must look like ["created_at desc", "uuid asc"]`)
		}
		c, err := res.column(strings.TrimPrefix(words[0], res.name+"."))
		if err != nil {
			return "", err
		}
		order = append(order, strings.Join(append([]string{c.sql()}, words[1:]...), " "))
	}
	return strings.Join(append(order, "uuid"), ", "), nil
}

// parseFilters turns [["attribute", "operator", operand], …] into SQL.
func parseFilters(res *resource, value string) (clause, error) {
	var filters [][]json.RawMessage
	if json.Unmarshal([]byte(value), &filters) != nil {
		return clause{}, invalid(`filters must be a JSON list such as [["uuid", "=", "…"]]`)
	}
	where := clause{sql: "1"}
	for _, f := range filters {
		one, err := parseFilter(res, f)
		if err != nil {
			return clause{}, err
		}
		where = clause{where.sql + " AND " + one.sql, append(where.args, one.args...)}
	}
	return where, nil
}

func parseFilter(res *resource, f []json.RawMessage) (clause, error) {
	var name, op string
	if len(f) != 3 || json.Unmarshal(f[0], &name) != nil || json.Unmarshal(f[1], &op) != nil {
		return clause{}, invalid("each filter must be a list of attribute, operator and operand")
	}
	c, err := res.column(name)
	if err != nil {
		return clause{}, err
	}
	if c.kind == typeHash || c.kind == typeArray {
		return clause{}, invalid("this API server cannot filter on %s", name)
	}
	switch op {
	case "in", "not in":
		return filterIn(c, op, f[2])
	case "=":
		return filterBy(c, "IS", f[2])
	case "!=":
		return filterBy(c, "IS NOT", f[2])
	case "<", "<=", ">", ">=":
		return filterBy(c, op, f[2])
	}
	return clause{}, invalid("this API server does not know the filter operator %s: it knows =, !=, <, <=, >, >=, in, not in", clip(op))
}

func filterBy(c column, op string, operand json.RawMessage) (clause, error) {
	value, err := parseOperand(c, operand)
	return clause{c.sql() + " " + op + " ?", []any{value}}, err
}

func filterIn(c column, op string, operand json.RawMessage) (clause, error) {
	var list []json.RawMessage
	if json.Unmarshal(operand, &list) != nil {
		return clause{}, invalid("the operand of %s %s must be a list", c.name, op)
	}
	values := make([]any, len(list))
	for i, item := range list {
		var err error
		if values[i], err = parseOperand(c, item); err != nil {
			return clause{}, err
		}
	}
	text, err := json.Marshal(values)
	return clause{c.sql() + " " + op + " (SELECT value FROM json_each(?))", []any{string(text)}}, err
}

// parseOperand accepts the type of the column, or null.
func parseOperand(c column, operand json.RawMessage) (any, error) {
	var value any
	if err := json.Unmarshal(operand, &value); err != nil {
		return nil, invalid("the operand of the filter on %s is not JSON", c.name)
	}
	switch v := value.(type) {
	case nil:
		return nil, nil
	case string:
		if c.kind == typeTime {
			t, err := time.Parse(time.RFC3339, v)
			if err != nil {
				return nil, invalid("the filter on %s needs a time such as 2026-01-31T12:00:00Z", c.name)
			}
			return formatTime(t), nil
		}
		if c.kind == typeString {
			return v, nil
		}
	case bool:
		if c.kind == typeBoolean {
			return v, nil
		}
	case float64:
		if c.kind == typeInteger {
			return v, nil
		}
	}
	return nil, invalid("the operand of the filter on %s must be a %s", c.name, c.kind)
}
