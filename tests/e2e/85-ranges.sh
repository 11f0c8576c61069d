# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# Ranges of a disk that are given up or zeroed, on a file system that can do it.

mkdir "$tmp/fs"
mount -t tmpfs tmpfs "$tmp/fs" || bail "no tmpfs in dom0"
random_file "$tmp/fs/holes.img" 4
holes=$(xvmsg attach alice blk target="$tmp/fs/holes.img" name=holes)
blocks=$(stat -c %b "$tmp/fs/holes.img")

# zeroed OFFSET BYTES: that part of the file is all zeros
zeroed()
{
	[ "$(dd if="$tmp/fs/holes.img" bs=4096 skip=$(($1 / 4096)) count=$(($2 / 4096)) 2>/dev/null | tr -d '\0' | wc -c)" -eq 0 ]
}

check "a guest discards a range" guest-run alice \
	"xvmsg-guest blk discard $holes --offset 1048576 --length 1048576"
check "which reads as zeros" zeroed 1048576 1048576
[ "$(stat -c %b "$tmp/fs/holes.img")" -lt "$blocks" ]
ok "and takes no room any more" $?
check "a guest zeroes a range" guest-run alice \
	"xvmsg-guest blk zero $holes --offset 2097152 --length 1052672"
check "which is zeros" zeroed 2097152 1052672
same "and reads the same in the guest" "$(sum_of "$tmp/fs/holes.img")" "$(guest_sum alice "$holes")"
xvmsg detach alice holes
umount "$tmp/fs"
