// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// typeAny is the type of a property: text, a number or a boolean.
const typeAny = "string, number or boolean"

// property is the left side of a filter such as properties.colour = "red". A
// key with dots may stand in angle brackets.
func property(c column, key string) operand {
	key = strings.TrimSuffix(strings.TrimPrefix(key, "<"), ">")
	return operand{clause{"(SELECT value FROM json_each(" + c.sql() + ") WHERE key = ?)", []any{key}}, c.name + "." + key, typeAny}
}

// filterHash answers [properties, exists, key] and [properties, contains, {…}].
func filterHash(c column, op string, right json.RawMessage) (clause, error) {
	var key string
	if op == "exists" && json.Unmarshal(right, &key) == nil {
		return clause{"EXISTS (SELECT 1 FROM json_each(" + c.sql() + ") WHERE key = ?)", []any{key}}, nil
	}
	var wanted map[string]any
	if op == "contains" && json.Unmarshal(right, &wanted) == nil && wanted != nil {
		return contains(c, wanted)
	}
	return clause{}, invalid(`filters on %s are exists with a key, contains with an object, or contains and others on "%s.KEY"`, c.name, c.name)
}

// holds answers [properties.key, contains, value]: the property is the value,
// or a list that has it.
func holds(c column, key string, right json.RawMessage) (clause, error) {
	var value any
	if json.Unmarshal(right, &value) != nil || value == nil {
		return clause{}, invalid("the operand of contains on %s.%s must be text, a number or a boolean", c.name, clip(key))
	}
	if err := checkScalar(c, value); err != nil {
		return clause{}, err
	}
	p := property(c, key)
	key, _ = p.args[0].(string)
	from := "json_each(" + c.sql() + ") AS p, json_each(CASE p.type WHEN 'array' THEN p.value ELSE '[]' END) AS v WHERE p.key = ? AND v.value IS ?"
	return clause{p.sql + " IS ? OR EXISTS (SELECT 1 FROM " + from + ")", []any{key, value, key, value}}, nil
}

// contains wants each property to have the value, or to be a list that holds
// all values of a list.
func contains(c column, wanted map[string]any) (clause, error) {
	where := clause{sql: "1"}
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		values, list := wanted[key].([]any)
		if !list {
			values = []any{wanted[key]}
		}
		if len(values) > maxConditions-len(where.args)/2 {
			return clause{}, tooManyConditions()
		}
		for _, v := range values {
			if err := checkScalar(c, v); err != nil {
				return clause{}, err
			}
			from := "json_each(" + c.sql() + ") AS p WHERE p.key = ? AND p.value IS ?"
			if list {
				from = "json_each(" + c.sql() + ") AS p, json_each(CASE p.type WHEN 'array' THEN p.value ELSE '[]' END) AS v WHERE p.key = ? AND v.value IS ?"
			}
			where = and(where, clause{"EXISTS (SELECT 1 FROM " + from + ")", []any{key, v}})
		}
	}
	return where, nil
}

func checkScalar(c column, value any) error {
	switch value.(type) {
	case map[string]any, []any:
		return invalid("this API server cannot look for nested objects in %s", c.name)
	}
	return nil
}
