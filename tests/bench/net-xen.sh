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
seconds=${2:-8} # of each stream
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

# busy: hundredths of a second that dom0 has worked
busy()
{
	awk '/^cpu / { print $2 + $3 + $4 + $7 + $8 }' /proc/stat
}

# stream NAME ADDRESS OPTION...: what the receiver got, and what it cost dom0
stream()
{
	stream_name=$1 stream_before=$(busy)
	timeout 60 iperf3 -c "$2" -t "$seconds" -f m ${3:+"$3"} >"$tmp/iperf" 2>&1
	stream_busy=$(($(busy) - stream_before))
	# ... SECONDS sec AMOUNT MBytes RATE Mbits/sec receiver
	# shellcheck disable=SC2046 # two words
	set -- $(awk '/receiver/ { for (i = 3; i < NF; i++) if ($i == "Mbits/sec")
		print $(i - 1), ($(i - 2) ~ /^G/ ? 1024 : $(i - 2) ~ /^K/ ? 1 / 1024 : 1) * $(i - 3) }' "$tmp/iperf")
	figure "$stream_name" Mbit/s "${1:-}"
	figure "$stream_name, CPU in dom0" ms/MiB \
		"$(awk -v ticks="$stream_busy" -v mib="${2:-0}" 'BEGIN { if (mib > 0) printf "%.2f", 10 * ticks / mib }')"
}

# measure NAME ADDRESS
measure()
{
	ping -c 2 -w 10 "$2" >/dev/null
	stream "$1, dom0 to guest" "$2"
	stream "$1, guest to dom0" "$2" -R
	figure "$1, request and response" /s \
		"$(timeout 60 bench-tcp ask "$2" 7777 | awk '/requests/ { print $(NF - 1) }')"
}

# ratio WHAT: of the best rounds, so that more is better
ratio()
{
	awk -F= -v what="$1" '
	$1 !~ ", " what "$" || $2 == "" { next }
	{ who = $1; sub(/,.*/, "", who); better = what ~ /CPU/ ? $2 < best[who] : $2 > best[who] }
	!(who in best) || better { best[who] = $2 }
	END {
		ours = best["virtio-net"]; theirs = best["netfront"]
		if (ours && theirs)
			printf "%-45s%10.2f\n", what, what ~ /CPU/ ? theirs / ours : ours / theirs
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
	ip addr add 10.8.0.2/24 dev eth0 && ip link set eth0 up && iperf3 -s -D
	bench-tcp serve 7777 >/dev/null 2>&1 &" || exit 1
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
for what in 'dom0 to guest' 'guest to dom0' 'request and response' \
	'dom0 to guest, CPU in dom0' 'guest to dom0, CPU in dom0'; do
	ratio "$what"
done
guest-stop bench
kill "$daemon"
exit 0
