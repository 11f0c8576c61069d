# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# What the sections measure on: the daemon, the guest "bench" and two disks, ours and the
# kernel's, with the same file behind both.
. lab-functions.sh

patience=120 # seconds that a command in the guest may take
store=$tmp/store.img
number='' # of our disk, when it is there

# daemon_start [OPTION...]
daemon_start()
{
	start_until 'xvmsgd ready' /lab/logs/xvmsgd.log xvmsgd "$@"
	daemon_status=$?
	daemon=$started
	return $daemon_status
}

daemon_stop()
{
	kill "$daemon"
	wait "$daemon" 2>/dev/null
}

# daemon_restart [OPTION...]: it leaves /run/xvmsgd.sock and the bus to the next one
daemon_restart()
{
	daemon_stop
	daemon_start "$@" || failed xvmsgd $? 'xvmsgd did not start again'
}

in_guest()
{
	timeout "$patience" guest-run bench "$@"
}

# seconds: of a clock that only goes forward
seconds()
{
	read -r up _ </proc/uptime
	echo "$up"
}

# cpu DOMAIN: seconds that Xen has given it, whatever for; its tools show tenths
cpu()
{
	xl list "$1" | awk 'NR == 2 { print $NF }'
}

# each SECONDS MIB: milliseconds for each MiB
each()
{
	awk -v spent="$1" -v mib="$2" 'BEGIN { if (spent != "" && mib > 0) print spent * 1000 / mib }'
}

# less A B: A - B
less()
{
	awk -v a="$1" -v b="$2" 'BEGIN { if (a != "" && b != "") print a - b }'
}

# attach_ours: sets $number
attach_ours()
{
	number=$(xvmsg attach bench blk target="$store" 2>"$tmp/err") ||
		failed 'xvmsg attach' $? "$(tail -n 1 "$tmp/err")"
}

# attach_peer: /dev/xvdb in the guest
attach_peer()
{
	xl block-attach bench "format=raw,vdev=xvdb,access=rw,target=$loop" 2>"$tmp/err" ||
		failed 'xl block-attach' $? "$(tail -n 1 "$tmp/err")"
}

# A guest that was told of a disk has it a moment later; for its own shell.
# shellcheck disable=SC2016
until_peer='n=0; until [ -b /dev/xvdb ] || [ $((n += 1)) -gt 100000 ]; do :; done'

store_make()
{
	dd if=/dev/zero of="$store" bs=1M count=64 2>/dev/null
	loop=$(losetup -f)
	losetup "$loop" "$store"
}

store_remove()
{
	losetup -d "$loop"
	rm -f "$store"
}

disks_attach()
{
	store_make
	attach_ours
	attach_peer
	in_guest "$until_peer"
}

disks_detach()
{
	xvmsg detach --force bench "$number" >&2
	xl block-detach bench xvdb >&2
	store_remove
}

# load WHO [LOAD COUNT]: bench-guest's loads, or one of them, on the disk of WHO
load()
{
	load_who=$1
	shift
	case $load_who in
	ours) set -- blk "$number" "$@" ;;
	peer) set -- file /dev/xvdb "$@" ;;
	esac
	# As one word for the guest's shell.
	load_command=bench-guest
	for word; do
		load_command="$load_command '$word'"
	done
	in_guest "$load_command"
}

# fio in the guest, without what costs more there than a request does, whoever's disk it
# is: each look at the clock is a system call in a PV guest, and Linux's default I/O
# scheduler has another process start each request.
fio_command='fio --minimal --direct=1 --ioengine=io_uring --gtod_reduce=1'

# no_scheduler DISK: of /dev
no_scheduler()
{
	in_guest "echo none >/sys/block/$1/queue/scheduler"
}

# fio_load DEVICE [KIND BLOCK DEPTH JOBS]...: 2 s for each, one after the other; a line of
# figures each, of "fio KIND, BLOCK, depth DEPTH[, JOBS jobs]"
fio_load()
{
	fio_loads="$fio_command --filename=$1 --time_based --runtime=2 --group_reporting"
	shift
	while [ $# -gt 0 ]; do
		fio_loads="$fio_loads --stonewall --name=$1,$2,$3,$4 --new_group --rw=$1 --bs=$2 \
			--iodepth=$3 --numjobs=$4"
		shift 4
	done
	in_guest "$fio_loads" | awk -F ';' 'NF > 49 {
		split($3, job, ",")
		kind = job[1]
		if (!sub(/^rand/, "random ", kind)) kind = "sequential " kind
		large = job[2] == "1m"
		jobs = job[4] == 1 ? "" : ", " job[4] " jobs"
		printf "fio, fio %s, %s, depth %d%s   %.1f %s\n", kind, large ? "1 MiB" : "4 KiB", job[3], jobs,
			large ? ($7 + $48) * 1024 / 1e6 : $8 + $49, large ? "MB/s" : "IOPS"
	}'
}
