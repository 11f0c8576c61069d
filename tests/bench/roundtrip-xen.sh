# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# make bench-xen BENCH=roundtrip: message round trips beside libxenvchan's, asleep and
# looking, several rounds in one boot, since other load on the machine moves all of them.
set -u
. lab-functions.sh

rounds=${1:-3}
tmp=$(mktemp -d)

daemon_start()
{
	start_until 'xvmsgd ready' "$tmp/xvmsgd.log" xvmsgd "$@" || exit 1
	daemon=$started
}

daemon_stop()
{
	kill "$daemon"
	wait "$daemon" 2>/dev/null
	: >"$tmp/xvmsgd.log"
}

# The median in microseconds of a line of figures.
median()
{
	sed -n '/round trip/s/.*p50 *\([0-9.]*\) us.*/\1/p' "$tmp/out"
}

# NAME COMMAND...
figure()
{
	name=$1
	shift
	guest-run bench "$@" >"$tmp/out" 2>&1 || cat "$tmp/out"
	printf '%-52s p50 %10s us\n' "$name" "$(median)"
	echo "$name=$(median)" >>"$tmp/all"
}

vchan()
{
	bench-vchan server "$domid" "/local/domain/$domid/data/bench-vchan" &
	server=$!
	figure "libxenvchan" "bench-vchan ping /local/domain/$domid/data/bench-vchan"
	kill $server 2>/dev/null
	wait $server 2>/dev/null
}

: >"$tmp/all"
daemon_start
guest-start bench 'memory=160' || exit 1
domid=$(xl domid bench)
xvmsg attach bench rng >/dev/null || exit 1
round=0
while [ "$round" -lt "$rounds" ]; do
	round=$((round + 1))
	echo "== round $round"
	vchan
	figure "both ends sleep" bench-guest ping 0
	figure "the library looks before it sleeps" bench-guest ping
	daemon_stop
	daemon_start --poll-us 200
	figure "the worker looks for 200 us" bench-guest ping 0
	figure "both look" bench-guest ping
	daemon_stop
	daemon_start
done
echo "== ratio of the best rounds to libxenvchan's"
awk -F= '!best[$1] || $2 < best[$1] { best[$1] = $2 }
	END { for (i in best) if (best["libxenvchan"]) printf "%-52s %10.2f\n", i, best[i] / best["libxenvchan"] }' "$tmp/all" | sort
guest-stop bench
daemon_stop
exit 0
