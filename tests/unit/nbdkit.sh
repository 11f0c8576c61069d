#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the xen-virtio-msg authors
#
# nbdkit loads the plugin and knows its parameters.
set -u

# shellcheck source=tests/unit/tap.sh
. "${top_srcdir:-.}/tests/unit/tap.sh"

plugin=${top_builddir:-.}/.libs/nbdkit-xvmsg-plugin.so
if [ ! -e "$plugin" ]; then
	echo "1..0 # SKIP the plugin was not built: it needs nbdkit-plugin-dev"
	exit 0
fi
if ! command -v nbdkit >/dev/null; then
	echo "1..0 # SKIP there is no nbdkit to load the plugin"
	exit 0
fi
# A sanitizer wants to be there before nbdkit is.
if ! nbdkit "$plugin" --dump-plugin >"$scratch/dump" 2>&1 && grep -q '__[a-z]*san_' "$scratch/dump"; then
	echo "1..0 # SKIP nbdkit cannot load what was built with sanitizers"
	exit 0
fi

# dumps LINE
dumps()
{
	cat "$scratch/dump"
	grep -qx "$1" "$scratch/dump"
}

# refused WORDS PARAMETER...
refused()
{
	refused_words=$1
	shift
	! nbdkit -f "$plugin" "$@" >"$scratch/out" 2>&1 </dev/null && grep -q "$refused_words" "$scratch/out"
}

ok "nbdkit loads it" dumps name=xvmsg
ok "requests come in parallel" dumps thread_model=parallel
ok "the help has its parameters" sh -c "nbdkit '$plugin' --help | grep -q 'heartbeat=<SECONDS>'"
ok "a device is needed" refused 'device=NUMBER is missing'
ok "a bus is a small number" refused 'bus is at most 65535' device=1 bus=65536
ok "other parameters are refused" refused "no parameter 'speed'" device=1 speed=9
if [ ! -e /proc/xen ] && [ ! -e /dev/xen ]; then
	ok "without Xen it says so" refused 'does not run on Xen' 1
fi
finish
