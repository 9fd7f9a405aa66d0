// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// needed is an S3 object version that a collection needs, for ls --objects
// --json.
type needed struct {
	Collection string `json:"collection"`
	URL        string `json:"url"`
	// Size is that of the object, as far as the collection shows; Bytes is
	// how many bytes the files have of it.
	Size  int64 `json:"size"`
	Bytes int64 `json:"bytes"`
	Files int   `json:"files"`
}

// eachNeeded calls visit for each S3 object version below each target. None of
// them is kept: there may be millions.
func (s *session) eachNeeded(ctx context.Context, targets []target, visit func(target, collection.ObjectUse) error) error {
	for _, t := range targets {
		c, err := s.load(ctx, t)
		if err != nil {
			return err
		}
		for use, err := range c.ObjectsIn(t.path) {
			if err == nil {
				err = ctx.Err()
			}
			if err == nil {
				err = visit(t, use)
			}
			if err != nil {
				return readable(err)
			}
		}
	}
	return nil
}

// objects is ls --objects.
func (o *listing) objects(ctx context.Context, s *session, targets []target) error {
	out := bufio.NewWriter(s.out)
	list := &jsonList{w: out}
	var total struct{ objects, bytes, weak int64 }
	err := s.eachNeeded(ctx, targets, func(t target, use collection.ObjectUse) error {
		total.objects++
		if total.bytes += use.Size; use.Object.VersionID == "" {
			total.weak++
		}
		if s.json {
			return list.add(needed{t.id, use.Object.URL(), use.Size, use.Bytes, use.Files})
		}
		_, err := fmt.Fprintf(out, "%d\t%s\n", use.Size, use.Object.URL())
		return err
	})
	if err == nil && s.json {
		err = list.end()
	}
	if err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	weak := ""
	if total.weak > 0 {
		weak = fmt.Sprintf("; %s pinned by ETag only", are(total.weak, "object"))
	}
	s.say("%s, %s%s.", plural(total.objects, "object version"), size(total.bytes), weak)
	return nil
}

// jsonList writes a list item by item, as printJSON would write it as a whole.
type jsonList struct {
	w     io.Writer
	begun bool
}

func (l *jsonList) add(item any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // URLs stay readable
	encoder.SetIndent("  ", "  ")
	if err := encoder.Encode(item); err != nil {
		return err
	}
	before := ",\n  "
	if !l.begun {
		before, l.begun = "[\n  ", true
	}
	_, err := io.WriteString(l.w, before+SafeJSON(bytes.TrimSpace(text.Bytes())))
	return err
}

func (l *jsonList) end() error {
	after := "\n]\n"
	if !l.begun {
		after = "[]\n"
	}
	_, err := io.WriteString(l.w, after)
	return err
}
