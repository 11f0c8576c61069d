# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# Files that a guest writes over and over, whatever happens meanwhile, and what of them must be
# there after that.

# writes_begin GUEST FOLDER: from now on, files of one text each, noted when they are safe, beside
# writes of which many are under way
writes_begin()
{
	guest-run "$1" "rm -f /run/stop /run/stopped; touch /run/safe; mkfifo /run/stopped
		cat >/run/write.sh; sh /run/write.sh $2 >/dev/null 2>&1 </dev/null &" <<-'EOF'
		mkdir -p "$1"
		while [ ! -e /run/stop ]; do
			dd if=/dev/zero of="$1/much" bs=1M count=2 conv=fsync,notrunc
		done &
		i=$(wc -l </run/safe)
		while [ ! -e /run/stop ]; do
			i=$((i + 1))
			yes "$i" | dd of="$1/$((i % 100))" bs=16k count=1 iflag=fullblock conv=fsync && echo "$i" >>/run/safe
		done
		wait
		echo 1 >/run/stopped
	EOF
}

# writes_go_on GUEST: returns when some more files are safe
writes_go_on()
{
	[ "$(guest-run "$1" 'timeout 240 tail -n 0 -f /run/safe | head -n 6 | wc -l' | tr -d ' ')" = 6 ]
}

# writes_end GUEST
writes_end()
{
	guest-run "$1" 'touch /run/stop; [ "$(timeout 240 cat /run/stopped)" = 1 ]'
}

# writes_are_there GUEST FOLDER: all that was safe, as it was written
writes_are_there()
{
	guest-run "$1" "folder=$2"'; tail -n 100 /run/safe >/run/last &&
		[ "$(while read -r i; do yes "$i" | head -c 16384; done </run/last | md5sum)" = \
			"$(while read -r i; do cat "$folder/$((i % 100))"; done </run/last | md5sum)" ]'
}
