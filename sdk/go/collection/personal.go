// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"strings"
)

// PersonalObjects counts the S3 object versions of the collection that lie
// under access rules of mode token or role, of all that it has. For these each
// reader needs rights of their own in S3, whoever shares the collection, and a
// sharing link has none. It goes by the rules that keepstore tells the caller.
func (c *Collection) PersonalObjects(ctx context.Context) (personal, all int, err error) {
	if c.client == nil {
		return 0, 0, noClient()
	}
	var reply struct {
		Rules []accessRule `json:"rules"`
	}
	for use := range c.ObjectsIn(".") { // there always is a root
		if all == 0 {
			if err := c.client.keep.Ask(ctx, "s3/access", nil, &reply); err != nil {
				return 0, 0, err
			}
		}
		if all++; isPersonal(reply.Rules, "s3://"+use.Object.Bucket+"/"+use.Object.Key) {
			personal++
		}
	}
	return personal, all, nil
}

// accessRule is a rule as GET /s3/access tells it; the URL has the bytes of
// the prefix, with nothing percent-encoded.
type accessRule struct {
	URL  string `json:"url"`
	Mode string `json:"mode"`
}

// isPersonal goes by the longest rule, as keepstore does.
func isPersonal(rules []accessRule, object string) bool {
	best := accessRule{}
	for _, r := range rules {
		if strings.HasPrefix(object, r.URL) && len(r.URL) > len(best.URL) {
			best = r
		}
	}
	return best.Mode == "token" || best.Mode == "role"
}
