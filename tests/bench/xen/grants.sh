# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# Our disk when it is told grant addresses, beside itself with areas.

group 'disk, by grant addresses' 'by areas'
disks_attach
for round in 1 2 3; do
	measuring "grant addresses, round $round of 3"
	measure grants in_guest "bench-guest blk-grant $number"
	measure areas load ours
done
for what in 'sequential read, 1 MiB' 'sequential write, 1 MiB' 'random read, 4 KiB' 'random write, 4 KiB'; do
	row "$what, depth 1" "$(value grants "$what, depth 1")" "$(value areas "$what, depth 1")" '' /s
done
for what in 'random read, 4 KiB' 'random write, 4 KiB'; do
	row "$what, depth 32" "$(value grants "$what, depth 32")" "$(value areas "$what, depth 32")" '' /s
done
disks_detach
