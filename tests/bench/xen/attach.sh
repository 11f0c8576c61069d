# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# From the command that attaches a disk to the guest's first block of it. The guest has
# no connection to the bus before, and makes one.

# first_read WHO BEGUN COMMAND: in the guest
first_read()
{
	if in_guest "$3" >"$tmp/out" 2>&1; then
		sample "$1" 'attach to first read' "$(less "$(seconds)" "$2")"
	else
		failed 'the first read' $? "$(tail -n 1 "$tmp/out")"
	fi
}

attach_and_read_ours()
{
	begun=$(seconds)
	attach_ours
	first_read ours "$begun" "xvmsg-guest blk read $number --length 4096 >/dev/null"
	xvmsg detach --force bench "$number" >&2
}

attach_and_read_peer()
{
	begun=$(seconds)
	attach_peer
	first_read peer "$begun" "$until_peer; dd if=/dev/xvdb of=/dev/null bs=4096 count=1"
	xl block-detach bench xvdb >&2
}

group attaching 'xl block-attach'
store_make
for round in 1 2 3 4 5; do
	measuring "attaching, round $round of 5"
	attach_and_read_ours
	attach_and_read_peer
done
pair 'attach to first read' '<= 0.5' s
store_remove
