# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# What dom0 as a whole, its kernel's threads included, spends on a disk's requests, as
# Xen counts it: its time during many requests less that during one, so that what goes
# into starting and connecting does not count.

# cpu_of WHO LOAD COUNT: seconds of dom0
cpu_of()
{
	cpu_before=$(cpu 0)
	load "$1" "$2" "$3" >"$tmp/out" 2>"$tmp/err" ||
		failed bench-guest $? "$(tail -n 1 "$tmp/err")"
	less "$(cpu 0)" "$cpu_before"
}

# cpu_sample WHO LOAD COUNT: microseconds for each request
cpu_sample()
{
	cpu_many=$(cpu_of "$1" "$2" "$3")
	sample "$1" "cpu, $2" "$(awk -v many="$cpu_many" -v one="$cpu_one" -v count="$3" \
		'BEGIN { if (many != "" && one != "") print (many - one) * 1e6 / count }')"
}

cpu_round()
{
	for who in ours peer; do
		cpu_one=$(cpu_of $who 'random read, 4 KiB, depth 32' 1)
		for what in read write; do
			cpu_sample $who "random $what, 4 KiB, depth 32" 24000
			cpu_sample $who "sequential $what, 1 MiB, depth 1" 384
		done
	done
}

group "dom0's CPU time" 'PV disk'
disks_attach
for round in 1 2; do
	measuring "dom0's CPU time, round $round of 2"
	cpu_round
done
for what in read write; do
	for work in "random $what, 4 KiB, depth 32" "sequential $what, 1 MiB, depth 1"; do
		row "each request, $work" "$(value ours "cpu, $work")" "$(value peer "cpu, $work")" '<= 1.0' us
	done
done
disks_detach
