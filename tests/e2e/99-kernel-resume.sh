# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# The kernel's frontend and a backend that is killed and comes back: a mounted file system, a
# network and a console go on where they were. make save-xen saves and restores the guest.

# shellcheck source=tests/e2e/mora.sh
. "$here/mora.sh"

modprobe tun || bail "dom0 has no TAP"
mora_start pv
mora_writes
check "files are written" writes_go_on mora
daemon_stop -KILL
check "a console whose backend is away keeps nobody" in_mora "echo lost >/dev/hvc1"
check "nor does a network" in_mora "ip link set eth0 promisc on"
daemon_start || bail "xvmsgd did not start again"
mora_is_served

# A disk that is taken away while nobody serves it.
in_mora "umount /mnt"
daemon_stop -KILL
in_mora "mkfifo /run/status; (dd if=/dev/vda of=/dev/null bs=4k iflag=direct 2>/run/error; echo \$? >/run/status) </dev/null >/dev/null 2>&1 &"
xenstore-rm "$(mora_request data)"
daemon_start || bail "xvmsgd did not start again"
check "reads of a disk that is no more fail" in_mora '[ "$(timeout 120 cat /run/status)" = 1 ] &&
	grep -q error /run/error'
check "and it is gone" in_mora "timeout 60 sh -c 'while [ -b /dev/vda ]; do :; done'"
kernel_is_well mora
check "the module lets go of the rest" in_mora \
	"echo virtio-msg-0 >/sys/bus/xen/drivers/virtio-msg/unbind && rmmod xvmsg"
guest-stop mora
