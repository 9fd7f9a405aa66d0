// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"regexp"
	"slices"
	"time"
)

const (
	collectionInfix = "4zz18"
	// trashLifetime is how long a trashed collection can be fetched back.
	trashLifetime = 14 * 24 * time.Hour
)

func (s *Server) collectionResource() *resource {
	return &resource{
		name: "collections", object: "collection", schema: "Collection", kind: "arvados#collection", infix: collectionInfix,
		from: s.collectionRows,
		visible: func(c *caller) clause {
			return within(c, canRead, "current_version_uuid", "owner_uuid")
		},
		trash:  true,
		finish: s.signManifest,
		needs:  []string{"trash_at", "is_trashed"},
		columns: common(
			column{name: "modified_by_user_uuid", kind: typeString},
			column{name: "name", kind: typeString},
			column{name: "description", kind: typeString},
			column{name: "properties", kind: typeHash},
			column{name: "portable_data_hash", kind: typeString},
			column{name: "file_count", kind: typeInteger},
			column{name: "file_size_total", kind: typeInteger},
			column{name: "replication_desired", kind: typeInteger},
			column{name: "replication_confirmed", kind: typeInteger, expr: "NULL"},
			column{name: "replication_confirmed_at", kind: typeTime, expr: "NULL"},
			column{name: "storage_classes_desired", kind: typeArray},
			column{name: "storage_classes_confirmed", kind: typeArray, expr: "'[]'"},
			column{name: "storage_classes_confirmed_at", kind: typeTime, expr: "NULL"},
			column{name: "version", kind: typeInteger},
			column{name: "current_version_uuid", kind: typeString},
			column{name: "preserve_version", kind: typeBoolean},
			column{name: "is_trashed", kind: typeBoolean},
			column{name: "trash_at", kind: typeTime},
			column{name: "delete_at", kind: typeTime},
			column{name: "manifest_text", kind: typeString, onDemand: true},
			column{name: "unsigned_manifest_text", kind: typeString, expr: "manifest_text", onDemand: true},
		),
	}
}

// collectionRows leaves out what the trash has swallowed by now.
func (s *Server) collectionRows() (clause, error) {
	now := s.now()
	return clause{`(SELECT *, coalesce(trash_at <= ?, 0) AS is_trashed FROM collections WHERE delete_at IS NULL OR delete_at > ?) AS collections`,
		[]any{now, now}}, nil
}

// getCollection answers for a UUID, or for a portable data hash. Then any
// collection with that content will do: the identity of blocks makes sure
// that all have the same data.
func (s *Server) getCollection(r *request) (any, error) {
	res := s.resources.collections
	columns, err := s.selected(r, res)
	if err != nil {
		return nil, err
	}
	trash, err := parseBool("include_trash", r.query.Get("include_trash"))
	if err != nil {
		return nil, err
	}
	where := clause{sql: "1"}
	if !trash {
		where = clause{sql: "NOT is_trashed"}
	}
	if hash := portableDataHash(r.uuid); hash != "" {
		return s.getByHash(r, columns, where, hash)
	}
	return s.oneWhere(r.Context(), s.db, res, r.caller, columns, and(where, clause{"uuid = ?", []any{r.uuid}}), r.uuid)
}

// selected returns the columns that a request for one object asks for.
func (s *Server) selected(r *request, res *resource) ([]column, error) {
	if text := r.query.Get("select"); text != "" {
		return parseSelect(res, text)
	}
	return res.usual(true), nil
}

// portableDataHash returns the hash without hints, or "" if text is none.
func portableDataHash(text string) string {
	match := regexp.MustCompile(`^([0-9a-f]{32}\+[0-9]+)(\+[A-Z][-A-Za-z0-9@_]*)*$`).FindStringSubmatch(text)
	if match == nil {
		return ""
	}
	return match[1]
}

// getByHash gives the readable collection whose signatures last longest,
// under the name of its hash: who owns it is nobody's business here.
func (s *Server) getByHash(r *request, columns []column, where clause, hash string) (any, error) {
	shown := []string{"portable_data_hash", "manifest_text", "unsigned_manifest_text", "trash_at"}
	columns = slices.DeleteFunc(columns, func(c column) bool { return !slices.Contains(shown, c.name) })
	where = and(where, clause{"portable_data_hash = ?", []any{hash}})
	if len(columns) == 0 {
		columns = []column{{name: "portable_data_hash", kind: typeString}}
	}
	tail := clause{sql: "ORDER BY trash_at IS NOT NULL, trash_at DESC LIMIT 1"}
	items, err := s.fetch(r.Context(), s.db, s.resources.collections, r.caller, columns, where, tail)
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return nil, fail(NotFound, "Path not found: there is no collection with the portable data hash %s that you may see", hash)
	}
	items[0]["uuid"], items[0]["portable_data_hash"] = hash, hash
	return items[0], nil
}
