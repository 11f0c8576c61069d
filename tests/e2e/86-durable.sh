# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# What a guest was told is on its disk is there, whoever is killed meanwhile. It is not
# done before it has seen all three of them die. DISK_REQUESTS: how long after that.

random_file "$tmp/durable.img" 4
durable=$(xvmsg attach alice blk target="$tmp/durable.img" name=durable queues=4)
guest-run alice "disk-check $durable ${DISK_REQUESTS:-500} 3 >/tmp/check 2>&1" &
durable_guest=$!

# written: returns when the file is not what it was
written()
{
	durable_sum=$(sum_of "$tmp/durable.img")
	while [ "$(sum_of "$tmp/durable.img")" = "$durable_sum" ]; do :; done
}

# under_load: the same, whatever a worker may still have had to write when it was killed
under_load()
{
	written
	written
}

kill_workers()
{
	# shellcheck disable=SC2046
	kill -KILL $(cat "/proc/$daemon_pid/task/$daemon_pid/children")
}

under_load
kill_workers
under_load
daemon_stop -KILL
daemon_start
under_load
kill_workers
wait $durable_guest
guest-run alice "cat /tmp/check; rm /tmp/check" >"$tmp/out"
sed 's/^/# disk-check: /' "$tmp/out"
grep -q '^good: ' "$tmp/out"
ok "what was acknowledged outlives its worker and its daemon" $?
same "and the file has what the guest reads" "$(sum_of "$tmp/durable.img")" "$(guest_sum alice "$durable")"
xvmsg detach alice durable
