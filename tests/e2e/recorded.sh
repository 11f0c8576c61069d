#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# What the end-to-end tests recorded on real Xen, seen with tshark on this machine.
set -u

# shellcheck source=tests/unit/tap.sh
. "${top_srcdir:-.}/tests/unit/tap.sh"

logs=${top_builddir:-.}/lab-logs
recording=$logs/boot.pcapng
dissector=${top_builddir:-.}/tools/wireshark/virtio-msg.lua
if ! command -v tshark >/dev/null; then
	echo "1..0 # SKIP there is no tshark: tools/setup check installs it"
	exit 0
fi
if [ ! -e "$recording" ]; then
	echo "1..0 # SKIP the lab recorded nothing"
	exit 0
fi
HOME=$scratch
export HOME

# finds FILTER [ARGUMENT...]: what passes the filter, and something does
finds()
{
	filter=$1
	shift
	tshark -X lua_script:"$dissector" -r "$recording" -Y "$filter" "$@" \
		>"$scratch/found" 2>"$scratch/tshark"
	cat "$scratch/found" "$scratch/tshark"
	[ -s "$scratch/found" ]
}

nothing_malformed()
{
	! finds 'virtio_msg.malformed || _ws.malformed'
}

as_many()
{
	finds virtio_msg
	[ "$(wc -l <"$scratch/found")" -eq "$(grep -c 'guest:' "$logs/boot.text")" ]
}

in_order()
{
	finds virtio_msg -T fields -e virtio_msg.message | uniq | tr '\n' ' ' |
		grep -q 'GET_DEVICE_INFO .*GET_DEVICE_FEATURES .*SET_DRIVER_FEATURES .*SET_VQUEUE .*EVENT_USED'
}

ok "every recorded message is there" as_many
ok "none is malformed" nothing_malformed
ok "the initialization comes in order" in_order
ok "the driver sets DRIVER_OK" finds \
	'virtio_msg.direction == "from guest" && virtio_msg.status.driver_ok == 1'
ok "the device answers" finds 'virtio_msg.direction == "to guest" && virtio_msg.type == "response"'
finish
