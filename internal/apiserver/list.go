// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
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
	// trash and old say whether trashed rows and old versions are wanted.
	trash, old bool
}

// list answers a list request in Arvados' shape.
func (s *Server) list(r *request, res *resource, more clause) (any, error) {
	l, err := parseListing(res, r.query)
	if err != nil {
		return nil, err
	}
	l.where = and(l.where, more)
	tail := clause{"ORDER BY " + l.order + " LIMIT ? OFFSET ?", []any{l.limit, l.offset}}
	items, err := s.fetch(r.Context(), s.db, res, r.caller, l.columns, l.where, tail)
	if err != nil {
		return nil, err
	}
	reply := object{"kind": res.kind + "List", "limit": l.limit, "offset": l.offset, "items": items}
	if l.count {
		reply["items_available"], err = s.count(r.Context(), s.db, res, r.caller, l.where)
	}
	return reply, err
}

func and(a, b clause) clause {
	return clause{"(" + a.sql + ") AND (" + b.sql + ")", slices.Concat(a.args, b.args)}
}

func parseListing(res *resource, q url.Values) (listing, error) {
	l := listing{columns: res.usual(false), where: clause{sql: "1"}, order: "uuid", limit: defaultLimit, count: true}
	for name := range q {
		if err := l.parse(res, name, q.Get(name)); err != nil {
			return listing{}, err
		}
	}
	if res.trash && !l.trash {
		l.where = and(l.where, clause{sql: "NOT is_trashed"})
	}
	if res.trash && !l.old {
		l.where = and(l.where, clause{sql: "uuid = current_version_uuid"})
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
	case "include_trash", "include_old_versions":
		err = l.parseInclude(res, name, value)
	case "limit":
		l.limit, err = parseNumber(name, value)
		l.limit = min(l.limit, maxLimit)
	case "offset":
		l.offset, err = parseNumber(name, value)
	case "count":
		if l.count = value == "exact"; !l.count && value != "none" {
			err = invalid("count must be exact or none")
		}
	case "alt", "bypass_federation":
		// Google's client library always says alt=json; there is no federation.
	default:
		err = invalid("this API server does not know the parameter %s of a list", clip(name))
	}
	return err
}

func (l *listing) parseInclude(res *resource, name, value string) (err error) {
	if !res.trash {
		return invalid("%s cannot be trashed and have no old versions", res.name)
	}
	if name == "include_trash" {
		l.trash, err = parseBool(name, value)
	} else {
		l.old, err = parseBool(name, value)
	}
	return err
}

// parseBool reads true or false as the SDKs write them.
func parseBool(name, value string) (bool, error) {
	switch strings.ToLower(value) {
	case "true", "1":
		return true, nil
	case "false", "0", "":
		return false, nil
	}
	return false, invalid("%s must be true or false, not %s", name, clip(value))
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
		c, err := res.column("select", name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(columns, c) {
			columns = append(columns, c)
		}
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
	seen := map[string]bool{}
	for _, term := range terms {
		words := strings.Fields(term)
		if len(words) == 0 || len(words) > 2 || (len(words) == 2 && words[1] != "asc" && words[1] != "desc") {
			return "", invalid(`order must look like ["created_at desc", "uuid asc"]`)
		}
		c, err := res.column("order by", strings.TrimPrefix(words[0], res.name+"."))
		if err != nil {
			return "", err
		}
		if c.onDemand {
			return "", invalid("%s cannot be sorted by %s", res.name, c.name)
		}
		if !seen[c.name] { // a second time changes nothing
			order = append(order, strings.Join(append([]string{c.sql()}, words[1:]...), " "))
		}
		seen[c.name] = true
	}
	return strings.Join(append(order, "uuid"), ", "), nil
}
