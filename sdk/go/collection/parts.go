// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
)

// The rule by which a collection is cut into parts. It counts what a file costs
// in a request at most, whatever the signatures and services, so that equal
// collections are cut alike:
//
//   - each block of the file: its locator without +A and +K hints, and
//     blockCost bytes for these;
//   - each file: its name as it stands in the JSON of a request, and fileCost
//     bytes;
//   - each folder that is begun: its path, likewise, and fileCost bytes.
//
// Files are taken in the order of their paths; a part ends before the file
// with which it would cost more than PartSize, or what the API server takes
// if that is less.
const (
	// PartSize is the most that one part may cost, in bytes.
	PartSize  int64 = 120 << 20
	blockCost       = 96
	fileCost        = 64
)

// PartOf is the value of the property arv:s3_part of a collection that was
// saved in parts.
type PartOf struct {
	Part int `json:"part"`
	Of   int `json:"of"`
}

const partProperty = "arv:s3_part"

// Parts cuts the collection by the rule of [PartSize], which is told there. It
// returns the collection itself if that is small enough. Each part has whole
// files under their full paths.
func (c *Collection) Parts(ctx context.Context) ([]*Collection, error) {
	most := PartSize
	if c.client != nil {
		_, limit, err := c.client.learn(ctx)
		if err != nil {
			return nil, err
		}
		if err := c.Flush(ctx); err != nil {
			return nil, err
		}
		most = min(most, limit-attributes)
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	roots, err := cut(c.root, most)
	if err != nil || len(roots) < 2 {
		return []*Collection{c}, err
	}
	var parts []*Collection
	for _, root := range roots {
		part := newCollection(c.client, c.origin, root)
		part.changed, part.imported = true, c.imported
		part.record = Record{Properties: maps.Clone(c.record.Properties), OwnerUUID: c.record.OwnerUUID}
		parts = append(parts, part)
	}
	return parts, nil
}

// cut makes a tree of each part.
func cut(root *folder, most int64) ([]*folder, error) {
	parts, part, sum, folderOf := []*folder(nil), &folder{}, int64(0), "/"
	err := root.walk(func(dir string, e entry) error {
		price := cost(dir, e)
		if sum+price > most && sum > 0 {
			parts = append(parts, part)
			part, sum, folderOf = &folder{}, 0, "/"
		}
		if price > most {
			return fault(TooLarge, "the file %s alone does not fit a request to the API server", quote(join(dir, e.name)))
		}
		if sum += price; folderOf == dir {
			sum -= folderCost(dir)
		}
		folderOf = dir
		at, name := part.parent(join(dir, e.name), true)
		if e.file != nil {
			at.setFile(name, e.file)
		} else {
			at.sub(name)
		}
		return nil
	})
	return append(parts, part), err
}

func folderCost(dir string) int64 { return nameCost(dir) + fileCost }

func nameCost(name string) int64 { return jsonLength(manifest.Escape(name)) }

func cost(dir string, e entry) int64 {
	sum := folderCost(dir) + fileCost + nameCost(e.name)
	if e.file == nil {
		return sum
	}
	e.file.pieces(func(p piece) bool {
		sum += int64(len(plain(p.text()))) + blockCost
		return true
	})
	return sum
}

// plain takes the hints that differ between users and services off a locator.
func plain(text string) string {
	if !strings.Contains(text, "+A") && !strings.Contains(text, "+K") {
		return text
	}
	var kept strings.Builder
	for i, hint := range strings.Split(text, "+") {
		if i > 1 && (strings.HasPrefix(hint, "A") || strings.HasPrefix(hint, "K")) {
			continue
		}
		if i > 0 {
			kept.WriteByte('+')
		}
		kept.WriteString(hint)
	}
	return kept.String()
}

// SaveParts stores the collection as new collections, as many as are needed to
// fit the requests that the API server takes (see [PartSize]): one if that is
// enough, else several that are named "NAME (part 1 of 3)" and so on and have
// the property arv:s3_part. When one cannot be stored, those before it
// go into the trash.
func (c *Collection) SaveParts(ctx context.Context, o SaveOptions) ([]Record, error) {
	if c.client == nil {
		return nil, noClient()
	}
	parts, err := c.Parts(ctx)
	if err != nil {
		return nil, err
	}
	if len(parts) == 1 {
		err := c.Save(ctx, o)
		return []Record{c.Record()}, err
	}
	var saved []Record
	for i, part := range parts {
		own := o
		own.Properties = maps.Clone(o.Properties)
		if own.Properties == nil {
			own.Properties = map[string]any{}
		}
		own.Properties[partProperty] = PartOf{i + 1, len(parts)}
		own.Name = fmt.Sprintf("%s (part %d of %d)", o.Name, i+1, len(parts))
		part.origin, part.packer.origin = newOrigin(c.client, ""), nil
		if err := part.Save(ctx, own); err != nil {
			return nil, errors.Join(err, c.client.trash(saved))
		}
		saved = append(saved, part.Record())
	}
	return saved, nil
}

// trash removes collections also when the context of the caller has ended.
func (c *Client) trash(records []Record) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var all error
	for _, r := range records {
		all = errors.Join(all, c.api.Call(ctx, http.MethodDelete, collections+"/"+r.UUID, nil, nil))
	}
	return all
}
