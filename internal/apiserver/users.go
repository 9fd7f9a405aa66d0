// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"database/sql"
	"errors"
	"regexp"
	"strings"
)

const userInfix = "tpzed"

// UserSpec describes a new user.
type UserSpec struct {
	Email    string
	FullName string
	// Username is made from Email when empty.
	Username string
	Admin    bool
	Active   bool
}

// User is a user of the cluster.
type User struct {
	UUID, Email, FullName, Username string
	Admin, Active                   bool
}

func (s *Server) userResource() *resource {
	return &resource{
		name: "users", object: "user", schema: "User", kind: "arvados#user", infix: userInfix,
		from:    table("users"),
		visible: visibleUsers,
		columns: common(
			column{name: "email", kind: typeString},
			column{name: "username", kind: typeString},
			column{name: "first_name", kind: typeString},
			column{name: "last_name", kind: typeString},
			column{name: "full_name", kind: typeString, expr: "trim(first_name || ' ' || last_name)"},
			column{name: "is_active", kind: typeBoolean},
			column{name: "is_invited", kind: typeBoolean, expr: "is_active"},
			column{name: "is_admin", kind: typeBoolean},
			column{name: "prefs", kind: typeHash, expr: "'{}'"},
		),
	}
}

func visibleUsers(c *caller) clause {
	if c.admin {
		return everything(c)
	}
	return clause{"uuid = ?", []any{c.userUUID}}
}

func (s *Server) currentUser(r *request) (any, error) {
	return s.one(r.Context(), s.db, s.resources.users, r.caller, r.caller.userUUID)
}

// createUser adds a user for an administrator.
func (s *Server) createUser(r *request) (any, error) {
	if !r.caller.admin {
		return nil, fail(Forbidden, "only an administrator may add users")
	}
	var attrs struct {
		Email     string `json:"email"`
		FirstName string `json:"first_name"`
		LastName  string `json:"last_name"`
		Username  string `json:"username"`
		Admin     bool   `json:"is_admin"`
		Active    bool   `json:"is_active"`
	}
	if err := r.attributes(s.resources.users.object, &attrs); err != nil {
		return nil, err
	}
	u, err := s.CreateUser(r.Context(), UserSpec{
		Email: attrs.Email, FullName: attrs.FirstName + " " + attrs.LastName,
		Username: attrs.Username, Admin: attrs.Admin, Active: attrs.Active,
	})
	if err != nil {
		return nil, err
	}
	return s.one(r.Context(), s.db, s.resources.users, r.caller, u.UUID)
}

// CreateUser adds a user.
func (s *Server) CreateUser(ctx context.Context, spec UserSpec) (User, error) {
	u := User{
		UUID: s.newUUID(userInfix), Email: spec.Email, FullName: strings.TrimSpace(spec.FullName),
		Username: spec.Username, Admin: spec.Admin, Active: spec.Active,
	}
	if !strings.Contains(u.Email, "@") {
		return User{}, invalid("a user needs an e-mail address")
	}
	if u.Username == "" {
		u.Username = usernameFrom(u.Email)
	}
	if !regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*$`).MatchString(u.Username) {
		return User{}, invalid("the user name %s must be letters and digits, beginning with a letter", clip(u.Username))
	}
	err := s.insertUser(ctx, u)
	if isConflict(err) {
		return User{}, invalid("there is already a user with e-mail %s or user name %s", clip(u.Email), clip(u.Username))
	}
	return u, storage(err)
}

// UserByEmail returns the user with the e-mail address.
func (s *Server) UserByEmail(ctx context.Context, email string) (User, error) {
	var u User
	err := s.db.QueryRowContext(ctx, `SELECT uuid, email, trim(first_name || ' ' || last_name), username, is_admin, is_active
		FROM users WHERE email = ?`, email).Scan(&u.UUID, &u.Email, &u.FullName, &u.Username, &u.Admin, &u.Active)
	if errors.Is(err, sql.ErrNoRows) {
		return User{}, fail(NotFound, "there is no user with the e-mail address %s", clip(email))
	}
	return u, storage(err)
}

func usernameFrom(email string) string {
	local, _, _ := strings.Cut(email, "@")
	return regexp.MustCompile(`[^A-Za-z0-9]`).ReplaceAllString(local, "")
}

func (s *Server) insertUser(ctx context.Context, u User) error {
	first, last, _ := strings.Cut(u.FullName, " ")
	now := s.now()
	return s.insert(ctx, s.db, "users", object{
		"uuid": u.UUID, "owner_uuid": s.systemUUID(userInfix), "created_at": now, "modified_at": now,
		"email": u.Email, "username": u.Username, "first_name": first, "last_name": last,
		"is_admin": u.Admin, "is_active": u.Active,
	})
}

// ensureSystemUser adds the owner of everything, on first use.
func (s *Server) ensureSystemUser(ctx context.Context) error {
	err := s.insertUser(ctx, User{
		UUID: s.systemUUID(userInfix), Email: "root", FullName: "root", Username: "root", Admin: true, Active: true,
	})
	if isConflict(err) {
		return nil
	}
	return err
}
