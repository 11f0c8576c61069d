# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# What 99-kernel-resume.sh and save.sh share: mora, a guest whose kernel has the module, with a
# file system that is written to, a network and a console; and what shall be found of them when
# their backend was away.

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

# mora_writes: from now on, files of one text each over and over, noted when they are safe,
# beside writes of which many are under way
mora_writes()
{
	in_mora "rm -f /run/stop /run/stopped; touch /run/safe; mkfifo /run/stopped
		cat >/run/write.sh; sh /run/write.sh >/dev/null 2>&1 </dev/null &" <<-'EOF'
		while [ ! -e /run/stop ]; do
			dd if=/dev/zero of=/mnt/much bs=1M count=2 conv=fsync,notrunc
		done &
		i=$(wc -l </run/safe)
		while [ ! -e /run/stop ]; do
			i=$((i + 1))
			yes "$i" | dd of="/mnt/$((i % 100))" bs=16k count=1 iflag=fullblock conv=fsync && echo "$i" >>/run/safe
		done
		wait
		echo 1 >/run/stopped
	EOF
}

# mora_wrote: returns when some more files are safe
mora_wrote()
{
	[ "$(in_mora 'timeout 120 tail -n 0 -f /run/safe | head -n 6 | wc -l' | tr -d ' ')" = 6 ]
}

# mora_holds: all that was safe is there, and the file system is whole
mora_holds()
{
	in_mora 'touch /run/stop; [ "$(timeout 120 cat /run/stopped)" = 1 ] &&
		umount /mnt && mount -t ext4 /dev/vda /mnt &&
		tail -n 100 /run/safe >/run/last &&
		[ "$(while read -r i; do yes "$i" | head -c 16384; done </run/last | md5sum)" = \
			"$(while read -r i; do cat "/mnt/$((i % 100))"; done </run/last | md5sum)" ]'
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
	check "files are written on" mora_wrote
	check "all that was safe is there" mora_holds
	check "the network goes on" mora_answers
	mora_says "and the console"
	kernel_is_well mora 'I/O error'
}
