# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# The kernel's frontend: the module xvmsg gives the guest's own virtio drivers their devices.

module=/usr/lib/xen-virtio-msg/xvmsg.ko

in_karl()
{
	guest-run karl "$@"
}

# in_time COMMAND: until it succeeds in the guest
in_time()
{
	in_karl "timeout 30 sh -c 'until $1; do :; done'"
}

modprobe tun || bail "dom0 has no TAP"
random_file "$tmp/karl.img" 8
guest-start karl 'memory=192' 'on_reboot="restart"' || bail "the guest for the kernel's frontend did not start"
number=$(xvmsg attach karl blk target="$tmp/karl.img" name=data)
xvmsg attach karl rng name=rng >"$tmp/out" && xvmsg attach karl console name=con >"$tmp/out" &&
	xvmsg attach karl net name=lan script=none >"$tmp/out"
ok "a guest whose kernel has no driver yet gets four devices" $?

check "the module is loaded" in_karl "modprobe virtio_blk && modprobe virtio_net &&
	modprobe virtio_console && modprobe virtio-rng && insmod $module"
same "virtio_blk reads the disk" "$(sum_of "$tmp/karl.img")" \
	"$(in_karl "dd if=/dev/vda bs=64k iflag=direct 2>/dev/null | sha256sum" | cut -d' ' -f1)"
check "and writes it" in_karl "dd if=/dev/urandom of=/dev/vda bs=64k count=32 oflag=direct,sync"
same "dom0 sees these bytes" "$(sum_of "$tmp/karl.img")" \
	"$(in_karl "dd if=/dev/vda bs=64k iflag=direct 2>/dev/null | sha256sum" | cut -d' ' -f1)"
check "random bytes come from virtio_rng" in_karl \
	"grep -q virtio_rng /sys/class/misc/hw_random/rng_current && dd if=/dev/hwrng bs=64 count=2"

vif=$(xenstore-read "/local/domain/0/backend/virtio-msg/$(domid karl)/0/request/lan/vif")
ip addr add 10.8.0.1/24 dev "$vif" && ip link set "$vif" up
check "virtio_net answers dom0" in_karl "ip addr add 10.8.0.2/24 dev eth0 && ip link set eth0 up &&
	ping -c 3 -W 10 10.8.0.1"
check "and dom0 asks it" ping -c 3 -W 10 10.8.0.2

tty=$(xenstore-read "/local/domain/0/backend/virtio-msg/$(domid karl)/0/request/con/tty")
exec 6<>"$tty"
in_karl "echo from the kernel >/dev/hvc1"
timeout 30 head -n 1 <&6 | tr -d '\r' >"$tmp/line"
same "virtio_console writes to the terminal in dom0" "from the kernel" "$(cat "$tmp/line")"
exec 6>&-

refused "the library leaves the bus to the kernel" 1 'the kernel of this domain drives bus 0' \
	in_karl "xvmsg-guest blk read $number"

check "a disk is attached to the running kernel" xvmsg attach karl blk target="$tmp/karl.img" \
	name=second readonly
check "and is there" in_time '[ -b /dev/vdb ]'
check "detached in order" xvmsg detach karl second
check "and gone" in_karl "[ ! -b /dev/vdb ]"

check "the module lets go of the bus" in_karl \
	"echo virtio-msg-0 >/sys/bus/xen/drivers/virtio-msg/unbind && rmmod xvmsg && [ ! -b /dev/vda ]"
same "and the library may have it" "$(sum_of "$tmp/karl.img")" "$(guest_sum karl "$number")"
check "the module may have it again" in_karl "insmod $module && [ -b /dev/vda ]"
kernel_is_well karl

xvmsg export karl >"$tmp/karl.devices"
before=$(domid karl)
in_karl "reboot -f" 2>"$tmp/out"
# shellcheck disable=SC2016 # that shell's
check "the guest reboots" timeout 120 sh -c \
	'until [ "$(xl domid karl 2>&1)" != "$0" ] && guest-run karl :; do :; done' "$before"
check "and is given its devices, as another domain" xvmsg import karl <"$tmp/karl.devices"
check "which the module finds" in_karl "modprobe virtio_blk && insmod $module && [ -b /dev/vda ]"
same "with what was written" "$(sum_of "$tmp/karl.img")" \
	"$(in_karl "dd if=/dev/vda bs=64k iflag=direct 2>/dev/null | sha256sum" | cut -d' ' -f1)"
guest-stop karl
