# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# What 99-kernel-resume.sh and save.sh share: mora, a guest whose kernel has the module, with a
# file system that is written to, a network and a console; and what shall be found of them when
# their backend was away.

# shellcheck source=tests/e2e/writes.sh
. "$here/writes.sh"
mora_module=/usr/lib/xen-virtio-msg/xvmsg.ko

in_mora()
{
	guest-run mora "$@"
}

# mora_request KEY: of what xvmsgd was asked to do for the guest
mora_request()
{
	echo "/local/domain/0/backend/virtio-msg/$(domid mora)/0/request/$1"
}

# mora_start TYPE: a guest with a disk, a network and a console, the disk mounted
mora_start()
{
	truncate -s 16M "$tmp/mora.img" && mke2fs -q -F -t ext4 "$tmp/mora.img" &&
		guest-start mora "type=\"$1\"" 'memory=192' || bail "the guest for the kernel's frontend did not start"
	xvmsg attach mora blk target="$tmp/mora.img" name=data >"$tmp/out" &&
		xvmsg attach mora console name=con >"$tmp/out" &&
		xvmsg attach mora net name=lan script=none >"$tmp/out" || bail "no devices"
	in_mora "modprobe -a virtio_blk virtio_net virtio_console ext4 && insmod $mora_module &&
		ip addr add 10.9.0.2/24 dev eth0 && ip link set eth0 up && mkdir -p /mnt &&
		mount -t ext4 /dev/vda /mnt" || bail "the kernel's frontend does not work"
}

# mora_writes: until mora_holds
mora_writes()
{
	writes_begin mora /mnt
}

# mora_holds: all that was safe is there, and the file system is whole
mora_holds()
{
	writes_end mora && in_mora "umount /mnt && mount -t ext4 /dev/vda /mnt" && writes_are_there mora /mnt
}

# mora_answers: dom0 and the guest reach one another, by an interface that may be new in dom0
mora_answers()
{
	mora_vif=$(xenstore-read "$(mora_request lan/vif)") && ip addr replace 10.9.0.1/24 dev "$mora_vif" &&
		ip link set "$mora_vif" up && in_mora "ping -c 3 -W 20 10.9.0.1" && ping -c 3 -W 20 10.9.0.2
}

# mora_says: what the guest's kernel writes to its console comes out in dom0
mora_says()
{
	exec 6<>"$(xenstore-read "$(mora_request con/tty)")"
	in_mora "echo from the kernel >/dev/hvc1"
	timeout 60 head -n 1 <&6 | tr -d '\r' >"$tmp/line"
	exec 6>&-
	same "$1" "from the kernel" "$(cat "$tmp/line")"
}

# mora_is_served: everything of hers goes on
mora_is_served()
{
	check "files are written on" writes_go_on mora
	check "all that was safe is there" mora_holds
	check "the network goes on" mora_answers
	mora_says "and the console"
	kernel_is_well mora 'I/O error'
}
