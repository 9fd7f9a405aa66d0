// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"time"
)

const (
	credentialInfix = "oss07"
	// maxForgetting is how long a request waits for others that are reading.
	maxForgetting = 2 * time.Second
)

// credentialResource are records of keys for other services. All belong to
// the system user; permission links say who may use and change them. The
// secret is no column: it comes in, and goes out only by getSecret.
func (s *Server) credentialResource() *resource {
	return &resource{
		name: "credentials", object: "credential", schema: "Credential", kind: "arvados#credential", infix: credentialInfix,
		from:      table("credentials"),
		visible:   func(c *caller) clause { return within(c, canRead, "uuid") },
		writeOnly: "secret",
		columns: common(
			column{name: "modified_by_user_uuid", kind: typeString},
			column{name: "name", kind: typeString},
			column{name: "description", kind: typeString},
			column{name: "credential_class", kind: typeString},
			column{name: "scopes", kind: typeArray},
			column{name: "external_id", kind: typeString},
			column{name: "expires_at", kind: typeTime},
		),
	}
}

func (s *Server) getCredential(r *request) (any, error) {
	return s.credentialReply(r, s.db, r.uuid)
}

// credentialReply shows a record with the columns that the request selects.
func (s *Server) credentialReply(r *request, db querier, uuid string) (any, error) {
	columns, err := s.selected(r, s.resources.credentials)
	if err != nil {
		return nil, err
	}
	return s.oneWhere(r.Context(), db, s.resources.credentials, r.caller, columns, clause{"uuid = ?", []any{uuid}}, uuid)
}

// getSecret answers with the secret of a record. Arvados gives it to the
// tokens of running containers only. There are none here, so that it is
// refused to everyone, unless Options.ReleaseSecrets gives it to those who
// manage the record.
func (s *Server) getSecret(r *request) (any, error) {
	record, err := s.one(r.Context(), s.db, s.resources.credentials, r.caller, r.uuid)
	if err != nil {
		return nil, err
	}
	released, err := s.releases(r.Context(), r.caller, r.uuid)
	if err != nil {
		return nil, err
	}
	if !released {
		return nil, fail(Forbidden, "Token is not associated with a running container.")
	}
	secret, expired, err := s.readSecret(r.Context(), r.uuid)
	if err != nil {
		return nil, err
	}
	if expired {
		s.blankSecrets(r.Context())
		return nil, fail(Forbidden, "Credential has expired.")
	}
	s.options.Log.Info("secret_access", "credential", r.uuid, "name", record["name"],
		"credential_class", record["credential_class"], "user", r.caller.userUUID, "token", r.caller.tokenUUID)
	return object{"external_id": record["external_id"], "secret": secret}, nil
}

// releases reports whether the caller gets secrets of the record: an own
// can_manage link leads to it, not one by way of a group, and the token is
// not limited. To be an administrator does not count.
func (s *Server) releases(ctx context.Context, c *caller, uuid string) (bool, error) {
	if !s.options.ReleaseSecrets || c.mayChange() != nil {
		return false, nil
	}
	var n int
	err := s.db.QueryRowContext(ctx, `SELECT count(*) FROM links
		WHERE link_class = 'permission' AND name = 'can_manage' AND tail_uuid = ? AND head_uuid = ?`, c.userUUID, uuid).Scan(&n)
	return n > 0, storage(err)
}

func (s *Server) readSecret(ctx context.Context, uuid string) (secret string, expired bool, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT secret, expires_at <= ? FROM credentials WHERE uuid = ?`, s.now(), uuid).Scan(&secret, &expired)
	return secret, expired, storage(err)
}

// blankSecrets removes the secrets of expired records, from the files of the
// data folder too. It is done at each start and whenever records change or a
// secret is asked for. A failure of it harms nobody who is waiting.
func (s *Server) blankSecrets(ctx context.Context) {
	done, err := s.db.ExecContext(ctx, `UPDATE credentials SET secret = '' WHERE secret <> '' AND expires_at <= ?`, s.now())
	if err != nil {
		s.options.Log.Error("the secrets of expired credentials cannot be removed", "error", err)
		return
	}
	if n, err := done.RowsAffected(); err == nil && n > 0 {
		s.forgetSecrets(ctx)
	}
}

// forgetSecrets empties the write-ahead log, which has copies of old pages.
// In the database itself, deleted content is overwritten (secure_delete).
func (s *Server) forgetSecrets(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, maxForgetting)
	defer cancel()
	var busy, pages, moved int
	err := s.db.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &moved)
	if err != nil || busy != 0 {
		s.options.Log.Warn("the write-ahead log keeps a removed secret for now", "busy", busy, "error", err)
	}
}
