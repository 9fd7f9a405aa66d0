// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/arvados-s3/keepstore/internal/importer"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

const prefixURL = "s3://" + bucketName + "/" + prefix

// opaqueHash stands in every locator of opaque form.
const opaqueHash = "ffffffffffffffffffffffffffffffff"

// realS3 shows that the gateway refuses what it should.
func (t *tour) realS3(ctx context.Context) error {
	t.out.sent("GET %s/%s/%s without a signature", t.gateway.url, bucketName, changingKey)
	answer, err := http.Get(t.gateway.url + "/" + bucketName + "/" + changingKey)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	t.out.got("%s", answer.Status)
	t.check(answer.StatusCode == http.StatusForbidden, "S3 refuses requests that are not signed")
	t.out.sent("PUT of an object, signed with the key that keepstore has")
	_, err = t.bucket.client.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucketName), Key: aws.String(prefix + "intruder")}, withKey(t.gateway.Reader))
	t.check(isRefused(err), "that key may read and list, and not write (AccessDenied)")
	return nil
}

// withKey makes one request with another key than the owner's.
func withKey(key keyPair) func(*s3.Options) {
	return func(o *s3.Options) {
		o.Credentials = credentials.NewStaticCredentialsProvider(key.Access, key.Secret, "")
	}
}

// isRefused reports whether S3 understood the request and refused it.
func isRefused(err error) bool {
	var refused smithy.APIError
	return errors.As(err, &refused) && refused.ErrorCode() == "AccessDenied"
}

func (t *tour) importPrefix(ctx context.Context) error {
	t.out.sent("POST /s3/import %s", importRequest(prefixURL))
	start := time.Now()
	var err error
	if t.first, err = t.ann().importURL(ctx, prefixURL); err != nil {
		return err
	}
	if err := t.first.good(); err != nil {
		return err
	}
	t.out.got("200 %s, %d files in %s; three of them, without their signatures:", t.first.header.Get("Content-Type"), len(t.first.files), since(start))
	odd := oddKeys()[5]
	for _, key := range []string{t.bucket.objects[0].key, odd, largeKey} {
		if err := t.show(key); err != nil {
			return err
		}
	}
	pinned, form := 0, 0
	want := t.bucket.files()
	for _, f := range t.first.files {
		if o := want[prefix+f.Path]; o != nil && o.version == f.VersionID && o.version != "" && strings.HasSuffix(f.URL, "?versionId="+o.version) {
			pinned++
		}
		if f.Size == 0 || strings.HasPrefix(f.Locator, opaqueHash+"+") && strings.Contains(f.Locator, "+B") && strings.Contains(f.Locator, "+C0") {
			form++
		}
	}
	t.check(pinned == len(want), "every file is pinned to the version that S3 gave when it was written (%d of %d)", pinned, len(want))
	t.check(form == len(t.first.files), "every locator has the opaque form %s+<size>+B<url>+C<offset>", opaqueHash)
	return nil
}

func (t *tour) show(key string) error {
	f, err := t.first.file(key)
	if err != nil {
		return err
	}
	l, err := locator.Parse(f.Locator)
	if err != nil {
		return err
	}
	t.out.detail("%s (%d bytes, version %s)", f.Path, f.Size, f.VersionID)
	t.out.detail("    %s", l.Unsigned())
	return nil
}

func (t *tour) count(context.Context) error {
	done := t.first.done
	t.out.got("listed %d = files %d + skipped %d; status %q", done.Listed, done.Files, done.Skipped, done.Status)
	for _, s := range t.first.skipped {
		t.out.wrapped("     skipped ", strings.TrimPrefix(s.URL, prefixURL)+" ("+s.Reason+"): "+s.Text)
	}
	t.check(done.Listed == done.Files+done.Skipped && done.Listed == int64(len(t.bucket.objects)),
		"nothing is lost: listed = files + skipped = the %d keys that were written", len(t.bucket.objects))
	got := slices.Sorted(maps.Keys(byKey(t.first.files)))
	t.check(slices.Equal(got, slices.Sorted(maps.Keys(t.bucket.files()))), "the files are the keys that were written, odd ones included, byte for byte")
	reasons := map[string]string{}
	for _, s := range t.first.skipped {
		url, _, _ := strings.Cut(s.URL, "?")
		reasons[strings.TrimPrefix(url, "s3://"+bucketName+"/")] = s.Reason
	}
	t.check(maps.Equal(reasons, map[string]string{retiredKey: "deleted", folderKey: "folder-placeholder"}),
		"the deleted object and the folder placeholder are skipped, each with its reason")
	empty, err := t.first.file(emptyKey)
	t.check(err == nil && strings.HasPrefix(empty.Locator, locator.Empty), "the empty object is the empty block, %s, for which S3 is never asked", locator.Empty)
	return nil
}

func byKey(files []importer.File) map[string]importer.File {
	m := map[string]importer.File{}
	for _, f := range files {
		m[prefix+f.Path] = f
	}
	return m
}

// explain decodes a locator, as `keepstore locator explain` does.
func (t *tour) explain(context.Context) error {
	key := oddKeys()[3]
	f, err := t.first.file(key)
	if err != nil {
		return err
	}
	l, err := locator.Parse(f.Locator)
	if err != nil {
		return err
	}
	block, err := pseudoblock.FromLocator(l)
	if err != nil {
		return err
	}
	e := block.Extents[0]
	t.out.sent("keepstore locator explain %s", l.Unsigned())
	t.out.detail("form      %s", block.Form)
	t.out.detail("identity  %s", block.Identity)
	t.out.detail("url       %s", e.Object.URL())
	t.out.detail("bytes     %d-%d", e.Offset, e.End()-1)
	t.out.detail("signature until %s, for one token", l.Signature().Expiry().UTC().Format(time.RFC3339))
	o := t.bucket.files()[key]
	t.check(e.Object.Key == key && e.Object.VersionID == o.version, "it names the key %q and its version, and no host: hosts come from configuration only", key)
	return nil
}
