// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/locator"
)

func sample(t *testing.T) *Collection {
	t.Helper()
	c, err := Parse(". " + foo + " 0:3:a 0:1:b\n./d/e " + foo + " 1:2:f\n")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestEditRefuses: what cannot be is refused, and changes nothing.
func TestEditRefuses(t *testing.T) {
	c := sample(t)
	for name, row := range map[string]struct {
		err  error
		want error
	}{
		"copy onto a file":        {c.Copy("b", c, "a"), fs.ErrExist},
		"copy onto a folder":      {c.Copy("d", c, "a"), fs.ErrExist},
		"copy below a file":       {c.Copy("a/x", c, "b"), &Error{Kind: BadPath}},
		"copy of nothing":         {c.Copy("x", c, "y"), fs.ErrNotExist},
		"copy out of the tree":    {c.Copy("../x", c, "a"), &Error{Kind: BadPath}},
		"copy of a bad path":      {c.Copy("x", c, "/a"), fs.ErrInvalid},
		"copy to the root":        {c.Copy(".", c, "d"), fs.ErrExist},
		"rename onto a file":      {c.Rename("a", "b"), fs.ErrExist},
		"rename into itself":      {c.Rename("d", "d/e/g"), &Error{Kind: BadPath}},
		"rename of the root":      {c.Rename(".", "x"), &Error{Kind: BadPath}},
		"rename of nothing":       {c.Rename("x", "y"), fs.ErrNotExist},
		"remove nothing":          {c.Remove("x"), fs.ErrNotExist},
		"remove a bad path":       {c.Remove(""), fs.ErrInvalid},
		"mkdir where a file is":   {c.Mkdir("a"), fs.ErrExist},
		"mkdir below a file":      {c.Mkdir("a/x"), &Error{Kind: BadPath}},
		"mkdir of a bad path":     {c.Mkdir("a//x"), fs.ErrInvalid},
		"write without a client":  {c.WriteFile(t.Context(), "x", nil), &Error{Kind: NoClient}},
		"write to a bad path":     {c.WriteFile(t.Context(), ".", nil), &Error{Kind: BadPath}},
		"save without a client":   {c.Save(t.Context(), SaveOptions{}), &Error{Kind: NoClient}},
		"open what is a bad path": {second(c.Open("/a")), fs.ErrInvalid},
		"list a file":             {second(c.ReadDir("a")), &Error{Kind: BadPath}},
		"read a folder":           {second(c.ReadFile("d")), &Error{Kind: BadPath}},
		"read without a client":   {second(c.ReadFile("a")), &Error{Kind: NoClient}},
	} {
		var path *fs.PathError
		if !errors.Is(row.err, row.want) || !errors.As(row.err, &path) && !errors.Is(row.err, &Error{Kind: NoClient}) {
			t.Errorf("%s: got %v, want %v", name, row.err, row.want)
		}
	}
	if c.changed {
		t.Error("the collection counts as changed")
	}
}

func second[T any](_ T, err error) error { return err }

// TestEdit: the same operations where they are possible.
func TestEdit(t *testing.T) {
	c, other := sample(t), sample(t)
	for _, err := range []error{
		c.Copy("x/y", other, "d/e/f"),
		c.Copy("all", other, "."),
		c.Rename("d/e", "moved"),
		c.Rename("a", "a"),
		c.Mkdir("empty/folder"),
		c.Mkdir("x"),
		c.Remove("b"),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	got, err := c.ManifestText()
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		". " + foo + " 0:3:a", "./all " + foo + " " + foo + " 0:3:a 3:1:b", "./all/d/e " + foo + " 1:2:f",
		"./d d41d8cd98f00b204e9800998ecf8427e+0 0:0:\\056", "./empty/folder d41d8cd98f00b204e9800998ecf8427e+0 0:0:\\056",
		"./moved " + foo + " 1:2:f", "./x " + foo + " 1:2:y", ""}, "\n")
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if text, _ := other.ManifestText(); other.changed || !strings.HasPrefix(text, ". ") {
		t.Error("the source of a copy was changed")
	}
	if err := c.Remove("."); err != nil {
		t.Fatal(err)
	}
	if err := c.Copy(".", other, "."); err != nil {
		t.Fatal(err)
	}
	if a, b := first(c.PDH()), first(other.PDH()); a == b {
		t.Error("the printed form and the loaded one happen to be alike, so this tests nothing")
	}
	if files, bytes := c.Size(); files != 3 || bytes != 6 {
		t.Errorf("%d files, %d bytes", files, bytes)
	}
}

