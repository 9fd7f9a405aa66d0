// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/sdk/go/api"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// TestSharing: what somebody may do follows what was said last, whatever links
// there were before.
func TestSharing(t *testing.T) {
	r := newRig(t)
	r.put("share/x", []byte("x"))
	_, ann := r.newUser("ann")
	ben, benClient := r.newUser("ben")
	c, _ := r.imported(ann, "share/")
	if err := c.Save(t.Context(), collection.SaveOptions{Name: "shared"}); err != nil {
		t.Fatal(err)
	}
	uuid := c.Record().UUID
	may := func() string {
		own, err := benClient.Load(t.Context(), uuid)
		if err != nil {
			return "nothing"
		}
		if _, err := own.ReadFile("x"); err != nil {
			t.Errorf("ben loads it and cannot read: %v", err)
		}
		if _, err := benClient.Shares(t.Context(), uuid); err == nil {
			return "manage"
		}
		if own.Save(t.Context(), collection.SaveOptions{Description: fmt.Sprint(number.Add(1))}) == nil {
			return "write"
		}
		return "read"
	}
	want := func(what string) {
		t.Helper()
		if got := may(); got != what {
			t.Errorf("ben may %s, not %s", got, what)
		}
	}
	want("nothing")
	for level, what := range map[collection.Level]string{collection.CanRead: "read", collection.CanWrite: "write", collection.CanManage: "manage"} {
		for range 2 {
			one, err := ann.Share(t.Context(), uuid, ben, level)
			if err != nil || one.Level != level || one.With != ben {
				t.Fatalf("%s: %+v, %v", level, one, err)
			}
			want(what)
		}
		shares, err := ann.Shares(t.Context(), uuid)
		if err != nil || len(shares) != 1 {
			t.Errorf("%s: %+v, %v", level, shares, err)
		}
		for _, more := range []string{"can_read", "can_manage"} {
			r.call(http.MethodPost, "links", api.Params{"link": map[string]any{"link_class": "permission", "name": more, "tail_uuid": ben, "head_uuid": uuid}}, nil)
		}
	}
	if ended, err := ann.Unshare(t.Context(), uuid, ben); err != nil || len(ended) < 2 {
		t.Errorf("ended %+v, %v", ended, err)
	}
	want("nothing")
	if ended, err := ann.Unshare(t.Context(), uuid, ben); err != nil || len(ended) != 0 {
		t.Errorf("ended again %+v, %v", ended, err)
	}
	if _, err := benClient.Share(t.Context(), uuid, ben, collection.CanRead); api.Status(err) != http.StatusForbidden {
		t.Errorf("ben helps himself: %v", err)
	}
	want("nothing")
	refuses(t, ann, uuid, ben)
}

// refuses: what is no collection, or nobody, is refused.
func refuses(t *testing.T, ann *collection.Client, uuid, ben string) {
	for what, err := range map[string]error{
		"a user for a collection": second(ann.Share(t.Context(), ben, ben, collection.CanRead)),
		"a path":                  second(ann.Share(t.Context(), uuid+"/../x", ben, collection.CanRead)),
		"a link of a project":     second(ann.NewSharingLink(t.Context(), "zzzzz-j7d0g-000000000000000", time.Time{})),
		"a link of everything":    second(ann.NewSharingLink(t.Context(), "", time.Time{})),
		"with an address":         second(ann.Share(t.Context(), uuid, "ben@example.org", collection.CanRead)),
	} {
		if collection.KindOf(err) != collection.BadSource {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := ann.Share(t.Context(), uuid, ben, "can_login"); api.Status(err) != http.StatusUnprocessableEntity {
		t.Errorf("another level: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// TestSharingLinks: a link opens its collection, to read, as long as it lives;
// its token is shown once, and never by accident.
func TestSharingLinks(t *testing.T) {
	r := newRig(t)
	r.put("link/x", []byte("x"))
	_, ann := r.newUser("ann")
	var made []*collection.Collection
	for _, name := range []string{"one", "two"} {
		c, _ := r.imported(ann, "link/")
		if err := c.Save(t.Context(), collection.SaveOptions{Name: name}); err != nil {
			t.Fatal(err)
		}
		made = append(made, c)
	}
	one, two := made[0].Record().UUID, made[1].Record().UUID
	link, err := ann.NewSharingLink(t.Context(), one, time.Now().Add(time.Hour))
	if err != nil || link.ExpiresAt == nil {
		t.Fatalf("%+v, %v", link, err)
	}
	ended, err := ann.NewSharingLink(t.Context(), one, time.Now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %+v %#v", link, link, link); strings.Contains(text, link.Token.Reveal()[len("v2/zzzzz-gj3su-000000000000000/"):]) {
		t.Errorf("the token shows in %s", text)
	}
	_, with := r.user(link.Token.Reveal(), collection.Options{})
	c, err := with.Load(t.Context(), one)
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, c, "x", []byte("x"))
	if personal, all, err := c.PersonalObjects(t.Context()); err == nil {
		t.Errorf("a link may ask for the access rules: %d of %d", personal, all)
	}
	if personal, all, err := made[0].PersonalObjects(t.Context()); personal != 0 || all != 1 || err != nil {
		t.Errorf("%d of %d objects are personal, %v", personal, all, err)
	}
	for what, err := range map[string]error{
		"another collection": second(with.Load(t.Context(), two)),
		"sharing":            second(with.Shares(t.Context(), one)),
		"more links":         second(with.NewSharingLink(t.Context(), one, time.Time{})),
		"a change":           c.Save(t.Context(), collection.SaveOptions{Description: "changed"}),
		"the numbers":        second(with.CountUses(t.Context(), r.url("link/"))),
	} {
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the link opens %s: %v", what, err)
		}
	}
	_, late := r.user(ended.Token.Reveal(), collection.Options{})
	if _, err := late.Load(t.Context(), one); api.Status(err) != http.StatusUnauthorized {
		t.Errorf("a link that has ended: %v", err)
	}
	if known, err := ann.SharingLinks(t.Context(), two); err != nil || len(known) != 0 {
		t.Errorf("the other has %+v, %v", known, err)
	}
	if all, err := r.admin.EndSharingLinks(t.Context(), one); err != nil || len(all) != 0 {
		t.Errorf("the administrator ended links of ann: %+v, %v", all, err)
	}
	if all, err := ann.EndSharingLinks(t.Context(), one); err != nil || len(all) != 2 {
		t.Errorf("%+v, %v", all, err)
	}
	if _, err := with.Load(t.Context(), one); api.Status(err) != http.StatusUnauthorized {
		t.Errorf("a link that was taken back: %v", err)
	}
	if _, err := ann.Load(t.Context(), one); err != nil {
		t.Errorf("ann's own token: %v", err)
	}
}
