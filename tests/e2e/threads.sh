# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# make threads-xen, in a dom0 of two processors: a disk with one queue and one with two, and a
# network interface with two pairs, without queue threads and with two, in one boot. First it is
# checked that threads do their work, then come figures, which never fail.
set -u
here=$(dirname "$0")
tmp=$(mktemp -d)
cases=0
# shellcheck source=tests/e2e/functions.sh
. "$here/functions.sh"

# serve THREADS: a daemon, and both disks
serve()
{
	daemon_start --queue-threads "$1" || bail "xvmsgd did not start"
	for queues in 1 2; do
		dd if=/dev/zero of="$tmp/disk$queues" bs=1M count=64 2>/dev/null
		xvmsg attach bench blk target="$tmp/disk$queues" name="disk$queues" queues=$queues \
			>"$tmp/number$queues" || bail "no disk with $queues queues"
	done
}

end_service()
{
	xvmsg detach bench disk1
	xvmsg detach bench disk2
	daemon_stop
}

number()
{
	cat "$tmp/number$1"
}

worker()
{
	cut -d' ' -f1 "/proc/$daemon_pid/task/$daemon_pid/children"
}

# there_are COUNT: queue threads
there_are()
{
	[ "$(cat "/proc/$(worker)/task"/*/comm | grep -c '^xvmsgd-queue$')" -eq "$1" ]
}

# same_bytes OPTIONS: what a guest writes is on the file
same_bytes()
{
	guest-run bench "dd if=/dev/urandom of=/tmp/data bs=1M count=8 2>/dev/null
		xvmsg-guest $1 blk write $(number 2) </tmp/data" || return 1
	[ "$(guest-run bench "sha256sum </tmp/data")" = \
		"$(head -c 8388608 "$tmp/disk2" | sha256sum)" ] || return 1
	[ "$(guest-run bench "sha256sum </tmp/data")" = "$(guest-run bench \
		"xvmsg-guest $1 blk read $(number 2) --length 8388608 | sha256sum")" ]
}

requests()
{
	xvmsg stats --prometheus - bench disk2 | awk '/requests_total/ { n += $NF } END { print n + 0 }'
}

# A driver that is killed in the middle leaves nothing that the next one minds.
driver_dies()
{
	before=$(requests)
	guest-run bench "bench-guest $1 $(number 2) >/dev/null 2>&1 & echo \$! >/run/driver"
	until [ "$(requests)" -gt "$before" ]; do :; done
	# shellcheck disable=SC2016 # the guest's shell
	guest-run bench 'kill -9 $(cat /run/driver)'
	same_bytes ''
}

both_queues_counted()
{
	[ "$(xvmsg stats --prometheus - bench disk2 | grep -c "requests_total{.*} [1-9]")" -eq 2 ]
}

# ---- the network interface ----

streams='1 2 3 4 5 6' # at once, so that the kernels at both ends choose both pairs

# guest_joins OPTIONS: the guest's interface is up, and reached
guest_joins()
{
	guest-run bench "rm -f /run/tap; mkfifo /run/tap
		xvmsg-guest --timeout 60 $1 net tap $net --queues 2 >/run/tap 2>/run/tap.err & echo \$! >/run/driver
		read -r name </run/tap || { cat /run/tap.err; exit 1; }
		echo \$name >/run/name
		ip addr add 10.7.0.2/24 dev \$name && ip link set \$name up" &&
		ping -c 1 -w 10 10.7.0.2 >/dev/null
}

# guest_leaves SIGNAL: its interface is gone
guest_leaves()
{
	guest-run bench "kill $1 \$(cat /run/driver)
		while [ -d /sys/class/net/\$(cat /run/name) ]; do :; done"
}

attach_net()
{
	net=$(xvmsg attach bench net name=eth queues=2 script=none) || return
	vif=$(xenstore-read "/local/domain/0/backend/virtio-msg/$(xl domid bench)/0/request/eth/vif")
	ip addr add 10.7.0.1/24 dev "$vif" && ip link set "$vif" up
}

# Both ways at the same time; as many sums as there are streams, all of them right
streams_arrive()
{
	sum=$(md5sum <"$tmp/www/stream")
	(
		guest-run bench "for i in $streams; do
				wget -q -O - http://10.7.0.1/stream | md5sum &
			done; wait" >"$tmp/there" &
		for _ in $streams; do
			wget -q -O - http://10.7.0.2/stream | md5sum &
		done >"$tmp/here"
		wait
	)
	for way in there here; do
		[ "$(grep -c "^$sum$" "$tmp/$way")" -eq "$(echo "$streams" | wc -w)" ] || return 1
	done
}

net_survives()
{
	guest_leaves -9
	guest_joins --queue-doorbells && streams_arrive
}

link_goes_and_comes()
{
	xvmsg set bench eth link=down && xvmsg set bench eth link=up &&
		ping -c 3 -w 10 10.7.0.2 >/dev/null
}

# Of two pairs; the control queue is the fifth
pairs_counted()
{
	[ "$(xvmsg stats --prometheus - bench eth | grep -c "requests_total{.*} [1-9]")" -eq 5 ]
}

# net_checks THREADS
net_checks()
{
	daemon_start --queue-threads "$1" || bail "xvmsgd did not start"
	check "$1 threads: an interface with two pairs" attach_net
	check "the guest uses it" guest_joins ''
	check "bytes by it, both ways at once" streams_arrive
	check "by both pairs" pairs_counted
	check "its link goes down and comes up" link_goes_and_comes
	check "a driver dies, and one with doorbells goes on" net_survives
	guest_leaves -15
	check "its packed queues at grant addresses" guest_joins \
		'--queue-layout packed --addresses grant --queue-doorbells'
	check "bytes by these" streams_arrive
	check "it is detached under way" xvmsg detach --force bench eth
	daemon_stop
}

guest-start --full bench 'memory=192' || bail "the guest did not start"
modprobe tun && guest-run bench 'modprobe tun' || bail 'there can be no TAP interface'
mkdir "$tmp/www"
head -c 262144 /dev/urandom >"$tmp/www/stream"
httpd -h "$tmp/www"
guest-run bench "mkdir /run/www" && guest-run bench "cat >/run/www/stream" <"$tmp/www/stream" &&
	guest-run bench "httpd -h /run/www" || bail 'the guest serves no files'
net_checks 0
net_checks 2
serve 0
check "without threads there is none" there_are 0
check "and the bytes are right" same_bytes ''
end_service
serve 2
check "with two there are two" there_are 2
check "bytes by messages" same_bytes ''
check "bytes by doorbells" same_bytes --queue-doorbells
check "bytes at grant addresses" same_bytes '--addresses grant'
check "bytes by packed queues" same_bytes '--queue-layout packed'
check "a driver dies under load" driver_dies blk
check "and one with doorbells" driver_dies blk-doorbell
check "both queues are counted" both_queues_counted
worker_before=$(worker)
end_service
[ "$failed" -eq 0 ] || exit 1
echo "# the worker was $worker_before all the time"

for count in 0 2; do
	serve $count
	for load in blk blk-doorbell; do
		for queues in 1 2; do
			echo "== $count queue threads, $load, queues=$queues"
			guest-run bench "bench-guest $load $(number $queues)"
		done
	done
	end_service
done
guest-stop bench
echo "1..$cases"
