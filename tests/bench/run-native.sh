#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# make bench: both ends at native speed, joined by the fake Xen, as the same table that
# make bench-xen prints; what is missing is what Xen itself costs. Never fails for a
# slow figure. The argument is the folder of the programs.
set -u

programs=$1
here=$(dirname "$0")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
# shellcheck source=tests/bench/table.sh
. "$here/table.sh"
loads='random read, 4 KiB, depth 1
random write, 4 KiB, depth 1
random read, 4 KiB, depth 32
random write, 4 KiB, depth 32'

# section WHO NAME: one part of bench-fake
section()
{
	measuring "$2"
	measure "$1" "$programs/bench-fake" "$2"
}

round()
{
	section peer socket
	section asleep asleep
	section looking looking
	section ours stream
	section peer file
	section ours disk
	section split split
	section ours attach
}

messages()
{
	group 'messages' 'UNIX socket'
	for how in asleep looking; do
		row "round trip, both ends $how" "$(value $how 'round trip')" \
			"$(value peer 'round trip')" '' us
	done
	for size in 64 4096 32768; do
		pair "stream, $size bytes each" '' MB/s
	done
}

disks()
{
	group 'disk' 'the same file'
	for what in read write; do
		pair "sequential $what, 1 MiB, depth 1" '' MB/s
	done
	echo "$loads" | while read -r load; do
		pair "$load" '' IOPS
	done
	group 'disk, split queues' 'packed queues'
	echo "$loads" | while read -r load; do
		row "$load" "$(value split "$load")" "$(value ours "$load")" '' IOPS
	done
}

costs()
{
	group 'CPU of both ends, each request' 'the same file'
	echo "$loads" | while read -r load; do
		pair "CPU of a $load" '' us
	done
	for what in read write; do
		pair "CPU of a sequential $what, 1 MiB, depth 1" '' us
	done
	group 'hypercalls of 1,000 requests' ''
	for what in read write; do
		row "random $what, 4 KiB, depth 32" \
			"$(value ours "hypercalls, random $what, 4 KiB, depth 32")" - '< 100' calls
	done
}

attaching()
{
	group 'attaching' ''
	for what in 'bus and all' 'bus connected'; do
		row "attach to first read, $what" "$(value ours "attach to first read, $what")" - '' us
	done
}

for turn in 1 2 3; do
	measuring "round $turn of 3"
	round
done
messages
disks
costs
attaching
table_print
