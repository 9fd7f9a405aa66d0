// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/arvados-s3/keepstore/sdk/go/api"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
	"github.com/arvados-s3/keepstore/sdk/go/keep"
)

// sdkJob is what the Go SDK needs besides a Keep service.
type sdkJob struct{ API, Token string }

// What the ranged download does is what the SDK does when it reads ahead.
const (
	rangePart   = 4 * mib
	rangesAtOne = 4
)

// clientLoad runs a load that is made by one client.
func (j job) clientLoad() loadResult {
	begin, cpu := time.Now(), ownCPU()
	bytes, err := int64(0), error(nil)
	switch {
	case j.Ranged:
		bytes, err = j.repeat(j.rangedDownload)
	case j.Part > 0:
		bytes, err = j.scattered()
	default:
		bytes, err = j.repeat(j.sequential)
	}
	r := loadResult{Requests: j.Requests, Bytes: bytes, Seconds: time.Since(begin).Seconds(), CPU: ownCPU() - cpu}
	if err != nil {
		r.Error = err.Error()
	}
	return r
}

// repeat reads the whole object as often as is asked for.
func (j job) repeat(read func() error) (bytes int64, err error) {
	for range j.Requests {
		if err := read(); err != nil {
			return bytes, err
		}
		bytes += j.Size
	}
	return bytes, nil
}

// open gives the object as a file to read, with an empty cache.
func (j job) open(read func(*collection.File) error) error {
	a, err := api.New(api.Settings{Host: j.SDK.API, Token: api.NewToken(j.SDK.Token)})
	if err != nil {
		return err
	}
	defer a.Close()
	client, err := collection.NewClient(a, collection.Options{Keep: keep.Options{Services: []string{"http://" + j.Address}}})
	if err != nil {
		return err
	}
	defer client.Close()
	c, err := client.Parse(fmt.Sprintf(". %s 0:%d:object\n", strings.TrimPrefix(j.Path, "/"), j.Size))
	if err != nil {
		return err
	}
	f, err := c.OpenFile(context.Background(), "object")
	if err != nil {
		return err
	}
	defer f.Close()
	return read(f)
}

func (j job) sequential() error {
	return j.open(func(f *collection.File) error {
		n, err := io.Copy(struct{ io.Writer }{io.Discard}, f)
		if err == nil && n != j.Size {
			err = fmt.Errorf("read %d bytes of %d", n, j.Size)
		}
		return err
	})
}

// scattered reads parts at random offsets, one after the other.
func (j job) scattered() (bytes int64, err error) {
	err = j.open(func(f *collection.File) error {
		random, p := rand.New(rand.NewPCG(1, 1)), make([]byte, j.Part)
		for range j.Requests {
			if _, err := f.ReadAt(p, random.Int64N(j.Size-j.Part+1)); err != nil {
				return err
			}
			bytes += j.Part
		}
		return nil
	})
	return bytes, err
}

// rangedDownload fetches the object in parts, several at once.
func (j job) rangedDownload() error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: rangesAtOne}}
	defer client.CloseIdleConnections()
	next, errs := make(chan int64), make([]error, rangesAtOne)
	var wg sync.WaitGroup
	for i := range rangesAtOne {
		wg.Go(func() {
			buffer := make([]byte, rangePart)
			for at := range next {
				if err := j.fetchRange(client, at, buffer[:min(rangePart, j.Size-at)]); err != nil {
					errs[i] = err
				}
			}
		})
	}
	for at := int64(0); at < j.Size; at += rangePart {
		next <- at
	}
	close(next)
	wg.Wait()
	return errors.Join(errs...)
}

func (j job) fetchRange(client *http.Client, at int64, p []byte) error {
	req, err := http.NewRequest(http.MethodGet, "http://"+j.Address+j.Path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", at, at+int64(len(p))-1))
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusPartialContent {
		return fmt.Errorf("a range was answered with %s", resp.Status)
	}
	_, err = io.ReadFull(resp.Body, p)
	return err
}
