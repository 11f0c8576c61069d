# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# Debian from the start of its kernel until it has its root, by the clock of that kernel: from
# our disk, and from the same disk as the kernel's PV disk. dom0 has it as /dev/vda.

# boot_config NAME ROOT
boot_config()
{
	cat <<EOF
name = "$1"
type = "pv"
kernel = "/lab/images/debian/vmlinux"
ramdisk = "/lab/images/debian/initramfs"
extra = "console=hvc0 root=/dev/$2 ro"
memory = 320
vcpus = 1
EOF
}

boot_begin_ours()
{
	boot_config "$1" vda >"$tmp/boot.cfg"
	xl create -q -p "$tmp/boot.cfg" &&
		xvmsg attach --timeout 60 "$1" blk target=/dev/vda name=root && xl unpause "$1"
}

boot_begin_peer()
{
	boot_config "$1" xvda >"$tmp/boot.cfg"
	xl create -q "$tmp/boot.cfg" 'disk=["format=raw,vdev=xvda,access=rw,target=/dev/vda"]'
}

# boot_seconds NAME: what its kernel's clock said when it had its root, or nothing
boot_seconds()
{
	mkfifo "$tmp/console"
	tail -n +1 -F "/lab/logs/guest-$1.log" >"$tmp/console" 2>/dev/null &
	timeout 120 sed -n '/EXT4-fs .*: mounted/ { s/^\[ *\([0-9.]*\)\] .*/\1/p; q; }' <"$tmp/console"
	kill $! && rm "$tmp/console"
}

# boot_once WHO NAME
boot_once()
{
	"boot_begin_$1" "$2" >"$tmp/out" 2>&1 || failed 'starting Debian' $? "$(tail -n 1 "$tmp/out")"
	booted=$(boot_seconds "$2")
	[ -n "$booted" ] || failed Debian 1 'its root was not mounted in 120 s'
	sample "$1" boot "$booted"
	xl destroy "$2"
}

group 'booting Debian' 'PV disk'
modprobe virtio_blk
for round in 1 2 3; do
	measuring "booting, round $round of 3"
	boot_once ours "ours$round"
	boot_once peer "peer$round"
done
row 'until the root is mounted' "$(value ours boot)" "$(value peer boot)" '<= 1.0' s
