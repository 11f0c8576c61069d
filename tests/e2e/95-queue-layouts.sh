# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# A disk and random bytes over queues in either layout, in either form.

random_file "$tmp/layouts.img" 4
layouts=$(xvmsg attach alice blk target="$tmp/layouts.img" name=layouts)
layout_dice=$(xvmsg attach alice rng name=layout-dice)

for layout in split packed; do
	same "$layout: a guest reads the disk" "$(sum_of "$tmp/layouts.img")" \
		"$(guest-run alice "xvmsg-guest --queue-layout $layout blk read $layouts | sha256sum" | cut -d' ' -f1)"
	check "$layout: and writes it" guest-run alice \
		"dd if=/dev/urandom of=/tmp/new bs=64k count=48 2>/dev/null && sha256sum </tmp/new >/tmp/sum &&
		xvmsg-guest --queue-layout $layout --wire-form compact blk write $layouts --offset 524288 </tmp/new"
	same "$layout: which dom0 sees" "$(guest-run alice 'cat /tmp/sum' | cut -d' ' -f1)" \
		"$(dd if="$tmp/layouts.img" bs=64k skip=8 count=48 2>/dev/null | sha256sum | cut -d' ' -f1)"
	same "$layout: a guest gets random bytes" 65536 "$(guest-run alice \
		"xvmsg-guest --queue-layout $layout rng $layout_dice --length 65536 | wc -c" | tr -d ' ')"
done
xvmsg detach alice layouts
xvmsg detach alice layout-dice
