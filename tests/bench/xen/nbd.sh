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
}

nbd_stop()
{
	# shellcheck disable=SC2016 # the guest's shell
	in_guest 'nbd-client -d /dev/nbd0; kill $(cat /run/nbdkit.pid)' >&2
}

# fio_job KIND BLOCK DEPTH NAME: one job after the others
fio_job()
{
	echo "--stonewall --name='$4' --rw=$1 --bs=$2 --iodepth=$3"
}

# fio_load DEVICE: the six loads of 2 s each, a line of figures each
fio_load()
{
	in_guest "fio --minimal --filename=$1 --direct=1 --ioengine=io_uring --time_based --runtime=2 \
		$(fio_job read 1m 1 'fio sequential read, 1 MiB') \
		$(fio_job write 1m 1 'fio sequential write, 1 MiB') \
		$(fio_job randread 4k 1 'fio random read, 4 KiB, depth 1') \
		$(fio_job randread 4k 32 'fio random read, 4 KiB, depth 32') \
		$(fio_job randwrite 4k 1 'fio random write, 4 KiB, depth 1') \
		$(fio_job randwrite 4k 32 'fio random write, 4 KiB, depth 32')" |
		awk -F ';' 'NF > 49 {
			rate = $3 ~ /sequential/ ? ($7 + $48) * 1024 / 1e6 : $8 + $49
			printf "fio, %s   %.1f %s\n", $3, rate, $3 ~ /sequential/ ? "MB/s" : "IOPS"
		}'
}

group 'disk as /dev/nbd0, by fio' 'PV disk'
disks_attach
nbd_start
for round in 1 2; do
	measuring "disk as /dev/nbd0, round $round of 2"
	measure ours fio_load /dev/nbd0
	measure peer fio_load /dev/xvdb
done
for what in read write; do
	pair "fio sequential $what, 1 MiB" '' MB/s
done
for what in read write; do
	pair "fio random $what, 4 KiB, depth 1" '' IOPS
	pair "fio random $what, 4 KiB, depth 32" '' IOPS
done
nbd_stop
disks_detach
