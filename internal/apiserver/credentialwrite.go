// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"database/sql"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
)

const (
	// awsKeyClass is the one class that Arvados itself knows.
	awsKeyClass = "arv:aws_access_key"
	// maxCredentialText bounds each attribute, so that lists stay readable.
	maxCredentialText = 8 << 10
)

// credentialAttributes are those that clients may set.
func credentialAttributes() map[string]func(string, json.RawMessage) (any, error) {
	return map[string]func(string, json.RawMessage) (any, error){
		"owner_uuid":       textValue,
		"name":             textValue,
		"description":      textValue,
		"credential_class": textValue,
		"scopes":           textsValue,
		"external_id":      textValue,
		"secret":           textValue,
		"expires_at":       timeValue,
	}
}

// textsValue writes a list of texts anew.
func textsValue(name string, raw json.RawMessage) (any, error) {
	var texts []*string
	if json.Unmarshal(raw, &texts) != nil || slices.Contains(texts, nil) {
		return nil, invalid("%s must be a list of texts", name)
	}
	if texts == nil {
		return "[]", nil
	}
	text, err := json.Marshal(texts)
	return string(text), err
}

// credentialChange reads a request to create or update.
func (s *Server) credentialChange(r *request) (object, error) {
	if err := r.caller.mayAct(); err != nil {
		return nil, err
	}
	attrs, err := r.attributeMap(s.resources.credentials.object)
	if err != nil {
		return nil, err
	}
	if err := r.checkParameters(); err != nil {
		return nil, err
	}
	values, known := object{}, credentialAttributes()
	for name, raw := range attrs {
		read := known[name]
		if read == nil {
			return nil, invalid("credentials have no attribute %s that can be set", clip(name))
		}
		if values[name], err = read(name, raw); err != nil {
			return nil, err
		}
		if text, _ := values[name].(string); len(text) > maxCredentialText {
			return nil, invalid("%s must not be longer than %d bytes", name, maxCredentialText)
		}
	}
	return values, nil
}

// createCredential stores a record and gives its creator a link that lets
// them manage it.
func (s *Server) createCredential(r *request) (any, error) {
	values, err := s.credentialChange(r)
	if err != nil {
		return nil, err
	}
	manager, err := s.credentialManager(r, values["owner_uuid"])
	if err != nil {
		return nil, err
	}
	if values["scopes"] == nil {
		values["scopes"] = "[]"
	}
	if err := checkCredential(values); err != nil {
		return nil, err
	}
	uuid, now := s.newUUID(credentialInfix), s.now()
	maps.Copy(values, object{
		"uuid": uuid, "owner_uuid": s.systemUUID(userInfix), "created_at": now, "modified_at": now,
		"modified_by_user_uuid": r.caller.userUUID,
	})
	return s.writeCredential(r, uuid, func(tx *sql.Tx) error {
		if err := s.insert(r.Context(), tx, "credentials", values); err != nil {
			return err
		}
		return s.insert(r.Context(), tx, "links", object{
			"uuid": s.newUUID(linkInfix), "owner_uuid": s.systemUUID(userInfix), "created_at": now, "modified_at": now,
			"link_class": "permission", "name": "can_manage", "tail_uuid": manager, "head_uuid": uuid, "properties": "{}",
		})
	})
}

// credentialManager returns who gets the new record: the caller, or whom an
// administrator names as its owner.
func (s *Server) credentialManager(r *request, owner any) (string, error) {
	uuid, _ := owner.(string)
	if uuid == "" || uuid == r.caller.userUUID {
		return r.caller.userUUID, nil
	}
	if !r.caller.admin {
		return "", fail(Forbidden, "only an administrator may make credentials for other users (owner_uuid)")
	}
	return uuid, s.exists(r.Context(), s.db, s.resources.users, uuid)
}

func (s *Server) updateCredential(r *request) (any, error) {
	values, err := s.credentialChange(r)
	if err != nil {
		return nil, err
	}
	system := s.systemUUID(userInfix)
	if owner, given := values["owner_uuid"]; given && owner != system {
		return nil, invalid("all credentials belong to %s: share them by permission links instead", system)
	}
	values["modified_at"], values["modified_by_user_uuid"] = s.now(), r.caller.userUUID
	record, err := s.writeCredential(r, r.uuid, func(tx *sql.Tx) error {
		whole, err := s.writableCredential(r, tx)
		if err != nil {
			return err
		}
		maps.Copy(whole, values)
		if err := checkCredential(whole); err != nil {
			return err
		}
		return s.update(r.Context(), tx, "credentials", r.uuid, values)
	})
	if _, given := values["secret"]; given && err == nil {
		s.forgetSecrets(r.Context())
	}
	return record, err
}

