#!/bin/sh
# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

# Usage: tools.sh FOLDER [PROGRAM...]
# Puts the programs that tests need into FOLDER, or only those that are named:
# S3 servers, linters and Arvados' Python clients, each at one version.
# A file NAME.version beside each says what it was made from; nothing is done
# when that is what is wanted.
# MinIO has no version tags, so its commit is pinned by pseudo-version.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
shift
only=$*
new=$(mktemp -d "$folder/.new.XXXXXX")
venv=
trap 'rm -rf "$new" ${venv:+"$venv"}' EXIT

# wanted NAME
wanted() {
	case " $only " in
	"  " | *" $1 "*) ;;
	*) return 1 ;;
	esac
}

# install NAME PACKAGE@VERSION
install() {
	wanted "$1" || return 0
	if [ -x "$folder/$1" ] && [ "$(cat "$folder/$1.version" 2>/dev/null)" = "$2" ]; then
		return
	fi
	echo "building $1 ($2), once"
	# The modules of this repository and flags of the caller must not mix in.
	(cd "$new" && GOWORK=off GOFLAGS='' GOBIN="$new" CGO_ENABLED=0 go install -trimpath "$2")
	# Moved into place whole: another run may be using the folder.
	rm -f "$folder/$1.version"
	mv -f "$new/$1" "$folder/$1"
	echo "$2" >"$folder/$1.version"
}

# install_python NAME LIST PACKAGE [PROGRAM]: makes a Python environment of the packages in LIST.
# It cannot be moved, so a link NAME to its PROGRAM (default: NAME) is. A package that has no wheel for
# this machine is compiled, which needs the headers of libcurl.
install_python() {
	wanted "$1" || return 0
	if [ -x "$folder/$1" ] && cmp -s "$2" "$folder/$1.version"; then
		return
	fi
	echo "installing $1 ($(grep "^$3==" "$2")), once"
	python3 -c 'import ensurepip, venv' 2>/dev/null || "$here/debian.sh" python3-venv
	venv=$(mktemp -d "$folder/$1.XXXXXX")
	python3 -m venv "$venv"
	program=${4:-$1}
	set -- "$1" "$2" "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$2"
	(shift 2 && "$@") || {
		"$here/debian.sh" python3-dev build-essential libcurl4-openssl-dev libssl-dev
		(shift 2 && "$@")
	}
	rm -f "$folder/$1.version"
	ln -s "$venv/bin/$program" "$new/$1"
	mv -f "$new/$1" "$folder/$1"
	venv=
	cp "$2" "$folder/$1.version"
}

install staticcheck honnef.co/go/tools/cmd/staticcheck@v0.8.1
install gofakes3 github.com/johannesboyne/gofakes3/cmd/gofakes3@v1.2.0
install versitygw github.com/versity/versitygw/cmd/versitygw@v1.8.0
install minio github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c
install rclone github.com/rclone/rclone@v1.75.1
install_python moto_server "$here/moto.txt" moto
install_python arv-get "$here/arvados-client.txt" arvados-python-client
install_python shim-python "$here/shim.txt" arvados-python-client python
install_python shim-python-old "$here/shim-old.txt" arvados-python-client python
# Only by its name, as it needs FUSE: fuse.sh asks for it.
[ -z "$only" ] || install_python arv-mount "$here/arv-mount.txt" arvados_fuse
