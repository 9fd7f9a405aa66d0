#!/bin/sh
# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

# Usage: fuzz.sh DURATION PACKAGE...
# Runs every fuzz target of the packages, one after the other.
set -eu

duration=$1
shift
for package in $(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' "$@"); do
	for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
		echo "== $package $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$duration" "$package"
	done
done
