// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"

	"github.com/arvados-s3/keepstore/creds"
)

// issuer reads where tokens for an STS come from. Without a URL there are
// none; then the rest would do nothing.
func (b *builder) issuer(f fileIssuer) Issuer {
	const standard = "sts.amazonaws.com"
	if !f.URL.given() {
		if f.KeyFile.given() || f.Audience.text != standard {
			b.bad.add(f.key("url"), "the URL of the issuer is missing: give the address at which the STS finds this server")
		}
		return Issuer{}
	}
	i := Issuer{URL: b.origin(f.URL, "https", "http"), KeyFile: b.path(f.KeyFile), Audience: f.Audience.text}
	if isOpen(i.URL) {
		b.bad.add(f.URL.place, "the issuer must use https: who can change what it publishes can be any user to the STS (http is for this machine only)")
	}
	if !f.KeyFile.given() {
		if i.KeyFile = b.provided.IssuerKeyFile; i.KeyFile == "" {
			b.bad.add(f.KeyFile.place, "the key file of the issuer is missing: name a file; it is made when it does not exist")
		}
	}
	b.checkAudience(f.Audience)
	return i
}

// isOpen reports whether what is sent to the origin can be read on the way.
func isOpen(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Scheme == "http" && !isLoopback(u.Hostname())
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.Unmap().IsLoopback()
}

func (b *builder) roles(f fileRoles) Roles {
	r := Roles{OwnAccount: f.OwnAccount.text}
	if f.OwnAccount.given() && !regexp.MustCompile(`^[0-9]{12}$`).MatchString(r.OwnAccount) {
		b.bad.add(f.OwnAccount.place, "an AWS account id has 12 digits; put it into quotes")
	}
	for _, v := range f.Allow {
		if _, err := creds.ParseRolePattern(v.text); err != nil {
			b.bad.add(v.place, "%s", err.Error())
			continue
		}
		r.Allow = append(r.Allow, v.text)
	}
	return r
}

// regions reads where else the buckets of an endpoint may be.
func (b *builder) regions(e *creds.Endpoint, f fileEndpoint) {
	for _, v := range f.Regions {
		switch region := b.region(v); {
		case f.URL.given():
			b.bad.add(v.place, "regions are for AWS only: this endpoint has a URL, and so one place")
		case region == e.Region || slices.Contains(e.Regions, region):
			b.bad.add(v.place, "this region is here twice")
		case creds.Partition(region) != creds.Partition(e.Region):
			b.bad.add(v.place, "this region is of another AWS partition than %s, where its credentials are unknown: make another endpoint", e.Region)
		default:
			e.Regions = append(e.Regions, region)
		}
	}
}

// checkRoles checks what only all settings together tell about the roles of
// rules.
func (b *builder) checkRoles(f *file, c *Config) {
	for i, r := range f.Access {
		rule := c.Rules[i]
		switch rule.Mode {
		case creds.Role:
			b.checkUserRole(r, rule, c)
			b.checkSessions(f, r, rule, c)
		case creds.Token:
			if len(c.Roles.Allow) > 0 {
				b.checkSessions(f, r, rule, c)
			}
		case creds.IAM:
			if r.Role.given() {
				_, _ = b.role(r, rule)
				b.needSession(r, rule, c)
			}
		case creds.Anonymous:
			if r.Role.given() {
				b.bad.add(r.Role.place, "role is for modes role and iam: under mode anonymous nothing is signed")
			}
		}
		if rule.Mode == creds.Token && r.Role.given() {
			b.bad.add(r.Role.place, "role is for modes role and iam: under mode token the records of the API server name the roles")
		}
	}
}

// maxPrefix keeps session policies, which name the prefix twice, within the
// 2,048 characters of AWS.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
const maxPrefix = 512

// role checks the form of a role for its endpoint.
func (b *builder) role(r fileRule, rule creds.Rule) (creds.RoleARN, bool) {
	if rule.Endpoint == nil {
		return creds.RoleARN{}, false
	}
	role, err := creds.ParseRoleARN(rule.Endpoint, r.Role.text)
	if err != nil {
		b.bad.add(r.Role.place, "%s", err.Error())
	}
	return role, err == nil
}

// checkUserRole checks the role that a rule assumes in the name of users.
func (b *builder) checkUserRole(r fileRule, rule creds.Rule, c *Config) {
	if !r.Role.given() {
		b.bad.add(r.Role.place, "the role is missing: mode role needs the ARN of the role that is assumed in the name of each user")
		return
	}
	role, ok := b.role(r, rule)
	if !ok {
		return
	}
	own := func(other creds.Rule) bool { return other.Mode == creds.IAM && other.Role == role.Text }
	switch {
	case role.Account != "" && role.Account == c.Roles.OwnAccount:
		b.bad.add(r.Role.place, "this role is in roles.own_account, whose roles are never assumed in the name of users: use a role of another account, or mode iam")
	case slices.ContainsFunc(c.Rules, own):
		b.bad.add(r.Role.place, "a rule of mode iam assumes this role for the server itself, so it is never assumed in the name of users: use another role")
	case len(c.Roles.Allow) > 0 && !slices.ContainsFunc(c.Roles.Allow, func(text string) bool {
		pattern, err := creds.ParseRolePattern(text)
		return err == nil && pattern.Match(role)
	}):
		b.bad.add(r.Role.place, "roles.allow does not cover this role: add a pattern for it, or name another role")
	}
}

// checkSessions checks that sessions in the name of users can be had under
// the rule.
func (b *builder) checkSessions(f *file, r fileRule, rule creds.Rule, c *Config) {
	if rule.Endpoint == nil {
		return
	}
	b.needSession(r, rule, c)
	switch {
	case !rule.Endpoint.NoWebIdentity && !f.Issuer.URL.given():
		b.bad.add(r.Mode.place, "mode %s names users to the STS of this endpoint by web tokens, and there is no issuer of them: "+
			"give issuer.url and issuer.key_file, or say web_identity: false for the endpoint", rule.Mode)
	case rule.Endpoint.NoWebIdentity && rule.Endpoint.URL == "" && !f.Roles.OwnAccount.given():
		b.bad.add(r.Mode.place, "mode %s assumes roles with the credentials of this server here (web_identity: false): "+
			"say in roles.own_account which AWS account is its own, whose roles are never assumed in the name of users", rule.Mode)
	}
}

// needSession checks what all sessions need.
func (b *builder) needSession(r fileRule, rule creds.Rule, c *Config) {
	if rule.Endpoint != nil && isOpen(rule.Endpoint.STSAddress()) {
		b.bad.add(r.Endpoint.place, "the STS of this endpoint must be reached by https: web tokens and the keys of sessions go there and back as they are "+
			"(http is for this machine only): give sts_url")
	}
	if len(rule.Prefix) > maxPrefix {
		b.bad.add(r.URL.place, "where roles are assumed a prefix has at most %d bytes, since each session is narrowed to it", maxPrefix)
	}
	if c.ClusterID == "" && !b.unreadable {
		b.bad.add(r.Mode.place, "roles need the cluster id, which is a part of what names users to an STS: give cluster_id")
	}
}
