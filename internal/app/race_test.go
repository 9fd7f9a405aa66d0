// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// TestReloadUnderLoad is A-14 and D-09: reads and imports go on while the
// configuration is read again and again.
func TestReloadUnderLoad(t *testing.T) {
	r, e := reading(t)
	l := r.locator(e, pseudoblock.Derived, r.alice)
	stop := make(chan bool, 1)
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() {
			for len(stop) == 0 {
				if got := r.get(l, r.alice); got.StatusCode != 200 || got.body != "456789abcd" {
					t.Errorf("a read gave %d %q", got.StatusCode, got.body)
				}
				if got := r.imports(r.alice, `{"sources":[{"url":"s3://`+e.Object.Bucket+`/"}]}`); got.StatusCode != 503 && got.done == nil {
					t.Errorf("an import gave %d %q", got.StatusCode, got.body)
				}
			}
		})
	}
	for range 20 {
		r.reload <- nil
	}
	eventually(t, "20 reloads", func() bool { return strings.Count(r.log.String(), `"reloaded"`) == 20 })
	stop <- true
	running.Wait()
}

// TestFailureBeforeTheFirstByte is R-22: as long as no byte was sent, a read
// that fails gets a status and not a cut connection.
func TestFailureBeforeTheFirstByte(t *testing.T) {
	r, e := reading(t)
	l := r.locator(e, pseudoblock.Derived, r.alice)
	r.lab.Set(faultproxy.Rule{Do: []faultproxy.Action{faultproxy.ResetAt(0)}})
	r.wantError(r.get(l, r.alice), 503, "s3-unreachable")
	r.lab.Set(faultproxy.Rule{Do: []faultproxy.Action{faultproxy.CloseAt(0)}, Count: 1}, faultproxy.Rule{Do: []faultproxy.Action{faultproxy.Answer(404, "")}})
	r.wantError(r.get(l, r.alice), 404, "s3-not-found")
	r.lab.Set(faultproxy.Rule{Do: []faultproxy.Action{faultproxy.CloseAt(0)}, Count: 1})
	if got := r.get(l, r.alice); got.StatusCode != 200 || got.body != "456789abcd" {
		t.Errorf("one fault was not absorbed: %d %q", got.StatusCode, got.body)
	}
}

// TestHeadOfAnArchive is R-14: S3 answers HEAD of an archived object as if it
// could be read.
func TestHeadOfAnArchive(t *testing.T) {
	r, e := reading(t)
	l := r.locator(e, pseudoblock.Derived, r.alice)
	r.lab.Set(faultproxy.Rule{Do: []faultproxy.Action{faultproxy.SetHeader("X-Amz-Storage-Class", "DEEP_ARCHIVE")}})
	r.wantError(r.do(http.MethodHead, "/"+l, r.alice, ""), 422, "s3-archived")
	r.lab.Set(faultproxy.Rule{Do: []faultproxy.Action{faultproxy.SetHeader("X-Amz-Storage-Class", "STANDARD_IA")}})
	if got := r.do(http.MethodHead, "/"+l, r.alice, ""); got.StatusCode != 200 {
		t.Errorf("the positive control gave %d", got.StatusCode)
	}
}
