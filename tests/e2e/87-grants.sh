# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# Queues and buffers at grant addresses, and what the hypervisor says is left of them.

# in_use GUEST: how many of its grants somebody holds
in_use()
{
	xl dmesg -c >/dev/null
	xl debug-keys g
	xl dmesg | awk -v guest="d$(domid "$1")" '
		/grant-table for remote/ { mine = $0 ~ "remote " guest " " }
		/done/ { ended = 1 }
		mine && /\[0x/ { count++ }
		END { if (ended) print count + 0 }'
}

by_grant()
{
	guest-run alice "xvmsg-guest --addresses grant $*"
}

random_file "$tmp/grants.img" 4
before=$(in_use alice)
ok "the hypervisor tells which grants are in use" "$([ "${before:-0}" -gt 0 ] && echo 0 || echo 1)"
grants=$(xvmsg attach alice blk target="$tmp/grants.img" name=grants)
same "a disk is read by grant addresses" "$(sum_of "$tmp/grants.img")" \
	"$(by_grant "blk read $grants | sha256sum" | cut -d' ' -f1)"
random_file "$tmp/new" 1
head -c 700001 "$tmp/new" >"$tmp/part"
guest-push alice "$tmp/part" /tmp/part
cp "$tmp/grants.img" "$tmp/expected"
dd if="$tmp/part" of="$tmp/expected" bs=64K seek=1000000 oflag=seek_bytes conv=notrunc 2>/dev/null
check "it is written" by_grant "blk write $grants --offset 1000000 </tmp/part"
check "dom0 sees exactly the bytes written" cmp "$tmp/grants.img" "$tmp/expected"
same "in the compact form as well" "$(sum_of "$tmp/expected")" \
	"$(by_grant "--wire-form compact blk read $grants | sha256sum" | cut -d' ' -f1)"
dice=$(xvmsg attach alice rng name=dice)
same "random bytes come the same way" 20000 \
	"$(by_grant "rng $dice --length 20000 | wc -c" | tr -d ' ')"
# Whoever holds it dies with requests under way; the next one finds it as new.
guest-run alice "mkfifo /tmp/dice
	xvmsg-guest --addresses grant rng $dice >/tmp/dice &
	exec 3</tmp/dice
	head -c 4096 <&3 >/dev/null
	kill -9 \$!"
same "also when a driver died" 3000 \
	"$(by_grant "rng $dice --length 3000 | wc -c" | tr -d ' ')"
check "it is detached" xvmsg detach alice grants
check "and so is the other" xvmsg detach alice dice
same "nothing of it is left mapped" "$before" "$(in_use alice)"
