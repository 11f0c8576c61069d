# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# make save-xen: a guest whose kernel has the module is saved and restored under writes, as PV
# and as PVH: it is another domain then, and its devices are the same.
set -u

here=$(dirname "$0")
tmp=$(mktemp -d)
cases=0
# shellcheck source=tests/e2e/functions.sh
. "$here/functions.sh"
# shellcheck source=tests/e2e/mora.sh
. "$here/mora.sh"

daemon_start || bail "xvmsgd did not start"
modprobe tun || bail "dom0 has no TAP"
for type in pv pvh; do
	mora_start "$type"
	check "$type: the network" mora_answers
	check "is to take all frames" in_mora "ip link set eth0 promisc on"
	mora_writes
	check "files are written" writes_go_on mora
	save_and_restore mora
	mora_is_served

	mora_writes
	check "files are written" writes_go_on mora
	check "a suspend is cancelled" saved mora -c
	mora_is_served

	mora_writes
	check "files are written" writes_go_on mora
	daemon_stop -KILL
	daemon_start || bail "xvmsgd did not start again"
	mora_is_served
	check "all is let go" in_mora "umount /mnt &&
		echo virtio-msg-0 >/sys/bus/xen/drivers/virtio-msg/unbind && rmmod xvmsg"
	guest-stop mora
done
echo "1..$cases"
exit "$failed"
