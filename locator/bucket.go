// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package locator

import "strings"

// CheckBucket reports why name is not a plain S3 bucket name, or nil. It
// allows 3 to 63 of a-z, 0-9, "." and "-", with a letter or digit at both
// ends and no ".." inside, and refuses IP addresses and the reserved prefixes
// and suffixes, which are access points or other services in disguise: with
// them an S3 client would talk to another host or start another protocol.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
func CheckBucket(name string) error {
	if strings.ContainsAny(name, "@:") { // may be user:password@host, so it is not shown
		return bad("the S3 URL must hold only a bucket name between \"s3://\" and \"/\": no user, port or ARN")
	}
	if len(name) < 3 || len(name) > 63 {
		return bad("the bucket name %q must have 3 to 63 characters", clip(name))
	}
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' {
			return bad("the bucket name %q may hold only a-z, 0-9, \".\" and \"-\"", clip(name))
		}
	}
	if !isEdge(name[0]) || !isEdge(name[len(name)-1]) || strings.Contains(name, "..") {
		return bad("the bucket name %q must begin and end with a letter or digit and hold no \"..\"", clip(name))
	}
	if isDottedQuad(name) {
		return bad("the bucket name %q has the form of an IP address", clip(name))
	}
	return checkReserved(name)
}

func isEdge(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

// isDottedQuad reports four numbers with dots between them, whatever their
// size: S3 refuses the form, and 010.0.0.1 is an address for some programs.
func isDottedQuad(name string) bool {
	return strings.Count(name, ".") == 3 && strings.Trim(name, "0123456789.") == ""
}

func checkReserved(name string) error {
	for _, prefix := range []string{"xn--", "sthree-"} {
		if strings.HasPrefix(name, prefix) {
			return bad("the bucket name %q begins with the reserved %q", clip(name), prefix)
		}
	}
	for _, suffix := range []string{"-s3alias", "--ol-s3", "--op-s3", "--x-s3", "--xa-s3", "--table-s3", ".mrap"} {
		if strings.HasSuffix(name, suffix) {
			return bad("the bucket name %q ends with the reserved %q", clip(name), suffix)
		}
	}
	return nil
}
