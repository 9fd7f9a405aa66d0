// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"fmt"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/locator"
)

// sentence says what a refusal means and what to do about it.
func (a *attempt) sentence(kind Kind, r refusal) string {
	object, server := name(a.object), "S3 endpoint "+quote(a.endpoint.Name)
	switch kind {
	case NotFound:
		return a.notFound(r)
	case NoBucket:
		return fmt.Sprintf("the bucket %s does not exist at S3 endpoint %s: check its name, and whether the access rule names the right endpoint", a.object.Bucket, quote(a.endpoint.Name))
	case Denied:
		return a.denied(r)
	case Archived:
		return archivedText(a.object, r.storageClass)
	case CustomerKey:
		return object + " is encrypted with a key of its owner's (SSE-C), which this server does not have: store it again without SSE-C"
	case Changed:
		return object + " was overwritten since it was imported: import it again, or enable versioning on the bucket"
	case WrongRegion:
		return fmt.Sprintf("bucket %s is not in the region %q of %s: set region %q there, or add it to regions", a.object.Bucket, a.region, server, r.region)
	case CredsExpired:
		return a.badKeys(r.code, server)
	case ClockSkew:
		return badClock(r.skew, server)
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
	case a.op == "bucket":
		return "S3 endpoint " + quote(a.endpoint.Name) + " knows no such settings of buckets"
	case a.object.VersionID != "":
		return object + " does not exist: this version was deleted or expired by lifecycle, or was never there"
	}
	text := object + " does not exist: it was deleted or expired by lifecycle, or was never there"
	if a.object.ETag == "" && !strings.HasSuffix(a.object.Key, "/") { // nobody has seen it yet
		text += "; a folder is named with \"/\" at its end"
	}
	return text
}

// denied names the permission that is missing, whose it is, and who can grant
// it. What S3 says about it is not repeated: it may name people and roles that
// are none of the reader's business.
func (a *attempt) denied(r refusal) string {
	var b strings.Builder
	switch {
	case strings.Contains(strings.ToLower(r.code+" "+r.message), "kms"):
		return fmt.Sprintf("S3 does not decrypt %s for %s: ask %s to grant kms:Decrypt on its key", name(a.object), a.whose(), a.whom())
	case a.op == "list":
		fmt.Fprintf(&b, "S3 does not let %s list s3://%s/%s: ask %s to grant %s",
			a.whose(), a.object.Bucket, clip(locator.Escape(a.object.Key, true), 400), a.whom(), a.action())
	case a.op == "bucket":
		return fmt.Sprintf("S3 does not let %s see this of bucket %s: ask %s to grant %s", a.whose(), a.object.Bucket, a.whom(), a.action())
	default:
		fmt.Fprintf(&b, "S3 does not let %s read %s: ask %s to grant %s (without s3:ListBucket a missing key looks the same)",
			a.whose(), name(a.object), a.whom(), a.action())
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
	case a.query.Has("lifecycle"):
		return "s3:GetLifecycleConfiguration"
	case a.query.Has("object-lock"):
		return "s3:GetBucketObjectLockConfiguration"
	case a.query != nil:
		return "s3:ListBucket"
	case a.object.VersionID != "":
		return "s3:GetObjectVersion"
	}
	return "s3:GetObject"
}

// whose says whose rights S3 refused.
func (a *attempt) whose() string {
	if a.access.As == "" {
		return "these credentials"
	}
	return clip(a.access.As, 200)
}

// whom says who can grant what is missing. What a person may do with rights of
// their own is up to the bucket's owner, and no operator can help.
func (a *attempt) whom() string {
	if a.access.Personal {
		return "the owner of the bucket"
	}
	return "the operator"
}

func (a *attempt) badKeys(code, server string) string {
	text := fmt.Sprintf("%s does not know the access key id or the session of %s: it is wrong, has expired or was withdrawn", server, a.whose())
	if code == "SignatureDoesNotMatch" {
		text = fmt.Sprintf("%s says that the signature is wrong: of %s, the secret access key does not belong to the access key id", server, a.whose())
	}
	if a.access.Personal {
		return text + ": replace it, or try again in a minute if you just did"
	}
	return text + ": ask the operator to renew it"
}

// badClock does not say which of the two clocks is wrong, since nobody knows.
func badClock(ahead time.Duration, server string) string {
	text := "the clock of this server differs too much from that of " + server
	switch ahead = ahead.Round(time.Minute); {
	case ahead == 0: // a proxy on the way may have told its own time
	case ahead > 0:
		text = fmt.Sprintf("the clock of this server is %v ahead of that of %s", ahead, server)
	default:
		text = fmt.Sprintf("the clock of this server is %v behind that of %s", -ahead, server)
	}
	return text + ", so S3 refuses the request: ask the operator to check the clock"
}
