// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app

import "runtime/debug"

// Version returns the version of the module as Go recorded it at build time:
// a tag, or a pseudo-version with the commit, or "(devel)".
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && version == "(devel)" {
			version = s.Value
		}
	}
	return version
}
