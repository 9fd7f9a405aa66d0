// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"io"
	"iter"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
	"github.com/arvados-s3/keepstore/s3read"
)

// For content form the bytes are read once, of several objects and of several
// parts of one object side by side, because one stream from S3 is slow.
const (
	aheadObjects = 16
	streams      = 16
	// streamsOfOne bounds the parts of one object, so that others go on.
	streamsOfOne = 8
)

// hashes are the MD5s of the parts of objects that are being read. Only the
// goroutine of the job uses pending.
type hashes struct {
	pending map[locator.Object]chan hashed
	running sync.WaitGroup
	streams chan struct{}
	// read counts the bytes read, for progress.
	read atomic.Int64
}

type hashed struct {
	parts []locator.Hash
	err   error
}

func newHashes() *hashes {
	return &hashes{pending: map[locator.Object]chan hashed{}, streams: make(chan struct{}, streams)}
}

// readAhead yields the same versions, and in content form begins to read the
// objects that come next. It reads no more than the access rule of the listing
// gives; what is under another rule is read when its turn comes.
func (j *job) readAhead(ctx context.Context, t *target, rule *creds.Rule, versions iter.Seq2[s3read.Version, error]) iter.Seq2[s3read.Version, error] {
	if j.form != pseudoblock.Content {
		return versions
	}
	return func(yield func(s3read.Version, error) bool) {
		var window []s3read.Version
		for v, err := range versions {
			if err != nil {
				for _, w := range window {
					if !yield(w, nil) {
						return
					}
				}
				yield(v, err)
				return
			}
			j.expect(ctx, t, rule, v)
			if window = append(window, v); len(window) < aheadObjects {
				continue
			}
			if !yield(window[0], nil) {
				return
			}
			window = window[1:]
		}
		for _, w := range window {
			if !yield(w, nil) {
				return
			}
		}
	}
}

// expect begins to read a listed object that will most likely be imported.
func (j *job) expect(ctx context.Context, t *target, listed *creds.Rule, v s3read.Version) {
	if reason, _ := j.whyNot(t, v, v.Object.Key[len(t.object.Key):]); reason != "" || v.Size == 0 || v.Archived {
		return
	}
	rule, err := j.Keychain.Match(v.Object.Bucket, v.Object.Key)
	if err != nil || rule != listed {
		return
	}
	info := v.Info
	if _, err := pin(&info, rule); err == nil {
		j.beginHash(ctx, j.access[rule].Access, info)
	}
}

func (j *job) beginHash(ctx context.Context, a creds.Access, info s3read.Info) chan hashed {
	c := make(chan hashed, 1)
	j.hashes.pending[info.Object] = c
	j.hashes.running.Go(func() {
		parts, err := j.hashObject(ctx, a, info)
		c <- hashed{parts, err}
	})
	return c
}

// contentHashes returns the MD5s of the parts of an object.
func (j *job) contentHashes(ctx context.Context, a creds.Access, info s3read.Info) ([]locator.Hash, error) {
	c := j.hashes.pending[info.Object]
	if c == nil {
		c = j.beginHash(ctx, a, info)
	}
	defer delete(j.hashes.pending, info.Object)
	h := <-c
	return h.parts, h.err
}

// hashObject reads the parts of an object, or takes its ETag where that is
// known to be the MD5.
func (j *job) hashObject(ctx context.Context, a creds.Access, info s3read.Info) ([]locator.Hash, error) {
	if sum, ok := j.knownMD5(ctx, a, info); ok {
		return []locator.Hash{sum}, nil
	}
	n := (info.Size + pseudoblock.MaxContent - 1) / pseudoblock.MaxContent
	parts := make([]locator.Hash, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(streamsOfOne)
	i := 0
	for e := range pseudoblock.Split(info.Object, info.Size, pseudoblock.MaxContent) {
		at := i
		i++
		group.Go(func() (err error) {
			parts[at], err = j.readMD5(ctx, a, e)
			return err
		})
		if ctx.Err() != nil {
			break
		}
	}
	return parts, group.Wait()
}

// knownMD5 returns the MD5 of the bytes when S3 proves it: the ETag of an
// object that was written in one part and is encrypted with S3's own keys or
// not at all. A listing does not tell the encryption, so this asks once.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
func (j *job) knownMD5(ctx context.Context, a creds.Access, info s3read.Info) (locator.Hash, bool) {
	if raw, err := hex.DecodeString(info.ETag); err != nil || len(raw) != md5.Size || info.Size > pseudoblock.MaxContent {
		return "", false
	}
	now, err := j.Describer.Head(ctx, a, info.Object)
	if err != nil || now.ETag != info.ETag || now.Encryption != "" && now.Encryption != "AES256" {
		return "", false
	}
	return locator.Hash(info.ETag), true
}

// readMD5 reads the bytes of one part once.
func (j *job) readMD5(ctx context.Context, a creds.Access, e pseudoblock.Extent) (locator.Hash, error) {
	select {
	case j.hashes.streams <- struct{}{}:
		defer func() { <-j.hashes.streams }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	body, err := j.Describer.Open(ctx, a, e)
	if err != nil {
		return "", err
	}
	defer body.Close()
	sum := md5.New()
	n, err := io.Copy(sum, body)
	j.hashes.read.Add(n)
	if err != nil {
		return "", err
	}
	return locator.Hash(hex.EncodeToString(sum.Sum(nil))), nil
}
