# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the xen-virtio-msg authors
#
# Records what the library does in a guest, a file for each kind of connection; the
# driver clauses are judged by the recordings, where the lab was started.

random_file "$tmp/driver.img" 1
driver=$(xvmsg attach alice blk target="$tmp/driver.img" name=driver)

# session NAME [OPTION]...: one of everything
session()
{
	session_name=$1
	shift
	: >"$tmp/session.log"
	start_until 'recording dom' "$tmp/session.log" \
		xvmsg trace --output "$tmp/$session_name.pcapng" alice
	session_trace=$started
	guest-run alice "xvmsg-guest $* list; xvmsg-guest $* info $driver
		xvmsg-guest $* blk read $driver >/tmp/disk && xvmsg-guest $* blk write $driver </tmp/disk" \
		>"$tmp/session.out" 2>&1
	ok "the library reads and writes a disk: $session_name" $?
	kill -INT "$session_trace"
	wait "$session_trace"
	ok "the library's session was recorded: $session_name" $?
	cp "$tmp/$session_name.pcapng" /lab/logs/
}

session wide
session strict --strict
session compact --wire-form compact
xvmsg detach alice driver
