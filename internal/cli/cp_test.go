// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"strings"
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
		o := &copying{force: true, placed: map[string]placed{}}
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

// TestOverwrittenMeanwhile: what another program overwrites in the moment of a
// copy or move is put there again, before it is taken away elsewhere and after
// that.
func TestOverwrittenMeanwhile(t *testing.T) {
	for name, row := range map[string]struct {
		overwritten int
		move        bool
		puts        string
	}{
		"copy":                     {0, false, "to"},
		"copy, overwritten":        {1, false, "to to"},
		"copy, overwritten twice":  {2, false, "to to to"},
		"move":                     {0, true, "to from"},
		"move, overwritten":        {1, true, "to to from"},
		"move, overwritten always": {1000, true, strings.TrimSpace(strings.Repeat("to ", 24))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shelf := newShelf("f")
			s, _ := shelf.session(t)
			from, to := ". "+fooBlock+" 0:3:x\n", ". "+barBlock+" 0:3:y\n"
			shelf.others, shelf.overwritten = map[string]string{testUUID: from, otherUUID: to}, row.overwritten
			err := (&copying{}).copy(t.Context(), s, []string{testUUID + "/x", otherUUID + "/"}, row.move)
			if always := row.overwritten == 1000; always != (err != nil) {
				t.Fatal(err)
			} else if always {
				to = ". " + barBlock + " 0:3:y\n"
			} else if to = ". " + fooBlock + " " + barBlock + " 0:3:x 3:3:y\n"; row.move {
				from = ""
			}
			if a, b := shelf.others[testUUID], shelf.others[otherUUID]; a != from || b != to {
				t.Errorf("they are %q and %q", a, b)
			}
			puts := strings.NewReplacer(testUUID, "from", otherUUID, "to").Replace(strings.Join(shelf.puts, " "))
			if puts != row.puts {
				t.Errorf("stored: %s", puts)
			}
		})
	}
}

// TestOverwrittenAfterMove: also what is overwritten when it is nowhere else any
// more is put there again, even if the user gave up by then.
func TestOverwrittenAfterMove(t *testing.T) {
	shelf := newShelf("f")
	s, _ := shelf.session(t)
	old := ". " + barBlock + " 0:3:y\n"
	shelf.others = map[string]string{testUUID: ". " + fooBlock + " 0:3:x\n", otherUUID: old}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	shelf.after = func(id string) {
		if id == testUUID {
			shelf.others[otherUUID] = old
			cancel()
		}
	}
	_ = (&copying{}).copy(ctx, s, []string{testUUID + "/x", otherUUID + "/"}, true) // how it ends does not matter
	if got := shelf.others[otherUUID]; shelf.others[testUUID] != "" || got != ". "+fooBlock+" "+barBlock+" 0:3:x 3:3:y\n" {
		t.Errorf("they are %q and %q", shelf.others[testUUID], got)
	}
}
