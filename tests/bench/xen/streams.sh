# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# How a network interface of the guest is measured, and the kernel's PV interface with which
# it is compared, each on a bridge of its own: TCP streams by iperf3, requests and responses
# of a byte, and what guest and dom0 as a whole spend on a stream, of which iperf3's ends are part.

stream_seconds=5

# bridge NAME ADDRESS
bridge()
{
	ip link add "$1" type bridge && ip addr add "$2/24" dev "$1" && ip link set "$1" up
}

net_start_peer()
{
	xl network-attach bench bridge=xvmbr1 mac=00:16:3e:00:00:77 &&
		in_guest 'modprobe xen-netfront; until [ -d /sys/class/net/eth0 ]; do :; done
			ip addr add 10.8.0.2/24 dev eth0 && ip link set eth0 up && iperf3 -s -D
			bench-tcp serve 7777 >/dev/null 2>&1 &'
}

# net_bridges: both, and all that dom0 needs for the two interfaces
net_bridges()
{
	for module in tun bridge xen-netback; do
		modprobe $module
	done
	bridge xvmbr0 10.7.0.1 && bridge xvmbr1 10.8.0.1 && net_start_peer
}

net_bridges_remove()
{
	xl network-detach bench 00:16:3e:00:00:77
	ip link del xvmbr0
	ip link del xvmbr1
}

# stream WHO WHAT ADDRESS OPTION...: what the receiver got, and dom0's time for it
stream()
{
	stream_who=$1 stream_what=$2
	shift 2
	before_dom0=$(cpu 0) before_guest=$(cpu bench)
	timeout 60 iperf3 -c "$@" -t "$stream_seconds" -f m >"$tmp/out" 2>&1 ||
		failed iperf3 $? "$(tail -n 1 "$tmp/out")"
	spent_dom0=$(less "$(cpu 0)" "$before_dom0")
	spent_guest=$(less "$(cpu bench)" "$before_guest")
	rate=$(awk '/receiver/ { for (i = 2; i <= NF; i++) if ($i == "Mbits/sec") print $(i - 1) }' \
		"$tmp/out")
	sample "$stream_who" "$stream_what" "$rate"
	stream_mib=$(awk -v rate="$rate" -v seconds="$stream_seconds" \
		'BEGIN { print rate * seconds * 1e6 / 8 / 1048576 }')
	sample "$stream_who" "each MiB, $stream_what" "$(each "$spent_dom0" "$stream_mib")"
	sample "$stream_who" "guest, each MiB, $stream_what" "$(each "$spent_guest" "$stream_mib")"
}

# net_measure WHO ADDRESS
net_measure()
{
	ping -c 2 -w 10 "$2" >/dev/null
	stream "$1" 'TCP, dom0 to guest' "$2"
	stream "$1" 'TCP, guest to dom0' "$2" -R
	measure "$1" timeout 60 bench-tcp ask "$2" 7777
}

# net_rounds WHAT: our interface and the peer's in turns
net_rounds()
{
	for round in 1 2; do
		measuring "$1, round $round of 2"
		net_measure ours 10.7.0.2
		net_measure peer 10.8.0.2
	done
}

# net_rows [guest]: the table's; what a guest spends is compared where both ends are its kernel's
net_rows()
{
	for way in 'dom0 to guest' 'guest to dom0'; do
		pair "TCP, $way" '>= 1.0' Mbit/s
	done
	pair 'TCP requests and responses' '>= 1.0' /s
	for way in 'dom0 to guest' 'guest to dom0'; do
		for spender in '' "$@"; do
			pair "${spender:+$spender, }each MiB, TCP, $way" '<= 1.0' 'ms CPU'
		done
	done
}
