// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// oddKey is a key that some tool or server somewhere stumbles over.
type oddKey struct {
	key  string
	data string
	// reason is why a prefix import leaves it out; empty means that it is
	// imported, under its own name.
	reason string
}

// oddKeys are in an order in which every server can take them.
func oddKeys() []oddKey {
	keys := []oddKey{
		{"empty", "", ""},
		{"placeholder/", "", "folder-placeholder"},
		{"trailing/", "bytes under a name of a folder", "bad-name"},
		{"/leading", "slash first", "bad-name"},
		{"//double", "two slashes first", "bad-name"},
		{"a//b", "two slashes", "bad-name"},
		{"dots/./x", "one dot", "bad-name"},
		{"dots/../y", "two dots", "bad-name"},
		{"both", "a file", ""},
		{"both/inside", "and a folder", "name-clash"},
		{"control\x01char", "U+0001", ""},
		{"long/" + strings.Repeat(strings.Repeat("x", 99)+"/", 9) + "end", "910 bytes of key", ""},
	}
	for _, name := range []string{
		"quest?ion", "ha#sh", "per%2Fcent", "per%cent", "sp  ace ", "line\nfeed", "carriage\rreturn", "tab\there", "pl+us&am=p", "co:lon\\back", "quote'\"",
		"caf\u00e9", "cafe\u0301", "\u00ff\u00fe", "caf\u00c3\u00a9", "\U0001F9EC", "nbsp\u00a0", "bad%FFbytes", "\\303\\251", "...", ".hidden", "-dash",
		"semi;colon,comma", "[brackets]{braces}", "star*", "$dollar@at!", "tilde~", "<xml>&amp;", "d41d8cd98f00b204e9800998ecf8427e+0", "0:0:file",
	} {
		keys = append(keys, oddKey{"odd/" + name, "of " + name, ""})
	}
	return keys
}

// refusals says which of these keys a server does not keep under their names,
// and why.
func refusals(server string) map[string]string {
	switch server {
	case "minio":
		const path, slash, end = "refuses empty parts and dots in names", "drops slashes at the beginning", "gives names that end in a slash no version"
		return map[string]string{
			"/leading": slash, "//double": slash, "a//b": path, "dots/./x": path, "dots/../y": path,
			"trailing/": end, "placeholder/": end, "both/inside": "stores such keys, and leaves them out of listings",
		}
	case "versitygw":
		const path, file = "takes names for paths, and cleans these", "a path is a file or a folder"
		return map[string]string{
			"/leading": path, "//double": path, "a//b": path, "dots/./x": path, "dots/../y": path, "both/inside": file,
			"trailing/": "a folder has no bytes", "placeholder/": "gives folders no version", "control\x01char": "lists control characters as U+FFFD",
		}
	case "moto":
		return map[string]string{"odd/line\nfeed": "finds no route for a path with a line feed"}
	}
	return nil
}

// odd puts the odd keys that the server takes, and as many others as make n
// objects. What a server is said not to take it must not take.
func (r *rig) odd(n int) []oddKey {
	r.t.Helper()
	refused := refusals(r.server.Name)
	var taken []oddKey
	for _, k := range oddKeys() {
		if why, known := refused[k.key]; !known {
			r.put(k.key, []byte(k.data))
			taken = append(taken, k)
		} else if err := r.keeps(k); err == nil {
			r.t.Errorf("%s takes %q by now, which was left out there: %s", r.server.Name, k.key, why)
		}
	}
	left := n - len(taken)
	for i := range left {
		taken = append(taken, oddKey{key: fmt.Sprintf("run%02d/sample%04d.txt", i%20, i), data: fmt.Sprint("sample ", i)})
	}
	r.putAll(taken[n-left:])
	return taken
}

// keeps reports how a key is not kept in a bucket of its own.
func (r *rig) keeps(k oddKey) error {
	ctx, bucket := context.Background(), r.server.Bucket(r.t, fmt.Sprintf("collection-odd-%d", number.Add(1)), true)
	stored := []oddKey{k}
	if k.key == "both/inside" {
		stored = []oddKey{{key: "both"}, k}
	}
	for _, one := range stored {
		out, err := r.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &one.key, Body: strings.NewReader(one.data)})
		if err != nil {
			return err
		}
		if id := aws.ToString(out.VersionId); one.key == k.key && (id == "" || id == "null") {
			return errors.New("it has no version")
		}
	}
	if keys := r.list(bucket); !slices.Contains(keys, k.key) {
		return fmt.Errorf("it is listed as %q", keys)
	}
	return nil
}

// putAll puts objects, several at once where the server can.
func (r *rig) putAll(keys []oddKey) {
	r.t.Helper()
	var wg sync.WaitGroup
	next, most := make(chan oddKey), 8
	if r.server.Name == "moto" {
		most = 1 // it loses versions that are stored at once
	}
	for range most {
		wg.Go(func() {
			for k := range next {
				r.put(k.key, []byte(k.data))
			}
		})
	}
	for _, k := range keys {
		next <- k
	}
	close(next)
	wg.Wait()
}

// list is what the AWS SDK sees in a bucket.
func (r *rig) list(bucket string) []string {
	r.t.Helper()
	var keys []string
	for pages := s3.NewListObjectsV2Paginator(r.s3, &s3.ListObjectsV2Input{Bucket: &bucket, EncodingType: types.EncodingTypeUrl}); pages.HasMorePages(); {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			r.t.Fatal(err)
		}
		for _, o := range page.Contents {
			key, err := aws.ToString(o.Key), error(nil)
			if page.EncodingType == types.EncodingTypeUrl { // not every server does it
				key, err = url.QueryUnescape(key)
			}
			if err != nil {
				r.t.Fatal(err)
			}
			keys = append(keys, key)
		}
	}
	return keys
}
