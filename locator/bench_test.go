// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package locator_test

import (
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/locator"
)

func signedExample(b *testing.B) (locator.Locator, *locator.Signer) {
	o := locator.Object{Bucket: "my-bucket", Key: "path/to/object.bam", VersionID: "3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY"}
	s := signer(b)
	l := parse(b, string(locator.Opaque)+"+1073741824").WithRef(locator.Ref{B: o.Encode(), C: 1 << 30})
	return s.Sign(l.WithService("zzzzz-bi6l4-000000000000000"), "v2/zzzzz-gj3su-000000000000000/token", time.Unix(2e9, 0)), s
}

func BenchmarkParse(b *testing.B) {
	l, _ := signedExample(b)
	text := l.String()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := locator.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	l, s := signedExample(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Verify(l, "v2/zzzzz-gj3su-000000000000000/token", time.Unix(1e9, 0)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	l, s := signedExample(b)
	b.ReportAllocs()
	for b.Loop() {
		_ = s.Sign(l, "v2/zzzzz-gj3su-000000000000000/token", time.Unix(2e9, 0)).String()
	}
}