// writableCredential returns what a record holds, secret included, if the
// caller may write to it.
func (s *Server) writableCredential(r *request, tx querier) (object, error) {
	ctx, res := r.Context(), s.resources.credentials
	if _, err := s.one(ctx, tx, res, r.caller, r.uuid); err != nil {
		return nil, err
	}
	n, err := s.count(ctx, tx, res, r.caller, and(clause{"uuid = ?", []any{r.uuid}}, within(r.caller, canWrite, "uuid")))
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, fail(Forbidden, "you may read the credential %s, but not change it", r.uuid)
	}
	names := []string{"name", "credential_class", "scopes", "external_id", "secret", "expires_at"}
	texts, targets := make([]string, len(names)), make([]any, len(names))
	for i := range texts {
		targets[i] = &texts[i]
	}
	err = tx.QueryRowContext(ctx, "SELECT "+strings.Join(names, ", ")+" FROM credentials WHERE uuid = ?", r.uuid).Scan(targets...)
	whole := object{}
	for i, name := range names {
		whole[name] = texts[i]
	}
	return whole, storage(err)
}

// writeCredential changes a record and answers with what it is then.
func (s *Server) writeCredential(r *request, uuid string, change func(*sql.Tx) error) (any, error) {
	err := s.change(r.Context(), change)
	if isConflict(err) {
		return nil, invalid("RecordNotUnique: there is already a credential of that name in this cluster: choose another")
	}
	if err != nil {
		return nil, err
	}
	s.blankSecrets(r.Context())
	return s.credentialReply(r, s.db, uuid)
}

// checkCredential has the rules of Arvados for a whole record.
func checkCredential(record object) error {
	for _, name := range []string{"name", "credential_class", "external_id", "secret", "expires_at"} {
		if text, _ := record[name].(string); strings.TrimSpace(text) == "" {
			return invalid("%s can't be blank: a credential needs name, credential_class, external_id, secret and expires_at", name)
		}
	}
	class, text := record["credential_class"].(string), record["scopes"].(string)
	switch {
	case class == strings.TrimPrefix(awsKeyClass, "arv:"):
		return invalid("credential_class %s conflicts with %s: use that", class, awsKeyClass)
	case class == awsKeyClass:
		return checkAWSScopes(text)
	case strings.HasPrefix(class, "arv:"):
		return invalid("credential_class %s is not implemented: of the classes that begin with arv: there is only %s", clip(class), awsKeyClass)
	}
	return nil
}

func checkAWSScopes(text string) error {
	var scopes []string
	if err := json.Unmarshal([]byte(text), &scopes); err != nil {
		return storage(err)
	}
	if len(scopes) == 0 {
		return invalid("scopes can't be blank: a credential of class %s needs some, such as s3://bucket or s3://*", awsKeyClass)
	}
	known := regexp.MustCompile(`^s3://(\*|[a-z0-9][-.a-z0-9]{1,61}[a-z0-9])$`)
	for _, scope := range scopes {
		if !known.MatchString(scope) {
			return invalid("the scope %s is not one of class %s: it must be s3:// with a bucket, or s3://*", clip(scope), awsKeyClass)
		}
	}
	return nil
}

// deleteCredential removes a record with all links to it.
func (s *Server) deleteCredential(r *request) (any, error) {
	if err := r.caller.mayAct(); err != nil {
		return nil, err
	}
	record, err := s.credentialReply(r, s.db, r.uuid)
	if err != nil {
		return nil, err
	}
	err = s.change(r.Context(), func(tx *sql.Tx) error {
		if _, err := s.writableCredential(r, tx); err != nil {
			return err
		}
		return dropCredential(r.Context(), tx, r.uuid)
	})
	if err != nil {
		return nil, err
	}
	s.forgetSecrets(r.Context())
	return record, nil
}

func dropCredential(ctx context.Context, tx querier, uuid string) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM links WHERE head_uuid = ?`, uuid); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM credentials WHERE uuid = ?`, uuid)
	return err
}
