// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/locator"
)

// Source is one S3 object or prefix to import. docs/protocol.md tells how it
// is read.
type Source struct {
	// URL is s3://bucket/key or s3://bucket/prefix/, percent-encoded where
	// needed, with an optional ?versionId=, or the https form of either.
	URL string `json:"url,omitempty"`
	// Bucket and Key name the same without any encoding, in place of URL.
	Bucket string `json:"bucket,omitempty"`
	Key    string `json:"key,omitempty"`
	// Path is where the files go: a folder for a prefix; for an object the
	// whole path, or with a "/" at the end the folder.
	Path string `json:"path,omitempty"`
	// Include and Exclude are glob patterns over the path below the prefix, or
	// over its last part for patterns without "/".
	Include []string `json:"include,omitempty"`
	Exclude []string `json:"exclude,omitempty"`
	// IncludeRegexp and ExcludeRegexp are regular expressions (RE2, as of
	// package regexp), looked for anywhere in the path below the prefix. A key
	// is imported when nothing excludes it and, if there is anything that
	// includes, that does.
	IncludeRegexp []string `json:"include_regexp,omitempty"`
	ExcludeRegexp []string `json:"exclude_regexp,omitempty"`
	// AsOf asks for the versions that were current then.
	AsOf *time.Time `json:"as_of,omitempty"`
}

// SourceRecord is one import, as the property arv:s3_sources keeps it.
type SourceRecord struct {
	Source
	// ImportedAt is when the import, or the last refresh, ended.
	ImportedAt time.Time `json:"imported_at"`
	// Files, Bytes and Skipped are the counts of the whole import, of which
	// this may be one source of several.
	Files   int64 `json:"files"`
	Bytes   int64 `json:"bytes"`
	Skipped int64 `json:"skipped"`
	// WeakPins counts files that are pinned by ETag only, Archived those that
	// had to be restored before they could be read.
	WeakPins int64 `json:"weak_pins,omitempty"`
	Archived int64 `json:"archived,omitempty"`
}

// url returns the canonical URL of what the source names, for comparing.
func (s Source) url() string {
	if s.URL != "" {
		return s.URL
	}
	return "s3://" + s.Bucket + "/" + locator.Escape(s.Key, true)
}

// isPrefix reports whether the source is a prefix rather than one object.
func (s Source) isPrefix() bool {
	path, _, _ := strings.Cut(s.url(), "?")
	rest, ok := strings.CutPrefix(path, "s3://")
	if !ok {
		rest = strings.TrimPrefix(path, "https://")
	}
	return strings.HasSuffix(rest, "/") || !strings.Contains(rest, "/")
}

// below puts the files of a source into a folder.
func (s Source) below(folder string) Source {
	if folder == "" || folder == "." {
		return s
	}
	into := strings.TrimSuffix(folder, "/") + "/"
	if s.Path = into + s.Path; s.isPrefix() {
		s.Path = strings.TrimSuffix(s.Path, "/")
	}
	return s
}

// filtered reports whether the source has filters.
func (s Source) filtered() bool { return !s.sameFilters(Source{}) }

func (s Source) sameFilters(o Source) bool {
	return slices.Equal(s.Include, o.Include) && slices.Equal(s.Exclude, o.Exclude) &&
		slices.Equal(s.IncludeRegexp, o.IncludeRegexp) && slices.Equal(s.ExcludeRegexp, o.ExcludeRegexp)
}

// Properties of collections that have S3 objects in them.
const (
	// SourcesProperty holds the imports, a list of [SourceRecord].
	SourcesProperty = "arv:s3_sources"
	// PrefixesProperty holds every folder in S3, from the bucket down, in
	// which the collection has an object, such as "s3://bucket/a/". One filter
	// finds the collections that use a bucket or folder:
	//
	//	["properties.arv:s3_prefixes", "contains", "s3://bucket/a/"]
	//
	// When there are more than [MaxPrefixes], the deepest are left out, level
	// by level; buckets always stay.
	PrefixesProperty = "arv:s3_prefixes"
	// MaxPrefixes bounds the list of PrefixesProperty.
	MaxPrefixes = 500
	// maxSources bounds the list of SourcesProperty.
	maxSources = 100
)

// recordSources sets the properties to what the files are and where they came
// from.
func recordSources(properties map[string]any, imported []SourceRecord, root *folder) {
	if len(imported) > 0 {
		known, err := sourceRecords(properties)
		if err != nil {
			known = nil // somebody else's text there is of no use
		}
		known = mergeSources(known, imported)
		properties[SourcesProperty] = known[max(0, len(known)-maxSources):]
	}
	if prefixes := prefixesOf(root); len(prefixes) > 0 {
		properties[PrefixesProperty] = prefixes
	} else {
		delete(properties, PrefixesProperty)
	}
}

// sourceRecords reads the property.
func sourceRecords(properties map[string]any) ([]SourceRecord, error) {
	text, err := json.Marshal(properties[SourcesProperty])
	if err != nil {
		return nil, err
	}
	var known []SourceRecord
	if err := json.Unmarshal(text, &known); err != nil {
		return nil, &Error{Kind: BadSource, Text: "the property " + SourcesProperty + " of the collection is not the list that imports write", Err: err}
	}
	return known, nil
}

// Sources returns the imports that the collection is known to come from.
func (c *Collection) Sources() ([]SourceRecord, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	known, err := sourceRecords(c.record.Properties)
	return mergeSources(known, c.imported), err
}

// mergeSources adds imports to those known; one of the same source, with the
// same path and filters, takes the place of the older.
func mergeSources(known, imported []SourceRecord) []SourceRecord {
	for _, one := range imported {
		known = slices.DeleteFunc(known, func(k SourceRecord) bool {
			return k.url() == one.url() && k.Path == one.Path && k.sameFilters(one.Source)
		})
		known = append(known, one)
	}
	return known
}

// prefixesOf lists the folders of all objects, those of the fewest parts
// first.
func prefixesOf(root *folder) []string {
	levels := []map[string]bool{}
	last := ""
	eachObject(root, func(o locator.Object) {
		i := strings.LastIndexByte(o.Key, '/') + 1
		folder := "s3://" + o.Bucket + "/" + locator.Escape(o.Key[:i], true)
		if folder == last {
			return
		}
		last = folder
		for depth, at := 0, len("s3://"); ; depth++ {
			next := strings.IndexByte(folder[at:], '/')
			if next < 0 {
				return
			}
			if at += next + 1; depth == len(levels) {
				levels = append(levels, map[string]bool{})
			}
			if len(levels[depth]) <= MaxPrefixes || depth == 0 {
				levels[depth][folder[:at]] = true
			}
		}
	})
	return shallowest(levels)
}

func shallowest(levels []map[string]bool) []string {
	var all []string
	for depth, level := range levels {
		if depth > 0 && len(all)+len(level) > MaxPrefixes {
			break
		}
		var names []string
		for name := range level {
			names = append(names, name)
		}
		slices.Sort(names)
		all = append(all, names...)
	}
	return all
}

// eachObject calls visit for each reference to an object, in the order of the
// paths. An object may come several times.
func eachObject(root *folder, visit func(locator.Object)) {
	_ = root.walk(func(_ string, e entry) error { // visit returns no error
		if e.file != nil {
			e.file.pieces(func(p piece) bool {
				for _, o := range objectsOf(p.text()) {
					visit(o)
				}
				return true
			})
		}
		return nil
	})
}
