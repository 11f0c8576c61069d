# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# 1,000 devices on one bus: minutes, and without a peer. They stay there, so that it goes
# last.

requests=/local/domain/0/backend/virtio-msg/$domid/0/request

# As many in each transaction as a command line takes.
devices_request()
{
	i=0
	while [ $i -lt 1000 ]; do
		set --
		until [ $# -ge 300 ]; do
			set -- "$@" "$requests/d$i/type" blk "$requests/d$i/target" "$store" \
				"$requests/d$i/mode" r
			i=$((i + 1))
		done
		xenstore-write "$@"
	done
}

group '1,001 devices on one bus' ''
measuring '1,001 devices on one bus'
store_make
# It makes the bus.
attach_ours
xvmsg detach --force bench "$number" >&2
begun=$(seconds)
devices_request
# They are served in the order in which they come: this one is the last.
xvmsg attach --timeout 600 bench blk target="$store" name=last readonly >/dev/null
row 'requests, until the last has its number' "$(less "$(seconds)" "$begun")" - '' s
patience=600
measure ours in_guest 'bench-guest enumerate 1001'
for what in 'connect and be told of each device' 'GET_DEVICES of all' 'GET_DEVICE_INFO of each'; do
	row "$what" "$(value ours "$what (1001)")" - '' s
done
