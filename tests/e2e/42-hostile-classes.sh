# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# Alice's guest abuses each class of device in every way it knows (hostile-*.c). What
# becomes of it is that device's and nobody else's: after a reset it works, a disk of the
# same bus is read all the while, and no worker dies of it.

# abuse CLASS LAYOUT NUMBER
abuse()
{
	guest-run alice "hostile $1 $3 $victim ${2#split}" >"$tmp/abuse" 2>&1
	abused=$?
	while read -r verdict words; do
		echo "$verdict $words" >"$tmp/out"
		[ "$verdict" = good ]
		ok "$1, $2: $words" $?
	done <"$tmp/abuse"
	same "$1, $2: all of it was as expected" 0 $abused
}

# complaints NAME: what the log says of a device that wanted a reset
complaints()
{
	grep -c "device $1 needs a reset: $2" "$daemon_log"
}

random_file "$tmp/victim.img" 1
victim=$(xvmsg attach alice blk target="$tmp/victim.img" name=victim)
workers=$(cat "/proc/$daemon_pid/task/$daemon_pid/children")

bad_rng=$(xvmsg attach alice rng name=bad-rng)
abuse rng split "$bad_rng"

bad_con=$(xvmsg attach alice console name=bad-con ports=2)
abuse console packed "$bad_con"

modprobe tun
bad_net=$(xvmsg attach alice net name=bad-net queues=2 script=none)
bad_vif=$(xenstore-read "/local/domain/0/backend/virtio-msg/$(domid alice)/0/request/bad-net/vif")
ip addr add 10.9.0.1/24 dev "$bad_vif" && ip link set "$bad_vif" up
abuse net packed "$bad_net"

same "the log has why, and has it once" '1 1' \
	"$(complaints bad-con 'a control message is too short') $(complaints bad-net 'a frame is shorter than its header')"
same "no worker died" "$workers" "$(cat "/proc/$daemon_pid/task/$daemon_pid/children")"
same "another guest's disk is read as ever" "$(sum_of "$tmp/bob.img")" "$(guest_sum bob "$bob_disk")"
for abused in bad-rng bad-con bad-net victim; do
	check "$abused is detached in order" xvmsg detach alice $abused
done
