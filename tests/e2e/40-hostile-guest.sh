# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# Alice's guest breaks the rules one by one. Each ends with a named error for her
# alone: xvmsgd and Bob's disk go on, and so does Alice once she behaves.

bad=$(xvmsg attach alice blk target="$tmp/alice.img" name=bad)
alice_sum=$(sum_of "$tmp/alice.img")
bob_sum=$(sum_of "$tmp/bob.img")
F=/local/domain/$(domid alice)/device/virtio-msg/0
B=/local/domain/0/backend/virtio-msg/$(domid alice)/0

# hostile CASE WORDS: what the guest must be told
hostile()
{
	guest-run alice "hostile $1 $bad" >"$tmp/out" 2>&1
	grep -q "$2" "$tmp/out"
	ok "$1: $2" $?
}

hostile ring-header 'header'
hostile unaligned-index 'producer index'
hostile index-out-of-range 'producer index'
hostile record-too-small 'record'
hostile record-too-large 'record'
hostile unknown-ids 'ping: answered'
hostile address-outside-area 'device broken'
hostile address-of-no-area 'device broken'
hostile reference-never-granted 'device broken'
hostile reference-taken-back 'device broken'
hostile reference-of-another 'device broken'
hostile reference-read-only 'device broken'
hostile chain-loops 'device broken'
hostile head-out-of-range 'device broken'
hostile available-index-jumps 'device broken'
hostile id-out-of-range 'device broken'
hostile chain-without-end 'device broken'
hostile chain-in-another-lap 'device broken'
hostile past-the-end 'status 1'
same "none of it wrote to the disk" "$alice_sum" \
	"$(guest_sum alice "$bad")"

# Nonsense in each key, written by the guest itself while it plays a driver.
# offer KEY VALUE: an offer that is good but for one key
offer()
{
	guest-run alice 'xenstore-write device/virtio-msg/0/state 1'
	wait_node "$B/state" 2
	guest-run alice "
		p=device/virtio-msg/0
		xenstore-write \$p/version 1 \$p/message-size 272 \$p/ring-page-order 0 \
			\$p/ring-ref-0 8 \$p/event-channel 1 \$p/wire-form wide \$p/transport-features 0
		xenstore-write \$p/$1 '$2'
		xenstore-write \$p/state 3"
}

nonsense()
{
	offer "$1" "$2"
	wait_node "$B/state" 5
	xenstore-read "$B/error" >"$tmp/out" 2>&1
	grep -q "$1" "$tmp/out"
	ok "$1 = '$2': named in the bus's error" $?
}

nonsense version 99
nonsense message-size 7
nonsense message-size 100000
nonsense ring-page-order 2x
nonsense ring-page-order 7
nonsense ring-ref-0 0x8
nonsense event-channel many
nonsense wire-form narrow
nonsense transport-features 18446744073709551616
offer ring-ref-0 4294967295
wait_node "$B/state" 5
ok "a reference that was never granted closes the bus" $?
xenstore-write "$F/state" nonsense
same "a state that is no number harms nobody" "$bob_sum" "$(guest_sum bob "$bob_disk")"

same "Bob's disk is read as ever" "$bob_sum" "$(guest_sum bob "$bob_disk")"
same "and Alice, behaving, reads hers" "$(sum_of "$tmp/alice.img")" "$(guest_sum alice "$bad")"
check "xvmsgd is the process it was" kill -0 "$daemon_pid"
xvmsg detach alice "$bad"
