// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"regexp"

	"github.com/arvados-s3/keepstore/creds"
)

func (b *builder) checkAudience(v value) {
	if !regexp.MustCompile(`^[!-~]{1,255}$`).MatchString(v.text) {
		b.bad.add(v.place, "the audience is of 1 to 255 characters without spaces, such as sts.amazonaws.com")
	}
}

// audiences says for each endpoint whom the web tokens are for that its STS
// gets, if it gets any.
func (b *builder) audiences(f *file, c *Config) {
	for _, name := range sortedNames(c.Endpoints) {
		e, v := c.Endpoints[name], f.Endpoints[name].Audience
		switch {
		case !v.given():
			v.text = c.Issuer.Audience
		case e.NoWebIdentity:
			b.bad.add(v.place, "the audience is that of web tokens, and web_identity: false says that this endpoint gets none: remove one of the two")
		case !f.Issuer.URL.given():
			b.bad.add(v.place, "the audience is that of web tokens, and there is no issuer of them: give issuer.url, or remove this")
		default:
			b.checkAudience(v)
		}
		if !e.NoWebIdentity {
			e.Audience = v.text
		}
	}
}

// checkAudiences refuses one audience for the STS of two owners: each of them
// could use at the other what it is sent.
func (b *builder) checkAudiences(f *file, c *Config) {
	asked := askedForRoles(c)
	for i, e := range asked {
		for _, other := range asked[:i] {
			if e.Audience == "" || e.Audience != other.Audience || e.STSOwner() == other.STSOwner() {
				continue
			}
			b.shared(f, e, other)
			break
		}
	}
}

// askedForRoles returns the endpoints whose STS gets web tokens. Those of AWS
// come first: of two the later is asked to change, and at AWS the audience
// stands in the trust policy of every role.
func askedForRoles(c *Config) []*creds.Endpoint {
	used := map[*creds.Endpoint]bool{}
	for _, r := range c.Rules {
		if r.Endpoint != nil && !r.Endpoint.NoWebIdentity && (r.Mode == creds.Role || r.Mode == creds.Token && len(c.Roles.Allow) > 0) {
			used[r.Endpoint] = true
		}
	}
	var aws, others []*creds.Endpoint
	for _, name := range sortedNames(c.Endpoints) {
		switch e := c.Endpoints[name]; {
		case used[e] && e.STSOwner() == "AWS":
			aws = append(aws, e)
		case used[e]:
			others = append(others, e)
		}
	}
	return append(aws, others...)
}

// shared reports that the later endpoint has the audience of another.
func (b *builder) shared(f *file, later, first *creds.Endpoint) {
	b.bad.add(f.Endpoints[later.Name].Audience.place, "the web tokens for the STS of the endpoints %s and %s have the same audience, so whoever runs one of the two could be any user "+
		"at the other with the tokens that it gets: give %s an audience of its own, such as audience: keepstore-%s, and register it at its STS as the client id",
		first.Name, later.Name, later.Name, later.Name)
}
