# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# A virtio-net interface of the guest beside one of the kernel's PV interfaces, each on a
# bridge of its own: TCP streams by iperf3, requests and responses of a byte, and what dom0
# as a whole spends on a stream, of which iperf3's own end is part.

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

net_start_ours()
{
	net=$(xvmsg attach bench net name=eth bridge=xvmbr0) &&
		in_guest "modprobe tun; mkfifo /run/tap; xvmsg-guest net tap $net >/run/tap & echo \$! >/run/tap.pid
			read -r name </run/tap
			ip addr add 10.7.0.2/24 dev \$name && ip link set \$name up"
}

net_start()
{
	for module in tun bridge xen-netback; do
		modprobe $module
	done
	bridge xvmbr0 10.7.0.1 && bridge xvmbr1 10.8.0.1 && net_start_peer && net_start_ours
}

# The sections that follow want the bus.
net_stop()
{
	# shellcheck disable=SC2016 # the guest's shell
	in_guest 'kill $(cat /run/tap.pid)'
	xvmsg detach --force bench "$net"
	xl network-detach bench 00:16:3e:00:00:77
	ip link del xvmbr0
	ip link del xvmbr1
}

# stream WHO WHAT ADDRESS OPTION...: what the receiver got, and dom0's time for it
stream()
{
	stream_who=$1 stream_what=$2
	shift 2
	before=$(dom0_cpu)
	timeout 60 iperf3 -c "$@" -t "$stream_seconds" -f m >"$tmp/out" 2>&1 ||
		failed iperf3 $? "$(tail -n 1 "$tmp/out")"
	spent=$(less "$(dom0_cpu)" "$before")
	rate=$(awk '/receiver/ { for (i = 2; i <= NF; i++) if ($i == "Mbits/sec") print $(i - 1) }' \
		"$tmp/out")
	sample "$stream_who" "$stream_what" "$rate"
	sample "$stream_who" "each MiB, $stream_what" "$(awk -v spent="$spent" -v rate="$rate" \
		-v seconds="$stream_seconds" 'BEGIN {
			if (rate > 0) print spent * 1000 / (rate * seconds * 1e6 / 8 / 1048576) }')"
}

# net_measure WHO ADDRESS
net_measure()
{
	ping -c 2 -w 10 "$2" >/dev/null
	stream "$1" 'TCP, dom0 to guest' "$2"
	stream "$1" 'TCP, guest to dom0' "$2" -R
	measure "$1" timeout 60 bench-tcp ask "$2" 7777
}

group network 'PV interface'
net_start >"$tmp/out" 2>&1 || failed 'starting the network' $? "$(tail -n 1 "$tmp/out")"
for round in 1 2; do
	measuring "network, round $round of 2"
	net_measure ours 10.7.0.2
	net_measure peer 10.8.0.2
done
net_stop >&2
for way in 'dom0 to guest' 'guest to dom0'; do
	pair "TCP, $way" '>= 1.0' Mbit/s
done
pair 'TCP requests and responses' '>= 1.0' /s
for way in 'dom0 to guest' 'guest to dom0'; do
	pair "each MiB, TCP, $way" '<= 1.0' 'ms CPU'
done
