#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the xen-virtio-msg authors
#
# run.sh FOLDER PROGRAM ...: runs each program, keeps its TAP in FOLDER, and prints the
# table of clauses. Several at a time, as many as there are processors; none may take
# longer than a minute.
set -u

here=$(dirname "$0")
folder=$1
shift

rm -rf "$folder"
mkdir -p "$folder"
# shellcheck disable=SC2016
printf '%s\n' "$@" | xargs -P "$(nproc)" -I PROGRAM sh -c '
	name=$(echo "${1#*conformance/}" | tr / -)
	timeout 60 "$1" >"$2/$name.tap" 2>"$2/$name.log"
	exit 0' run PROGRAM "$folder"
exec awk -f "$here/table.awk" "$here/clauses.txt" "$folder"/*.tap
