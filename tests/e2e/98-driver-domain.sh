# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# A guest whose kernel has a disk from dom0 and one from alice, who is a driver domain for it.

driver=$(domid alice)

in_dora()
{
	guest-run dora "$@"
}

# hers DEVICE: sha256 of a disk as the guest's kernel reads it, past its page cache
hers()
{
	in_dora "dd if=$1 bs=64k iflag=direct 2>/dev/null | sha256sum" | cut -d' ' -f1
}

# driver_sum: of the file behind the driver domain's disk
driver_sum()
{
	guest-run alice "sha256sum /tmp/dora.img" | cut -d' ' -f1
}

# driver_starts: alice's own xvmsgd, until it watches xenstore
driver_starts()
{
	guest-run alice 'xvmsgd >/tmp/xvmsgd.log 2>&1 </dev/null & echo $! >/tmp/xvmsgd.pid
		timeout 20 sh -c "until grep -q ready /tmp/xvmsgd.log; do :; done"'
}

random_file "$tmp/dora.img" 4
guest-run alice "dd if=/dev/urandom of=/tmp/dora.img bs=1M count=4 2>/dev/null"
guest-start dora 'memory=192' || bail "the guest of two backends did not start"
dora=$(domid dora)
# It shall learn of guests that die.
check "dom0 lets alice watch @releaseDomain" xenstore-chmod @releaseDomain n0 "r$driver"
check "xvmsgd runs in alice" driver_starts
check "the guest gets a disk from dom0" xvmsg attach dora blk target="$tmp/dora.img" name=near
refused "another domain has another bus" 1 'bus 0 of domain dora has its devices from another domain' \
	xvmsg --backend alice attach dora blk target=/tmp/dora.img
check "and one from alice" xvmsg --backend alice attach dora blk target=/tmp/dora.img name=far bus=1
check "the guest's kernel has both" in_dora "modprobe virtio_blk &&
	insmod /usr/lib/xen-virtio-msg/xvmsg.ko && [ -b /dev/vda ] && [ -b /dev/vdb ]"
# Which is which, is up to the order in which the guest's kernel finds them.
near=vda far=vdb
in_dora "readlink /sys/block/vda" | grep -q virtio-msg-0 || near=vdb far=vda
same "that of dom0 is read" "$(sum_of "$tmp/dora.img")" "$(hers /dev/$near)"
same "and that of alice" "$(driver_sum)" "$(hers /dev/$far)"
check "both are written to at once" in_dora "dd if=/dev/urandom of=/dev/$near bs=64k oflag=direct,sync count=32 & pid=\$!
	dd if=/dev/urandom of=/dev/$far bs=64k oflag=direct,sync count=32 && wait \$pid"
same "dom0 sees these bytes" "$(sum_of "$tmp/dora.img")" "$(hers /dev/$near)"
same "and alice sees hers" "$(driver_sum)" "$(hers /dev/$far)"
xvmsg --backend alice list >"$tmp/list"
same "what alice offers can be listed" far "$(awk '/ far / { print "far" }' "$tmp/list")"

# Her daemon is away, while dom0's is not.
guest-run alice 'kill -KILL $(cat /tmp/xvmsgd.pid)'
same "the one disk goes on without the other" "$(sum_of "$tmp/dora.img")" "$(hers /dev/$near)"
check "xvmsgd runs in alice again" driver_starts
same "and so does the other" "$(driver_sum)" "$(hers /dev/$far)"
check "it is pulled in order" xvmsg --backend alice detach dora far bus=1
check "and gone" in_dora "[ ! -b /dev/$far ] && [ -b /dev/$near ]"
check "and comes again" xvmsg --backend alice attach dora blk target=/tmp/dora.img name=far bus=1
same "with its bytes" "$(driver_sum)" "$(timeout 30 guest-run dora "until [ -b /dev/$far ]; do :; done" && hers /dev/$far)"
kernel_is_well dora
kernel_is_well alice
guest-stop dora
check "nothing of the guest is left in alice's part of xenstore" \
	wait_node "/local/domain/$driver/backend/virtio-msg/$dora/1/state" ''
guest-run alice 'kill $(cat /tmp/xvmsgd.pid); cat /tmp/xvmsgd.log' >"$tmp/alice.log"
xenstore-rm "/local/domain/$driver/backend"
xenstore-chmod @releaseDomain n0
