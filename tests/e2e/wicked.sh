# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# make wicked-xen: backends that break the rules, one by one, against the guest's kernel module.
# After each attack a good backend is served; the guest lives, and its kernel's log is short and
# sound.
set -u

here=$(dirname "$0")
tmp=$(mktemp -d)
cases=0
# shellcheck source=tests/e2e/functions.sh
. "$here/functions.sh"

module=/usr/lib/xen-virtio-msg/xvmsg.ko

# attacks BUS ATTACK...: one after the other, on buses of their own; what became of them is
# in $tmp/wicked.BUS
attacks()
{
	bus=$1
	shift
	echo "$@" >"$tmp/asked.$bus"
	wicked-backend "$(domid walt)" "$bus" "$@" >"$tmp/wicked.$bus" 2>&1 &
}

# told BUS: a case for each attack
told()
{
	for attack in $(cat "$tmp/asked.$1"); do
		grep "^$attack: " "$tmp/wicked.$1" >"$tmp/out" || cp "$tmp/wicked.$1" "$tmp/out"
		grep -qE "^$attack: (served again|let go)" "$tmp/out"
		ok "$attack: $(sed "s/^$attack: //" "$tmp/out" | tail -n 1)" $?
	done
}

# No xvmsgd: the buses are wicked-backend's.
guest-start walt 'memory=192' || bail "the attacked guest did not start"
check "a guest has the module" guest-run walt "
	modprobe virtio_blk && modprobe virtio_net && modprobe virtio_console && modprobe virtio-rng &&
	insmod $module pool_mib=2 && echo 10 >/proc/sys/kernel/hung_task_timeout_secs && dmesg -c >/dev/null"

# At once, for who waits for answers leaves time to the others.
attacks 1000 none headers shorts overlongs zeroes ones doubles strange-ids huge-config queue-sizes \
	features config-reads huge-disk other-types needs-reset used-index used-ids used-lengths \
	descriptors
attacks 2000 silent-at-first silent-later statuses vanishing-and-silent others
attacks 3000 never-used never-used-and-gone vanishing restarts mute crowd-of-silent keeps-memory \
	producer-unaligned producer-overtakes consumer-ahead record-too-small record-too-large \
	other-header unknown-messages config-flood device-flood used-flood ping-flood bell-flood
attacks 4000 state-flapping states-out-of-order state-nonsense closes advertises-nonsense names \
	crowd-of-nobodies crowd-of-thousands areas-refused no-space second-area-refused ring-refused
wait
for bus in 1000 2000 3000 4000; do
	told $bus
done

check "no bus is left, and no device" guest-run walt "timeout 30 sh -c '
	until [ -z \"\$(ls /sys/bus/virtio/devices /sys/bus/xen/drivers/virtio-msg | grep -E \"^virtio\")\" ]
	do :; done'"
check "the module goes" guest-run walt "rmmod xvmsg"
kernel_is_well walt 'Poison|Redzone'
lines=$(wc -l <"$tmp/dmesg")
[ "$lines" -lt 2000 ]
ok "and its log is short ($lines lines)" $?
guest-stop walt
echo "1..$cases"
exit "$failed"
