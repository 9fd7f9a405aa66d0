// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package volumetest holds every storage driver to the contract of package
// volume. A driver's test makes a [Harness] and calls [Run]:
//
//	func TestConformance(t *testing.T) {
//		volumetest.Run(t, func(t *testing.T) volumetest.Harness { … })
//	}
//
// The constructor is called once for each row and gives an empty volume.
// To add a row, write a function of this package and list it in rows.
package volumetest
