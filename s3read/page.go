// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"bytes"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// page is one decoded page of either listing.
type page struct {
	versions  []Version // versions and delete markers in the order they came
	folders   []string
	truncated bool
	// The markers are raw: not decoded, even if encoded is set.
	nextKey, nextVersion, nextToken string
	// encoded says that names are URL-encoded in the query style.
	encoded bool
	// owner is that of the last entry: most of a page have the same.
	owner Owner
}

// entry is the text of one element of a page, not copied yet.
type entry struct {
	key, versionID, modified, size, etag, class []byte
	ownerID, ownerName                          []byte
	latest                                      bool
}

// decodePage reads ListVersionsResult or ListBucketResult. Keys and folders
// are decoded, bucket is put into each object.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
func decodePage(body []byte, bucket string) (*page, error) {
	p := &page{versions: make([]Version, 0, 1000)}
	s := &scanner{rest: body}
	root, err := s.next()
	if err != nil {
		return nil, err
	}
	if name := string(root.name); name != "ListVersionsResult" && name != "ListBucketResult" {
		return nil, errXML
	}
	for {
		t, err := s.next()
		switch {
		case err != nil:
			return nil, err
		case t.end: // of the root
			return p, p.unescape()
		case t.name == nil:
			return nil, errXML
		}
		if err := p.child(s, t.name, bucket); err != nil {
			return nil, err
		}
	}
}

// child reads one element below the root.
func (p *page) child(s *scanner, name []byte, bucket string) error {
	switch string(name) {
	case "Version", "DeleteMarker", "Contents":
		var e entry
		if err := s.entry(&e); err != nil {
			return err
		}
		v, err := e.version(bucket, string(name) == "DeleteMarker")
		v.Owner = p.ownerOf(&e)
		p.versions = append(p.versions, v)
		return err
	case "CommonPrefixes":
		return s.fields(func(name, text []byte) {
			if string(name) == "Prefix" {
				p.folders = append(p.folders, string(text))
			}
		})
	}
	text, err := s.leaf()
	if err != nil {
		return err
	}
	p.set(string(name), string(text))
	return nil
}

func (p *page) set(name, text string) {
	switch name {
	case "IsTruncated":
		p.truncated = strings.TrimSpace(text) == "true"
	case "NextKeyMarker":
		p.nextKey = text
	case "NextVersionIdMarker":
		p.nextVersion = text
	case "NextContinuationToken":
		p.nextToken = text
	case "EncodingType":
		p.encoded = strings.TrimSpace(text) == "url"
	}
}

// fields calls set for each child of the open element, up to its end.
func (s *scanner) fields(set func(name, text []byte)) error {
	for {
		t, err := s.next()
		if err != nil {
			return err
		}
		if t.end {
			return nil
		}
		name := t.name
		text, err := s.leaf()
		if err != nil {
			return err
		}
		set(name, text)
	}
}

// entry reads the open element, and the owner inside it.
func (s *scanner) entry(e *entry) error {
	for {
		t, err := s.next()
		if err != nil || t.end {
			return err
		}
		name := t.name
		if string(name) == "Owner" {
			if err := s.fields(e.setOwner); err != nil {
				return err
			}
			continue
		}
		text, err := s.leaf()
		if err != nil {
			return err
		}
		e.set(name, text)
	}
}

// leaf returns the text of the open element and passes its end, and any
// elements inside.
func (s *scanner) leaf() ([]byte, error) {
	depth := s.deep
	for {
		t, err := s.next()
		if err != nil {
			return nil, err
		}
		if t.end && s.deep < depth {
			return s.text, nil
		}
	}
}

func (e *entry) set(name, text []byte) {
	switch string(name) {
	case "Key":
		e.key = text
	case "VersionId":
		e.versionID = text
	case "LastModified":
		e.modified = text
	case "Size":
		e.size = text
	case "ETag":
		e.etag = text
	case "StorageClass":
		e.class = text
	case "IsLatest":
		e.latest = string(bytes.TrimSpace(text)) == "true"
	}
}

func (e *entry) setOwner(name, text []byte) {
	switch string(name) {
	case "ID":
		e.ownerID = text
	case "DisplayName":
		e.ownerName = text
	}
}

// maxOwner bounds both texts of an owner. The ids of AWS have 64 bytes.
const maxOwner = 256

// ownerOf copies the owner of an entry, once where many have the same. One
// that is no text, or too long, is not known.
func (p *page) ownerOf(e *entry) Owner {
	if string(e.ownerID) != p.owner.ID || string(e.ownerName) != p.owner.Name {
		p.owner = Owner{ID: ownerText(e.ownerID), Name: ownerText(e.ownerName)}
	}
	return p.owner
}

func ownerText(b []byte) string {
	if len(b) > maxOwner || !utf8.Valid(b) {
		return ""
	}
	return string(b)
}

// maxVersionID bounds what is kept for each version of a key, of which there
// may be very many. S3's own version ids have at most 1,024 bytes.
const maxVersionID = 1024

// version checks an entry. The key is decoded later.
func (e *entry) version(bucket string, marker bool) (Version, error) {
	v := Version{Latest: e.latest, DeleteMarker: marker}
	v.Object.Bucket, v.Object.Key, v.Object.VersionID = bucket, string(e.key), string(e.versionID)
	modified, err := time.Parse(time.RFC3339, string(e.modified))
	year := modified.UTC().Year() // a zone may lead out of the years that RFC 3339 can write
	if err != nil || year < 0 || year > 9999 || len(e.key) == 0 || len(e.versionID) > maxVersionID {
		return v, errXML
	}
	v.LastModified = modified
	if marker {
		return v, nil
	}
	v.ETag, v.StorageClass = unquoteETag(string(e.etag)), className(e.class)
	v.Archived = isArchiveClass(v.StorageClass)
	if v.Size = decimal(string(e.size)); v.Size < 0 {
		return v, errXML
	}
	return v, nil
}

// className saves a copy for the class that nearly all objects have.
func className(b []byte) string {
	const usual = "STANDARD"
	if string(b) == usual {
		return usual
	}
	return string(b)
}

// unescape decodes keys and folders, if the reply says that they are encoded,
// and marks keys that did not survive.
func (p *page) unescape() error {
	for i := range p.versions {
		v := &p.versions[i]
		key, ok := p.decode(v.Object.Key)
		v.Object.Key = key
		v.Undecodable = !ok || strings.ContainsRune(key, utf8.RuneError)
	}
	for i, f := range p.folders {
		p.folders[i], _ = p.decode(f)
	}
	return nil
}

// decode undoes encoding-type=url. MinIO writes a space as "+", so this is
// the query style.
func (p *page) decode(s string) (string, bool) {
	if !p.encoded || !strings.ContainsAny(s, "%+") {
		return s, true
	}
	out, err := url.QueryUnescape(s)
	if err != nil {
		return s, false
	}
	return out, true
}
