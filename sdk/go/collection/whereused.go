// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/api"
)

// Use is a collection that has bytes of the S3 objects that were asked for.
type Use struct {
	Record
	// Objects, Files and Bytes count what of the collection lies there.
	Objects int
	Files   int64
	Bytes   int64
}

// WhereUsed yields the collections, of those that the caller may see, that have
// bytes of an object (s3://bucket/key), of one version of it
// (s3://bucket/key?versionId=…), or of anything below a prefix
// (s3://bucket/prefix/). It asks for the collections whose property
// [PrefixesProperty] names the bucket, and reads their manifests.
//
// Collections that the caller may not see, and those that were stored by
// programs that do not write this property, are not found. It ends after the
// first error.
func (c *Client) WhereUsed(ctx context.Context, s3URL string) iter.Seq2[Use, error] {
	return func(yield func(Use, error) bool) {
		wanted, err := parseWanted(s3URL)
		if err != nil {
			yield(Use{}, err)
			return
		}
		params := api.Params{
			"filters": [][]any{{"properties." + PrefixesProperty, "contains", "s3://" + wanted.Bucket + "/"}},
			"select":  recordFields(),
		}
		for item, err := range c.api.All(ctx, collections, params) {
			use, err := c.use(ctx, wanted, item, err)
			if err != nil {
				yield(Use{}, err)
				return
			}
			if use.Files > 0 && !yield(use, nil) {
				return
			}
		}
	}
}

// wanted is what a search is for: an object without a version means any, and
// a key that is empty or ends in "/" all below it.
type wanted struct{ locator.Object }

func parseWanted(text string) (wanted, error) {
	bucket, key, version := splitURL(text)
	w := wanted{locator.Object{Bucket: bucket, Key: key, VersionID: version}}
	if err := locator.CheckBucket(bucket); err != nil || !strings.HasPrefix(text, "s3://") {
		return w, fault(BadSource, "%s is not an S3 URL such as s3://bucket/key or s3://bucket/prefix/", quote(text))
	}
	return w, nil
}

// splitURL takes an S3 URL apart, however it is written. What cannot be
// decoded stays as it is.
func splitURL(text string) (bucket, key, version string) {
	path, query, _ := strings.Cut(strings.TrimPrefix(text, "s3://"), "?")
	if rest, ok := strings.CutPrefix(path, "https://"); ok {
		path = fromHost(rest)
	}
	bucket, key, _ = strings.Cut(path, "/")
	if decoded, err := url.PathUnescape(key); err == nil {
		key = decoded
	}
	if values, err := url.ParseQuery(strings.ReplaceAll(query, "+", "%2B")); err == nil {
		version = values.Get("versionId")
	}
	return bucket, key, version
}

// fromHost turns host and path of AWS into bucket and key. The bucket is the
// first label of the host, or stands in the path.
func fromHost(text string) string {
	host, path, _ := strings.Cut(text, "/")
	if i := strings.LastIndex(host, ".s3"); i > 0 {
		return host[:i] + "/" + path
	}
	return path
}

func (w wanted) matches(o locator.Object) bool {
	if o.Bucket != w.Bucket || w.VersionID != "" && o.VersionID != w.VersionID {
		return false
	}
	if w.Key == "" || strings.HasSuffix(w.Key, "/") {
		return strings.HasPrefix(o.Key, w.Key)
	}
	return o.Key == w.Key
}

// use reads the manifest of one collection.
func (c *Client) use(ctx context.Context, w wanted, item json.RawMessage, err error) (Use, error) {
	var use Use
	if err == nil {
		err = json.Unmarshal(item, &use.Record)
	}
	if err != nil {
		return use, err
	}
	var s struct {
		Text string `json:"unsigned_manifest_text"`
	}
	fields := []string{"unsigned_manifest_text"}
	if err := c.api.Call(ctx, http.MethodGet, collections+"/"+use.UUID, api.Params{"select": fields}, &s); err != nil {
		return use, err
	}
	root, err := parse(s.Text, nil)
	if err != nil {
		return use, err
	}
	use.count(w, root)
	return use, nil
}

func (u *Use) count(w wanted, root *folder) {
	objects := map[locator.Object]bool{}
	_ = root.walk(func(_ string, e entry) error { // visit returns no error
		if e.file == nil {
			return nil
		}
		used := false
		e.file.pieces(func(p piece) bool {
			found := false
			for _, o := range objectsOf(p.text()) {
				if w.matches(o) {
					objects[o], found = true, true
				}
			}
			if found {
				used = true
				u.Bytes += p.size
			}
			return true
		})
		if used {
			u.Files++
		}
		return nil
	})
	u.Objects = len(objects)
}
