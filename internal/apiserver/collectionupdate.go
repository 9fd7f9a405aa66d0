// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"database/sql"
	"maps"
)

func (s *Server) updateCollection(r *request) (any, error) {
	values, unique, err := s.collectionChange(r, conditionParameter)
	if err != nil {
		return nil, err
	}
	still, err := r.condition()
	if err != nil {
		return nil, err
	}
	return s.applyCollection(r, values, still, unique, false)
}

// trashCollection answers DELETE, which is the same as POST …/trash.
func (s *Server) trashCollection(r *request) (any, error) {
	if err := r.caller.mayAct(); err != nil {
		return nil, err
	}
	return s.applyCollection(r, object{"trash_at": s.now()}, nil, false, false)
}

func (s *Server) untrashCollection(r *request) (any, error) {
	values, unique, err := s.collectionChange(r)
	if err != nil {
		return nil, err
	}
	if len(values) > 0 {
		return nil, invalid("untrash takes no attributes")
	}
	return s.applyCollection(r, object{"trash_at": nil}, nil, unique, true)
}

// applyCollection changes one collection, in or out of the trash, if it still
// is what the condition says.
func (s *Server) applyCollection(r *request, values object, still *condition, unique, trashed bool) (any, error) {
	var reply any
	var unseen error
	err := s.change(r.Context(), func(tx *sql.Tx) error {
		old, err := s.writable(r, tx, trashed)
		if err != nil {
			return err
		}
		if err := still.holds(old); err != nil {
			return err
		}
		if err := s.mayMove(r, tx, old, values); err != nil {
			return err
		}
		whole := maps.Clone(old)
		maps.Copy(whole, values)
		if err := s.settle(r.Context(), tx, r.caller, r.uuid, values, whole, unique); err != nil {
			return err
		}
		if err := s.writeVersion(r.Context(), tx, r.caller, old, values); err != nil {
			return err
		}
		reply, unseen = s.collectionReply(r, tx, r.uuid) // before others change it
		return nil
	})
	if err != nil {
		return nil, err
	}
	return reply, unseen
}

// mayMove reports an error if a collection would go to another owner and the
// caller may not write to the old one: those who see it there lose it.
func (s *Server) mayMove(r *request, tx querier, old, values object) error {
	owner, given := values["owner_uuid"]
	if !given {
		return nil
	}
	if owner == old["owner_uuid"] {
		delete(values, "owner_uuid")
		return nil
	}
	return s.mayWriteIn(r.Context(), tx, r.caller, old["owner_uuid"].(string))
}

// writable returns the collection that a request changes, without its text,
// if the caller may write to it.
func (s *Server) writable(r *request, tx querier, trashed bool) (object, error) {
	res, ctx, where := s.resources.collections, r.Context(), clause{"uuid = ?", []any{r.uuid}}
	if !trashed {
		where.sql += " AND NOT is_trashed"
	}
	old, err := s.oneWhere(ctx, tx, res, r.caller, res.usual(false), where, r.uuid)
	if err != nil {
		return nil, err
	}
	if old["current_version_uuid"] != r.uuid {
		return nil, invalid("%s is an old version, which cannot be changed: change %s", r.uuid, old["current_version_uuid"])
	}
	n, err := s.count(ctx, tx, res, r.caller, and(where, within(r.caller, canWrite, "current_version_uuid", "owner_uuid")))
	if err == nil && n == 0 {
		err = fail(Forbidden, "you may read the collection %s, but not change it", r.uuid)
	}
	return old, err
}

// writeVersion stores new values. The state before them is kept as a version
// if it was, or the new one is, marked with preserve_version; the mark is good
// for one version. Like Arvados, it keeps none when nothing but permissions and
// the trash change.
func (s *Server) writeVersion(ctx context.Context, tx querier, c *caller, old, values object) error {
	uuid := old["uuid"].(string)
	kept := old["preserve_version"] == true || values["preserve_version"] == true
	if kept && changes(old, values) && old["is_trashed"] != true {
		if err := s.keepVersion(ctx, tx, uuid); err != nil {
			return err
		}
		version, _ := old["version"].(int64)
		values["version"] = version + 1
		if values["preserve_version"] == nil {
			values["preserve_version"] = false
		}
	}
	now := s.now()
	values["modified_at"], values["modified_by_user_uuid"] = now, c.userUUID
	if err := s.update(ctx, tx, "collections", uuid, values); err != nil {
		return err
	}
	// Old versions go where the collection goes.
	_, err := tx.ExecContext(ctx, `UPDATE collections SET (owner_uuid, trash_at, delete_at) =
		(SELECT owner_uuid, trash_at, delete_at FROM collections WHERE uuid = ?1) WHERE current_version_uuid = ?1 AND uuid <> ?1`, uuid)
	if err == nil {
		_, err = tx.ExecContext(ctx, `DELETE FROM collections WHERE delete_at <= ?`, now)
	}
	return err
}

// changes reports whether values change what versions are about.
func changes(old, values object) bool {
	for _, name := range []string{"portable_data_hash", "name", "description"} {
		if v, ok := values[name]; ok && v != old[name] {
			return true
		}
	}
	return values["properties"] != nil
}

// keepVersion copies a collection as an old version of itself.
func (s *Server) keepVersion(ctx context.Context, tx querier, uuid string) error {
	const columns = `owner_uuid, created_at, modified_at, modified_by_user_uuid, name, description, properties,
		portable_data_hash, file_count, file_size_total, replication_desired, storage_classes_desired,
		version, current_version_uuid, preserve_version, trash_at, delete_at, manifest_text`
	_, err := tx.ExecContext(ctx, `INSERT INTO collections (uuid, `+columns+`) SELECT ?, `+columns+` FROM collections WHERE uuid = ?`,
		s.newUUID(collectionInfix), uuid)
	return err
}
