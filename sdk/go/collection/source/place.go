// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/arvados-s3/keepstore/locator"
)

// Name is what a request says of one source.
type Name struct {
	// URL, or Bucket and Key, name an object or a prefix.
	URL, Bucket, Key string
	// Path is where the files are to go.
	Path string
}

// Place is what a source names and where it goes.
type Place struct {
	Object locator.Object
	// Prefix says that the key is a prefix, to be listed.
	Prefix bool
	// Path is the folder of a prefix ("" for the root), or the whole path of a
	// single object.
	Path string
}

// maxPath bounds paths in bytes, as S3 bounds keys.
const maxPath = 1024

// Parse reads a source.
func Parse(n Name) (Place, error) {
	p := Place{Path: n.Path}
	if err := p.parseName(n); err != nil {
		return p, err
	}
	if err := locator.CheckBucket(p.Object.Bucket); err != nil {
		return p, err
	}
	p.Prefix = p.Object.VersionID == "" && (p.Object.Key == "" || strings.HasSuffix(p.Object.Key, "/"))
	if p.Object.Key != "" { // only a prefix can be empty here
		if err := locator.CheckKey(p.Object.Key); err != nil {
			return p, err
		}
	}
	return p, p.setPath()
}

func (p *Place) parseName(n Name) error {
	switch {
	case n.URL != "" && n.Bucket+n.Key != "":
		return errors.New("give either url, or bucket and key")
	case n.URL == "":
		p.Object = locator.Object{Bucket: n.Bucket, Key: n.Key}
		return nil
	}
	var err error
	p.Object, err = parseURL(n.URL)
	return err
}

func (p *Place) setPath() error {
	if len(p.Path) > maxPath {
		return fmt.Errorf("the path has %d bytes, more than the limit of %d", len(p.Path), maxPath)
	}
	if p.Prefix {
		p.Path = strings.TrimSuffix(p.Path, "/")
		if p.Path != "" && !IsPath(p.Path) {
			return errors.New("the path \"" + p.Path + "\" has an empty, \".\" or \"..\" component")
		}
		return nil
	}
	if p.Path == "" || strings.HasSuffix(p.Path, "/") {
		p.Path += path.Base(p.Object.Key)
	}
	if !IsPath(p.Path) {
		return errors.New("the path \"" + p.Path + "\" has an empty, \".\" or \"..\" component: give another path")
	}
	return nil
}

// IsPath reports whether p can be the path of a file in a collection.
func IsPath(p string) bool {
	for component := range strings.SplitSeq(p, "/") {
		if component == "" || component == "." || component == ".." {
			return false
		}
	}
	return true
}

// parseURL reads what a person would paste. It is laxer than
// locator.ParseURL about which characters are percent-encoded, and says so
// where it must guess.
func parseURL(text string) (locator.Object, error) {
	bucket, rest, err := splitURL(text)
	if err != nil {
		return locator.Object{}, err
	}
	rest, query, _ := strings.Cut(rest, "?")
	if strings.Contains(rest+query, "#") {
		return locator.Object{}, errors.New("write \"#\" in a key as %23, or use bucket and key in place of url")
	}
	o := locator.Object{Bucket: bucket}
	if o.Key, err = url.PathUnescape(rest); err != nil {
		return o, errors.New("write \"%\" in a key as %25, or use bucket and key in place of url")
	}
	if query == "" {
		return o, nil
	}
	version, ok := strings.CutPrefix(query, "versionId=")
	if !ok || strings.Contains(version, "&") {
		return o, errors.New("the URL may have the parameter versionId only; write \"?\" in a key as %3F, or use bucket and key in place of url")
	}
	if o.VersionID, err = url.PathUnescape(version); err != nil {
		return o, errors.New("the versionId is not percent-encoded correctly")
	}
	return o, o.Check()
}

// splitURL splits s3://bucket/rest and the two https forms of AWS. The host
// of the latter only gives the bucket: requests go where the access rules say.
func splitURL(text string) (bucket, rest string, err error) {
	if tail, ok := strings.CutPrefix(text, "s3://"); ok {
		bucket, rest, _ = strings.Cut(tail, "/")
		return bucket, rest, nil
	}
	tail, ok := strings.CutPrefix(text, "https://")
	host, rest, _ := strings.Cut(tail, "/")
	if !ok || !strings.HasSuffix(host, ".amazonaws.com") {
		return "", "", errors.New("the URL must begin with s3://, or be an https URL of S3 (bucket.s3.region.amazonaws.com)")
	}
	if strings.HasPrefix(host, "s3.") || strings.HasPrefix(host, "s3-") {
		bucket, rest, _ = strings.Cut(rest, "/")
		return bucket, rest, nil
	}
	for _, mark := range []string{".s3.", ".s3-"} {
		if i := strings.LastIndex(host, mark); i > 0 {
			return host[:i], rest, nil
		}
	}
	return "", "", errors.New("the https URL names no bucket")
}
