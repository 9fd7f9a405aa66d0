// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package records

import (
	"errors"
	"time"
	"unicode"

	"github.com/arvados-s3/keepstore/creds"
)

// The classes of records that are used.
const (
	// ClassKeys is the class of Arvados itself: external_id is an access key
	// id, and the secret is its key.
	ClassKeys = "arv:aws_access_key"
	// ClassRole has an external_id that is the ARN of a role. Its secret is never
	// asked for.
	ClassRole = "aws_iam_role"
)

// MaxRecords bounds the records of one list.
const MaxRecords = 1000

// maxExternalID is the length of the longest ARN, in bytes.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
const maxExternalID = 2048

// maxSecret bounds a secret access key, in bytes. Those of AWS have 40.
const maxSecret = 1024

// What an [API] may have as the cause of an error, for [errors.Is].
var (
	// ErrWithheld: the API server gives secrets to containers only.
	ErrWithheld = errors.New("the API server releases secrets only to tokens of running containers")
	// ErrExpired: the record has expired by the API server's clock.
	ErrExpired = errors.New("the credential record has expired")
	// ErrNotFound: there is no such record or list for this token.
	ErrNotFound = errors.New("the API server does not find what was asked for")
	// ErrTooMany: a list has more than [MaxRecords] records.
	ErrTooMany = errors.New("the API server lists more credential records than are read")
	// ErrTooLong: a list is longer than a reply may be.
	ErrTooLong = errors.New("the API server's list of credential records is longer than is read")
)

// Record is what a list tells about one credential record.
type Record struct {
	UUID   string
	Class  string
	Scopes []string
	// ExternalID is the access key id or the ARN of the role.
	ExternalID string
	ExpiresAt  time.Time
	// ModifiedBy is the UUID of the user who made the record, or of the last
	// one who edited it since; empty if the API server does not say.
	ModifiedBy string
	// Fault says in a phrase why the record cannot be understood, such as
	// "its scopes are not a list of texts"; empty if it can.
	Fault string
}

// ownOf reports whether the record is the user's own. A permission link is no
// sign of that, since anyone can give one to anyone; but nobody can make or
// edit a record in the name of another.
func (r Record) ownOf(userUUID string) bool { return userUUID != "" && r.ModifiedBy == userUUID }

// of names the record in a sentence for the user.
func (r Record) of(userUUID string) string {
	if r.ownOf(userUUID) {
		return "your credential record " + r.UUID
	}
	return "the shared credential record " + r.UUID
}

// Keys is the content of a record of class [ClassKeys].
type Keys struct {
	AccessKeyID string
	Secret      creds.Secret
}

// fault says why the keys cannot sign, or "". The id becomes part of a
// header, where a comma or "=" would end it.
func (k Keys) fault() string {
	switch secret := k.Secret.Reveal(); {
	case !isWord(k.AccessKeyID):
		return "its external_id is not an access key id"
	case secret == "":
		return "it holds no secret"
	case len(secret) > maxSecret || hasControl(secret):
		return "its secret is not a secret access key"
	}
	return ""
}

// isWord reports whether s can be an access key id.
func isWord(s string) bool {
	for _, b := range []byte(s) {
		if b <= ' ' || b > '~' || b == ',' || b == '=' {
			return false
		}
	}
	return s != "" && len(s) <= 256
}

// hasControl reports whether s holds what no name or key has: control
// characters, or what stands for bytes that were not UTF-8.
func hasControl(s string) bool {
	for _, r := range s {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return true
		}
	}
	return false
}
