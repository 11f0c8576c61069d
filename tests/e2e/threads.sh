# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# make threads-xen, in a dom0 of two processors: a disk with one queue and one with two, without
# queue threads and with two, in one boot. First it is checked that threads do their work,
# then come figures, which never fail.
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

# there_are COUNT: threads that are the worker's own doing, not the kernel's for it
there_are()
{
	[ "$(cat "/proc/$(worker)/task"/*/comm | grep -vc '^iou-')" -eq "$1" ]
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

guest-start bench 'memory=192' || bail "the guest did not start"
serve 0
check "without threads there is one" there_are 1
check "and the bytes are right" same_bytes ''
end_service
serve 2
check "with two there are three" there_are 3
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
