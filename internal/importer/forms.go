// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"io"
	"iter"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
	"github.com/arvados-s3/keepstore/s3read"
)

// locators yields the unsigned locators of an object in order.
func (j *job) locators(ctx context.Context, a creds.Access, info s3read.Info) iter.Seq2[locator.Locator, error] {
	return func(yield func(locator.Locator, error) bool) {
		if info.Size == 0 {
			yield(locator.Parse(locator.Empty))
			return
		}
		cut := pseudoblock.Cut
		if j.form == pseudoblock.Content {
			cut = pseudoblock.MaxContent
		}
		for e := range pseudoblock.Split(info.Object, info.Size, cut) {
			l, err := j.locator(ctx, a, e, info)
			if !yield(l, err) || err != nil {
				return
			}
		}
	}
}

func (j *job) locator(ctx context.Context, a creds.Access, e pseudoblock.Extent, info s3read.Info) (locator.Locator, error) {
	if j.form != pseudoblock.Content {
		return e.Locator(j.form)
	}
	if sum, ok := j.knownMD5(ctx, a, e, info); ok {
		return pseudoblock.ContentLocator(sum, e)
	}
	sum, err := j.readMD5(ctx, a, e)
	if err != nil {
		return locator.Locator{}, err
	}
	return pseudoblock.ContentLocator(sum, e)
}

// knownMD5 returns the MD5 of the bytes when S3 proves it: the ETag of an
// object that was written in one part and is encrypted with S3's own keys or
// not at all. A listing does not tell the encryption, so this asks once.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
func (j *job) knownMD5(ctx context.Context, a creds.Access, e pseudoblock.Extent, info s3read.Info) (locator.Hash, bool) {
	if raw, err := hex.DecodeString(info.ETag); err != nil || len(raw) != md5.Size || e.Size != info.Size {
		return "", false
	}
	now, err := j.Describer.Head(ctx, a, e.Object)
	if err != nil || now.ETag != info.ETag || now.Encryption != "" && now.Encryption != "AES256" {
		return "", false
	}
	return locator.Hash(info.ETag), true
}

// readMD5 reads the bytes once.
func (j *job) readMD5(ctx context.Context, a creds.Access, e pseudoblock.Extent) (locator.Hash, error) {
	body, err := j.Describer.Open(ctx, a, e)
	if err != nil {
		return "", err
	}
	defer body.Close()
	sum := md5.New()
	if _, err := io.Copy(sum, body); err != nil {
		return "", err
	}
	return locator.Hash(hex.EncodeToString(sum.Sum(nil))), nil
}