func first[T any](v T, _ error) T { return v }

// TestParts: a collection is cut at files, in the order of their paths, by a
// rule that signatures and service hints have no part in.
func TestParts(t *testing.T) {
	text := ""
	for _, dir := range []string{"./a", "./b"} {
		text += dir
		for i := range 10 {
			text += " " + opaque(t, dir+string(rune('0'+i)), 0, 10)
		}
		for i := range 10 {
			text += fmt.Sprintf(" %d:10:f%d", 10*i, i)
		}
		text += "\n"
	}
	signed := signAll(t, text)
	var hashes [2][]string
	for i, one := range []string{text, signed} {
		c, err := Parse(one)
		if err != nil {
			t.Fatal(err)
		}
		parts, err := cut(c.root, 1500)
		if err != nil || len(parts) < 3 {
			t.Fatalf("%d parts, %v", len(parts), err)
		}
		all := &folder{}
		for _, part := range parts {
			printed, err := printAll(part, piece.text)
			if err != nil || i == 1 && jsonLength(printed) > 1500 {
				t.Errorf("a part has %d bytes, %v", jsonLength(printed), err)
			}
			parsed, _ := Parse(printed)
			hashes[i] = append(hashes[i], first(parsed.PDH()))
			_ = part.walk(func(dir string, e entry) error { return all.addFile(join(dir, e.name), e.file) })
		}
		if a, b := treeOf(all), treeOf(c.root); len(a) != len(b) {
			t.Errorf("the parts have %d entries, the whole %d", len(a), len(b))
		}
	}
	if strings.Join(hashes[0], " ") != strings.Join(hashes[1], " ") {
		t.Errorf("signed parts %v, unsigned %v", hashes[1], hashes[0])
	}
	c, _ := Parse(text)
	if _, err := cut(c.root, 100); KindOf(err) != TooLarge {
		t.Errorf("a file that does not fit gave %v", err)
	}
	if parts, err := c.Parts(t.Context()); err != nil || len(parts) != 1 || parts[0] != c {
		t.Errorf("a small collection is cut into %d, %v", len(parts), err)
	}
}

// signAll adds signatures and service hints.
func signAll(t *testing.T, text string) string {
	t.Helper()
	signer, err := locator.NewSigner([]byte("key"), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for token := range strings.FieldsSeq(text) {
		if l, err := locator.Parse(token); err == nil {
			l = l.WithService("zzzzz-bi6l4-000000000000000")
			text = strings.Replace(text, token, signer.Sign(l, testToken, time.Now()).String(), 1)
		}
	}
	return text
}

// TestPrefixes: all folders from the bucket down are listed, the deepest left
// out first when they are too many.
func TestPrefixes(t *testing.T) {
	c, err := Parse(". " + opaque(t, "a/b c/x", 0, 1) + " " + opaque(t, "a/y", 0, 1) + " " + opaque(t, "z", 0, 1) + " 0:3:f\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(prefixesOf(c.root), " "); got != "s3://bucket/ s3://bucket/a/ s3://bucket/a/b%20c/" {
		t.Errorf("got %s", got)
	}
	levels := []map[string]bool{{"s3://b/": true}, {}, {"deep": true}}
	for i := range MaxPrefixes {
		levels[1][strings.Repeat("x", i+1)] = true
	}
	if got := shallowest(levels); len(got) != 1 {
		t.Errorf("%d of too many are listed", len(got))
	}
}

func TestErrorWords(t *testing.T) {
	for _, kind := range Kinds() {
		err := error(&Error{Kind: kind, Text: "text", Err: fs.ErrNotExist})
		if !errors.Is(err, &Error{Kind: kind}) || errors.Is(err, &Error{Kind: kind + "x"}) || !errors.Is(err, fs.ErrNotExist) || KindOf(err) != kind {
			t.Errorf("%s does not match itself alone", kind)
		}
	}
	if !errors.Is(&Error{Kind: Denied}, fs.ErrPermission) || errors.Is(&Error{Kind: Gone}, fs.ErrPermission) || KindOf(errors.New("x")) != "" {
		t.Error("what is denied is not fs.ErrPermission, or more is")
	}
}
