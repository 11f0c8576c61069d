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

# dom0_cpu: seconds that Xen has given dom0, whatever for; its tools show tenths
dom0_cpu()
{
	xl list 0 | awk 'NR == 2 { print $NF }'
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
