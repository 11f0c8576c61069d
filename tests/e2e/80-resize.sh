# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# A file grows and shrinks under a guest's disk; in both configuration profiles.

random_file "$tmp/elastic.img" 1
elastic=$(xvmsg attach alice blk target="$tmp/elastic.img" name=elastic)
alice_data=/local/domain/$(domid alice)/data

# resized_to BYTES [OPTION]...: what a guest that watches the disk sees of a resize
resized_to()
{
	resized_bytes=$1
	shift
	guest-run alice "mkfifo /tmp/sizes; xvmsg-guest $* blk watch $elastic >/tmp/sizes & watch=\$!
		{ read -r first; xenstore-write data/first \"\$first\"; read -r second; } </tmp/sizes
		kill \$watch; rm /tmp/sizes; xenstore-rm data/first; echo \"\$second\"" >"$tmp/resized" &
	resized_guest=$!
	wait_node "$alice_data/first" "size $(wc -c <"$tmp/elastic.img")"
	truncate -s "$resized_bytes" "$tmp/elastic.img"
	check "xvmsg resize tells a guest that has the disk open $*" xvmsg resize alice elastic
	wait $resized_guest
	same "whose driver sees $resized_bytes bytes $*" "size $resized_bytes" "$(cat "$tmp/resized")"
}

resized_to 3145728
resized_to 524288 --strict
resized_to 1048576 --wire-form compact
same "and reads all of it" "$(sum_of "$tmp/elastic.img")" "$(guest_sum alice "$elastic")"
refused "a device that is not there has no size" 1 'has no device nothing' xvmsg resize alice nothing
xvmsg detach alice elastic
