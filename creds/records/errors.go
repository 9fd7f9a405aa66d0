// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package records

import (
	"errors"
	"fmt"
	"strings"

	"github.com/arvados-s3/keepstore/creds"
)

// maxNamed bounds the records that one sentence names.
const maxNamed = 3

// nothingFits says what is wrong with the records that nearly fit, or what to
// store if there is none.
func nothingFits(bucket string, left []leftOut) error {
	var expired, faulty []string
	var causes []error
	for _, l := range left {
		if l.expired {
			expired = append(expired, l.uuid)
			continue
		}
		if faulty = append(faulty, l.uuid+" ("+l.why+")"); len(faulty) <= maxNamed { // the error is remembered
			causes = append(causes, l.cause)
		}
	}
	switch {
	case len(expired) > 0:
		return expiredRecords(bucket, expired)
	case len(faulty) > 0:
		return &creds.Error{Kind: creds.Missing, Err: errors.Join(causes...), Text: fmt.Sprintf(
			"no credential record can be used for s3://%s: %s; correct it or store another one: see docs/sharing.md", bucket, names(faulty))}
	}
	return &creds.Error{Kind: creds.Missing, Text: fmt.Sprintf(
		"your token can read no credential record for s3://%[1]s: store one in Arvados with the scope \"s3://%[1]s\" and the class %[2]q (external_id: the ARN of a role)"+
			" or %[3]q (an access key), or ask a colleague to share theirs: see docs/sharing.md", bucket, ClassRole, ClassKeys)}
}

func expiredRecords(bucket string, uuids []string) error {
	return &creds.Error{Kind: creds.Expired, Text: fmt.Sprintf(
		"your credentials for s3://%s have expired: credential record %s; store a new one in Arvados", bucket, names(uuids))}
}

func ambiguous(bucket string, equals []Record) error {
	uuids := make([]string, len(equals))
	for i, r := range equals {
		uuids[i] = r.UUID
	}
	return &creds.Error{Kind: creds.Ambiguous, Text: fmt.Sprintf(
		"several credential records fit s3://%[1]s equally well: %[2]s; delete all but one, or store one of your own with the scope \"s3://%[1]s\" if none of them is",
		bucket, names(uuids))}
}

func scopeNeeded(bucket string) error {
	return &creds.Error{Kind: creds.ScopeNeeded, Text: fmt.Sprintf(
		"s3://%s is read with each reader's own rights, and a sharing link has none: log in, or ask the owner of the link to ask the operator for access mode iam", bucket)}
}

// gone is for those who hold a provider for longer than its record holds.
func gone(bucket, uuid string) error {
	return &creds.Error{Kind: creds.Expired, Text: fmt.Sprintf(
		"the credential record %s no longer gives access to s3://%s: repeat the request to use what holds now", uuid, bucket)}
}

// explain makes sentences of what the API server said. Other errors, such as
// those of an API server that is down, pass.
func explain(err error, bucket string) error {
	switch {
	case errors.Is(err, ErrNotFound):
		return &creds.Error{Kind: creds.Missing, Err: err, Text: fmt.Sprintf(
			"this Arvados API server keeps no credential records, which the access rule for s3://%s needs: ask the operator for another access mode", bucket)}
	case errors.Is(err, ErrTooMany):
		return &creds.Error{Kind: creds.Ambiguous, Err: err, Text: fmt.Sprintf(
			"more than %[1]d credential records that others share with you fit s3://%[2]s: store one of your own with the scope \"s3://%[2]s\"", MaxRecords, bucket)}
	}
	return err
}

// explainSecret is explain for the secret of one record.
func explainSecret(err error, bucket, uuid string) error {
	switch {
	case errors.Is(err, ErrWithheld):
		return &creds.Error{Kind: creds.Missing, Err: err, Text: fmt.Sprintf(
			"the Arvados API server does not give the secret of credential record %s to your token, since it releases secrets only to tokens of running containers:"+
				" for s3://%s, replace it by a record of class %q, whose secret is never asked for: see docs/sharing.md", uuid, bucket, ClassRole)}
	case errors.Is(err, ErrExpired):
		return expiredRecords(bucket, []string{uuid})
	case errors.Is(err, ErrNotFound):
		return &creds.Error{Kind: creds.Missing, Err: err, Text: fmt.Sprintf(
			"your token cannot read the secret of credential record %s for s3://%s any more: ask its owner to share it again", uuid, bucket)}
	}
	return err
}

func badSecret(uuid, why string) error {
	return &creds.Error{Kind: creds.Missing, Text: fmt.Sprintf("the credential record %s cannot be used: %s; correct it: see docs/sharing.md", uuid, why)}
}

// refusal is an error that knows whether somebody said no.
type refusal interface {
	error
	Refusal() bool
}

// isRefusal reports whether the answer is no, as opposed to no answer.
func isRefusal(err error) bool {
	if known := new(creds.Error); errors.As(err, &known) {
		return known.Kind != creds.Unavailable
	}
	var r refusal
	return errors.As(err, &r) && r.Refusal()
}

// names lists a few of the texts.
func names(texts []string) string {
	if more := len(texts) - maxNamed; more > 0 {
		return strings.Join(texts[:maxNamed], ", ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(texts, ", ")
}
