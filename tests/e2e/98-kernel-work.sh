# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# The kernel's frontend at work: fio verifies what it wrote to file systems on our disk, random
# bytes are as random as they shall be, and TCP goes between two guests and dom0, with
# offloads and without.

module=/usr/lib/xen-virtio-msg/xvmsg.ko

# with_module GUEST MEMORY: a full guest that has loaded it
with_module()
{
	guest-start --full "$1" "memory=$2" &&
		guest-run "$1" "modprobe -a virtio_blk virtio_net virtio-rng xfs && insmod $module"
}

in_kira()
{
	guest-run kira "$@"
}

# fio_verifies ENGINE DIRECT: random accesses of all sizes to two files, all read again
fio_verifies()
{
	in_kira "fio --directory=/mnt --size=24m --numjobs=2 --ioengine=$1 --direct=$2 --iodepth=16 \
		--thread --name=verify --rw=randrw --bsrange=4k-256k --verify=crc32c --verify_fatal=1 \
		--group_reporting"
}

# file_system KIND MKFS CHECK: is made, used, and found clean
file_system()
{
	check "$1 on our disk" in_kira "$2 /dev/vda && mount -t $1 /dev/vda /mnt"
	check "fio verifies it past the page cache" fio_verifies io_uring 1
	check "and through it" fio_verifies psync 0
	check "what is deleted is trimmed" in_kira "rm /mnt/verify* && fstrim /mnt"
	check "and $1 is clean" in_kira "umount /mnt && $3 /dev/vda"
}

# network_up GUEST ADDRESS
network_up()
{
	# shellcheck disable=SC2016 # the guest's shell
	guest-run "$1" 'timeout 30 sh -c "until [ -d /sys/class/net/eth0 ]; do :; done" &&
		iperf3 -s -D && ip link set eth0 up && ip addr add '"$2/24 dev eth0"
}

# streams: TCP both ways between dom0 and a guest, and from guest to guest
streams()
{
	iperf3 -c 10.6.0.2 -n 4M && iperf3 -c 10.6.0.2 -n 4M -R &&
		guest-run kurt "iperf3 -c 10.6.0.2 -n 4M && iperf3 -c 10.6.0.2 -n 4M -R"
}

# offloads on|off
offloads()
{
	for guest in kira kurt; do
		guest-run $guest "ethtool -K eth0 tx $1 sg $1 tso $1 gso $1 gro $1" || return
	done
}

modprobe tun && modprobe bridge && ip link add xvmbr6 type bridge &&
	ip addr add 10.6.0.1/24 dev xvmbr6 && ip link set xvmbr6 up || bail "dom0 has no bridge"
with_module kira 256 || bail "the guest with the module did not start"
truncate -s 400M "$tmp/kira.img"
xvmsg attach kira blk target="$tmp/kira.img" name=data queues=2 >"$tmp/out" &&
	xvmsg attach kira rng name=dice rate=16777216 >"$tmp/out" &&
	xvmsg attach kira net name=lan bridge=xvmbr6 >"$tmp/out"
ok "a guest with the module gets three devices" $?
check "the disk is there" in_kira "timeout 30 sh -c 'until [ -b /dev/vda ]; do :; done'"
file_system ext4 'mkfs.ext4 -q' 'e2fsck -fn'
file_system xfs 'mkfs.xfs -qf' 'xfs_repair -n'
check "rngtest finds /dev/hwrng random" in_kira "rngtest -c 200 </dev/hwrng 2>&1 |
	awk '/FIPS 140-2 successes/ { good = \$NF } /FIPS 140-2 failures/ { bad = \$NF }
		END { exit !(good + bad == 200 && bad <= 2) }'"

with_module kurt 176 || bail "the second guest with the module did not start"
xvmsg attach kurt net name=lan bridge=xvmbr6 >"$tmp/out"
check "both guests are on a bridge" network_up kira 10.6.0.2
check "with dom0" network_up kurt 10.6.0.3
check "offloads are on" in_kira "ethtool -k eth0 | grep -q 'tcp-segmentation-offload: on'"
check "TCP among the three" streams
check "offloads are turned off" offloads off
check "TCP without them" streams
for guest in kira kurt; do
	kernel_is_well $guest 'I/O error'
	guest-stop $guest
done
ip link del xvmbr6
rm "$tmp/kira.img"
