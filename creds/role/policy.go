// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"encoding/json"
	"strings"

	"github.com/arvados-s3/keepstore/creds"
)

// statement is a part of an IAM policy.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
type statement struct {
	Effect    string
	Action    []string
	Resource  string
	Condition condition `json:",omitempty"`
}

// condition is values by key by operator.
type condition map[string]map[string]string

// policy returns the session policy of a rule: the requests that reading and
// importing send, on what the rule covers, and nothing else. A session has the
// rights that the role and this policy both give. Those about locks and
// lifecycle rules only tell how long things stay; S3 has the latter of whole
// buckets only, and who asks is told of no other prefix.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
func policy(rule *creds.Rule) string {
	arn, prefix := "arn:"+partition(rule.Endpoint)+":s3:::"+rule.Bucket, literal(rule.Prefix)+"*"
	list := statement{Effect: "Allow", Action: []string{"s3:ListBucket", "s3:ListBucketVersions"}, Resource: arn}
	if rule.Prefix != "" {
		list.Condition = condition{"StringLike": {"s3:prefix": prefix}}
	}
	statements := []statement{
		{Effect: "Allow", Action: []string{"s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectRetention", "s3:GetObjectLegalHold"}, Resource: arn + "/" + prefix},
		list,
		{Effect: "Allow", Action: []string{"s3:GetLifecycleConfiguration", "s3:GetBucketObjectLockConfiguration"}, Resource: arn},
	}
	if rule.Endpoint.URL == "" {
		statements = append(statements, decrypt())
	}
	text, _ := json.Marshal(struct { // strings only: cannot fail
		Version   string
		Statement []statement
	}{"2012-10-17", statements})
	return string(text)
}

// decrypt lets S3, and nobody else, use the keys of objects that AWS KMS
// encrypts. Without it no such object could be read, whatever the role may do.
// https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
func decrypt() statement {
	return statement{Effect: "Allow", Action: []string{"kms:Decrypt"}, Resource: "*", Condition: condition{"StringLike": {"kms:ViaService": "s3.*"}}}
}

// literal writes text so that nothing in it is a wildcard or a variable. A
// server that does not know these variables gives less, not more.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
func literal(text string) string {
	return strings.NewReplacer("*", "${*}", "?", "${?}", "$", "${$}").Replace(text)
}

func partition(e *creds.Endpoint) string {
	if e.URL != "" {
		return "aws"
	}
	return creds.Partition(e.Region)
}
