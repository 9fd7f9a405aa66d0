// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/api"
	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
)

// SaveOptions say how to store a collection. What is left empty stays as it
// is.
type SaveOptions struct {
	Name        string
	Description string
	// OwnerUUID is a project or user.
	OwnerUUID string
	// Properties are set, or with the value nil taken away; others stay.
	Properties map[string]any
	// UniqueName lets the API server change a name that is taken.
	UniqueName bool
	// KeepVersion keeps what was stored before as an old version.
	KeepVersion bool
	// Overwrite stores also when somebody else changed the stored collection
	// since it was loaded. Their change is then lost.
	Overwrite bool
	// Merge takes over what somebody else changed in the stored collection
	// since it was loaded, and stores both. Only a path that both changed is
	// then a [Conflict].
	Merge bool
}

// attributes is room in a request for everything but the manifest.
const attributes = 1 << 20

// Flush stores the blocks of files that were written.
func (c *Collection) Flush(ctx context.Context) error {
	if c.client == nil {
		return nil // nothing could be written
	}
	return c.packer.flush(ctx)
}

// Save stores the collection: as a new one, or, if it was loaded by its UUID or
// saved before, as the new content of that. It fails with [Conflict] when the
// stored collection is not the one that was loaded.
//
// Two programs may save in the same moment. An API server of keepstore then
// refuses the later one. Stock API servers have no such condition, so that Save
// looks again a third of a second or more after it stored, and fails with
// [Conflict] if the changes are not there any more.
func (c *Collection) Save(ctx context.Context, o SaveOptions) error {
	if c.client == nil {
		return noClient()
	}
	c.saving.Lock()
	defer c.saving.Unlock()
	for try := 1; ; try++ {
		err := c.save(ctx, o)
		if !o.Merge || KindOf(err) != Conflict || try == saveTries || c.Record().UUID == "" {
			return err
		}
		if err := sleep(ctx, rand.N(time.Duration(try)*50*time.Millisecond)); err != nil { // the others do the same
			return err
		}
		if err := c.takeOver(ctx); err != nil {
			return err
		}
	}
}

// save is one try of Save. saving must be held.
func (c *Collection) save(ctx context.Context, o SaveOptions) error {
	draft, err := c.draft(ctx, o)
	if err != nil {
		return err
	}
	reply, err := c.client.store(ctx, draft)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.record, c.base = reply, draft.text
	c.imported = c.imported[len(draft.imported):]
	c.origin.id.Store(&reply.UUID)
	if c.edits == draft.edits {
		c.text, c.changed = draft.text, false
	}
	return nil
}

// draft is what is going to be stored.
type draft struct {
	old     Record
	options SaveOptions
	// root is the tree of the moment at which Save was called, text what
	// was stored before or will be now.
	root *folder
	text string
	// base is the text of old.
	base       string
	reprint    bool
	changed    bool
	properties map[string]any
	edits      int
	imported   []SourceRecord
}

// draft takes the state of the moment, then stores its blocks and prints it.
// Files that are written meanwhile are not part of it.
func (c *Collection) draft(ctx context.Context, o SaveOptions) (draft, error) {
	d := c.beginDraft(o)
	if err := c.Flush(ctx); err != nil {
		return d, err
	}
	if err := renewAll(ctx, d.root); err != nil {
		return d, err
	}
	if d.changed {
		var err error
		if d.text, err = d.signedText(c.origin); err != nil {
			return d, err
		}
	}
	d.properties = maps.Clone(d.old.Properties)
	if d.properties == nil {
		d.properties = map[string]any{}
	}
	maps.Copy(d.properties, o.Properties)
	maps.DeleteFunc(d.properties, func(_ string, v any) bool { return v == nil })
	recordSources(d.properties, d.imported, d.root)
	return d, nil
}

func (c *Collection) beginDraft(o SaveOptions) draft {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return draft{old: c.record, options: o, root: c.root.clone(), text: c.text, base: c.base, reprint: c.changed,
		changed: c.changed || c.record.UUID == "", edits: c.edits, imported: slices.Clone(c.imported)}
}

// signatureLeft is how long signatures must last for a text to be stored.
const signatureLeft = 10 * time.Minute

