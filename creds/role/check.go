// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"errors"
	"slices"

	"github.com/arvados-s3/keepstore/creds"
)

// Check reports why a role may not be assumed in the name of users, or nil. It
// sends nothing. A role that is not the one of the rule comes from a record,
// and so from a user.
func (s *Source) Check(rule *creds.Rule, roleARN string) error {
	role, err := creds.ParseRoleARN(rule.Endpoint, roleARN)
	if err != nil {
		return banned(err)
	}
	fromRule := rule.Mode == creds.Role && rule.Role == roleARN
	switch {
	case role.Account != "" && role.Account == s.o.OwnAccount, slices.Contains(s.o.OwnRoles, role.Text):
		return banned(errors.New("roles of this server's own are never assumed in the name of users"))
	case len(s.allow) == 0 && fromRule:
		return nil
	case !slices.ContainsFunc(s.allow, func(p creds.RolePattern) bool { return p.Match(role) }):
		return banned(errors.New("the operator does not allow to assume this role"))
	}
	return nil
}

// banned refuses a role in one sentence, without its name: a record may be
// shared, and its text may be anything.
func banned(why error) error {
	return &creds.Error{Kind: creds.RoleRefused, Err: why, Text: "this server may not assume that role in the name of users: " + why.Error() +
		"; ask the operator which roles are allowed"}
}
