// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package creds

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// RoleARN is the checked ARN of a role, taken apart.
type RoleARN struct {
	// Text is the whole ARN.
	Text string
	// Partition is "aws", "aws-cn" and so on, or "minio".
	Partition string
	// Account has 12 digits on AWS. Elsewhere it may be the name of a tenant,
	// or empty.
	Account string
	// Name is what follows the last "/".
	Name string
}

// maxARN is the longest ARN that STS accepts.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
const maxARN = 2048

// The forms of role ARNs. Names and paths are narrower than what IAM allows in
// paths: nothing in them can be a wildcard, a quote or a control character.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
const (
	rolePath  = `:role/(?:[A-Za-z0-9_+=,.@-]{1,64}/){0,8}([A-Za-z0-9_+=,.@-]{1,64})$`
	awsRole   = `^arn:(aws[a-z-]{0,12}):iam::([0-9]{12})` + rolePath
	otherRole = `^arn:(aws):iam::([A-Za-z0-9_-]{0,64})` + rolePath
	minioRole = `^arn:(minio):iam:[a-z0-9-]{0,40}:()` + rolePath
)

var (
	awsForm   = regexp.MustCompile(awsRole)
	otherForm = regexp.MustCompile(otherRole)
	minioForm = regexp.MustCompile(minioRole)

	patternForm = regexp.MustCompile(`^arn:[a-z*-]+:iam:[a-z0-9*-]*:[A-Za-z0-9_*-]*:role(/[A-Za-z0-9_+=,.@*-]+)+$`)
)

// ParseRoleARN checks the ARN of a role that is to be assumed at endpoint e.
// On AWS the account has 12 digits and the partition is that of the endpoint's
// region; other servers also have tenants, roles of no account, and MinIO's
// own ARNs. The error never quotes the text, which comes from anyone.
func ParseRoleARN(e *Endpoint, text string) (RoleARN, error) {
	if len(text) > maxARN {
		return RoleARN{}, fmt.Errorf("the ARN of a role has at most %d characters", maxARN)
	}
	part := awsForm.FindStringSubmatch(text)
	if e.URL != "" {
		if part = otherForm.FindStringSubmatch(text); part == nil {
			part = minioForm.FindStringSubmatch(text)
		}
	}
	switch {
	case part == nil && e.URL == "":
		return RoleARN{}, errors.New("expected the ARN of a role, such as arn:aws:iam::111122223333:role/readers")
	case part == nil:
		return RoleARN{}, errors.New("expected the ARN of a role, such as arn:aws:iam:::role/readers or arn:minio:iam:us-east-1::role/readers")
	case e.URL == "" && part[1] != Partition(e.Region):
		return RoleARN{}, fmt.Errorf("the role is of another AWS partition than the region %s", e.Region)
	}
	return RoleARN{Text: text, Partition: part[1], Account: part[2], Name: part[3]}, nil
}

// RolePattern matches ARNs of roles part by part, where parts are what ":"
// and "/" divide. "*" stands for any text within a part.
type RolePattern struct{ parts []*regexp.Regexp }

// ParseRolePattern reads a pattern such as "arn:aws:iam::*:role/arvados-*".
func ParseRolePattern(text string) (RolePattern, error) {
	if !patternForm.MatchString(text) || len(text) > maxARN {
		return RolePattern{}, errors.New("expected the ARN of a role in which * may stand for a part, such as arn:aws:iam::*:role/arvados-*")
	}
	var p RolePattern
	for _, part := range split(text) {
		form := strings.ReplaceAll(regexp.QuoteMeta(part), `\*`, `.*`)
		p.parts = append(p.parts, regexp.MustCompile("^"+form+"$"))
	}
	return p, nil
}

// Match reports whether the pattern covers the role.
func (p RolePattern) Match(role RoleARN) bool {
	parts := split(role.Text)
	if len(parts) != len(p.parts) {
		return false
	}
	for i, part := range parts {
		if !p.parts[i].MatchString(part) {
			return false
		}
	}
	return true
}

// split keeps the "/" with what follows it.
func split(arn string) []string { return strings.Split(strings.ReplaceAll(arn, "/", ":/"), ":") }
