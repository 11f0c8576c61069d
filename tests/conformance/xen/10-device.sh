# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the xen-virtio-msg authors
#
# The device clauses from within a guest, against xvmsgd's disk.

random_file "$tmp/device.img" 1
device=$(xvmsg attach alice blk target="$tmp/device.img" name=device)
# By way of a file: passing on what it says would take longer than the cases.
guest-run alice "conform-device-xen $device >/tmp/device.tap 2>&1; cat /tmp/device.tap" \
	>"$tmp/device.tap"
awk -v n="$cases" '/^(not )?ok / { sub(/ok [0-9]+/, "ok " ++n) } !/^1\.\./' "$tmp/device.tap"
planned=$(sed -n 's/^1\.\.//p' "$tmp/device.tap")
ran=$(grep -cE '^(not )?ok ' "$tmp/device.tap")
cases=$((cases + ran))
same "every case against the disk was run" "$planned" "$ran"
xvmsg detach alice "$device"
