// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/url"
	"sort"
	"strconv"
	"strings"
)

const (
	pageSize   = 1000
	listedSize = 4096
)

// key returns the i-th key of the listing. The keys are in order: a hundred
// files in a folder and a hundred folders in a folder, or all in one.
func (o generatorOptions) key(i int) string {
	if o.nested {
		return fmt.Sprintf("run-%05d/lane-%02d/sample-%08d.bam", i/10_000, i/100%100, i)
	}
	return fmt.Sprintf("sample-%08d.bam", i)
}

// versionID is that of the n-th newest version of the i-th key.
func versionID(i, n int) string { return fmt.Sprintf("%08dkeepstoreBenchVersion_%d", i, n) }

// listing answers a page of ListObjectVersions in the words of AWS.
func (o generatorOptions) listing(query url.Values) []byte {
	i, n := o.startOf(query)
	prefix := query.Get("prefix")
	out := make([]byte, 0, 512<<10)
	out = append(out, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+
		`<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bench</Name><MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType>`...)
	for range pageSize {
		if i >= o.keys || !strings.HasPrefix(o.key(i), prefix) {
			return append(out, "<IsTruncated>false</IsTruncated></ListVersionsResult>"...)
		}
		out = o.appendEntry(out, i, n)
		if n++; n > o.old {
			i, n = i+1, 0
		}
	}
	lastKey, lastVersion := i, n-1
	if n == 0 {
		lastKey, lastVersion = i-1, o.old
	}
	return fmt.Appendf(out, "<IsTruncated>true</IsTruncated><NextKeyMarker>%s</NextKeyMarker><NextVersionIdMarker>%s</NextVersionIdMarker></ListVersionsResult>",
		o.key(lastKey), versionID(lastKey, lastVersion))
}

// startOf returns the first entry of a page: after the markers, and not before
// the prefix.
func (o generatorOptions) startOf(query url.Values) (i, n int) {
	prefix, key := query.Get("prefix"), query.Get("key-marker")
	i = sort.Search(o.keys, func(i int) bool { k := o.key(i); return k >= prefix && k > key })
	if key == "" || i == 0 || o.key(i-1) != key {
		return i, 0
	}
	_, number, ok := strings.Cut(query.Get("version-id-marker"), "_")
	last, err := strconv.Atoi(number)
	if !ok || err != nil || last >= o.old {
		return i, 0
	}
	return i - 1, last + 1
}

func (o generatorOptions) appendEntry(out []byte, i, n int) []byte {
	out = append(append(out, "<Version><Key>"...), o.key(i)...)
	out = append(append(out, "</Key><VersionId>"...), versionID(i, n)...)
	out = append(out, "</VersionId><IsLatest>"...)
	out = strconv.AppendBool(out, n == 0)
	out = append(out, "</IsLatest><LastModified>2026-01-01T00:00:"...)
	out = append(out, byte('5'), byte('9'-n%10))
	out = append(out, `.000Z</LastModified><ETag>&quot;d41d8cd98f00b204e980`...)
	out = fmt.Appendf(out, "%012x", i)
	out = append(out, `&quot;</ETag><Size>`...)
	out = strconv.AppendInt(out, listedSize, 10)
	return append(out, `</Size><Owner><ID>75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a</ID></Owner><StorageClass>STANDARD</StorageClass></Version>`...)
}
