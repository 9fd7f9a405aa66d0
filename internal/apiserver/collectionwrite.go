// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"database/sql"
	"encoding/json"
	"strings"
	"time"
)

// collectionAttributes are those that clients may set.
func collectionAttributes() map[string]func(string, json.RawMessage) (any, error) {
	return map[string]func(string, json.RawMessage) (any, error){
		"owner_uuid":              textValue,
		"name":                    textValue,
		"description":             textValue,
		"properties":              hashValue,
		"replication_desired":     countValue,
		"storage_classes_desired": classesValue,
		"preserve_version":        boolValue,
		"trash_at":                timeValue,
		"delete_at":               timeValue,
		"manifest_text":           textValue,
		"portable_data_hash":      textValue,
	}
}

// collectionChange reads a request to create or update: the new values, and
// whether a taken name may be changed. parameters are further ones that the
// request may have.
func (s *Server) collectionChange(r *request, parameters ...string) (values object, unique bool, err error) {
	if err := r.caller.mayAct(); err != nil {
		return nil, false, err
	}
	attrs, err := r.attributeMap(s.resources.collections.object)
	if err != nil {
		return nil, false, err
	}
	if err := r.checkParameters(append(parameters, "ensure_unique_name")...); err != nil {
		return nil, false, err
	}
	if unique, err = parseBool("ensure_unique_name", r.query.Get("ensure_unique_name")); err != nil {
		return nil, false, err
	}
	values = object{}
	known := collectionAttributes()
	for name, raw := range attrs {
		read := known[name]
		if read == nil {
			return nil, false, invalid("collections have no attribute %s that can be set", clip(name))
		}
		if values[name], err = read(name, raw); err != nil {
			return nil, false, err
		}
	}
	return values, unique, s.takeManifest(r.caller, values)
}

// takeManifest replaces a manifest by what is stored of it. A hash that the
// client gives must be the right one; its length does not matter, as in
// Arvados.
func (s *Server) takeManifest(c *caller, values object) error {
	text, given := values["manifest_text"].(string)
	hash, _ := values["portable_data_hash"].(string)
	delete(values, "portable_data_hash")
	delete(values, "manifest_text")
	if !given {
		if hash != "" {
			return invalid("portable_data_hash can be given only with manifest_text, from which it follows")
		}
		return nil
	}
	stored, info, err := s.acceptManifest(c, text)
	if err != nil {
		return err
	}
	if hash != "" && (len(hash) < 32 || hash[:32] != info.PDH[:32]) {
		return invalid("portable_data_hash %s is not that of manifest_text, which is %s", clip(hash), info.PDH)
	}
	values["manifest_text"], values["portable_data_hash"] = stored, info.PDH
	values["file_count"], values["file_size_total"] = info.Files, info.Bytes
	return nil
}

func (s *Server) createCollection(r *request) (any, error) {
	values, unique, err := s.collectionChange(r)
	if err != nil {
		return nil, err
	}
	if values["manifest_text"] == nil {
		values["manifest_text"] = ""
		if err := s.takeManifest(r.caller, values); err != nil {
			return nil, err
		}
	}
	uuid, now := s.newUUID(collectionInfix), s.now()
	defaults := object{
		"uuid": uuid, "current_version_uuid": uuid, "version": 1, "created_at": now, "modified_at": now,
		"modified_by_user_uuid": r.caller.userUUID, "owner_uuid": r.caller.userUUID,
		"properties": "{}", "storage_classes_desired": `["default"]`, "preserve_version": false,
	}
	for name, value := range defaults {
		if values[name] == nil {
			values[name] = value
		}
	}
	err = s.change(r.Context(), func(tx *sql.Tx) error {
		if err := s.settle(r.Context(), tx, r.caller, uuid, values, values, unique); err != nil {
			return err
		}
		return s.insert(r.Context(), tx, "collections", values)
	})
	if err != nil {
		return nil, err
	}
	return s.collectionReply(r, s.db, uuid)
}

// collectionReply shows the collection after a change.
func (s *Server) collectionReply(r *request, db querier, uuid string) (any, error) {
	columns, err := s.selected(r, s.resources.collections)
	if err != nil {
		return nil, err
	}
	return s.oneWhere(r.Context(), db, s.resources.collections, r.caller, columns, clause{"uuid = ?", []any{uuid}}, uuid)
}

// settle checks the new values against the others: the owner may be written
// to, the times fit, the name is free. values are what changes, whole is what
// the collection will be.
func (s *Server) settle(ctx context.Context, tx querier, c *caller, uuid string, values, whole object, unique bool) error {
	owner, _ := whole["owner_uuid"].(string)
	if _, moved := values["owner_uuid"]; moved {
		if err := s.mayWriteIn(ctx, tx, c, owner); err != nil {
			return err
		}
	}
	if err := s.settleTrash(values, whole); err != nil {
		return err
	}
	name, _ := whole["name"].(string)
	if at, _ := whole["trash_at"].(string); name == "" || at != "" && at <= s.now() {
		return nil
	}
	free, err := s.freeName(ctx, tx, owner, name, uuid, unique)
	if err == nil && free != name {
		values["name"] = free
	}
	return err
}

// settleTrash gives what is trashed a time at which it is deleted, and not
// before signatures that were given out have expired.
func (s *Server) settleTrash(values, whole object) error {
	_, changed := values["trash_at"]
	_, deletes := values["delete_at"]
	if !changed && !deletes {
		return nil
	}
	at, _ := whole["trash_at"].(string)
	if at == "" {
		values["delete_at"] = nil
		return nil
	}
	if now := s.now(); at < now {
		at = now
		values["trash_at"] = now
	}
	trashed, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return storage(err)
	}
	earliest := formatTime(trashed.Add(max(trashLifetime, s.options.BlobSigningTTL)))
	if end, _ := whole["delete_at"].(string); !deletes || end < earliest {
		values["delete_at"] = earliest
	}
	return nil
}

// freeName returns the name, if no other collection of the owner has it. A
// taken one gets the time appended when unique is set, as in Arvados.
func (s *Server) freeName(ctx context.Context, tx querier, owner, name, uuid string, unique bool) (string, error) {
	try, at := name, s.options.Now()
	for range 100 {
		var n int
		err := tx.QueryRowContext(ctx, `SELECT count(*) FROM collections WHERE owner_uuid = ? AND name = ? AND uuid <> ?
			AND uuid = current_version_uuid AND (trash_at IS NULL OR trash_at > ?)`, owner, try, uuid, s.now()).Scan(&n)
		if err != nil || n == 0 {
			return try, storage(err)
		}
		if !unique {
			break
		}
		try = name + " (" + strings.TrimSuffix(at.UTC().Format("2006-01-02T15:04:05.000000Z"), "000Z") + ")"
		at = at.Add(time.Microsecond)
	}
	return "", invalid("UniqueViolation: there is already a collection named %s here: choose another name, or ask for ensure_unique_name", clip(name))
}
