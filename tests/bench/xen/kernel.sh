# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# The guest's own virtio drivers with our module: virtio_blk beside blkfront by fio, with the
# same file behind both, and virtio_net beside netfront; what guest and dom0 spend on a MiB.

# shellcheck source=tests/bench/xen/streams.sh
. "$here/xen/streams.sh"

kernel_patience=$patience
patience=300

kernel_start()
{
	in_guest "modprobe virtio_blk && modprobe virtio_net && insmod /usr/lib/xen-virtio-msg/xvmsg.ko &&
		[ -b /dev/vda ]" && no_scheduler vda && no_scheduler xvdb
}

# The sections that follow want the bus.
kernel_stop()
{
	in_guest "echo virtio-msg-0 >/sys/bus/xen/drivers/virtio-msg/unbind && rmmod xvmsg"
}

device_of()
{
	case $1 in ours) echo /dev/vda ;; peer) echo /dev/xvdb ;; esac
}

# depths KIND BLOCK: the loads of that kind for fio_load
depths()
{
	for jobs in 1 4; do
		for depth in 1 8 32; do
			echo "$1 $2 $depth $jobs"
		done
	done
}

disk_round()
{
	for each_load in 'read 1m' 'write 1m' 'randread 4k' 'randwrite 4k'; do
		for who in ours peer; do
			# shellcheck disable=SC2046,SC2086 # lists of words
			measure $who fio_load "$(device_of $who)" $(depths $each_load)
		done
	done
}

# spend WHO KIND BLOCK DEPTH MIB: leaves seconds of guest and dom0 in $spent_guest, $spent_dom0
spend()
{
	before_dom0=$(cpu 0) before_guest=$(cpu bench)
	in_guest "$fio_command --filename=$(device_of "$1") --name=spend --rw=$2 --bs=$3 --iodepth=$4 --io_size=$5" >"$tmp/out" 2>"$tmp/err" ||
		failed fio $? "$(tail -n 1 "$tmp/err")"
	spent_dom0=$(less "$(cpu 0)" "$before_dom0")
	spent_guest=$(less "$(cpu bench)" "$before_guest")
}

# cpu_sample WHO NAME KIND BLOCK DEPTH MIB: less what fio costs for nothing
cpu_sample()
{
	spend "$1" "$3" "$4" 1 "$4"
	idle_dom0=$spent_dom0 idle_guest=$spent_guest
	spend "$1" "$3" "$4" "$5" "${6}m"
	sample "$1" "dom0, each MiB, $2" "$(each "$(less "$spent_dom0" "$idle_dom0")" "$6")"
	sample "$1" "guest, each MiB, $2" "$(each "$(less "$spent_guest" "$idle_guest")" "$6")"
}

cpu_round()
{
	for who in ours peer; do
		for what in read write; do
			cpu_sample $who "sequential $what, 1 MiB, depth 1" $what 1m 1 384
			cpu_sample $who "random $what, 4 KiB, depth 32" rand$what 4k 32 64
		done
	done
}

disk_rows()
{
	for what in 'sequential read, 1 MiB' 'sequential write, 1 MiB' \
		'random read, 4 KiB' 'random write, 4 KiB'; do
		unit=IOPS
		[ "${what#sequential}" = "$what" ] || unit=MB/s
		for jobs in '' ', 4 jobs'; do
			for depth in 1 8 32; do
				pair "fio $what, depth $depth$jobs" '>= 1.5' $unit
			done
		done
	done
	for what in read write; do
		for work in "sequential $what, 1 MiB, depth 1" "random $what, 4 KiB, depth 32"; do
			for domain in dom0 guest; do
				pair "$domain, each MiB, $work" '<= 1.0' 'ms CPU'
			done
		done
	done
}

# The interface that virtio_net drives
net_start_ours()
{
	net=$(xvmsg attach bench net name=lan bridge=xvmbr0) || return
	# shellcheck disable=SC2016 # the guest's shell
	in_guest 'n=0; until set -- /sys/bus/virtio/drivers/virtio_net/virtio*/net/* && [ -d "$1" ]; do
			[ $((n += 1)) -le 100000 ] || exit 1
		done
		ip addr add 10.7.0.2/24 dev "${1##*/}" && ip link set "${1##*/}" up'
}

samples_forget
group 'disk by the kernel module, fio' 'PV disk'
disks_attach
kernel_start >"$tmp/out" 2>&1 || failed 'loading the module' $? "$(tail -n 1 "$tmp/out")"
for round in 1 2; do
	measuring "disk by the kernel module, round $round of 2"
	disk_round
	cpu_round
done
disk_rows
xvmsg detach bench "$number" >&2
xl block-detach bench xvdb >&2
store_remove

samples_forget
group 'network by the kernel module' 'PV interface'
{ net_bridges && net_start_ours; } >"$tmp/out" 2>&1 ||
	failed 'starting the network' $? "$(tail -n 1 "$tmp/out")"
net_rounds 'network by the kernel module'
net_rows guest
xvmsg detach bench "$net" >&2
net_bridges_remove >&2
kernel_stop >&2
patience=$kernel_patience
