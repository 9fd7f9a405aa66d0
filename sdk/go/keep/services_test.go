// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/locator"
)

// TestOrderVectors: the order is that of Arvados' Go client.
func TestOrderVectors(t *testing.T) {
	text, err := os.ReadFile("testdata/rendezvous.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			Hash     locator.Hash
			Services map[string]string
			Order    []string
			Weights  map[string]string
		}
	}
	if err := json.Unmarshal(text, &file); err != nil || len(file.Vectors) != 10 {
		t.Fatalf("%d vectors, %v", len(file.Vectors), err)
	}
	for _, v := range file.Vectors {
		var services []service
		for _, uuid := range slices.Sorted(maps.Keys(v.Services)) {
			services = append(services, service{uuid: uuid})
			if got := weight(v.Hash, uuid); got != v.Weights[uuid] {
				t.Errorf("%s, %s: the weight is %s, want %s", v.Hash, uuid, got, v.Weights[uuid])
			}
		}
		var got []string
		for _, s := range order(services, v.Hash, nil) {
			got = append(got, s.uuid)
		}
		if !slices.Equal(got, v.Order) {
			t.Errorf("%s: got %v, want %v", v.Hash, got, v.Order)
		}
		last := v.Order[len(v.Order)-1]
		if first := order(services, v.Hash, []string{last, v.Order[0]})[0].uuid; first != last {
			t.Errorf("%s: the hint names %s, and %s is asked first", v.Hash, last, first)
		}
	}
}

func TestHinted(t *testing.T) {
	l, err := locator.Parse("acbd18db4cc2f85cedef654fccc4a4d8+3+K@zzzzz-bi6l4-000000000000001+K@abcde+Zx")
	if err != nil {
		t.Fatal(err)
	}
	if got := hinted(l); !slices.Equal(got, []string{"zzzzz-bi6l4-000000000000001", "abcde"}) {
		t.Errorf("got %v", got)
	}
}

func TestFixedServices(t *testing.T) {
	got, err := fixed([]string{"http://127.0.0.1:25107/", "https://keep.example.org"})
	if err != nil || len(got) != 2 || got[0].url != "http://127.0.0.1:25107" || got[1].uuid != "00000-bi6l4-000000000000001" {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range []string{"", "127.0.0.1:25107", "ftp://x", "http://user:pw@host", "http://host/path"} {
		if _, err := fixed([]string{bad}); !Is(err, NoService) {
			t.Errorf("%q gave %v", bad, err)
		}
	}
}

// TestClean: what a service says cannot bring a signature along, or play tricks
// on a terminal.
func TestClean(t *testing.T) {
	const signature = "+A0123456789abcdef0123456789abcdef01234567@7fffffff"
	if got := clean("bad\n\x1b[31mlocator acbd+3" + signature + "+Kx "); got != "bad  [31mlocator acbd+3+A…+Kx" {
		t.Errorf("got %q", got)
	}
	if got := clean(strings.Repeat("\u20ac", 1000)); len(got) > 610 || !strings.HasSuffix(got, "€…") {
		t.Errorf("got %d bytes", len(got))
	}
}
