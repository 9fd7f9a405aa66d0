#!/bin/sh
# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

# Usage: fuse.sh FOLDER
# Sees to it that arv-mount is in FOLDER and that this machine can mount. Where
# that cannot be, says so in one line and exits with 1: tests then leave it out.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
if [ "$(id -u)" != 0 ] || ! [ -c /dev/fuse ] || ! (exec 3<>/dev/fuse) 2>/dev/null ||
	! unshare --mount true 2>/dev/null; then
	echo "arv-mount left out: needs root, a /dev/fuse that can be opened, and the right to mount"
	exit 1
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! "$here/debian.sh" fusermount=fuse libfuse-dev pkg-config build-essential python3-dev >"$log" 2>&1 ||
	! "$here/tools.sh" "$1" arv-mount >>"$log" 2>&1; then
	echo "arv-mount left out: it could not be installed: $(grep -iE '^E:|error' "$log" | head -n 1)"
	exit 1
fi
