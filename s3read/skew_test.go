// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/s3read"
)

// TestT10WrongClock: real servers refuse requests of another time.
func TestT10WrongClock(t *testing.T) {
	for _, c := range []struct {
		off  time.Duration
		want string
	}{{40 * time.Minute, " ahead of that of S3 endpoint"}, {-40 * time.Minute, " behind that of S3 endpoint"}} {
		r := newRig(t, patient)
		r.reader = newReader(t, s3read.Options{Stall: patient.Stall, Now: func() time.Time { return time.Now().Add(c.off) }})
		r.always()
		e := r.fails(s3read.ClockSkew, 1)
		if !strings.Contains(e.Text, c.want) || !strings.Contains(e.Text, "check the clock") || !strings.Contains(e.Text, " 40m0s ") {
			t.Errorf("%v: %s", c.off, e.Text)
		}
		r.reader = newReader(t, patient)
		r.control()
	}
}

// TestT10RefusalsOfAnotherTime: S3 blames the keys, and the clocks differ.
func TestT10RefusalsOfAnotherTime(t *testing.T) {
	at := func(ahead time.Duration) faultproxy.Action {
		return faultproxy.SetHeader("Date", time.Now().Add(-ahead).UTC().Format(http.TimeFormat))
	}
	for name, c := range map[string]struct {
		do     actions
		signed bool
		kind   s3read.Kind
	}{
		"16 minutes":          {actions{faultproxy.Answer(403, errorXML("AccessDenied", "")), at(16 * time.Minute)}, true, s3read.ClockSkew},
		"16 minutes behind":   {actions{faultproxy.Answer(403, errorXML("InvalidAccessKeyId", "")), at(-16 * time.Minute)}, true, s3read.ClockSkew},
		"no code":             {actions{faultproxy.Answer(403, ""), at(16 * time.Minute)}, true, s3read.ClockSkew},
		"14 minutes":          {actions{faultproxy.Answer(403, errorXML("AccessDenied", "")), at(14 * time.Minute)}, true, s3read.Denied},
		"no date":             {actions{faultproxy.Answer(403, errorXML("AccessDenied", "")), faultproxy.DropHeader("Date")}, true, s3read.Denied},
		"not a date":          {actions{faultproxy.Answer(403, errorXML("AccessDenied", "")), faultproxy.SetHeader("Date", "yesterday")}, true, s3read.Denied},
		"unsigned":            {actions{faultproxy.Answer(403, errorXML("AccessDenied", "")), at(16 * time.Minute)}, false, s3read.Denied},
		"another reason":      {actions{faultproxy.Answer(403, errorXML("InvalidObjectState", "")), at(16 * time.Minute)}, true, s3read.Archived},
		"missing":             {actions{faultproxy.Answer(404, errorXML("NoSuchVersion", "")), at(16 * time.Minute)}, true, s3read.NotFound},
		"code without a date": {actions{faultproxy.Answer(403, errorXML("RequestTimeTooSkewed", "")), faultproxy.DropHeader("Date")}, true, s3read.ClockSkew},
	} {
		r := newRig(t, patient)
		if !c.signed {
			r.access.Provider = nil
		}
		r.always(c.do...)
		if e := r.fails(c.kind, 1); c.kind == s3read.ClockSkew && !strings.Contains(e.Text, "check the clock") {
			t.Errorf("%s: %s", name, e.Text)
		}
	}
	newRig(t, patient).control()
}
