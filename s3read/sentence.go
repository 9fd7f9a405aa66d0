// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"fmt"
	"strings"

	"github.com/arvados-s3/keepstore/locator"
)

// sentence says what a refusal means and what to do about it.
func (a *attempt) sentence(kind Kind, r refusal) string {
	object, server := name(a.object), "S3 endpoint "+quote(a.endpoint.Name)
	switch kind {
	case NotFound:
		return a.notFound(r)
	case Denied:
		return a.denied(r)
	case Archived:
		return archivedText(a.object, r.storageClass)
	case CustomerKey:
		return object + " is encrypted with a key of its owner's (SSE-C), which this server does not have: store it again without SSE-C"
	case Changed:
		return object + " was overwritten since it was imported: import it again, or enable versioning on the bucket"
	case WrongRegion:
		return fmt.Sprintf("bucket %s is not in the region %q of %s: set region %q there", a.object.Bucket, a.endpoint.Region, server, r.region)
	case CredsExpired:
		return badKeys(r.code, server)
	default:
		return server + " is overloaded or has an internal error: try again later"
	}
}

func (a *attempt) notFound(r refusal) string {
	object := name(a.object)
	switch {
	case a.object.VersionID != "" && (r.marker || r.status == 405):
		return object + " does not exist as data: this version is a delete marker"
	case r.marker:
		text := object + " was deleted: its newest version is a delete marker"
		if r.markerID != "" {
			text += " (" + r.markerID + ")"
		}
		return text + "; older versions may still exist"
	case r.code == "NoSuchBucket":
		return fmt.Sprintf("the bucket %s does not exist at S3 endpoint %s", a.object.Bucket, quote(a.endpoint.Name))
	case a.object.VersionID != "":
		return object + " does not exist: this version was deleted or expired by lifecycle, or was never there"
	}
	return object + " does not exist: it was deleted or expired by lifecycle, or was never there"
}

// denied names the permission that is missing.
func (a *attempt) denied(r refusal) string {
	if strings.Contains(strings.ToLower(r.code+" "+r.message), "kms") {
		return "S3 may not decrypt " + name(a.object) + " for this server: grant kms:Decrypt on its key"
	}
	var b strings.Builder
	if a.op == "list" {
		fmt.Fprintf(&b, "S3 refuses to list s3://%s/%s: grant %s", a.object.Bucket, clip(locator.Escape(a.object.Key, true), 400), a.action())
	} else {
		fmt.Fprintf(&b, "S3 refuses to read %s: grant %s (without s3:ListBucket a missing key looks the same)", name(a.object), a.action())
	}
	if a.access.Provider == nil {
		b.WriteString("; the request was anonymous, so the bucket must be public")
	}
	if !a.access.RequesterPays {
		b.WriteString("; if the bucket is requester-pays, set requester_pays in its access rule")
	}
	return b.String()
}

// action is the IAM action that the request needs.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
func (a *attempt) action() string {
	switch {
	case a.query.Has("versions"):
		return "s3:ListBucketVersions"
	case a.query != nil:
		return "s3:ListBucket"
	case a.object.VersionID != "":
		return "s3:GetObjectVersion"
	}
	return "s3:GetObject"
}

func badKeys(code, server string) string {
	switch code {
	case "SignatureDoesNotMatch":
		return server + " says that the signature is wrong: the secret access key does not belong to the access key id"
	case "RequestTimeTooSkewed", "RequestExpired":
		return server + " says that the time of the request is wrong: check the clock of this server"
	}
	return server + " does not know the access key id or its session: it is wrong, has expired or was withdrawn"
}
