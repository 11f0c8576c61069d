# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# One process that serves a network interface, a console and random bytes of one bus, while
# one of them goes.

modprobe tun
guest-start --full sara || bail "the guest with tools did not start"
guest-run sara "modprobe tun && mkfifo /run/served /run/status"
net=$(xvmsg attach sara net name=eth script=none)
con=$(xvmsg attach sara console name=con)
dice=$(xvmsg attach sara rng name=dice)
sara_requests=/local/domain/0/backend/virtio-msg/$(domid sara)/0/request
vif=$(xenstore-read "$sara_requests/eth/vif")
ip addr add 10.6.0.1/24 dev "$vif" && ip link set "$vif" up
ok "a guest has a network interface, a console and random bytes" $?

guest-run sara "{ xvmsg-guest --timeout 60 serve net tap $net --name eth1 + console $con -- cat + \
	rng $dice --fifo /run/random >/run/served 2>/run/serve.log; echo \$? >/run/status; } &"
same "one process serves them, and says what stands for which" "$net eth1" \
	"$(guest-run sara "head -n 1 /run/served")"
check "the guest reaches dom0" guest-run sara \
	"ip addr add 10.6.0.2/24 dev eth1 && ip link set eth1 up && ping -c 1 -w 5 10.6.0.1"
exec 7<>"$(xenstore-read "$sara_requests/con/tty")"
printf 'hello\n' >&7
timeout 60 head -n 2 <&7 | tr -d '\r' >"$tmp/out"
same "a command answers on its console" 'hello hello' "$(xargs <"$tmp/out")"
exec 7<&-
# shellcheck disable=SC2016 # the guest's
nice_of='nice_of() { cut -d" " -f19 /proc/$1/stat; }'
same "it is run before others, but not the command" '-5 0' \
	"$(guest-run sara "$nice_of; for each in xvmsg-guest cat; do nice_of \$(pidof \$each); done" | xargs)"
same "as are workers in dom0, but not their supervisor" '-5 0' "$(eval "$nice_of"
	for each in $(cat "/proc/$daemon_pid/task/$daemon_pid/children") "$daemon_pid"; do
		nice_of "$each"
	done | sort -u | xargs)"
same "which have names for top" 'xvmsgd xvmsgd-worker' "$(cd /proc && cat "$daemon_pid/comm" \
	"$(cut -d' ' -f1 "$daemon_pid/task/$daemon_pid/children")/comm" | xargs)"
same "and it has random bytes" 4096 \
	"$(guest-run sara "head -c 4096 /run/random | wc -c" | tr -d ' ')"

check "the random bytes are detached" xvmsg detach sara dice
check "the others are still served" guest-run sara "ping -c 1 -w 5 10.6.0.1 && [ ! -e /run/random ]"
check "the console is detached" xvmsg detach sara con
check "and the interface" xvmsg detach sara eth
same "then the process ends, which says what became of each" \
	"1 rng $dice console $con net $net" \
	"$(guest-run sara "cat /run/status
		sed -n 's/^xvmsg-guest: \([a-z]* [0-9]*\): .* removed\$/\1/p' /run/serve.log" | xargs)"
guest-stop sara
