# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# Ranges of a disk that are given up or zeroed, on a file system that can do it and on
# one that cannot.

mkdir "$tmp/fs"
mount -t tmpfs tmpfs "$tmp/fs" || bail "no tmpfs in dom0"
random_file "$tmp/fs/holes.img" 4
holes=$(xvmsg attach alice blk target="$tmp/fs/holes.img" name=holes)
blocks=$(stat -c %b "$tmp/fs/holes.img")

# zeroed FILE OFFSET BYTES: that part of it is all zeros
zeroed()
{
	[ "$(dd if="$tmp/fs/$1" bs=4096 skip=$(($2 / 4096)) count=$(($3 / 4096)) 2>/dev/null | tr -d '\0' | wc -c)" -eq 0 ]
}

check "a guest discards a range" guest-run alice \
	"xvmsg-guest blk discard $holes --offset 1048576 --length 1048576"
check "which reads as zeros" zeroed holes.img 1048576 1048576
[ "$(stat -c %b "$tmp/fs/holes.img")" -lt "$blocks" ]
ok "and takes no room any more" $?
check "a guest zeroes a range" guest-run alice \
	"xvmsg-guest blk zero $holes --offset 2097152 --length 1052672"
check "which is zeros" zeroed holes.img 2097152 1052672
same "and reads the same in the guest" "$(sum_of "$tmp/fs/holes.img")" "$(guest_sum alice "$holes")"
xvmsg detach alice holes
umount "$tmp/fs"

# Neither holes nor a call for zeros: ramfs.
mount -t ramfs ramfs "$tmp/fs" || bail "no ramfs in dom0"
random_file "$tmp/fs/plain.img" 3
plain=$(xvmsg attach alice blk target="$tmp/fs/plain.img" name=plain)
plain_sum=$(sum_of "$tmp/fs/plain.img")
check "where there are no holes a guest discards" guest-run alice \
	"xvmsg-guest blk discard $plain --offset 1048576 --length 1048576"
same "what stays as it is" "$plain_sum" "$(sum_of "$tmp/fs/plain.img")"
check "and zeroes a range" guest-run alice \
	"xvmsg-guest blk zero $plain --offset 1048576 --length 1052672"
check "which is zeros" zeroed plain.img 1048576 1052672
[ "$(tail -c +2101249 "$tmp/fs/plain.img" | tr -d '\0' | wc -c)" -gt 0 ]
ok "and no more than that" $?
xvmsg detach alice plain
umount "$tmp/fs"
