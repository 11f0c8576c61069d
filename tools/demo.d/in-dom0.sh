# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# The demo, as it runs in dom0. Every line it prints was just seen to happen.
set -u
. lab-functions.sh

verbose=${1:-}
tmp=$(mktemp -d)
disk=$tmp/disk.img
log=$tmp/xvmsgd.log
words='The guest wrote this line over virtio-msg.'

begun=$(cut -d. -f1 /proc/uptime)

step()
{
	printf '\n[%s s] %s\n' "$(($(cut -d. -f1 /proc/uptime) - begun))" "$*"
}

fail()
{
	printf 'FAILED: %s\n' "$*"
	tail -n 20 "$log"
	exit 1
}

# show COMMAND...: prints a command and runs it
show()
{
	printf '  # %s\n' "$*"
	"$@" | sed 's/^/    /'
}

# Prints what xvmsgd logged since the last call. The events of a long transfer come
# again and again in the same pairs: what was said within the last four lines is counted.
seen=0
messages()
{
	[ -n "$verbose" ] || return 0
	echo "  messages:"
	tail -n +$((seen + 1)) "$log" | awk '
		function tell_repeats() { if (repeats) print "    ... and " repeats " more of these"; repeats = 0 }
		{
			for (i = 1; i <= 4; i++) if ($0 == last[i]) { repeats++; next }
			tell_repeats(); print "    " $0; last[++n % 4 + 1] = $0
		}
		END { tell_repeats() }'
	seen=$(wc -l <"$log")
}

step "A disk image in dom0: ext4 with a greeting and 24 MiB of random data"
mkdir "$tmp/files"
dd if=/dev/urandom of="$tmp/files/random.bin" bs=1M count=24 2>/dev/null
printf '%-4096s' 'Hello from dom0.' >"$tmp/files/greeting.txt"
truncate -s 32M "$disk"
mke2fs -q -t ext4 -d "$tmp/files" "$disk" || fail "mke2fs"
e2fsck -fn "$disk" >"$tmp/fsck" 2>&1 || fail "e2fsck before: $(cat "$tmp/fsck")"
echo "  e2fsck -fn: clean"
dom0_sum=$(sha256sum "$disk" | cut -d' ' -f1)

step "xvmsgd, the backend daemon, in dom0"
start_until 'xvmsgd ready' "$log" xvmsgd ${verbose:+--log-level debug} || fail "xvmsgd did not start"
daemon=$started
echo "  running, process $daemon"

step "A guest, made by xl"
guest-start demo || fail "the guest did not start"
show xl list
guest-run demo 'xvmsg-guest events >/tmp/events 2>&1 &'

step "Hot-attach the disk"
echo "  # xvmsg attach demo blk target=$disk name=data"
number=$(xvmsg attach demo blk target="$disk" name=data) || fail "xvmsg attach"
echo "    device number $number"
show xvmsg list
if [ -n "$verbose" ]; then
	domid=$(xl domid demo)
	echo "  xenstore, backend side:"
	xenstore-ls -f "/local/domain/0/backend/virtio-msg/$domid" | sed 's/^/    /'
	echo "  xenstore, frontend side:"
	xenstore-ls -f "/local/domain/$domid/device/virtio-msg" | sed 's/^/    /'
fi

step "The guest finds it"
show guest-run demo "xvmsg-guest list"
show guest-run demo "xvmsg-guest info $number"
messages

step "The guest reads it whole"
guest_sum=$(guest-run demo "xvmsg-guest blk read $number | sha256sum" | cut -d' ' -f1)
echo "  sha256 in dom0:      $dom0_sum"
echo "  sha256 in the guest: $guest_sum"
[ "$dom0_sum" = "$guest_sum" ] || fail "the guest read something else"
messages

step "The guest writes into the file greeting.txt"
block=$(debugfs -R 'blocks /greeting.txt' "$disk" 2>/dev/null | awk '{print $1}')
size=$(debugfs -R stats "$disk" 2>/dev/null | awk '/^Block size:/ {print $3}')
offset=$((block * size))
show guest-run demo "echo '$words' | xvmsg-guest blk write $number --offset $offset"
messages

step "dom0 sees the bytes, in the file"
found=$(debugfs -R 'cat /greeting.txt' "$disk" 2>/dev/null | head -n 1)
echo "  greeting.txt now begins: $found"
[ "$found" = "$words" ] || fail "dom0 does not see what the guest wrote"
e2fsck -fn "$disk" >"$tmp/fsck" 2>&1 || fail "e2fsck after: $(cat "$tmp/fsck")"
echo "  e2fsck -fn: clean"

step "Hot-detach it, and attach it again"
echo "  # xvmsg detach demo data"
xvmsg detach demo data || fail "xvmsg detach"
again=$(xvmsg attach demo blk target="$disk" name=data readonly) || fail "second attach"
echo "  # xvmsg attach demo blk target=$disk name=data readonly"
echo "    device number $again"
[ "$again" != "$number" ] || fail "the number was used again"
show guest-run demo "cat /tmp/events"
messages

step "Done: read, written, unplugged, and number $number was not used again"
guest-stop demo
kill $daemon
wait $daemon
exit 0
