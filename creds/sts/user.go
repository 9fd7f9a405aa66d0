// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package sts

import (
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/arvados-s3/keepstore/creds"
)

// checkUser checks that the session is one of the role that was asked for.
// Some servers (MinIO) know no roles: their AssumeRole ignores the name and
// hands out the rights of whoever signed, which are this server's own.
func checkUser(r Request, got answer) error {
	arn := ""
	if got.user != nil {
		arn = aws.ToString(got.user.Arn)
	}
	if arn == "" && got.mayOmitUser || isOfRole(arn, r) {
		return nil
	}
	return &creds.Error{Kind: creds.RoleRefused, Err: errors.New("the answer is not a session of the role that was asked for"),
		Text: "the security token service of the S3 endpoint " + r.Endpoint.Name + " gave a session of something else than the role that was asked for, " +
			"which is not used: ask the operator whether that service knows roles"}
}

// isOfRole compares account and name of
// "arn:aws:sts::111122223333:assumed-role/readers/session" with the role's.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
func isOfRole(assumed string, r Request) bool {
	role, err := creds.ParseRoleARN(r.Endpoint, r.Role)
	part := strings.Split(assumed, ":")
	if err != nil || len(part) != 6 || part[0] != "arn" || part[1] != role.Partition || part[2] != "sts" || part[4] != role.Account {
		return false
	}
	name, ok := strings.CutPrefix(part[5], "assumed-role/")
	name, ended := strings.CutSuffix(name, "/"+r.SessionName)
	return ok && ended && name[strings.LastIndexByte(name, '/')+1:] == role.Name
}
