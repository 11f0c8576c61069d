# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# make bench-xen BENCH=net: a virtio-net interface of the guest beside one of the
# kernel's PV interfaces, each on a bridge of its own, in one boot and several rounds,
# since other load on the machine moves all of them. Never fails for a slow figure.
set -u
. lab-functions.sh

rounds=${1:-2}
stream=${2:-8} # seconds
tmp=$(mktemp -d)

# bridge NAME ADDRESS
bridge()
{
	ip link add "$1" type bridge && ip addr add "$2/24" dev "$1" && ip link set "$1" up
}

# figure NAME UNIT VALUE
figure()
{
	printf '%-45s%10s %s\n' "$1" "$3" "$2"
	echo "$1=$3" >>"$tmp/all"
}

# mbits ADDRESS OPTION...: what the receiver got
mbits()
{
	to=$1
	shift
	timeout 60 iperf3 -c "$to" -t "$stream" -f m "$@" 2>&1 |
		awk '/receiver/ { for (i = 2; i <= NF; i++) if ($i == "Mbits/sec") print $(i - 1) }'
}

# milliseconds ADDRESS: the mean of the round trips
milliseconds()
{
	timeout 60 ping -c 50 -i 0.05 -q "$1" | sed -n 's|.*min/avg/max.* = [0-9.]*/\([0-9.]*\)/.*|\1|p'
}

# measure NAME ADDRESS
measure()
{
	ping -c 2 -w 10 "$2" >/dev/null
	figure "$1, dom0 to guest" Mbit/s "$(mbits "$2")"
	figure "$1, guest to dom0" Mbit/s "$(mbits "$2" -R)"
	figure "$1, ping" ms "$(milliseconds "$2")"
}

# ratio WHAT: of the best rounds, so that more is better
ratio()
{
	awk -F= -v what="$1" '
	$1 !~ what "$" { next }
	{ who = $1; sub(/,.*/, "", who); better = what == "ping" ? $2 < best[who] : $2 > best[who] }
	!(who in best) || better { best[who] = $2 }
	END {
		ours = best["virtio-net"]; theirs = best["netfront"]
		if (ours && theirs)
			printf "%-45s%10.2f\n", what, what == "ping" ? theirs / ours : ours / theirs
	}' "$tmp/all"
}

start_until 'xvmsgd ready' /lab/logs/xvmsgd.log xvmsgd || exit 1
daemon=$started
for module in tun bridge xen-netback; do
	modprobe $module || exit 1
done
bridge xvmbr0 10.7.0.1 && bridge xvmbr1 10.8.0.1 || exit 1
guest-start --full bench 'vif=["bridge=xvmbr1,mac=00:16:3e:00:00:77"]' || exit 1
guest-run bench "modprobe tun; modprobe xen-netfront
	ip addr add 10.8.0.2/24 dev eth0 && ip link set eth0 up && iperf3 -s -D" || exit 1
number=$(xvmsg attach bench net name=eth bridge=xvmbr0) || exit 1
guest-run bench "mkfifo /run/tap; xvmsg-guest net tap $number >/run/tap & read -r name </run/tap
	ip addr add 10.7.0.2/24 dev \$name && ip link set \$name up" || exit 1

: >"$tmp/all"
round=0
while [ "$round" -lt "$rounds" ]; do
	round=$((round + 1))
	echo "== round $round"
	measure virtio-net 10.7.0.2
	measure netfront 10.8.0.2
done
xvmsg stats bench
echo "== ratio of the best rounds to netfront's, more is better"
for what in 'dom0 to guest' 'guest to dom0' ping; do
	ratio "$what"
done
guest-stop bench
kill "$daemon"
exit 0