// renewAll loads anew what has signatures that are about to expire.
func renewAll(ctx context.Context, root *folder) error {
	for from, l := range stale(root) {
		if _, ok := from.renew(ctx, l); !ok && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// stale finds a block of each origin that must be loaded again.
func stale(root *folder) map[*origin]locator.Locator {
	found := map[*origin]locator.Locator{}
	limit := time.Now().Add(signatureLeft)
	_ = root.walk(func(_ string, e entry) error { // visit returns no error
		if e.file == nil {
			return nil
		}
		e.file.pieces(func(p piece) bool {
			from := p.run.origin
			if from == nil || found[from] != (locator.Locator{}) || !expires(p.text(), limit) {
				return true
			}
			if l, err := p.current(); err == nil && expires(l.String(), limit) {
				found[from] = l
			}
			return true
		})
		return nil
	})
	return found
}

// expires reports whether a signature in a locator ends before a time.
func expires(text string, limit time.Time) bool {
	if !strings.Contains(text, "+A") {
		return false
	}
	l, err := locator.Parse(text)
	return err == nil && l.Signature() != (locator.Signature{}) && l.Signature().Expiry().Before(limit)
}

// signedText is the manifest with the newest signatures.
func (d draft) signedText(from *origin) (string, error) {
	if !d.reprint {
		return manifest.Map(d.text, func(l locator.Locator) locator.Locator {
			fresh, _ := from.newest(l)
			return fresh
		})
	}
	return printAll(d.root, func(p piece) string {
		if l, err := p.current(); err == nil && p.run.origin != nil && p.run.origin.fresh.Load() != nil {
			return l.String()
		}
		return p.text()
	})
}

// printAll prints a tree whose files must all be stored.
func printAll(root *folder, show func(piece) string) (string, error) {
	var text strings.Builder
	missing := false
	err := printTree(&text, root, func(p piece) string {
		shown := show(p)
		missing = missing || shown == ""
		return shown
	}, maxText)
	if missing {
		return "", fault(Conflict, "files that were written are not stored yet: flush the collection first")
	}
	return text.String(), err
}

// store sends a draft to the API server.
func (c *Client) store(ctx context.Context, d draft) (Record, error) {
	aware, most, err := c.learn(ctx)
	switch {
	case err != nil:
		return Record{}, err
	case !aware && d.changed && strings.Contains(d.text, " "+string(locator.Opaque)+"+"):
		return Record{}, fault(BadSource, "the API server %s does not know pseudo-blocks and would mix up those of opaque form: import again in derived form", c.api.Address())
	case d.changed && jsonLength(d.text)+attributes > most:
		return Record{}, fault(TooLarge, "the manifest has %d bytes and the API server takes requests of %d: save it in parts", len(d.text), most)
	}
	values, params := d.attributes(), api.Params{"select": recordFields()}
	if d.options.UniqueName {
		params["ensure_unique_name"] = true
	}
	params["collection"] = values
	if d.old.UUID != "" {
		return c.update(ctx, d, params)
	}
	var reply Record
	if err := c.api.Call(ctx, http.MethodPost, collections, params, &reply); err != nil {
		return Record{}, err
	}
	return reply, d.check(reply)
}

// update stores a draft in place of what was loaded, if that still is there.
func (c *Client) update(ctx context.Context, d draft, params api.Params) (reply Record, err error) {
	safe := d.options.Overwrite || c.conditions()
	if !d.options.Overwrite {
		if err := c.unchanged(ctx, d); err != nil {
			return Record{}, err
		}
		if safe {
			d.condition(params)
		}
	}
	begin := time.Now()
	err = c.api.Call(ctx, http.MethodPut, collections+"/"+d.old.UUID, params, &reply)
	if api.Status(err) == http.StatusPreconditionFailed {
		return Record{}, &Error{Kind: Conflict, Text: fmt.Sprintf(changedMeanwhile, d.old.UUID, "in this moment"), Err: err}
	}
	if err == nil {
		err = d.check(reply)
	}
	if err == nil && !safe {
		err = c.settled(ctx, d, reply, time.Since(begin))
	}
	return reply, err
}

// check compares what was stored with what was to be.
func (d draft) check(reply Record) error {
	if !d.changed && reply.PDH != d.old.PDH {
		return fault(Conflict, changedMeanwhile, reply.UUID, "in this moment")
	}
	if pdh, err := manifest.PDH(d.text); err != nil || pdh != reply.PDH {
		return fault(WrongHash, "the API server stored %s with the portable data hash %s, where %s was expected", reply.UUID, reply.PDH, pdh)
	}
	return nil
}

func (d draft) attributes() map[string]any {
	values := map[string]any{"properties": d.properties}
	if d.changed {
		values["manifest_text"] = d.text
	}
	for name, value := range map[string]string{"name": d.options.Name, "description": d.options.Description, "owner_uuid": d.options.OwnerUUID} {
		if value != "" {
			values[name] = value
		}
	}
	if d.options.KeepVersion {
		values["preserve_version"] = true
	}
	return values
}

// unchanged checks that what is stored is what was loaded.
func (c *Client) unchanged(ctx context.Context, d draft) error {
	now, err := c.state(ctx, d.old.UUID)
	if err != nil || now.PDH == d.old.PDH && now.ModifiedAt.Equal(d.old.ModifiedAt) {
		return err
	}
	return fault(Conflict, changedMeanwhile, d.old.UUID, "at "+now.ModifiedAt.Format(time.RFC3339))
}

const changedMeanwhile = "the collection %s was changed by somebody %s, after it was loaded: load it again and repeat the changes, or save it under a new name"

// jsonLength is how many bytes text has as a JSON string.
func jsonLength(text string) int64 {
	n := int64(len(text)) + 2
	for i := range len(text) {
		switch text[i] {
		case '\\', '"', '\n':
			n++
		case '<', '>', '&':
			n += 5
		}
	}
	return n
}
