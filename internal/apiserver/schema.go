// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"

	_ "modernc.org/sqlite" // the database driver
)

// openDB opens the database file, or makes it, readable by its owner only.
func openDB(dir string) (*sql.DB, error) {
	path, err := filepath.Abs(filepath.Join(dir, "api.sqlite3"))
	if err != nil {
		return nil, storage(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, storage(err)
	}
	info, err := f.Stat()
	f.Close()
	if err != nil {
		return nil, storage(err)
	}
	if info.Mode().Perm()&0o077 != 0 { // it holds the secrets of credentials
		return nil, invalid("the file %s can be read by others: chmod it to 600", path)
	}
	settings := url.Values{
		"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "foreign_keys(1)", "secure_delete(1)"},
		"_txlock": {"immediate"},
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: settings.Encode()}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, storage(err)
	}
	db.SetMaxOpenConns(8)
	return db, nil
}

// migrations lists what brings a database from version n to n+1. Entries are
// only ever added.
func migrations() []string {
	return []string{`
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE users (
	uuid TEXT PRIMARY KEY, owner_uuid TEXT NOT NULL, created_at TEXT NOT NULL, modified_at TEXT NOT NULL,
	email TEXT NOT NULL UNIQUE, username TEXT NOT NULL UNIQUE, first_name TEXT NOT NULL, last_name TEXT NOT NULL,
	is_admin INTEGER NOT NULL, is_active INTEGER NOT NULL) STRICT;
CREATE TABLE api_client_authorizations (
	uuid TEXT PRIMARY KEY, owner_uuid TEXT NOT NULL REFERENCES users(uuid), created_at TEXT NOT NULL, modified_at TEXT NOT NULL,
	secret_hash BLOB NOT NULL UNIQUE, scopes TEXT NOT NULL, expires_at TEXT) STRICT;
CREATE TABLE groups (
	uuid TEXT PRIMARY KEY, owner_uuid TEXT NOT NULL, created_at TEXT NOT NULL, modified_at TEXT NOT NULL,
	name TEXT NOT NULL, group_class TEXT NOT NULL, description TEXT, properties TEXT NOT NULL,
	UNIQUE (owner_uuid, name)) STRICT;
CREATE TABLE links (
	uuid TEXT PRIMARY KEY, owner_uuid TEXT NOT NULL, created_at TEXT NOT NULL, modified_at TEXT NOT NULL,
	link_class TEXT NOT NULL, name TEXT NOT NULL, tail_uuid TEXT NOT NULL, head_uuid TEXT NOT NULL, properties TEXT NOT NULL,
	UNIQUE (tail_uuid, head_uuid, link_class, name)) STRICT;
CREATE INDEX links_by_head ON links (head_uuid);
`, `
CREATE TABLE collections (
	uuid TEXT PRIMARY KEY, owner_uuid TEXT NOT NULL, created_at TEXT NOT NULL, modified_at TEXT NOT NULL,
	modified_by_user_uuid TEXT NOT NULL, name TEXT, description TEXT, properties TEXT NOT NULL,
	portable_data_hash TEXT NOT NULL, file_count INTEGER NOT NULL, file_size_total INTEGER NOT NULL,
	replication_desired INTEGER, storage_classes_desired TEXT NOT NULL,
	version INTEGER NOT NULL, current_version_uuid TEXT NOT NULL, preserve_version INTEGER NOT NULL,
	trash_at TEXT, delete_at TEXT, manifest_text TEXT NOT NULL) STRICT;
CREATE INDEX collections_by_owner ON collections (owner_uuid, name);
CREATE INDEX collections_by_hash ON collections (portable_data_hash);
CREATE INDEX collections_by_current ON collections (current_version_uuid);
`, `
CREATE TABLE credentials (
	uuid TEXT PRIMARY KEY, owner_uuid TEXT NOT NULL, created_at TEXT NOT NULL, modified_at TEXT NOT NULL,
	modified_by_user_uuid TEXT NOT NULL, name TEXT NOT NULL, description TEXT, credential_class TEXT NOT NULL,
	scopes TEXT NOT NULL, external_id TEXT NOT NULL, secret TEXT NOT NULL, expires_at TEXT NOT NULL,
	UNIQUE (owner_uuid, name)) STRICT;
`}
}

// migrate brings the database up to date, in one transaction.
func migrate(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL) STRICT`); err != nil {
		return err
	}
	var version int
	if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM schema_version`).Scan(&version); err != nil {
		return err
	}
	steps := migrations()
	if version > len(steps) {
		return invalid("the API server's data folder was written by a newer version of this program (schema %d, this one knows %d)", version, len(steps))
	}
	for i, step := range steps[version:] {
		if _, err := tx.ExecContext(ctx, step); err != nil {
			return fmt.Errorf("migration to schema %d: %w", version+i+1, err)
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO schema_version VALUES (?)`, version+i+1); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// settleCluster returns the cluster id of the folder, fixing it on first use.
func (s *Server) settleCluster(ctx context.Context) (string, error) {
	wanted := s.options.ClusterID
	if wanted != "" && !regexp.MustCompile(`^[0-9a-z]{5}$`).MatchString(wanted) {
		return "", invalid("the cluster id %s is not five characters of a-z0-9", clip(wanted))
	}
	first := wanted
	if first == "" {
		first = defaultCluster
	}
	_, err := s.db.ExecContext(ctx, `INSERT INTO settings VALUES ('cluster_id', ?) ON CONFLICT DO NOTHING`, first)
	if err != nil {
		return "", err
	}
	var kept string
	if err := s.db.QueryRowContext(ctx, `SELECT value FROM settings WHERE name = 'cluster_id'`).Scan(&kept); err != nil {
		return "", err
	}
	if wanted != "" && wanted != kept {
		return "", invalid("the API server's data folder belongs to cluster %s, not %s", kept, wanted)
	}
	return kept, nil
}
