// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package pseudoblock_test

import (
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

func benchExtent() pseudoblock.Extent {
	return pseudoblock.Extent{
		Object: locator.Object{Bucket: "my-bucket", Key: "path/to/object name.bam", VersionID: "3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY"},
		Offset: 1 << 30,
		Size:   1 << 30,
	}
}

func BenchmarkFromLocator(b *testing.B) {
	for _, f := range []pseudoblock.Form{pseudoblock.Opaque, pseudoblock.Derived} {
		b.Run(f.String(), func(b *testing.B) {
			l := write(b, f, benchExtent())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := pseudoblock.FromLocator(l); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkReadPath is what a server does with a locator before it asks S3.
func BenchmarkReadPath(b *testing.B) {
	s, err := locator.NewSigner([]byte("made-up-key-for-tests"), 336*time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	const token = "v2/zzzzz-gj3su-000000000000000/token"
	text := s.Sign(write(b, pseudoblock.Opaque, benchExtent()), token, time.Unix(2e9, 0)).String()
	b.ReportAllocs()
	for b.Loop() {
		l, err := locator.Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := pseudoblock.FromLocator(l); err != nil {
			b.Fatal(err)
		}
		if err := s.Verify(l, token, time.Unix(1e9, 0)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWrite is what import does for each object, without signing.
func BenchmarkWrite(b *testing.B) {
	e := benchExtent()
	b.ReportAllocs()
	for b.Loop() {
		_ = write(b, pseudoblock.Derived, e).String()
	}
}
