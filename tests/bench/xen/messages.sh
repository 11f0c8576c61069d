# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# Messages beside libxenvchan's bytes. A round trip is a PING (20 bytes) and its answer
# against 64 bytes and their echo; both ends of libxenvchan sleep, ours sleep or look
# first, as they do unless told otherwise. A stream is messages of the same size, each of
# which the daemon checks and answers, against libxenvchan's writes, which its other end
# throws away.

channel=/local/domain/$domid/data/bench-vchan

vchan()
{
	xenstore-rm "$channel" 2>/dev/null
	bench-vchan server "$domid" "$channel" &
	server=$!
	measure "$1" in_guest "bench-vchan $2 $channel"
	kill $server 2>/dev/null
	wait $server 2>/dev/null
}

# looking, then asleep: the peer has the same turn each time
messages_round()
{
	vchan looking ping
	measure looking-ours in_guest "bench-guest ping"
	measure ours in_guest "bench-guest stream $rng"
	daemon_restart --poll-us 0
	vchan asleep client
	measure asleep-ours in_guest "bench-guest ping 0"
	daemon_restart
}

group messages libxenvchan
rng=$(xvmsg attach bench rng) || failed 'xvmsg attach' $? ''
for round in 1 2 3; do
	measuring "messages, round $round of 3"
	messages_round
done
row 'round trip, both ends sleep' "$(value asleep-ours 'round trip')" \
	"$(value asleep 'round trip')" '<= 1.0' us
row 'round trip, both ends look before they sleep' "$(value looking-ours 'round trip')" \
	"$(value looking 'round trip')" '<= 0.1' us
for size in 64 4096 32768; do
	row "stream of $size bytes each" "$(value ours "stream, $size bytes each")" \
		"$(value asleep "stream, $size bytes each")" '>= 1.0' MB/s
done
xvmsg detach --force bench "$rng" >&2
