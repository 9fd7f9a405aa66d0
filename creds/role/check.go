// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/arvados-s3/keepstore/creds"
)

var userUUID = regexp.MustCompile(`^[a-z0-9]{5}-tpzed-[a-z0-9]{15}$`)

// checkCaller wants somebody who can be named: a session of nobody would be
// everybody's.
func checkCaller(rule *creds.Rule, caller creds.Caller) error {
	switch {
	case !caller.AllScopes:
		return &creds.Error{Kind: creds.ScopeNeeded, Text: fmt.Sprintf(
			"the access rule for %s uses rights of each user's own, and a token of limited scope, such as a sharing link, has none: "+
				"use a full token; the owner can ask the operator for a rule of mode iam", rule.URL())}
	case !caller.Active:
		return &creds.Error{Kind: creds.ScopeNeeded, Text: "roles are assumed for active users only: ask an administrator to activate your account"}
	case !userUUID.MatchString(caller.UserUUID):
		return &creds.Error{Kind: creds.Missing, Text: "roles can be assumed for users only, and this token belongs to none"}
	}
	return nil
}

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
