# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# Random bytes for a guest.

refused "random bytes need no target" 2 'has no target' \
	xvmsg attach alice rng target="$tmp/alice.img"
dice=$(xvmsg attach alice rng name=dice)
ok "a device without a target is attached" $?
same "a guest gets as many bytes as it asks for" 65536 \
	"$(guest-run alice "xvmsg-guest rng $dice --length 65536 | wc -c" | tr -d ' ')"
first=$(guest-run alice "xvmsg-guest rng $dice --length 4096 | sha256sum")
second=$(guest-run alice "xvmsg-guest rng $dice --length 4096 | sha256sum")
[ -n "$first" ] && [ "$first" != "$second" ]
ok "and others the next time" $?
check "it is detached" xvmsg detach alice dice
