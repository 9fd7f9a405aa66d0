// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bufio"
	"strings"
)

// blockList answers GET of /index[/<prefix>], /mounts and
// /mounts/<uuid>/blocks[/<prefix>].
func (x *exchange) blockList() error {
	if err := x.system(); err != nil {
		return err
	}
	path := append(strings.Split(x.locator(), "/"), "")
	switch n := len(path) - 1; {
	case path[0] == "index" && n <= 2:
		return x.index("", path[1])
	case path[0] == "mounts" && (n == 1 || n == 2 && path[1] == ""):
		return x.mounts()
	case path[0] == "mounts" && (n == 3 || n == 4) && path[1] != "" && path[2] == "blocks":
		return x.index(path[1], path[3])
	}
	return x.unknown()
}

// index lists the blocks of one mount or of all. The text ends with an empty
// line; when the list breaks off, so does the connection, before that line.
func (x *exchange) index(mount, prefix string) error {
	if prefix == "" {
		prefix = x.r.URL.Query().Get("prefix")
	}
	x.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	out := bufio.NewWriterSize(x.w, writeUnit)
	if x.Store == nil {
		_ = out.WriteByte('\n') // reported by Flush
		return out.Flush()
	}
	if err := x.Store.Index(x.r.Context(), mount, prefix, out); err != nil {
		return err
	}
	return out.Flush()
}

// mount is how keep-balance wants to be told of a mount.
type mount struct {
	UUID           string          `json:"uuid"`
	DeviceID       string          `json:"device_id"`
	AllowWrite     bool            `json:"allow_write"`
	AllowTrash     bool            `json:"allow_trash"`
	Replication    int             `json:"replication"`
	StorageClasses map[string]bool `json:"storage_classes"`
}

func (x *exchange) mounts() error {
	list := []mount{}
	if x.Store == nil {
		return x.sendJSON(list)
	}
	for _, m := range x.Store.Mounts() {
		classes := map[string]bool{}
		for _, c := range m.Classes {
			classes[c] = true
		}
		list = append(list, mount{m.UUID, m.Volume.DeviceID(), !m.ReadOnly, !m.ReadOnly, m.Replication, classes})
	}
	return x.sendJSON(list)
}
