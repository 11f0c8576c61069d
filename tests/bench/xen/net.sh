# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# A virtio-net interface of the guest by its own tool, beside one of the kernel's PV interfaces.

# shellcheck source=tests/bench/xen/streams.sh
. "$here/xen/streams.sh"

net_start_ours()
{
	net=$(xvmsg attach bench net name=eth bridge=xvmbr0) &&
		in_guest "modprobe tun; mkfifo /run/tap; xvmsg-guest net tap $net >/run/tap & echo \$! >/run/tap.pid
			read -r name </run/tap
			ip addr add 10.7.0.2/24 dev \$name && ip link set \$name up"
}

# The sections that follow want the bus.
net_stop()
{
	# shellcheck disable=SC2016 # the guest's shell
	in_guest 'kill $(cat /run/tap.pid)'
	xvmsg detach --force bench "$net"
	net_bridges_remove
}

group network 'PV interface'
{ net_bridges && net_start_ours; } >"$tmp/out" 2>&1 || failed 'starting the network' $? "$(tail -n 1 "$tmp/out")"
net_rounds network
net_stop >&2
net_rows
