# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# Event channels of single queues: a disk through them, none left behind, and a guest
# that rings without end.

# ports GUEST: dom0's event channels with it
ports()
{
	lsevtchn 0 | grep -c "Remote Domain $(domid "$1"),"
}

random_file "$tmp/bell.img" 2
bell=$(xvmsg attach alice blk target="$tmp/bell.img" name=bell)
alice_f=/local/domain/$(domid alice)/device/virtio-msg/0

same "a disk is read with doorbells" "$(sum_of "$tmp/bell.img")" \
	"$(guest-run alice "xvmsg-guest --queue-doorbells blk read $bell | sha256sum" | cut -d' ' -f1)"
same "doorbells were agreed on" 1 "$(xenstore-read "$alice_f/feature-queue-doorbell")"
written=$(guest-run alice "dd if=/dev/urandom of=/tmp/new bs=64K count=16 2>/dev/null
	xvmsg-guest --queue-doorbells blk write $bell --offset 1048576 </tmp/new && sha256sum </tmp/new")
same "and written: dom0 sees these bytes" "${written%% *}" \
	"$(tail -c 1048576 "$tmp/bell.img" | sha256sum | cut -d' ' -f1)"

idle=$(ports alice)
guest-run alice "hostile flood $bell >/tmp/flood 2>&1 &"
wait_node "$alice_f/device/$bell/state" in-use
same "another guest's disk is read while one rings without end" "$(sum_of "$tmp/bob.img")" \
	"$(guest_sum bob "$bob_disk")"
same "a queue in use has an event channel beside the ring's" 2 "$(($(ports alice) - idle))"
check "the flooded disk is detached in order" xvmsg detach alice bell
guest-run alice 'cat /tmp/flood' >"$tmp/out" 2>&1
grep -q 'asked to release' "$tmp/out"
ok "its driver was asked for it" $?
wait_node "$alice_f/state" 6
same "and no event channel is left" "$idle" "$(ports alice)"
