# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# What the daemon has counted after a known load.

truncate -s 8M "$tmp/counted.img"
counted=$(xvmsg attach alice blk target="$tmp/counted.img" name=counted)

# counted METRIC: of the device's queue
counted()
{
	xvmsg stats --prometheus - alice counted |
		sed -n "s/^xvmsg_queue_$1{.*name=\"counted\".*} //p"
}

check "a device that nobody used has a row" sh -c "xvmsg stats alice $counted | grep -q counted"
same "a guest reads a disk, and shows no progress where nobody sees it" \
	"$(sum_of "$tmp/counted.img")" \
	"$(guest-run alice "xvmsg-guest blk read $counted 2>&1 | sha256sum" | cut -d' ' -f1)"
requests=$(counted requests_total)
same "each of its bytes is counted, and a status of each request" \
	$((8388608 + requests)) "$(counted to_guest_bytes_total)"
same "each request was timed" "$requests" "$(counted latency_seconds_count)"
guest-run alice "head -c 1048576 /dev/zero | xvmsg-guest blk write $counted" >"$tmp/out" 2>&1
same "what it writes is counted, with a header of each request" \
	$((1048576 + 16 * $(counted requests_total))) "$(counted from_guest_bytes_total)"
same "nothing is under way when it has ended" 0 "$(counted depth)"

xvmsg stats --json alice >"$tmp/out" 2>&1
ok "the same as JSON" $?
grep -q '"name": *"counted"' "$tmp/out"
ok "has the device in it" $?
check "and as a file for Prometheus" xvmsg stats --prometheus "$tmp/xvmsg.prom"
grep -q '^xvmsg_bus_up{domain="alice",bus="0"} 1$' "$tmp/xvmsg.prom"
ok "which speaks of the guest" $?
refused "a device that is not there is named" 1 'no device other' xvmsg stats alice other

xvmsg top --batch -n 2 --interval 1 alice >"$tmp/top" 2>&1
ok "top watches a guest" $?
same "in as many tables as were asked for" 2 "$(grep -c '^xvmsg top ' "$tmp/top")"
guest-run alice "xvmsg-guest blk read $counted >/dev/null" &
reader=$!
xvmsg top --batch -n 30 --interval 1 alice | grep -q 'counted.* MiB'
ok "and sees what it does" $?
wait $reader
check "it is detached" xvmsg detach --quiet alice counted
