# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# A bus is recorded from before its driver connects until after it has left.

data=$(xenstore-read "/local/domain/0/backend/virtio-msg/$(domid alice)/0/request/data/number")

# trace_start ARGUMENT...: records alice's bus; returns when it does
trace_start()
{
	: >"$tmp/trace.log"
	start_until 'recording dom' "$tmp/trace.log" xvmsg trace "$@" alice
	trace_status=$?
	trace_pid=$started
	return $trace_status
}

# trace_stop: ends it as Ctrl-C does; its exit status
trace_stop()
{
	kill -INT "$trace_pid"
	wait "$trace_pid"
}

# in_order FILE WORDS...: they come in this order, a line each
in_order()
{
	order_file=$1
	shift
	printf '%s\n' "$@" | awk '
		NR == FNR { wanted[++last] = $0; next }
		index($0, wanted[next_one + 1]) && next_one < last { next_one++ }
		END {
			if (next_one < last)
				print "missing: " wanted[next_one + 1]
			exit next_one < last
		}' - "$order_file"
}

refused "a bus that is not there cannot be traced" 1 'has no bus 9' xvmsg trace --bus 9 alice
refused "nor a guest that is not there" 1 "no domain 'nobody'" xvmsg trace nobody

check "a trace begins before the driver connects" trace_start --output "$tmp/boot.pcapng"
refused "a second one is refused" 1 'somebody else traces this bus' \
	xvmsg trace alice --output "$tmp/second.pcapng"
guest-run alice xvmsg-guest list >"$tmp/out" 2>&1
same "a traced guest reads its disk" "$(sum_of "$tmp/alice.img")" "$(guest_sum alice "$data")"
check "the trace ends properly" trace_stop
grep -q '[0-9] messages recorded, 0 lost' "$tmp/trace.log"
ok "and lost nothing" $?

xvmsg decode "$tmp/boot.pcapng" >"$tmp/boot.text" 2>"$tmp/out"
ok "the recording is read" $?
check "the whole initialization is in it, in order" in_order "$tmp/boot.text" \
	'from guest: GET_DEVICE_INFO request' 'to guest:   GET_DEVICE_INFO response' \
	'from guest: GET_DEVICE_FEATURES request' 'to guest:   GET_DEVICE_FEATURES response' \
	'from guest: SET_DRIVER_FEATURES request' 'FEATURES_OK)' \
	'from guest: SET_VQUEUE request' 'from guest: SET_DEVICE_STATUS request' \
	'to guest:   SET_DEVICE_STATUS response' 'from guest: EVENT_AVAIL' 'to guest:   EVENT_USED'
grep -q 'SET_DEVICE_STATUS request.*DRIVER_OK' "$tmp/boot.text"
ok "up to DRIVER_OK" $?
same "nothing in it is malformed, and nothing lost" 0 \
	"$(grep -c -e malformed -e lost "$tmp/boot.text")"

# For whoever started the lab: tests/e2e/recorded.sh looks at it there.
cp "$tmp/boot.pcapng" "$tmp/boot.text" /lab/logs/

start_until 'recording dom' "$tmp/trace.log" \
	sh -c "xvmsg trace alice --output - --count 4 | xvmsg decode >'$tmp/live'"
guest-run alice xvmsg-guest info "$data" >/dev/null 2>&1
wait "$started"
same "a live trace can be read through a pipe" 4 "$(grep -c 'guest:' "$tmp/live")"
