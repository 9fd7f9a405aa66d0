// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"testing"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

const (
	fooBlock   = "acbd18db4cc2f85cedef654fccc4a4d8+3"
	barBlock   = "37b51d194a7513e45b56f6524f2d51f2+3"
	otherUUID  = "zzzzz-4zz18-000000000000000"
	twoOfAName = "./a " + fooBlock + " 0:3:x\n./b " + barBlock + " 0:3:x\n"
)

func parse(t *testing.T, text string) *collection.Collection {
	t.Helper()
	c, err := collection.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestPlaceTwice: two files of one name are never put at one place by one
// command, since a move would then lose the first. --force is about what was
// there before.
func TestPlaceTwice(t *testing.T) {
	for name, row := range map[string]struct {
		to   string
		move bool
	}{
		"copy here":  {testUUID, false},
		"move here":  {testUUID, true},
		"copy there": {otherUUID, false},
		"move there": {otherUUID, true},
	} {
		from := parse(t, twoOfAName)
		c := from
		if row.to != testUUID {
			c = parse(t, ". "+barBlock+" 0:3:x\n")
		}
		o := &copying{force: true, placed: map[string]target{}}
		to := target{id: row.to, path: ".", folder: true}
		if _, err := o.place(nil, c, to, from, target{id: testUUID, path: "a/x"}, row.move); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_, err := o.place(nil, c, to, from, target{id: testUUID, path: "b/x"}, row.move)
		if exit := (*Exit)(nil); !errors.As(err, &exit) || exit.Code != Usage {
			t.Errorf("%s: got %v", name, err)
		}
		if text, _ := c.ManifestText(); text != ". "+fooBlock+" 0:3:x\n" && c != from {
			t.Errorf("%s: the target is %q", name, text)
		}
		if _, err := c.Stat("x"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
