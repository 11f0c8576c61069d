#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the xen-virtio-msg authors
#
# One boot of the lab that runs what there is of the conformance suite on real Xen,
# and the table of the clauses it tests.
set -u

lab=$top_srcdir/tools/lab
here=$top_srcdir/tests/conformance
logs=$top_builddir/conformance-xen-logs

if ! command -v qemu-system-x86_64 >/dev/null; then
	echo "the lab needs qemu-system-x86: tools/setup lab installs it" >&2
	exit 1
fi
# The lab's dom0 sees the folder of the script it runs, and nothing beside it.
scripts=$logs/scripts
rm -rf "$logs"
mkdir -p "$scripts"
cp "$top_srcdir/tests/e2e/functions.sh" "$here"/xen/*.sh "$scripts" || exit 1
"$lab" run --timeout 900 --root "$top_builddir/lab-root" --logs "$top_builddir/lab-logs" \
	"$scripts/run.sh" >"$logs/on-xen.tap"

# judge NAME [OPTION]...: the driver, by what was recorded of it
judge()
{
	recording=$1
	shift
	"$top_builddir/tests/conformance/driver/conform-capture" "$@" \
		"$top_builddir/lab-logs/$recording.pcapng" >"$logs/driver-$recording.tap" 2>&1
}

judge wide
judge strict --strict
judge compact --max 264
exec awk -v partial=1 -f "$here/table.awk" "$here/clauses.txt" "$logs"/*.tap
