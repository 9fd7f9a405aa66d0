#!/bin/sh
# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

# Usage: debian.sh PACKAGE|COMMAND=PACKAGE...
# Installs Debian packages that are missing; those with a COMMAND only where
# that is missing. Needs root for that; without root it says what to install.
set -eu

missing=
for package in "$@"; do
	case $package in
	*=*)
		! command -v "${package%%=*}" >/dev/null || continue
		package=${package#*=}
		;;
	esac
	dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
	echo "please install first: sudo apt-get install$missing" >&2
	exit 1
fi
apt-get update -q
# shellcheck disable=SC2086 # a list of words
DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
