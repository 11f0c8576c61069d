# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# System calls and hypercalls of dom0 and the guest together for 1,000 requests of 4 KiB,
# 32 at a time: what is counted during many requests less what is during one, so that
# starting and connecting do not count. Counting slows both ends, so nothing else is
# measured meanwhile. Linux counts the system calls (raw_syscalls:sys_enter), Xen's own
# trace the hypercalls of PV domains. Of these, iret belongs to each return from a system
# call or an interrupt, and mmu_update, stack_switch and the like to changing processes.

requests=8000
tracing=/sys/kernel/tracing
counter=$tracing/events/raw_syscalls/sys_enter
hypercalls=0x0020f000 # the class of events: what PV domains do

# For the shell of dom0 and for that of the guest.
count_what='hist:keys=common_pid.execname,id.syscall'
count_begin="[ -d $counter ] || mount -t tracefs tracefs $tracing
	echo $count_what:size=4096 >$counter/trigger"
count_end="cat $counter/hist
	echo '!$count_what' >$counter/trigger"

try_load()
{
	load "$@" >"$tmp/out" 2>"$tmp/err" || failed bench-guest $? "$(tail -n 1 "$tmp/err")"
}

# syscalls WHO LOAD COUNT: prints how many, and leaves which they were, and whose
syscalls()
{
	in_guest "$count_begin" >&2
	eval "$count_begin"
	try_load "$@"
	{
		echo '== dom0'
		eval "$count_end"
		echo '== guest'
		in_guest "$count_end"
	} >"$tmp/syscalls"
	awk '/Hits:/ { hits += $2; counts++ } END { if (counts == 2) print hits }' "$tmp/syscalls"
}

# trace WHO LOAD COUNT: leaves lines "HYPERCALL [NUMBER]: COUNT", one for each CPU
trace()
{
	xentrace -D -S 256 -e $hypercalls "$tmp/trace" 2>"$tmp/xentrace" &
	tracer=$!
	try_load "$@"
	kill $tracer || failed xentrace 1 "$(tail -n 1 "$tmp/xentrace")"
	wait $tracer 2>/dev/null
	xenalyze --summary --show-default-domain-summary "$tmp/trace" 2>/dev/null |
		grep '^ .*\[ *[0-9]*\]: *[0-9]*$' >"$tmp/hypercalls"
}

# traced NAME: of those traced, those of that name
traced()
{
	awk -v name="$1" '$1 ~ name { sum += $NF } END { if (NR) print sum + 0 }' "$tmp/hypercalls"
}

# calls_sample WHO WHAT MANY ONE
calls_sample()
{
	sample "$1" "$2" "$(awk -v calls="$(less "$3" "$4")" -v requests=$requests \
		'BEGIN { if (calls != "") print calls * 1000 / requests }')"
}

# calls_measure WHO
calls_measure()
{
	one=$(syscalls "$1" 'random read, 4 KiB, depth 32' 1)
	trace "$1" 'random read, 4 KiB, depth 32' 1
	one_all=$(traced '') one_io=$(traced 'grant|evtchn')
	for what in read write; do
		calls_sample "$1" "system calls, $what" \
			"$(syscalls "$1" "random $what, 4 KiB, depth 32" $requests)" "$one"
		grep -e == -e hitcount: "$tmp/syscalls" >"/lab/logs/syscalls-$1-$what.txt"
		trace "$1" "random $what, 4 KiB, depth 32" $requests
		sort -k1,1 "$tmp/hypercalls" >"/lab/logs/hypercalls-$1-$what.txt"
		calls_sample "$1" "hypercalls, $what" "$(traced '')" "$one_all"
		calls_sample "$1" "grants and event channels, $what" "$(traced 'grant|evtchn')" "$one_io"
	done
}

group 'calls of 1,000 requests, 4 KiB, depth 32' 'PV disk'
disks_attach
for who in ours peer; do
	measuring "calls of 1,000 requests, $who"
	calls_measure $who
done
for what in read write; do
	pair "system calls, $what" '< 100' calls
	pair "hypercalls, $what" '< 100' calls
	pair "grants and event channels, $what" '' calls
done
disks_detach
