# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# A frontend that was written from the binding's pages alone, and shares no code with the
# backend, reads a disk in both forms and leaves the bus as it should be left.

stranger_home=/local/domain/$(domid alice)/device/virtio-msg/0

# Each sector says its number, 32 times.
awk 'BEGIN { for (i = 0; i < 65536; i++) printf "sector %08d\n", i / 32 }' >"$tmp/sectors.img"
strange=$(xvmsg attach alice blk target="$tmp/sectors.img" name=strange)

# strange_sector FORM SECTOR [OPTION]: reads it in the guest
strange_sector()
{
	guest-run alice "stranger ${3:-} $strange $2" >"$tmp/sector" 2>"$tmp/out"
	strange_status=$?
	tail -c +$(($2 * 512 + 1)) "$tmp/sectors.img" | head -c 512 >"$tmp/expected"
	[ $strange_status -eq 0 ] && cmp "$tmp/sector" "$tmp/expected" >>"$tmp/out" 2>&1
	ok "a stranger reads sector $2, $1 form" $?
}

strange_sector wide 1234
grep -qE "devices:.* $strange( |\$)" "$tmp/out"
ok "after GET_DEVICES showed it the disk" $?
same "it closed the bus" 6 "$(xenstore-read "$stranger_home/state")"
same "without a complaint" '' "$(xenstore-read "$stranger_home/error" 2>/dev/null)"
check "and the live store keeps the schema" schema-check "$(domid alice)"
same "the library reads the whole disk on the same bus" "$(sum_of "$tmp/sectors.img")" \
	"$(guest_sum alice "$strange")"
strange_sector compact 2047 --compact
strange_sector compact 0 --compact
refused "the disk's end is its end for a stranger too" 1 'has only 2048 sectors' \
	guest-run alice "stranger $strange 2048"
refused "and a number that is no device none" 1 'device 4711 is not there' \
	guest-run alice "stranger --compact 4711 0"
same "the library reads it again" "$(sum_of "$tmp/sectors.img")" "$(guest_sum alice "$strange")"
check "nobody keeps the disk from going" xvmsg detach alice strange
