# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# Our disk by the library, the kernel's PV disk by io_uring and O_DIRECT: the same
# accesses in the same order, and the same file behind both, blkback's by a loop device as
# xl would make one for it. Writes of both end in dom0's page cache, and last when a flush has
# come behind them: the library accepts FLUSH, and the loop device is no direct one.

group 'disk, by the library' 'PV disk'
disks_attach
for round in 1 2 3; do
	measuring "disk, round $round of 3"
	measure ours load ours
	measure peer load peer
done
for what in read write; do
	pair "sequential $what, 1 MiB, depth 1" '>= 2.0' MB/s
done
for what in read write; do
	pair "random $what, 4 KiB, depth 1" '>= 2.0' IOPS
	pair "random $what, 4 KiB, depth 32" '>= 1.5' IOPS
done
disks_detach
