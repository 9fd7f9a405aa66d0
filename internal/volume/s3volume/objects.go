// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3volume

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/locator"
)

// What a read finds in a reply.
var (
	errSpoilt = errors.New("the MD5 differs")
	errTooBig = errors.New("the block is larger than the buffer")
	errShort  = errors.New("the reply does not tell its length, or broke off")
)

// object is what HEAD tells.
type object struct {
	size     int64
	modified time.Time
}

func (c *client) head(ctx context.Context, key string) (o object, err error) {
	err = c.do(ctx, request{method: http.MethodHead, key: key}, func(reply *http.Response) error {
		o.size = reply.ContentLength
		o.modified, err = http.ParseTime(reply.Header.Get("Last-Modified"))
		if o.size < 0 {
			return errShort
		}
		return err
	})
	return o, err
}

// get passes the body of an object, which has exactly the size told, to read.
func (c *client) get(ctx context.Context, key string, read func(body io.Reader, size int64) error) error {
	return c.do(ctx, request{method: http.MethodGet, key: key}, func(reply *http.Response) error {
		if reply.StatusCode != http.StatusOK || reply.ContentLength < 0 {
			return errShort
		}
		return read(reply.Body, reply.ContentLength)
	})
}

func (c *client) put(ctx context.Context, key string, data []byte) error {
	sum := md5.Sum(data)
	return c.do(ctx, request{method: http.MethodPut, key: key, body: data, header: map[string]string{
		"Content-Type": "application/octet-stream",
		"Content-Md5":  base64.StdEncoding.EncodeToString(sum[:]),
	}}, nil)
}

func (c *client) remove(ctx context.Context, key string) error {
	return c.do(ctx, request{method: http.MethodDelete, key: key}, nil)
}

// copy copies within the bucket. S3 may begin a reply with 200 and then find
// that it fails, so the document must say that the copy was made.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
func (c *client) copy(ctx context.Context, from, to string) error {
	header := map[string]string{"X-Amz-Copy-Source": "/" + c.bucket + "/" + locator.Escape(from, true)}
	return c.do(ctx, request{method: http.MethodPut, key: to, header: header}, func(reply *http.Response) error {
		var told struct {
			XMLName xml.Name
			Code    string
		}
		if err := xml.NewDecoder(io.LimitReader(reply.Body, 64<<10)).Decode(&told); err != nil {
			return fmt.Errorf("the reply to a copy: %w", err)
		}
		if told.XMLName.Local != "CopyObjectResult" {
			return &refusal{status: http.StatusInternalServerError, code: plain(told.Code)}
		}
		return nil
	})
}

// exists tells a missing object from one that cannot be asked for.
func exists(err error) (bool, error) {
	told := new(refusal)
	if errors.As(err, &told) && told.kind() == volume.BlockNotFound {
		return false, nil
	}
	return err == nil, err
}
