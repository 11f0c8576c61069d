# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# make boot-xen: Debian as its owner would have it, with its root on a disk of ours. Its
# kernel has our module by DKMS, its initramfs by initramfs-tools (tools/lab.d/debian). It
# boots, installs packages, has a disk, a network interface and a console plugged in and out,
# is saved and restored, and ends; once as a PV guest, once as PVH, or as what the arguments
# say. dom0 has the disk as /dev/vda.
set -u

here=$(dirname "$0")
tmp=$(mktemp -d)
cases=0
# A boot takes a minute here.
export LAB_GUEST_TIMEOUT=300
# shellcheck source=tests/e2e/functions.sh
. "$here/functions.sh"
# shellcheck source=tests/e2e/writes.sh
. "$here/writes.sh"

in_debian()
{
	timeout 600 guest-run debian "$@"
}

# boot TYPE: it is given its disk before it runs
boot()
{
	cat >"$tmp/debian.cfg" <<EOF
name = "debian"
type = "$1"
kernel = "/lab/images/debian/vmlinux"
ramdisk = "/lab/images/debian/initramfs"
extra = "console=hvc0 root=/dev/vda ro"
memory = 320
vcpus = 1
on_crash = "destroy"
on_reboot = "destroy"
EOF
	xl create -q -p "$tmp/debian.cfg" &&
		xvmsg attach --timeout 60 debian blk target=/dev/vda name=root &&
		xl unpause debian && in_debian true
}

try_boot()
{
	check "it boots with root on our disk" boot "$1"
	same "mounted from /dev/vda" /dev/vda "$(in_debian "findmnt -no SOURCE /")"
	same "which virtio_blk drives" virtio_blk \
		"$(in_debian "basename \$(readlink /sys/block/vda/device/driver)")"
	same "there is no other disk" vda "$(in_debian "lsblk -dno NAME -e 7")"
	same "all of its services run" running "$(in_debian "systemctl is-system-running --wait")"
}

try_packages()
{
	guest-push debian "$here/boot-packages" /root/boot-packages
	for what in dpkg apt remove; do
		check "packages: $what" in_debian "/root/boot-packages $what"
	done
}

try_disk()
{
	truncate -s 400M "$tmp/second.img"
	check "a second disk is plugged in" xvmsg attach debian blk target="$tmp/second.img" name=second
	check "and has a file system" in_debian \
		"udevadm wait --timeout=30 /dev/vdb && mkfs.xfs -q /dev/vdb && mount /dev/vdb /mnt"
	check "which takes files" in_debian "cp -a /usr/share/perl /mnt && sync &&
		echo 3 >/proc/sys/vm/drop_caches && diff -r /usr/share/perl /mnt/perl"
	check "xfs_repair finds it clean" in_debian "umount /mnt && xfs_repair -n /dev/vdb"
	check "and it is pulled" xvmsg detach debian second
	check "and gone" in_debian "udevadm settle && [ ! -e /dev/vdb ]"
	rm "$tmp/second.img"
}

try_network()
{
	check "a network interface is plugged in" xvmsg attach debian net name=lan bridge=xvmbr0
	# shellcheck disable=SC2016 # the guest's shell
	name=$(in_debian 'udevadm settle; cd /sys/class/net; for name in *; do
		! readlink $name/device/driver | grep -q virtio_net || echo $name; done')
	check "and reaches dom0" in_debian "ip addr add 10.7.0.2/24 dev $name &&
		ip link set $name up && ping -c 3 -W 10 10.7.0.1 && iperf3 -s -D"
	check "TCP from dom0" iperf3 -c 10.7.0.2 -n 16M
	check "and to it" iperf3 -c 10.7.0.2 -n 16M -R
}

# log_in [ENTER]: on the console that our device is, as a person would, who types ENTER first
# where getty asked before
log_in()
{
	# shellcheck disable=SC2016 # bash's own
	talk 240 "${1:-:}"'; await "login: "; echo root >&8
		await "Password: "; echo xen >&8
		await "# "; echo "echo answer-\$((6 * 7)); tty; exit" >&8
		await answer-42; await /dev/hvc1; await "login: "' debian con
}

try_console()
{
	check "a console is plugged in" xvmsg attach debian console name=con
	check "getty runs on it" in_debian "systemctl start serial-getty@hvc1"
	check "root logs in on it" log_in
}

# try_save: of all that it has by now
try_save()
{
	writes_begin debian /srv/writes
	check "files are written" writes_go_on debian
	save_and_restore debian
	check "files are written on" writes_go_on debian
	check "until they are to end" writes_end debian
	check "all that was safe is on the disk" after_saving
	check "dom0 is reached as before" in_debian "ping -c 3 -W 10 10.7.0.1"
	check "and it from dom0" iperf3 -c 10.7.0.2 -n 1M
	check "root logs in once more" log_in "echo >&8"
	same "all of its services run" running "$(in_debian "systemctl is-system-running")"
}

after_saving()
{
	in_debian "echo 3 >/proc/sys/vm/drop_caches" && writes_are_there debian /srv/writes
}

try_unplug()
{
	check "the interface is pulled while it is up" xvmsg detach debian lan
	check "and gone" in_debian "udevadm settle && [ ! -d /sys/class/net/$name ]"
	check "getty ends" in_debian "systemctl stop serial-getty@hvc1"
	check "and the console is pulled" xvmsg detach debian con
}

try_end()
{
	in_debian "journalctl -kb --no-pager" >"$tmp/out"
	! grep -E "$kernel_complaints|I/O error" "$tmp/out" >"$tmp/complaints"
	ok "its kernel has nothing to complain of" $?
	check "it shuts down" timeout 120 xl shutdown -w debian
	! grep 'timeout closing device' /lab/logs/guest-debian.log >"$tmp/out"
	ok "and no device keeps it waiting" $?
	check "e2fsck finds its disk clean" e2fsck -fn /dev/vda
}

modprobe virtio_blk && modprobe tun && modprobe bridge && ip link add xvmbr0 type bridge &&
	ip addr add 10.7.0.1/24 dev xvmbr0 && ip link set xvmbr0 up || bail "dom0 lacks a module"
daemon_start || bail "xvmsgd did not start"
for type in ${*:-pv pvh}; do
	echo "# a guest of type $type"
	for part in boot packages disk network console save unplug end; do
		"try_$part" $type
	done
done
echo "1..$cases"
exit "$failed"
