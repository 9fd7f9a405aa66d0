// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"fmt"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// hidden: who sees none of the collections learns how many there are, and
// fewer when one is shared.
func (m *multitude) hidden(t *testing.T) {
	ann, annClient := m.newUser("ann")
	_, ben := m.newUser("ben")
	mine, _ := m.imported(ben, "many/077/")
	if err := mine.Save(t.Context(), collection.SaveOptions{Name: "of ben"}); err != nil {
		t.Fatal(err)
	}
	want := func(c *collection.Client, url, want string) {
		t.Helper()
		counts, err := c.CountUses(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range counts {
			got = append(got, fmt.Sprintf("%s %d of %d", strings.TrimPrefix(f.Folder, m.url("")), f.Now.Hidden(), f.Now.All))
			if f.Ever.All <= f.Now.All && f.Now.All > 1 {
				t.Errorf("the old version of the refresh is not counted: %+v", f)
			}
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("of %s are hidden %q, want %q", url, got, want)
		}
	}
	want(annClient, m.url("many/077/07777"), "many/077/ 2 of 2, many/ 2 of 2")
	want(annClient, m.url("many/033/"), "many/033/ 1 of 1, many/ 2 of 2")
	want(ben, m.url("many/077/"), "many/077/ 1 of 2, many/ 1 of 2")
	want(m.admin, m.url("many/077/"), "many/077/ 0 of 2, many/ 0 of 2")
	want(annClient, m.url("data/"), "data/ 0 of 0,  2 of 2")
	m.share(m.uuid, ann)
	_, fresh := m.newUser("cat")
	m.restart()
	want(annClient, m.url("many/077/"), "many/077/ 1 of 2, many/ 1 of 2")
	want(fresh, m.url("many/077/"), "many/077/ 2 of 2, many/ 2 of 2")
}
