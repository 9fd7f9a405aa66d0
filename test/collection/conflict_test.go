// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// meddle is somebody who changes a collection each time that an import is about
// to store it.
type meddle struct {
	*rig
	uuid string
	// file is what they write, with the number of the change in place of %d.
	file    string
	changes int
	api     *faultproxy.Proxy
}

// times lets them do it so many times.
func (m *meddle) times(n int) {
	// What Save asks right before it stores.
	before := regexp.MustCompile(m.uuid + `\?.*portable_data_hash%22%2C%22modified_at`)
	m.api.Set(faultproxy.Rule{Path: before, Count: n, Choose: func() []faultproxy.Action {
		m.changes++
		m.write(strings.ReplaceAll(m.file, "%d", fmt.Sprint(m.changes)))
		return nil
	}})
}

func (m *meddle) write(name string) {
	ctx := m.t.Context()
	c, err := m.admin.Load(ctx, m.uuid)
	if err == nil {
		err = c.WriteFile(ctx, name, []byte("theirs"))
	}
	if err == nil {
		err = c.Save(ctx, collection.SaveOptions{})
	}
	if err != nil {
		m.t.Error(err)
	}
}

// add prepares an import into their collection.
func (m *meddle) add(state string, args ...string) *called {
	c := m.command(state, append([]string{"import", "--update-collection", m.uuid, m.url("many/")}, args...)...)
	c.Args = c.Args[:len(c.Args)-2] // without --data
	c.Env = append(c.Env, "ARVADOS_API_HOST="+m.api.URL(), "ARVADOS_API_TOKEN="+m.rig.api.Settings().Token.Reveal())
	return c
}

func newMeddle(t *testing.T, file string) *meddle {
	m := &meddle{rig: newRig(t), file: file}
	m.many("many/", 1200)
	m.api = faultproxy.New(t, m.apiURL)
	c := m.admin.New()
	if err := c.WriteFile(t.Context(), "here", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := c.Save(t.Context(), collection.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	m.uuid = c.Record().UUID
	return m
}

// TestImportConflict: when others change the collection that an import is to go
// into, it goes into what they made of it, and nothing is listed twice. When
// they do so again and again it fails, and needs S3 no more when it is tried
// again.
func TestImportConflict(t *testing.T) {
	m := newMeddle(t, "other%d")
	state := t.TempDir()
	m.times(100)
	c := m.add(state)
	if err := c.Run(); c.ProcessState.ExitCode() != 1 || !strings.Contains(c.log.String(), "was changed by somebody") || !strings.Contains(c.log.String(), "stores it without asking S3 again") || m.changes != 24 {
		t.Fatalf("after %d changes: %v\n%s", m.changes, err, c.log)
	}
	if pages := m.pages(); len(pages) != 2 {
		t.Errorf("the pages %q were listed", pages)
	}
	m.lab.Set()
	m.times(2)
	m.ended(m.add(state))
	if pages := m.pages(); len(pages) != 0 || m.changes != 26 {
		t.Errorf("after %d changes, the pages %q were listed again", m.changes, pages)
	}
	now, err := m.admin.Load(t.Context(), m.uuid)
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, now, "here", []byte("x"))
	wantBytes(t, now, "011/01199", []byte("object 1199"))
	for i := range 26 {
		wantBytes(t, now, fmt.Sprintf("other%d", i+1), []byte("theirs"))
	}
	if files, _ := now.Size(); files != 1200+27 {
		t.Errorf("there are %d files", files)
	}
	if known, err := now.Sources(); err != nil || len(known) != 1 || known[0].Files != 1200 {
		t.Errorf("recorded is %+v, %v", known, err)
	}
}

// TestImportConflictClash: what others put in the way meanwhile is dealt with
// as what was there before.
func TestImportConflictClash(t *testing.T) {
	m := newMeddle(t, "005/00555")
	state := t.TempDir()
	m.times(1)
	c := m.add(state)
	if err := c.Run(); err == nil || !strings.Contains(c.log.String(), "1 of the imported files are there already") {
		t.Errorf("got %v\n%s", err, c.log)
	}
	m.lab.Set()
	m.times(0)
	m.api.Set()
	m.ended(m.add(state, "--on-clash", "keep"))
	now, err := m.admin.Load(t.Context(), m.uuid)
	if err != nil {
		t.Fatal(err)
	}
	if pages := m.pages(); len(pages) != 0 {
		t.Errorf("the pages %q were listed again", pages)
	}
	wantBytes(t, now, "005/00555", []byte("theirs"))
	wantBytes(t, now, "005/00556", []byte("object 556"))
}
