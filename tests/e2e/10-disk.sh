# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# The main path: a file in dom0, read and written by PV and PVH guests.

disk_in_guest()
{
	guest=$1
	image=$tmp/$guest.img
	random_file "$image" 8
	number=$(xvmsg attach "$guest" blk target="$image" name=data \
		uuid=11223344-5566-7788-99aa-bbccddeeff00 2>"$tmp/out")
	ok "$guest: attach prints a device number" "$([ "${number:-0}" -gt 0 ] && echo 0 || echo 1)"

	check "$guest: the live store keeps the schema" schema-check "$(domid "$guest")"
	guest-run "$guest" "xvmsg-guest list" >"$tmp/out" 2>&1
	grep -qE "(^|[^0-9])$number .*data.*blk|(^|[^0-9])$number .*blk.*data" "$tmp/out"
	ok "$guest: list shows number, name and type" $?
	guest-run "$guest" "xvmsg-guest info $number" >"$tmp/out" 2>&1
	grep -q '11223344-5566-7788-99aa-bbccddeeff00' "$tmp/out"
	ok "$guest: info shows the UUID given to attach" $?

	same "$guest: reads the whole disk" "$(sum_of "$image")" "$(guest_sum "$guest" "$number")"
	same "$guest: reads a range that is not aligned" \
		"$(tail -c +1000002 "$image" | head -c 777777 | sha256sum | cut -d' ' -f1)" \
		"$(guest_sum "$guest" "$number" --offset 1000001 --length 777777)"

	same "$guest: reads the same by grant addresses" "$(sum_of "$image")" "$(guest-run "$guest" \
		"xvmsg-guest --addresses grant blk read $number | sha256sum" | cut -d' ' -f1)"

	random_file "$tmp/new" 1
	head -c 700001 "$tmp/new" >"$tmp/part"
	guest-push "$guest" "$tmp/part" /tmp/part
	cp "$image" "$tmp/expected"
	dd if="$tmp/part" of="$tmp/expected" bs=64K seek=2097664 oflag=seek_bytes conv=notrunc 2>/dev/null
	check "$guest: writes" guest-run "$guest" \
		"xvmsg-guest blk write $number --offset 2097664 </tmp/part"
	check "$guest: dom0 sees exactly the bytes written" cmp "$image" "$tmp/expected"
}

# The disk in queues of either layout and by either kind of address, and the other devices.
# What disk_in_guest did was in packed queues already.
others_in_guest()
{
	for how in '--queue-layout split' '--queue-layout split --addresses grant' \
		'--queue-layout packed --addresses grant --queue-doorbells' \
		'--queue-layout packed --wire-form compact'; do
		same "$guest: reads the disk with $how" "$(sum_of "$image")" "$(guest-run "$guest" \
			"xvmsg-guest $how blk read $number | sha256sum" | cut -d' ' -f1)"
	done
	random_file "$tmp/new" 1
	guest-push "$guest" "$tmp/new" /tmp/new
	check "$guest: writes by grant addresses" guest-run "$guest" \
		"xvmsg-guest --addresses grant blk write $number --offset 1048576 </tmp/new"
	same "$guest: which dom0 sees" "$(sum_of "$tmp/new")" \
		"$(dd if="$image" bs=1M skip=1 count=1 2>/dev/null | sha256sum | cut -d' ' -f1)"
	dice=$(xvmsg attach "$guest" rng name=dice)
	same "$guest: gets random bytes by grant addresses" 20000 "$(guest-run "$guest" \
		"xvmsg-guest --addresses grant rng $dice --length 20000 | wc -c" | tr -d ' ')"
	head -c 131072 "$tmp/new" >"$tmp/part"
	for how in area grant; do
		con=$(xvmsg attach "$guest" console name=con bus=1)
		tty=$(xenstore-read "/local/domain/0/backend/virtio-msg/$(domid "$guest")/1/request/con/tty")
		stty raw -echo <"$tty"
		guest-run "$guest" "rm -f /tmp/heard /tmp/end; mkfifo /tmp/heard /tmp/end; exec 3<>/tmp/heard
			{ head -c 131072 /tmp/new; cat /tmp/end; } | xvmsg-guest --bus 1 --addresses $how \
			console $con --stdio >&3 2>/tmp/con.err &"
		same "$guest: a console carries bytes at $how addresses" "$(sum_of "$tmp/part")" \
			"$(timeout 60 head -c 131072 <"$tty" | sha256sum | cut -d' ' -f1)"
		echo from-dom0 >"$tty"
		same "$guest: in both directions" from-dom0 \
			"$(guest-run "$guest" 'timeout 20 head -n 1 </tmp/heard')"
		xvmsg detach "$guest" con bus=1
		guest-run "$guest" ': >/tmp/end'
	done
}

all_in_pvh_guest()
{
	disk_in_guest pvh
	others_in_guest
}

disk_in_guest bob
bob_disk=$number
with_pvh_guest pvh all_in_pvh_guest
disk_in_guest alice

xvmsg list alice >"$tmp/out" 2>&1
grep -q "alice.*$tmp/alice.img" "$tmp/out"
ok "xvmsg list shows domain and target" $?
xvmsg list --json >"$tmp/out" 2>&1
grep -q '"name" *: *"data"' "$tmp/out"
ok "xvmsg list --json shows the name" $?

random_file "$tmp/fixed.img" 1
before=$(sum_of "$tmp/fixed.img")
fixed=$(xvmsg attach alice blk target="$tmp/fixed.img" readonly name=fixed)
same "a read-only disk is read" "$before" "$(guest_sum alice "$fixed")"
refused "a read-only disk refuses to be written" 1 'read-only' \
	guest-run alice "echo x | xvmsg-guest blk write $fixed"
same "and is as it was" "$before" "$(sum_of "$tmp/fixed.img")"
refused "reading past the end says so" 1 'has only 0 bytes' \
	guest-run alice "xvmsg-guest blk read $fixed --offset 1048576 --length 512"
refused "writing past the end says so" 1 'cannot be written' \
	guest-run alice "dd if=/dev/zero bs=512 count=4 2>/dev/null | xvmsg-guest blk write $number --offset 8388096"
same "and does not make the file longer" 8388608 "$(stat -c %s "$tmp/alice.img")"
check "detach by name" xvmsg detach alice fixed

guest-run alice "xvmsg-guest --wire-form compact blk read $number | sha256sum" >"$tmp/out" 2>&1
same "the compact wire form reads the same disk" "$(sum_of "$tmp/alice.img")" "$(cut -d' ' -f1 "$tmp/out")"
