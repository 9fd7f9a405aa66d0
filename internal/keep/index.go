// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"context"
	"io"
	"time"

	"github.com/arvados-s3/keepstore/internal/volume"
)

// Index writes one line for each copy of each block whose hash begins with
// prefix, on one mount or, with an empty uuid, on all, and then an empty line.
// Without that line the index is not complete.
func (s *Store) Index(ctx context.Context, uuid, prefix string, w io.Writer) error {
	if err := volume.CheckPrefix(prefix); err != nil {
		return err
	}
	mounts := s.order("")
	if uuid != "" {
		m, err := s.mount(uuid)
		if err != nil {
			return err
		}
		mounts = []*Mount{m}
	}
	for _, m := range mounts {
		if err := s.index(ctx, m, prefix, w); err != nil {
			return err
		}
	}
	_, err := w.Write([]byte("\n"))
	return err
}

func (s *Store) index(ctx context.Context, m *Mount, prefix string, w io.Writer) error {
	begin := time.Now()
	var line []byte
	err := m.Volume.Index(ctx, prefix, func(i volume.Info) error {
		line = i.AppendIndex(line[:0])
		_, err := w.Write(line)
		return err
	})
	if err == nil {
		err = volume.Ended(ctx, "") // a listing that was cut short is no listing
	}
	return s.observe(m, "index", begin, 0, err)
}
