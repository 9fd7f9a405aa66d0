// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"reflect"
	"time"

	"github.com/arvados-s3/keepstore/sdk/go/api"
)

const (
	// settleTime is how long another program may take at least between its look
	// at a stored collection and storing its own text.
	settleTime = 300 * time.Millisecond
	// saveTries is how often Save begins anew with what others stored.
	saveTries = 8
)

// condition makes an API server that can do that store only if nobody else did
// meanwhile. Stock API servers cannot: their replace_files works on what is
// stored at the moment, but does not say what that must be, and reads texts in a
// way that many blocks of references do not survive.
func (d draft) condition(params api.Params) {
	params["if_unchanged"] = map[string]any{"portable_data_hash": d.old.PDH, "modified_at": d.old.ModifiedAt}
}

// settled waits until what was stored surely stays, with an API server that has
// no conditions: who looked at the collection before it was stored, and stores
// after that, overwrites it unseen. took is how long storing took; that of the
// others takes about as long.
func (c *Client) settled(ctx context.Context, d draft, reply Record, took time.Duration) error {
	// It is stored, so that who gives up now still must learn whether it stays.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute+2*took)
	defer cancel()
	if err := sleep(ctx, settleTime+2*took+rand.N(settleTime)); err != nil {
		return err
	}
	now, err := c.state(ctx, d.old.UUID)
	if err != nil || now.PDH == reply.PDH && now.ModifiedAt.Equal(reply.ModifiedAt) {
		return err
	}
	stored, err := c.Load(ctx, d.old.UUID)
	if err != nil {
		return err
	}
	changed, err := d.deltas()
	if err != nil || len(missing(changed, stored.root)) == 0 && d.described(stored.record.Properties) {
		return err
	}
	return fault(Conflict, "another program stored the collection %s in the same moment, and what was changed here is not in it: load it again and repeat the changes", d.old.UUID)
}

// state asks for what tells whether a collection was changed.
func (c *Client) state(ctx context.Context, uuid string) (now Record, err error) {
	fields := []string{"uuid", "portable_data_hash", "modified_at"}
	err = c.api.Call(ctx, http.MethodGet, collections+"/"+uuid, api.Params{"select": fields}, &now)
	return now, err
}

// deltas are the changes since the collection was loaded or saved.
func (d draft) deltas() ([]delta, error) {
	if !d.changed {
		return nil, nil
	}
	was, err := parse(d.base, nil)
	if err != nil {
		return nil, err
	}
	return deltas(was, d.root), nil
}

// described reports whether properties have what was changed of them. Of a list
// that is what was added: others may have added more.
func (d draft) described(now map[string]any) bool {
	now, old, is := viaJSON(now), viaJSON(d.old.Properties), viaJSON(d.properties)
	for name := range old {
		if _, stays := is[name]; !stays && reflect.DeepEqual(now[name], old[name]) {
			return false
		}
	}
	for name, value := range is {
		if list, ok := value.([]any); ok {
			before, _ := old[name].([]any)
			there, _ := now[name].([]any)
			for _, one := range list {
				if !contains(before, one) && !contains(there, one) {
					return false
				}
			}
		} else if !reflect.DeepEqual(value, old[name]) && !reflect.DeepEqual(value, now[name]) {
			return false
		}
	}
	return true
}

func contains(list []any, one any) bool {
	for _, other := range list {
		if reflect.DeepEqual(one, other) {
			return true
		}
	}
	return false
}

// viaJSON makes values what they are after a way through JSON.
func viaJSON(properties map[string]any) map[string]any {
	var all map[string]any
	if text, err := json.Marshal(properties); err == nil {
		_ = json.Unmarshal(text, &all) // it was written just now
	}
	return all
}

// takeOver puts the changes since the last Load or Save on top of what others
// stored meanwhile.
func (c *Collection) takeOver(ctx context.Context) error {
	c.mu.RLock()
	uuid := c.record.UUID
	c.mu.RUnlock()
	theirs, err := c.client.Load(ctx, uuid)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var mine []delta
	if c.changed {
		was, err := parse(c.base, nil)
		if err != nil {
			return err
		}
		mine = deltas(was, c.root)
	}
	left := missing(mine, theirs.root)
	if err := redo(left, theirs.root); err != nil {
		return err
	}
	c.root, c.record, c.base = theirs.root, theirs.record, theirs.text
	c.text, c.changed = theirs.text, len(left) > 0
	c.edits++
	return nil
}

// sleep waits, or ends with ctx.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
