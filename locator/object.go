// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package locator

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// Limits of S3 on names, in bytes.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
const (
	MaxKey     = 1024
	maxVersion = 1024
)

// Object names one S3 object, and, when pinned, one fixed state of it. A
// pinned object has a VersionID, or an ETag when an access rule allows
// references into unversioned buckets; never both.
//
// The canonical URL is
//
//	s3://<bucket>/<key>?versionId=<id>
//	s3://<bucket>/<key>?etag=<etag without quotes>
//
// where every byte of the key outside A-Za-z0-9-._~/ and every byte of the
// id outside A-Za-z0-9-._~ is percent-encoded with upper-case hex. It has no
// host, port, user, fragment or further parameter: hosts come from
// configuration only.
type Object struct {
	Bucket    string
	Key       string
	VersionID string
	ETag      string
}

// Pinned reports whether o names one fixed state of the object.
func (o Object) Pinned() bool { return o.VersionID != "" || o.ETag != "" }

// URL returns the canonical URL. For an object that is not pinned it has no
// query part, and [ParseURL] refuses it.
func (o Object) URL() string { return string(o.appendURL(make([]byte, 0, 512))) }

func (o Object) appendURL(b []byte) []byte {
	b = append(b, "s3://"...)
	b = append(b, o.Bucket...)
	b = append(b, '/')
	b = appendEscaped(b, o.Key, true)
	switch {
	case o.VersionID != "":
		b = appendEscaped(append(b, "?versionId="...), o.VersionID, false)
	case o.ETag != "":
		b = appendEscaped(append(b, "?etag="...), o.ETag, false)
	}
	return b
}

// String returns the URL.
func (o Object) String() string { return o.URL() }

// Check reports the first rule that o breaks, or nil. An object that is not
// pinned gives an error of kind [Unpinned].
func (o Object) Check() error {
	if err := CheckBucket(o.Bucket); err != nil {
		return err
	}
	if err := CheckKey(o.Key); err != nil {
		return err
	}
	return o.checkPin()
}

func (o Object) checkPin() error {
	pin := o.VersionID + o.ETag
	switch {
	case pin == "":
		return unpinned("the S3 URL names no version: enable versioning on the bucket and import again")
	case o.VersionID != "" && o.ETag != "":
		return bad("the S3 URL names a version and an ETag")
	case o.VersionID == "null":
		return unpinned("the version \"null\" can be overwritten: enable versioning on the bucket and import again")
	case len(pin) > maxVersion:
		return bad("the version in the S3 URL is longer than %d bytes", maxVersion)
	}
	for i := range len(pin) {
		if pin[i] <= ' ' || pin[i] > '~' || pin[i] == '"' {
			return bad("the version in the S3 URL holds a character that no S3 version has")
		}
	}
	return nil
}

// ParseURL reads a canonical URL and refuses every other spelling. Errors are
// of kind [BadLocator] or [Unpinned].
func ParseURL(url string) (Object, error) {
	rest, ok := strings.CutPrefix(url, "s3://")
	if !ok {
		return Object{}, bad("an S3 URL begins with s3://, in lower case")
	}
	path, query, _ := strings.Cut(rest, "?")
	bucket, key, ok := strings.Cut(path, "/")
	if !ok {
		return Object{}, bad("the S3 URL has no key: expected s3://bucket/key?versionId=…")
	}
	if strings.Contains(query, "&") {
		return Object{}, bad("the S3 URL has more than one parameter: only versionId is allowed")
	}
	o := Object{Bucket: bucket, Key: unescape(key)}
	switch name, value, _ := strings.Cut(query, "="); name {
	case "versionId":
		o.VersionID = unescape(value)
	case "etag":
		o.ETag = unescape(value)
	case "":
	default:
		return Object{}, bad("the S3 URL has the parameter %q: only versionId is allowed", clip(name))
	}
	if err := o.Check(); err != nil {
		return Object{}, err
	}
	if string(o.appendURL(make([]byte, 0, 512))) != url {
		return Object{}, bad("the S3 URL %q is not in its one canonical spelling: percent-encode every byte of key and version outside A-Za-z0-9-._~ (and / in the key) in upper-case hex, and nothing else", "s3://"+bucket+"/"+clip(key))
	}
	return o, nil
}

// Encode returns the text after "+B": the URL in base64url without padding.
func (o Object) Encode() string { return base64.RawURLEncoding.EncodeToString([]byte(o.URL())) }

// DecodeObject reads the text after "+B". It refuses any text that does not
// encode back to itself: Go's decoder alone would pass line breaks and stray
// bits.
func DecodeObject(b string) (Object, error) {
	raw, err := base64.RawURLEncoding.DecodeString(b)
	if err != nil || string(base64.RawURLEncoding.AppendEncode(make([]byte, 0, 512), raw)) != b {
		return Object{}, errNotBase64()
	}
	return ParseURL(string(raw))
}

func errNotBase64() error { return bad("the text after +B is not base64url without padding") }

// CheckKey reports what is wrong with an S3 key, or nil.
func CheckKey(key string) error {
	switch {
	case key == "":
		return bad("the S3 key is empty")
	case len(key) > MaxKey:
		return bad("the S3 key has %d bytes, more than the %d that S3 allows", len(key), MaxKey)
	case !utf8.ValidString(key):
		return bad("the S3 key is not UTF-8")
	case strings.ContainsRune(key, 0):
		return bad("the S3 key holds a NUL character")
	}
	return nil
}

const upperHex = "0123456789ABCDEF"

// Escape percent-encodes every byte outside A-Za-z0-9-._~, and with slash also
// keeps "/". S3 signs requests over this spelling, so it is both the canonical
// URL's and the request's.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
func Escape(s string, slash bool) string { return string(appendEscaped(nil, s, slash)) }

func appendEscaped(b []byte, s string, slash bool) []byte {
	for i := range len(s) {
		c := s[i]
		if isAlphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~' || c == '/' && slash {
			b = append(b, c)
		} else {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return b
}

// unescape decodes %XX and leaves everything else; [ParseURL] finds other
// spellings by printing the result again.
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var out strings.Builder
	out.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			hi, lo := strings.IndexByte(upperHex, s[i+1]), strings.IndexByte(upperHex, s[i+2])
			if hi >= 0 && lo >= 0 {
				out.WriteByte(byte(hi<<4 | lo))
				i += 2
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}
