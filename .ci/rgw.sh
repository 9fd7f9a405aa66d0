#!/bin/sh
# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

# Usage: rgw.sh
# Sees to it that Ceph's object gateway is installed. Where it is not and cannot
# be, says so in one line and exits with 1: tests then leave it out.
set -eu

for program in radosgw radosgw-admin ceph ceph-mon ceph-osd monmaptool; do
	command -v "$program" >/dev/null || missing=$program
done
[ -n "${missing:-}" ] || exit 0
if [ "$(id -u)" != 0 ] || ! grep -qx 'ID=debian' /etc/os-release 2>/dev/null; then
	echo "Ceph RGW left out: needs root and Debian"
	exit 1
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "installing Ceph RGW, once"
if ! "$(dirname "$0")/debian.sh" radosgw ceph-mon ceph-osd ceph-common >"$log" 2>&1; then
	echo "Ceph RGW left out: its packages could not be installed: $(grep '^E:' "$log" | head -n 1)"
	exit 1
fi
