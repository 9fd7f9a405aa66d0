// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/arvados-s3/keepstore/internal/keep"
)

// A list of work may be long: keep-balance sends one entry for each block
// that is to move.
const (
	maxList     = 1 << 30
	maxListTime = 10 * time.Minute
)

// pullList answers PUT /pull: this server copies the blocks of the list from
// others.
func (x *exchange) pullList() error {
	var list []keep.PullEntry
	if err := x.workList(&list); err != nil || x.Store == nil {
		return err
	}
	x.note("entries", len(list))
	return x.Store.SetPulls(list)
}

// trashList answers PUT /trash: copies in the list that nobody touched since
// go into the trash.
func (x *exchange) trashList() error {
	var list []keep.TrashEntry
	if err := x.workList(&list); err != nil || x.Store == nil {
		return err
	}
	x.note("entries", len(list))
	return x.Store.SetTrash(list)
}

// workList reads a JSON list. Anything after it is refused with it: half a
// list must not be taken for a whole one.
func (x *exchange) workList(into any) error {
	if err := x.system(); err != nil {
		return err
	}
	_ = http.NewResponseController(x.w).SetReadDeadline(time.Now().Add(maxListTime)) // best effort
	d := json.NewDecoder(http.MaxBytesReader(nil, x.r.Body, maxList))
	if err := d.Decode(into); err != nil {
		return badList(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return refuse("bad-list", "there is something after the list: send one JSON list")
	}
	return nil
}

func badList(err error) error {
	if large := new(http.MaxBytesError); errors.As(err, &large) {
		return refuse("too-large", "the list has more than %d bytes: send a shorter one", large.Limit)
	}
	return refuse("bad-list", "the body is not a JSON list of this kind: send one as keep-balance does")
}
