// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/arvados-s3/keepstore/pseudoblock"
	"github.com/arvados-s3/keepstore/sdk/go/collection/source"
)

// MaxSources is the most sources that one request may have.
const MaxSources = 10000

// Request is the body of POST /s3/import.
type Request struct {
	Sources []Source `json:"sources"`
	// Form is opaque, derived or content; empty lets the server choose.
	Form string `json:"form,omitempty"`
	// Owners asks for the owners of objects.
	Owners bool `json:"owners,omitempty"`
	// Resume is a token of an earlier, broken-off answer to the same request.
	Resume string `json:"resume,omitempty"`
}

// Source is one object or one prefix.
type Source struct {
	// URL is s3://bucket/key, s3://bucket/prefix/ or the https form of
	// either, percent-encoded where needed, with an optional ?versionId=.
	URL string `json:"url,omitempty"`
	// Bucket and Key name the same without any encoding, in place of URL.
	Bucket string `json:"bucket,omitempty"`
	Key    string `json:"key,omitempty"`
	// Path is where the files go: a folder for a prefix; for an object the
	// whole path, or with a "/" at the end the folder.
	Path string `json:"path,omitempty"`
	// Include and Exclude are glob patterns over the path below the prefix,
	// or over the last component for patterns without "/".
	Include []string `json:"include,omitempty"`
	Exclude []string `json:"exclude,omitempty"`
	// IncludeRegexp and ExcludeRegexp are regular expressions of RE2, looked
	// for anywhere in the path below the prefix. A key is imported when nothing
	// excludes it and, if there is anything that includes, that does.
	IncludeRegexp []string `json:"include_regexp,omitempty"`
	ExcludeRegexp []string `json:"exclude_regexp,omitempty"`
	// AsOf asks for the versions that were current then.
	AsOf *time.Time `json:"as_of,omitempty"`
}

// digest identifies what is asked for, so that a resume token fits one
// request only.
func (r Request) digest(form pseudoblock.Form) string {
	r.Resume, r.Form = "", form.String()
	text, _ := json.Marshal(r) // plain strings and times always marshal
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// plan is a checked request.
type plan struct {
	form    pseudoblock.Form
	owners  bool
	digest  string
	targets []target
	singles source.Singles
}

func (im *Importer) newPlan(r Request) (*plan, error) {
	switch n := len(r.Sources); {
	case n == 0:
		return nil, badRequest(`the request names no sources: send {"sources":[{"url":"s3://bucket/prefix/"}]}`)
	case n > MaxSources:
		return nil, badRequest("the request has %d sources, more than the limit of %d: split it", n, MaxSources)
	}
	form, err := im.chooseForm(r.Form)
	if err != nil {
		return nil, err
	}
	p := &plan{form: form, digest: r.digest(form), owners: r.Owners}
	known := &programs{}
	for i, s := range r.Sources {
		t, err := targetOf(s, known)
		if err != nil {
			return nil, badRequest("source %d: %s", i+1, err)
		}
		p.targets = append(p.targets, t)
	}
	return p, p.checkPaths()
}

func (im *Importer) chooseForm(name string) (pseudoblock.Form, error) {
	form := pseudoblock.Form(0)
	if name != "" {
		var err error
		if form, err = pseudoblock.ParseForm(name); err != nil {
			return 0, badRequest("%s", err)
		}
		if form != pseudoblock.Opaque {
			return form, nil
		}
	}
	known, err := im.knowsPseudoBlocks()
	switch {
	case err != nil:
		return 0, err
	case known:
		return pseudoblock.Opaque, nil
	case form == pseudoblock.Opaque:
		return 0, badRequest("the API server of this cluster does not know pseudo-blocks, so opaque form is not safe here: ask for derived or content form")
	}
	return pseudoblock.Derived, nil
}

func (im *Importer) knowsPseudoBlocks() (bool, error) {
	if im.PseudoBlocks == nil {
		return false, nil
	}
	return im.PseudoBlocks()
}
