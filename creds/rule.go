// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package creds

import (
	"slices"
	"strings"
)

// Mode says whose credentials a rule uses.
type Mode string

// The modes.
const (
	// IAM uses the server's own credentials. Readers need a valid permission
	// signature; importers must be named by the rule.
	IAM Mode = "iam"
	// Anonymous sends unsigned requests, for public buckets.
	Anonymous Mode = "anonymous"
	// Token uses the credential records that the API server keeps for the
	// caller's token.
	Token Mode = "token"
	// Role uses a role that is assumed in the name of the caller.
	Role Mode = "role"
)

// Personal reports whether the mode uses rights of the caller's own. Then S3
// itself decides about each read, and a permission signature adds nothing.
func (m Mode) Personal() bool { return m == Token || m == Role }

// Rule gives access to the objects of a bucket whose keys begin with Prefix.
type Rule struct {
	Bucket string
	// Prefix is empty or ends with "/".
	Prefix   string
	Endpoint *Endpoint
	Mode     Mode
	// Role is the ARN of the role to assume: for each caller under mode role,
	// for the server itself under mode iam, where it may be empty.
	Role string
	// Import names who may import under mode iam.
	Import Importers
	// RequesterPays accepts the charge of requester-pays buckets.
	RequesterPays bool
	// EtagPin allows references into unversioned buckets, pinned by ETag.
	EtagPin bool
}

// Importers names users and groups; "*" among the users is every active user.
type Importers struct {
	Users  []string
	Groups []string
}

// URL returns the rule's pattern, "s3://bucket/prefix".
func (r *Rule) URL() string { return "s3://" + r.Bucket + "/" + r.Prefix }

// hasOddSegment reports whether a segment of key is empty, "." or "..". One
// "/" at the end is fine: it marks a folder.
func hasOddSegment(key string) bool {
	for segment := range strings.SplitSeq(strings.TrimSuffix(key, "/"), "/") {
		if segment == "" || segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

// leavesBucket reports whether key, read as a file path, would at some point
// be above its bucket.
func leavesBucket(key string) bool {
	depth := 0
	for segment := range strings.SplitSeq(key, "/") {
		switch segment {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return true
			}
		default:
			depth++
		}
	}
	return false
}

// MayImport reports whether the caller may import under this rule.
func (r *Rule) MayImport(c Caller) bool {
	if !c.Active || !c.AllScopes {
		return false
	}
	if r.Mode != IAM {
		return true
	}
	if slices.Contains(r.Import.Users, "*") || slices.Contains(r.Import.Users, c.UserUUID) {
		return true
	}
	return slices.ContainsFunc(c.Groups, func(g string) bool { return slices.Contains(r.Import.Groups, g) })
}
