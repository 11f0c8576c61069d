# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# The kernel's frontend and a backend that goes away: a mounted file system, a network and a
# console go on where they were. So they do when the guest is saved and restored.

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
	in_mora "rm -f /run/stop; touch /run/safe; cat >/run/write.sh; sh /run/write.sh >/dev/null 2>&1 </dev/null &" <<-'EOF'
		while [ ! -e /run/stop ]; do
			dd if=/dev/zero of=/mnt/much bs=1M count=4 conv=fsync,notrunc
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

# mora_wrote: returns when ten more files are safe
mora_wrote()
{
	in_mora 'n=$(wc -l </run/safe)
		timeout 120 sh -c "until [ \$(wc -l </run/safe) -gt $((n + 10)) ]; do sleep 0.1; done"'
}

# mora_holds: all that was safe is there, and the file system is whole
mora_holds()
{
	in_mora 'touch /run/stop; timeout 120 sh -c "until [ -e /run/stopped ]; do sleep 0.1; done" &&
		rm /run/stopped && umount /mnt && mount -t ext4 /dev/vda /mnt &&
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

mora_is_well()
{
	in_mora dmesg >"$tmp/dmesg"
	! grep -E 'BUG|WARNING|Oops|Call Trace|lockup|blocked for|I/O error' "$tmp/dmesg" >"$tmp/out"
	ok "the kernel has nothing to complain of" $?
}

# mora_is_served: everything of hers goes on
mora_is_served()
{
	check "files are written on" mora_wrote
	check "all that was safe is there" mora_holds
	check "the network goes on" mora_answers
	mora_says "and the console"
	mora_is_well
}

# mora_survives TYPE
mora_survives()
{
	mora_start "$1"
	check "a $1 guest: network" mora_answers
	mora_writes
	check "files are written" mora_wrote
	daemon_stop -KILL
	check "a console whose backend is away keeps nobody" in_mora "echo lost >/dev/hvc1"
	check "nor does a network" in_mora "ip link set eth0 promisc on"
	daemon_start || bail "xvmsgd did not start again"
	mora_is_served

	mora_writes
	check "files are written" mora_wrote
	xvmsg export mora >"$tmp/mora.devices"
	check "the guest is saved meanwhile" timeout 100 xl save mora "$tmp/mora.image"
	check "and restored" timeout 100 xl restore -p "$tmp/mora.image"
	check "its devices are given back" xvmsg import mora <"$tmp/mora.devices"
	xvmsg export mora >"$tmp/mora.again"
	same "with their numbers" "$(sort "$tmp/mora.devices")" "$(sort "$tmp/mora.again")"
	xl unpause mora
	mora_is_served
}

# mora_loses_disk: it is taken away while nobody serves it
mora_loses_disk()
{
	in_mora "umount /mnt"
	daemon_stop -KILL
	in_mora "(dd if=/dev/vda of=/dev/null bs=4k iflag=direct 2>/run/error; echo \$? >/run/status) </dev/null >/dev/null 2>&1 &"
	xenstore-rm "$(mora_request data)"
	daemon_start || bail "xvmsgd did not start again"
	check "reads of a disk that is no more fail" in_mora 'timeout 120 sh -c "until [ -e /run/status ]; do sleep 0.1; done" &&
		grep -q error /run/error && [ "$(cat /run/status)" = 1 ]'
	check "and it is gone" in_mora "timeout 60 sh -c 'while [ -b /dev/vda ]; do sleep 0.1; done'"
	in_mora dmesg >"$tmp/dmesg"
	! grep -E 'BUG|WARNING|Oops|Call Trace|lockup|blocked for' "$tmp/dmesg" >"$tmp/out"
	ok "the kernel has nothing to complain of" $?
	check "the module lets go of the rest" in_mora \
		"echo virtio-msg-0 >/sys/bus/xen/drivers/virtio-msg/unbind && rmmod xvmsg"
	guest-stop mora
}

modprobe tun || bail "dom0 has no TAP"
mora_survives pv
mora_writes
check "a suspend is cancelled" timeout 100 xl save -c mora "$tmp/mora.image"
mora_is_served
mora_loses_disk
