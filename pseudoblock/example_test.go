// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package pseudoblock_test

import (
	"fmt"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// Building a locator for a range of an object version, and reading it.
func Example() {
	extent := pseudoblock.Extent{
		Object: locator.Object{Bucket: "bucket", Key: "key", VersionID: "v1"},
		Offset: 256,
		Size:   512,
	}
	opaque, err := extent.Locator(pseudoblock.Opaque)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(opaque)

	l, err := locator.Parse(opaque.String())
	if err != nil {
		fmt.Println(err)
		return
	}
	block, err := pseudoblock.FromLocator(l)
	if err != nil {
		fmt.Println(err)
		return
	}
	e := block.Extents[0]
	fmt.Println(block.Form, block.Identity)
	fmt.Println(e.Object, e.Offset, e.Size)
	// Output:
	// ffffffffffffffffffffffffffffffff+512+BczM6Ly9idWNrZXQva2V5P3ZlcnNpb25JZD12MQ+C256
	// opaque 838ae769c5981b58b69c9a86dad8af2b
	// s3://bucket/key?versionId=v1 256 512
}

// Cutting an object where import cuts it.
func ExampleSplit() {
	o := locator.Object{Bucket: "bucket", Key: "key", VersionID: "v1"}
	for e := range pseudoblock.Split(o, 2_500_000_000, pseudoblock.Cut) {
		fmt.Println(e.Offset, e.Size)
	}
	// Output:
	// 0 1073741824
	// 1073741824 1073741824
	// 2147483648 352516352
}
