// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package records_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/creds/records"
)

// TestFlood: whoever shares many or huge records with a user does not keep
// the user from their own.
func TestFlood(t *testing.T) {
	s := newSite(t, true)
	ann, eve := s.person(t, "ann"), s.person(t, "eve")
	s.keep(t, ann, records.ClassKeys, "AKIAANN", "s3://*")
	for i := range 30 {
		huge := fmt.Sprint(i, strings.Repeat("<", 8000)) // 48,000 bytes in JSON
		s.share(t, eve, "can_manage", s.keep(t, eve, records.ClassRole, huge, "s3://lab"), ann)
	}
	got, err := s.source.Credentials(t.Context(), tokenRule("lab"), ann)
	if err != nil {
		t.Fatal(err)
	}
	if keys, err := got.Provider.Retrieve(t.Context()); err != nil || keys.AccessKeyID != "AKIAANN" {
		t.Errorf("got the keys %q, %v", keys.AccessKeyID, err)
	}
}
