# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# Our disk as a block device of the guest's kernel (nbdkit, nbd-client), beside the PV
# disk, both by fio.

nbd_start()
{
	in_guest "modprobe nbd && nbdkit -U /run/disk.sock -P /run/nbdkit.pid xvmsg device=$number &&
		nbd-client -unix /run/disk.sock /dev/nbd0 >/dev/null" >"$tmp/out" 2>&1 ||
		failed nbdkit $? "$(tail -n 1 "$tmp/out")"
	no_scheduler nbd0 && no_scheduler xvdb
}

nbd_stop()
{
	# shellcheck disable=SC2016 # the guest's shell
	in_guest 'nbd-client -d /dev/nbd0; kill $(cat /run/nbdkit.pid)' >&2
}

# nbd_load DEVICE: the six loads of 2 s each
nbd_load()
{
	fio_load "$1" read 1m 1 1 write 1m 1 1 randread 4k 1 1 randread 4k 32 1 \
		randwrite 4k 1 1 randwrite 4k 32 1
}

group 'disk as /dev/nbd0, by fio' 'PV disk'
disks_attach
nbd_start
for round in 1 2; do
	measuring "disk as /dev/nbd0, round $round of 2"
	measure ours nbd_load /dev/nbd0
	measure peer nbd_load /dev/xvdb
done
for what in read write; do
	pair "fio sequential $what, 1 MiB, depth 1" '' MB/s
done
for what in read write; do
	pair "fio random $what, 4 KiB, depth 1" '' IOPS
	pair "fio random $what, 4 KiB, depth 32" '' IOPS
done
nbd_stop
disks_detach
