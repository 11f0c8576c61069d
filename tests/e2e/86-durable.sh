# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# What a guest was told is on its disk is there, whoever is killed meanwhile. How long:
# DISK_REQUESTS.

random_file "$tmp/durable.img" 4
durable=$(xvmsg attach alice blk target="$tmp/durable.img" name=durable queues=4)
durable_sum=$(sum_of "$tmp/durable.img")
guest-run alice "disk-check $durable ${DISK_REQUESTS:-2000} >/tmp/check 2>&1; echo \$? >>/tmp/check" &
durable_guest=$!

# under_load: returns when the guest has written since the last call
under_load()
{
	until [ "$(sum_of "$tmp/durable.img")" != "$durable_sum" ]; do :; done
	durable_sum=$(sum_of "$tmp/durable.img")
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
same "which were killed while the guest wrote" 3 "$(grep -c '^broke' "$tmp/out")"
same "and the file has what the guest reads" "$(sum_of "$tmp/durable.img")" "$(guest_sum alice "$durable")"
xvmsg detach alice durable
