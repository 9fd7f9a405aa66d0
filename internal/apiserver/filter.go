// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// maxConditions bounds what one request may ask SQLite to compare.
const maxConditions = 200

func tooManyConditions() error {
	return invalid("filters may have at most %d conditions: ask in several requests, or use the operator in", maxConditions)
}

// parseFilters turns [["attribute", "operator", operand], …] into SQL.
func parseFilters(res *resource, value string) (clause, error) {
	var filters [][]json.RawMessage
	if json.Unmarshal([]byte(value), &filters) != nil {
		return clause{}, invalid(`filters must be a JSON list such as [["uuid", "=", "…"]]`)
	}
	if len(filters) > maxConditions {
		return clause{}, tooManyConditions()
	}
	where := clause{sql: "1"}
	for _, f := range filters {
		one, err := parseFilter(res, f)
		if err != nil {
			return clause{}, err
		}
		where = clause{where.sql + " AND (" + one.sql + ")", append(where.args, one.args...)}
		if len(where.args) > 2*maxConditions {
			return clause{}, tooManyConditions()
		}
	}
	return where, nil
}

// operand is the left side of a filter: what is compared, and as what.
type operand struct {
	clause
	name, kind string
}

func parseFilter(res *resource, f []json.RawMessage) (clause, error) {
	var name, op string
	if len(f) != 3 || json.Unmarshal(f[0], &name) != nil || json.Unmarshal(f[1], &op) != nil {
		return clause{}, invalid("each filter must be a list of attribute, operator and operand")
	}
	attribute, key, inner := strings.Cut(name, ".")
	c, err := res.column("filter on", attribute)
	if err != nil {
		return clause{}, err
	}
	switch {
	case c.onDemand:
		return clause{}, invalid("%s cannot be filtered by %s", res.name, c.name)
	case c.kind == typeHash && inner && op == "contains":
		return holds(c, key, f[2])
	case c.kind == typeHash && inner:
		return compare(property(c, key), op, f[2])
	case c.kind == typeHash:
		return filterHash(c, op, f[2])
	case c.kind == typeArray && !inner:
		return filterArray(c, op, f[2])
	case inner:
		return clause{}, invalid("this API server cannot filter on %s", clip(name))
	}
	return compare(operand{clause{sql: c.sql()}, c.name, c.kind}, op, f[2])
}

func compare(left operand, op string, right json.RawMessage) (clause, error) {
	switch op {
	case "in", "not in":
		return filterIn(left, op, right)
	case "=":
		return filterBy(left, "IS", right)
	case "!=":
		return filterBy(left, "IS NOT", right)
	case "<", "<=", ">", ">=":
		return filterBy(left, op, right)
	case "like", "ilike":
		return filterLike(left, op, right)
	}
	return clause{}, invalid("this API server does not know the filter operator %s: it knows =, !=, <, <=, >, >=, in, not in, like, ilike, and for properties exists and contains", clip(op))
}

func filterBy(left operand, op string, right json.RawMessage) (clause, error) {
	value, err := left.parse(right)
	return clause{left.sql + " " + op + " ?", slices.Concat(left.args, []any{value})}, err
}

func filterIn(left operand, op string, right json.RawMessage) (clause, error) {
	var list []json.RawMessage
	if json.Unmarshal(right, &list) != nil {
		return clause{}, invalid("the operand of %s %s must be a list", left.name, op)
	}
	values := make([]any, len(list))
	for i, item := range list {
		var err error
		if values[i], err = left.parse(item); err != nil {
			return clause{}, err
		}
	}
	text, err := json.Marshal(values)
	return clause{left.sql + " " + op + " (SELECT value FROM json_each(?))", slices.Concat(left.args, []any{string(text)})}, err
}

// filterLike matches a pattern of SQL, where % stands for any text and _ for
// one character. GLOB is what tells upper from lower case in SQLite.
func filterLike(left operand, op string, right json.RawMessage) (clause, error) {
	var pattern string
	if json.Unmarshal(right, &pattern) != nil || left.kind != typeString {
		return clause{}, invalid("%s needs an attribute and a pattern that are text", op)
	}
	sql := left.sql + ` LIKE ? ESCAPE '\'`
	if op == "like" {
		sql = left.sql + " GLOB ?"
		pattern = globPattern(pattern)
	}
	return clause{sql, slices.Concat(left.args, []any{pattern})}, nil
}

// globPattern writes a pattern of LIKE as one of GLOB.
func globPattern(like string) string {
	var glob strings.Builder
	escaped := false
	for _, r := range like {
		switch {
		case !escaped && r == '\\':
			escaped = true
			continue
		case !escaped && r == '%':
			glob.WriteByte('*')
		case !escaped && r == '_':
			glob.WriteByte('?')
		case strings.ContainsRune("*?[", r):
			glob.WriteString("[" + string(r) + "]")
		default:
			glob.WriteRune(r)
		}
		escaped = false
	}
	return glob.String()
}

// parseTime also takes the times that arvados-cwl-runner writes, which have
// two zones, "+00:00Z"; Arvados does too.
func parseTime(text string) (time.Time, error) {
	if strings.HasSuffix(text, "+00:00Z") {
		text = strings.TrimSuffix(text, "Z")
	}
	return time.Parse(time.RFC3339, text)
}

// filterArray answers [scopes, contains, item] and [scopes, contains, [item, …]],
// which wants all of the items, and [scopes, =, [item, …]], which wants just
// these in their order: so Workbench finds sharing links.
func filterArray(c column, op string, right json.RawMessage) (clause, error) {
	if op == "=" {
		var whole []string
		if json.Unmarshal(right, &whole) != nil {
			return clause{}, invalid("%s can be equal to a list of texts only", c.name)
		}
		text, err := json.Marshal(whole)
		return clause{c.sql() + " = ?", []any{string(text)}}, err
	}
	var one *string
	var items []string
	if json.Unmarshal(right, &one) == nil && one != nil {
		items = []string{*one}
	} else if json.Unmarshal(right, &items) != nil {
		items = nil
	}
	if op != "contains" || len(items) == 0 {
		return clause{}, invalid("filters on %s are contains with a text or a list of texts, and = with a list", c.name)
	}
	if len(items) > maxConditions {
		return clause{}, tooManyConditions()
	}
	where := clause{sql: "1"}
	for _, item := range items {
		where = and(where, clause{"EXISTS (SELECT 1 FROM json_each(" + c.sql() + ") WHERE value = ?)", []any{item}})
	}
	return where, nil
}

// parse accepts a value of the type of the left side, or null.
func (o operand) parse(right json.RawMessage) (any, error) {
	var value any
	if err := json.Unmarshal(right, &value); err != nil {
		return nil, invalid("the operand of the filter on %s is not JSON", o.name)
	}
	switch v := value.(type) {
	case nil:
		return nil, nil
	case string:
		if o.kind == typeTime {
			t, err := parseTime(v)
			if err != nil {
				return nil, invalid("the filter on %s needs a time such as 2026-01-31T12:00:00Z", o.name)
			}
			return formatTime(t), nil
		}
		if o.kind == typeString || o.kind == typeAny {
			return v, nil
		}
	case bool:
		if o.kind == typeBoolean || o.kind == typeAny {
			return v, nil
		}
	case float64:
		if o.kind == typeInteger || o.kind == typeAny {
			return v, nil
		}
	}
	return nil, invalid("the operand of the filter on %s must be a %s", o.name, o.kind)
}
