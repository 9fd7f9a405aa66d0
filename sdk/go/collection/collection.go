// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
)

// Collection is a tree of files. It is an [io/fs.FS]; paths are those of that
// package, "." being the root.
//
// Any number of goroutines may read it, and change it meanwhile: each method
// sees the collection before or after a change, never in between, and a file
// that was opened keeps its content. What several writers do to one path
// happens in some order; who needs a certain one must see to it. Save stores
// the state of the moment at which it is called.
type Collection struct {
	client *Client
	origin *origin
	packer packer
	saving sync.Mutex // held by Save, so that two do not meet

	mu   sync.RWMutex
	root *folder // guarded by mu, like what follows
	// text is the manifest as it is stored; it counts unless changed is set.
	text    string
	changed bool
	edits   int
	record  Record
	// base is the text of record, that is what was loaded or saved last.
	base string
	// imported are the imports since the last Save.
	imported []SourceRecord
}

// Record is what the API server keeps of a collection besides its files.
type Record struct {
	// UUID is empty for a collection that was never stored, or was loaded by
	// its portable data hash.
	UUID string `json:"uuid"`
	// PDH is the portable data hash of what is stored.
	PDH         string         `json:"portable_data_hash"`
	Name        string         `json:"name"`
	Description string         `json:"description"`
	OwnerUUID   string         `json:"owner_uuid"`
	Properties  map[string]any `json:"properties"`
	Version     int            `json:"version"`
	CreatedAt   time.Time      `json:"created_at"`
	ModifiedAt  time.Time      `json:"modified_at"`
	TrashAt     *time.Time     `json:"trash_at"`
}

// New returns an empty collection that is not stored yet.
func (c *Client) New() *Collection { return newCollection(c, newOrigin(c, ""), &folder{}) }

func newCollection(client *Client, from *origin, root *folder) *Collection {
	c := &Collection{client: client, origin: from, root: root}
	c.packer.origin = from
	if client != nil {
		c.packer.keep = client.keep
	}
	return c
}

// Parse reads manifest text. The collection has names, sizes and locators; it
// can be changed and printed, but neither read nor saved: for these use
// [Client.Parse].
func Parse(text string) (*Collection, error) { return parseWith(nil, text, "") }

// Parse reads manifest text, the locators of which must be signed for the
// token of the client. When the signatures expire they are renewed if the
// text is that of a stored collection.
func (c *Client) Parse(text string) (*Collection, error) {
	pdh, err := manifest.PDH(text)
	if err != nil {
		return nil, &Error{Kind: BadManifest, Text: err.Error(), Err: err}
	}
	return parseWith(c, text, pdh)
}

func parseWith(client *Client, text, id string) (*Collection, error) {
	from := newOrigin(client, id)
	root, err := parse(text, from)
	if err != nil {
		return nil, err
	}
	c := newCollection(client, from, root)
	c.text = text
	return c, nil
}

// Record returns what is known of the stored collection. It is the state of
// the last Load or Save.
func (c *Collection) Record() Record {
	c.mu.RLock()
	defer c.mu.RUnlock()
	r := c.record
	r.Properties = maps.Clone(r.Properties)
	return r
}

// ManifestText returns the manifest as Save would store it: the text that was
// loaded if nothing was changed, else one line for each run of files of one
// folder, in the order of their paths. Files that are not stored yet have
// no locator: call [Collection.Flush] first.
func (c *Collection) ManifestText() (string, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.manifest()
}

// manifest is ManifestText. mu must be held.
func (c *Collection) manifest() (string, error) {
	if !c.changed {
		return c.text, nil
	}
	var text strings.Builder
	text.Grow(len(c.text))
	unstored := false
	err := printTree(&text, c.root, func(p piece) string {
		shown := p.text()
		unstored = unstored || shown == ""
		return shown
	}, maxText)
	if unstored {
		return "", fault(Conflict, "files that were written are not stored yet: flush the collection first")
	}
	return text.String(), err
}

// maxText bounds the text that is made of a tree, in bytes: a hostile manifest
// can name one block very often.
const maxText = 1 << 30

// NormalizedText returns the manifest in the normal form of Arvados: one line
// for each folder, sorted.
func (c *Collection) NormalizedText() (string, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return normalize(c.root, piece.text, maxText)
}

// PDH returns the portable data hash of [Collection.ManifestText].
func (c *Collection) PDH() (string, error) {
	text, err := c.ManifestText()
	if err != nil {
		return "", err
	}
	return manifest.PDH(text)
}

// Size returns the number of files, and of the bytes in them.
func (c *Collection) Size() (files int, bytes int64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	_ = c.root.walk(func(_ string, e entry) error { // visit returns no error
		if e.file != nil {
			files, bytes = files+1, bytes+e.file.size
		}
		return nil
	})
	return files, bytes
}
