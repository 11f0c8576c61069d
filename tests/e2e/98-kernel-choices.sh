# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# The kernel's frontend as it may be chosen: in a PVH guest, without doorbells, on one bus of
# two.

module=/usr/lib/xen-virtio-msg/xvmsg.ko

in_pavo()
{
	guest-run pavo "$@"
}

# pavo_sum DEVICE: of a disk as its kernel reads it
pavo_sum()
{
	in_pavo "dd if=$1 bs=64k iflag=direct 2>/dev/null | sha256sum" | cut -d' ' -f1
}

unload='for bus in /sys/bus/xen/drivers/virtio-msg/virtio-msg-*; do
	echo ${bus##*/} >/sys/bus/xen/drivers/virtio-msg/unbind; done; rmmod xvmsg'

has_devices()
{
	xvmsg attach pavo blk target="$tmp/pavo.img" name=data >"$tmp/out" &&
		xvmsg attach pavo net name=lan script=none >"$tmp/out" &&
		xvmsg attach pavo console name=con >"$tmp/out" && xvmsg attach pavo rng name=dice >"$tmp/out"
	ok "a PVH guest gets four devices" $?
	check "the module is loaded" in_pavo "modprobe -a virtio_blk virtio_net virtio_console virtio-rng &&
		insmod $module"
	same "virtio_blk reads the disk" "$(sum_of "$tmp/pavo.img")" "$(pavo_sum /dev/vda)"
	check "and writes it" in_pavo "dd if=/dev/urandom of=/dev/vda bs=64k count=32 oflag=direct,sync"
	same "dom0 sees these bytes" "$(sum_of "$tmp/pavo.img")" "$(pavo_sum /dev/vda)"
	request=/local/domain/0/backend/virtio-msg/$(domid pavo)/0/request
	vif=$(xenstore-read "$request/lan/vif")
	ip addr add 10.9.0.1/24 dev "$vif" && ip link set "$vif" up
	check "virtio_net answers dom0" in_pavo "ip addr add 10.9.0.2/24 dev eth0 && ip link set eth0 up &&
		ping -c 3 -W 10 10.9.0.1"
	exec 6<>"$(xenstore-read "$request/con/tty")"
	in_pavo "echo from the kernel >/dev/hvc1"
	same "virtio_console writes to the terminal in dom0" "from the kernel" \
		"$(timeout 30 head -n 1 <&6 | tr -d '\r')"
	exec 6>&-
	check "random bytes come from virtio_rng" in_pavo \
		"grep -q virtio_rng /sys/class/misc/hw_random/rng_current && dd if=/dev/hwrng bs=64 count=2"
	check "queues have event channels of their own" in_pavo "grep -w req.0 /proc/interrupts"
	check "a disk is plugged in" xvmsg attach pavo blk target="$tmp/pavo1.img" name=second
	check "and there" in_pavo "timeout 30 sh -c 'until [ -b /dev/vdb ]; do :; done'"
	check "pulled in order" xvmsg detach pavo second
	check "and gone" in_pavo "[ ! -b /dev/vdb ]"
	check "the module lets go" in_pavo "$unload"
}

without_doorbells()
{
	check "it is loaded to do without doorbells" in_pavo "insmod $module doorbells=0 &&
		! grep -w req.0 /proc/interrupts"
	same "and reads the disk" "$(sum_of "$tmp/pavo.img")" "$(pavo_sum /dev/vda)"
	check "and writes it" in_pavo "dd if=/dev/urandom of=/dev/vda bs=64k count=32 oflag=direct,sync"
	same "dom0 sees these bytes too" "$(sum_of "$tmp/pavo.img")" "$(pavo_sum /dev/vda)"
	check "virtio_net answers dom0 again" in_pavo "ip addr add 10.9.0.2/24 dev eth0 &&
		ip link set eth0 up && ping -c 3 -W 10 10.9.0.1"
	check "it lets go again" in_pavo "$unload"
}

one_bus_of_two()
{
	check "a disk on another bus" xvmsg attach pavo blk target="$tmp/pavo1.img" name=other bus=1
	check "it is loaded for bus 1 alone" in_pavo "insmod $module buses=1 && [ -b /dev/vda ] && [ ! -b /dev/vdb ]"
	same "whose disk it reads" "$(sum_of "$tmp/pavo1.img")" "$(pavo_sum /dev/vda)"
	number=$(xenstore-read "$request/data/number")
	same "while the library has bus 0" "$(sum_of "$tmp/pavo.img")" "$(guest_sum pavo "$number")"
	same "both at once" "$(sum_of "$tmp/pavo1.img")" "$(pavo_sum /dev/vda)"
	check "it lets go of that bus" in_pavo "$unload"
	check "and takes both when asked for no one" in_pavo "insmod $module && [ -b /dev/vda ] && [ -b /dev/vdb ]"
}

all_in_pavo()
{
	has_devices
	without_doorbells
	one_bus_of_two
	kernel_is_well pavo
}

modprobe tun || bail "dom0 has no TAP"
random_file "$tmp/pavo.img" 8
random_file "$tmp/pavo1.img" 2
with_pvh_guest pavo all_in_pavo 'memory=192'
