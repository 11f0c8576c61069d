# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# A disk as a block device of the guest's kernel: nbdkit with our plugin, nbd-client, and
# what people do with disks: a file system, files, trim, copies, fio ($verify_mib MiB of it).

mkdir "$tmp/nbd" "$tmp/nbd-mount"
mount -t tmpfs tmpfs "$tmp/nbd" || bail "no tmpfs in dom0"
image=$tmp/nbd/disk.img
truncate -s 16M "$image"
guest-start --full nina || bail "the guest with tools did not start"
number=$(xvmsg attach nina blk target="$image" name=disk)

in_nina()
{
	guest-run nina "$@"
}

# A tree of some large and many small files, and its names and contents as one sum
in_nina "mkdir -p /src/tree && cp -rL /usr/lib/modules/*/kernel/fs /src/tree && cd /src/tree &&
	awk 'BEGIN { for (i = 0; i < 200; i++) { f = \"f\" i; print i * i >f; close(f) } }'" ||
	bail "no files to put on the disk"
tree_sum='find tree -type f | sort | xargs sha256sum | sha256sum'

check "nbdkit serves the disk" in_nina \
	"modprobe nbd && nbdkit -U /run/disk.sock -P /run/nbdkit.pid xvmsg device=$number"
check "nbd-client makes it a block device" in_nina \
	"nbd-client -unix /run/disk.sock /dev/nbd0 && [ \$(blockdev --getsize64 /dev/nbd0) = 16777216 ]"

check "mkfs.ext4 makes a file system" in_nina "mkfs.ext4 -q /dev/nbd0"
check "which is mounted" in_nina "mount -t ext4 -o discard /dev/nbd0 /mnt"
check "and takes a tree of files" in_nina "tar -c -C /src tree | tar -x -C /mnt && sync"
sum=$(in_nina "cd /src && $tree_sum")
same "that are as they were" "$sum" \
	"$(in_nina "echo 3 >/proc/sys/vm/drop_caches; cd /mnt && $tree_sum")"
check "and is unmounted" in_nina "umount /mnt"
check "in dom0 e2fsck finds it clean" e2fsck -fn "$image"
mount -t ext4 -o loop,ro "$image" "$tmp/nbd-mount" || bail "dom0 cannot mount the disk"
same "and the files are the same there" "$sum" \
	"$(cd "$tmp/nbd-mount" && sh -c "$tree_sum")"
umount "$tmp/nbd-mount"

uri='nbd+unix:///?socket=/run/disk.sock'
same "nbdcopy reads all of it" "$(sum_of "$image")" \
	"$(in_nina "nbdcopy '$uri' - | sha256sum" | cut -d' ' -f1)"
check "qemu-img knows its size" in_nina "qemu-img info '$uri' | grep 16777216"

blocks=$(stat -c %b "$image")
check "what is deleted is trimmed" in_nina \
	"mount /dev/nbd0 /mnt && rm -r /mnt/tree && sync && fstrim /mnt && umount /mnt"
[ "$(stat -c %b "$image")" -lt $((blocks / 2)) ]
ok "and gives its room back in dom0" $?
check "blkdiscard empties the disk" in_nina "blkdiscard /dev/nbd0"
same "which takes no room then" 0 "$(stat -c %b "$image")"

check "fio verifies $verify_mib MiB of random writes" in_nina \
	"fio --name=verify --filename=/dev/nbd0 --size=${verify_mib}M --rw=randwrite --bs=4k --direct=1 \
	--ioengine=io_uring --iodepth=16 --verify=crc32c --verify_fatal=1"

daemon_stop -KILL
daemon_start || bail "xvmsgd did not start again"
check "the disk is back after xvmsgd was killed" in_nina \
	"until dd if=/dev/nbd0 of=/dev/null bs=4096 count=1 iflag=direct; do :; done 2>/dev/null"

xvmsg detach --timeout 20 nina disk >"$tmp/out" 2>&1
ok "a disk that is served is given back" $?
refused "and reads of it fail, and do not hang" 1 error \
	in_nina "dd if=/dev/nbd0 of=/dev/null bs=4096 count=1 iflag=direct"
check "nbdkit ends" in_nina "nbd-client -d /dev/nbd0; kill \$(cat /run/nbdkit.pid)"
guest-stop nina
umount "$tmp/nbd"
