// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/pseudoblock"
	"github.com/arvados-s3/keepstore/s3read"
)

const elsewhere = "eu-test-1"

// TestRegionIsFoundOnce: MinIO takes signatures for its own region only. The
// first read follows, and the next ones ask the right region at once.
func TestRegionIsFoundOnce(t *testing.T) {
	server := servers.MinIOIn(t, elsewhere)
	server.Bucket(t, "regional", true)
	object := putOn(t, server, "regional", "x", []byte("0123456789"))
	for name, ask := range map[string]func(*rig) error{
		"read": func(r *rig) error {
			_, err := readAll(r.reader, r.access, pseudoblock.Extent{Object: object, Size: 3})
			return err
		},
		"head": func(r *rig) error { _, err := r.reader.Head(t.Context(), r.access, object); return err },
		"browse": func(r *rig) error {
			_, err := r.reader.Browse(t.Context(), r.access, "regional", "", "")
			return err
		},
	} {
		r := &rig{t: t, server: server, proxy: faultproxy.New(t, server.URL), reader: newReader(t, patient)}
		r.access = server.Access()
		r.access.Endpoint = server.Endpoint(r.proxy.URL())
		r.proxy.Set()
		wantKind(t, ask(r), s3read.WrongRegion) // not in the list
		r.wantRegions(name, testenv.Region)
		r.access.Endpoint = server.Endpoint(r.proxy.URL()) // what is known ends with the endpoint
		r.access.Endpoint.Regions = []string{"ap-test-2", elsewhere}
		for _, want := range [][]string{{testenv.Region, elsewhere}, {elsewhere}, {elsewhere}} {
			r.proxy.Set()
			if err := ask(r); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			r.wantRegions(name, want...)
		}
	}
}

func (r *rig) wantRegions(what string, want ...string) {
	r.t.Helper()
	var got []string
	for _, request := range r.proxy.Log() {
		got = append(got, request.Region)
	}
	if !slices.Equal(got, want) {
		r.t.Errorf("%s: requests to the regions %v, want %v", what, got, want)
	}
}

// TestN02ConfiguredRegionsOnly: AWS answers 301 and names the region in a
// header. No server here does, so these replies are made up.
func TestN02ConfiguredRegionsOnly(t *testing.T) {
	moved := func(region string) faultproxy.Rule {
		return faultproxy.Rule{Do: actions{faultproxy.Redirect(301, "http://127.0.0.1:1/"), faultproxy.SetHeader("X-Amz-Bucket-Region", region)}, Count: 1}
	}
	r := newRig(t, patient)
	r.access.Endpoint.Regions = []string{"eu-west-1", "eu-west-2"}
	r.proxy.Set(moved("eu-west-1"))
	r.good(2)
	r.wantRegions("followed", testenv.Region, "eu-west-1")
	r.proxy.Set(moved("mars-1"))
	if e := r.fails(s3read.WrongRegion, 1); !strings.Contains(e.Text, `set region "mars-1"`) || !strings.Contains(e.Text, `not in the region "eu-west-1"`) {
		t.Errorf("%s", e.Text)
	}
	r.proxy.Set(moved("eu-west-1"), moved("eu-west-2")) // forgotten, and sent from place to place
	r.fails(s3read.WrongRegion, 2)
	r.proxy.Set(moved("eu-west-2"))
	r.good(2)
	r.proxy.Set(moved(testenv.Region)) // it moved back
	r.good(2)
	r.wantRegions("moved back", "eu-west-2", testenv.Region)
	r.control()
}
