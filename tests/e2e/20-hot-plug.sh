# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# Devices come and go while a guest watches.

random_file "$tmp/plug.img" 1
guest-run alice 'xvmsg-guest events >/tmp/events 2>&1 & echo $! >/tmp/events.pid'
first=$(xvmsg attach alice blk target="$tmp/plug.img" name=plug)
check "orderly detach" xvmsg detach alice plug
second=$(xvmsg attach alice blk target="$tmp/plug.img" name=plug)
same "the next attach gets another number" "$((first + 1))" "$second"
check "detach by number, by force" xvmsg detach alice "$second" --force

third=$(xvmsg attach alice blk target="$tmp/plug.img")
guest-run alice "xvmsg-guest blk read $third >/dev/null" # all events before are printed by now
check "detach by number" xvmsg detach alice "$third"
guest-run alice 'kill $(cat /tmp/events.pid); cat /tmp/events' >"$tmp/events"
for number in "$first" "$second"; do
	same "number $number: ADDED once, REMOVED once" "ADDED REMOVED" \
		"$(grep -wE "(ADDED|REMOVED) +$number" "$tmp/events" | awk '{print $1}' | xargs)"
done
refused "a removed number is gone for the guest" 1 'no device' \
	guest-run alice "xvmsg-guest info $first"

# A device in use: orderly removal waits for the guest, force does not.
random_file "$tmp/busy.img" 4
busy=$(xvmsg attach alice blk target="$tmp/busy.img" name=busy)
guest-run alice "hostile hold $busy >/tmp/hold 2>&1 &"
wait_node "/local/domain/$(domid alice)/device/virtio-msg/0/device/$busy/state" in-use
check "orderly detach of a disk in use is answered by its driver" xvmsg detach alice busy
guest-run alice 'cat /tmp/hold' >"$tmp/out" 2>&1
grep -q 'asked to release' "$tmp/out"
ok "the driver was asked" $?
