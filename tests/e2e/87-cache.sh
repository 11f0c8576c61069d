# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# Disks past the page cache, and files that cannot do what they are asked for a while.

# ---- O_DIRECT: on ext4, and where there is none ----

mkdir "$tmp/mnt"
truncate -s 24M "$tmp/ext4.img"
mke2fs -q -t ext4 -F "$tmp/ext4.img"
cache_loop=$(losetup -f)
losetup "$cache_loop" "$tmp/ext4.img"
mount -t ext4 "$cache_loop" "$tmp/mnt" || bail "no ext4 in dom0"
random_file "$tmp/mnt/disk.img" 4
direct=$(xvmsg attach alice blk target="$tmp/mnt/disk.img" name=direct cache=none queues=2)
check "a disk past the page cache holds what is written" guest-run alice "disk-check $direct 600"
same "and its file has it" "$(sum_of "$tmp/mnt/disk.img")" "$(guest_sum alice "$direct")"
xvmsg detach alice direct
direct=$(xvmsg attach alice blk target="$tmp/mnt/disk.img" name=direct cache=directsync)
check "so does one without any cache" guest-run alice "disk-check $direct 200"
xvmsg detach alice direct

# ---- a file system that hangs ----

hung=$(xvmsg attach alice blk target="$tmp/mnt/disk.img" name=hung)
fsfreeze -f "$tmp/mnt"
guest-run alice "dd if=/dev/urandom of=/tmp/block bs=4k count=1 2>/dev/null
	xvmsg-guest blk write $hung </tmp/block && sha256sum </tmp/block" >"$tmp/hung" 2>&1 &
hung_guest=$!

# under_way: tells the worker of a write that the disk has not done
under_way()
{
	for _ in $(seq 60); do
		timeout 3 xvmsg stats --prometheus - alice hung | grep -q '_depth{.* 1$' && return
	done
	return 1
}

check "a write to a file system that hangs keeps the worker from nothing" under_way
fsfreeze -u "$tmp/mnt"
wait $hung_guest
same "when it goes on, the write is done" \
	"$(head -c 4096 "$tmp/mnt/disk.img" | sha256sum)" "$(cat "$tmp/hung")"
xvmsg detach alice hung

check "a detached disk holds no file open" umount "$tmp/mnt"
losetup -d "$cache_loop"

random_file "$tmp/cached.img" 1
refused "a file system without O_DIRECT is refused" 1 'has no O_DIRECT' \
	xvmsg attach alice blk target="$tmp/cached.img" cache=none
refused "so is a cache nobody knows" 2 "cache 'unsafe'" \
	xvmsg attach alice blk target="$tmp/cached.img" cache=unsafe

# ---- files in trouble ----

# trouble NAME WORDS COMMAND: the command fails in the guest, and the log says why
trouble()
{
	refused "$1: an I/O error in the guest" 1 'I/O error' guest-run alice "$3"
	grep -q "device full: .*full.img cannot be .*$2" "$daemon_log"
	ok "$1: the log names the file and the reason" $?
}

mount -t tmpfs -o size=4m tmpfs "$tmp/mnt"
truncate -s 8M "$tmp/mnt/full.img"
full=$(xvmsg attach alice blk target="$tmp/mnt/full.img" name=full)
random_file "$tmp/mnt/filler" 3
trouble "no space left" 'No space left' "dd if=/dev/zero bs=1M count=4 2>/dev/null | xvmsg-guest blk write $full"
rm "$tmp/mnt/filler"
check "with space again, the guest writes" guest-run alice \
	"dd if=/dev/zero bs=1M count=3 2>/dev/null | xvmsg-guest blk write $full"
xvmsg detach alice full
full=$(xvmsg attach alice blk target="$tmp/mnt/full.img" name=full)
truncate -s 1M "$tmp/mnt/full.img"
trouble "a file cut short" 'it has become shorter' \
	"xvmsg-guest blk read $full --offset 2097152 --length 4096 >/dev/null"
truncate -s 8M "$tmp/mnt/full.img"
same "long again, the guest reads" "$(sum_of "$tmp/mnt/full.img")" "$(guest_sum alice "$full")"
rm "$tmp/mnt/full.img"
check "a file that is removed is there as long as the disk" guest-run alice \
	"xvmsg-guest blk read $full --length 4096 >/dev/null"
xvmsg detach alice full
umount "$tmp/mnt"
