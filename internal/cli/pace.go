// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"time"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// pace tells how fast an import is.
type pace struct {
	started time.Time
	// from is how many keys an earlier run had.
	from int64
}

// text is the progress in words. How much a prefix holds nobody knows before
// its end, and the order of the keys says nothing about it: then there is the
// last file, and no percentage.
func (c *pace) text(p collection.Progress, now time.Time) string {
	passed := now.Sub(c.started)
	text := fmt.Sprintf("%s, %s", plural(p.Files, "file"), size(p.Bytes))
	if p.Total > 0 {
		text += fmt.Sprintf(", %d%% of %s", 100*p.Listed/p.Total, plural(p.Total, "key"))
	}
	if p.Skipped > 0 {
		text += fmt.Sprintf(", %s left out", count(p.Skipped))
	}
	if p.BytesRead > 0 {
		text += fmt.Sprintf(", %s read", size(p.BytesRead))
	} else if passed > time.Second {
		text += fmt.Sprintf(", %s keys/s", count(int64(float64(p.Listed-c.from)/passed.Seconds())))
	}
	text += ", " + passed.Round(time.Second).String()
	if done := p.Listed - c.from; p.Total > 0 && done > 0 && passed > time.Second {
		left := time.Duration(float64(passed) * float64(p.Total-p.Listed) / float64(done))
		text += ", " + left.Round(time.Second).String() + " left"
	} else if p.Total == 0 && p.At != "" {
		text += ", at " + shortened(escaped(p.At))
	}
	return text
}

// shortened is the end of a name that is long.
func shortened(name string) string {
	const most = 40
	if letters := []rune(name); len(letters) > most {
		return "…" + string(letters[len(letters)-most:])
	}
	return name
}
