# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# Restarts and deaths of each party.

data=$(xenstore-read "/local/domain/0/backend/virtio-msg/$(domid alice)/0/request/data/number")
sum=$(sum_of "$tmp/alice.img")

daemon_stop
daemon_start
same "a restarted xvmsgd serves the same number" "$sum" "$(guest_sum alice "$data")"
daemon_stop -KILL
daemon_start
same "and after kill -9" "$sum" "$(guest_sum alice "$data")"

worker=$(cut -d" " -f1 "/proc/$daemon_pid/task/$daemon_pid/children")
kill -KILL "$worker"
same "a killed worker is replaced: first guest" "$sum" "$(guest_sum alice "$data")"
same "a killed worker is replaced: second guest" "$(sum_of "$tmp/bob.img")" "$(guest_sum bob "$bob_disk")"

random_file "$tmp/number.img" 1
next=$(xvmsg attach alice blk target="$tmp/number.img" name=number)
same "no restart gave a number twice" 1 "$([ "$next" -gt "$data" ] && echo 1)"

bob=$(domid bob)
guest-run bob "hostile hold $bob_disk >/tmp/hold 2>&1 &"
wait_node "/local/domain/$bob/device/virtio-msg/0/device/$bob_disk/state" in-use
xl destroy bob
wait_node "/local/domain/0/backend/virtio-msg/$bob" ''
check "xl destroy: xenstore is cleaned up" \
	sh -c "! xenstore-exists /local/domain/0/backend/virtio-msg/$bob"
xl list "$bob" >"$tmp/out" 2>&1
same "and no zombie of the guest is left" 1 $?
same "other guests go on" "$sum" "$(guest_sum alice "$data")"
