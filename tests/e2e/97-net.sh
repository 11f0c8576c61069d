# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# A network interface: on a bridge in dom0, one of the guest's own there, and TCP between
# them. NET_MIB (16) is how much goes each way.

net_mib=${NET_MIB:-16}
net_bridge=xvmbr0

# guest_tap NUMBER ADDRESS: the interface's name, when it is up
guest_tap()
{
	guest-run gina "rm -f /run/tap; mkfifo /run/tap
		xvmsg-guest net tap $1 >/run/tap 2>/run/tap.err &
		read -r name </run/tap || { cat /run/tap.err >&2; exit 1; }
		ip addr add $2/24 dev \$name && ip link set \$name up && echo \$name"
}

# counter GUEST INTERFACE NAME: dom0's are those of guest ''
counter()
{
	if [ -n "$1" ]; then
		guest-run "$1" "cat /sys/class/net/$2/statistics/$3"
	else
		cat "/sys/class/net/$2/statistics/$3"
	fi
}

# mean GUEST INTERFACE WAY: bytes of a frame, on average
mean()
{
	echo $(($(counter "$1" "$2" "${3}_bytes") / $(counter "$1" "$2" "${3}_packets")))
}

# until_says VALUE COMMAND...: asks until it says so
until_says()
{
	until_value=$1
	shift
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		until_got=$("$@" 2>&1)
		[ "$until_got" != "$until_value" ] || break
	done
	printf 'wanted: %s\ngot:    %s\n' "$until_value" "$until_got" >"$tmp/out"
	[ "$until_got" = "$until_value" ]
}

# until_gone INTERFACE: or until descriptor 5, what `ip monitor` says, tells that it is
until_gone()
{
	while [ -d "/sys/class/net/$1" ] && read -r gone_line; do
		case $gone_line in
		"Deleted "*": $1: "*) return 0 ;;
		esac
	done <&5
	[ ! -d "/sys/class/net/$1" ]
}

modprobe tun && modprobe bridge && ip link add $net_bridge type bridge &&
	ip addr add 10.7.0.1/24 dev $net_bridge && ip link set $net_bridge up
ok "dom0 has a bridge" $?
guest-start --full gina || bail "the guest with tools did not start"
check "the guest may have interfaces of its own making" guest-run gina "modprobe tun"

refused "a bridge that is not there is refused in the script's words" 1 'Could not find bridge' \
	xvmsg attach gina net bridge=nosuch
xenstore-ls /local/domain/0/backend/vif >"$tmp/out" 2>&1
! grep -q xvm "$tmp/out"
ok "and the script's complaint is gone from xenstore" $?
net=$(xvmsg attach gina net name=eth bridge=$net_bridge 2>"$tmp/out")
ok "a network interface is attached" $?
request=/local/domain/0/backend/virtio-msg/$(domid gina)/0/request/eth
vif=$(xenstore-read "$request/vif")
[ -n "$vif" ] && [ -d "/sys/class/net/$net_bridge/brif/$vif" ]
ok "its interface is on the bridge" $?
check "the live store keeps the schema" schema-check "$(domid gina)"
xvmsg list gina >"$tmp/out"
grep -q "$vif 00:16:3e:" "$tmp/out"
ok "list shows interface and address" $?

tap=$(guest_tap "$net" 10.7.0.2 2>"$tmp/out")
ok "the guest makes an interface of it" $?
same "with the address that it was given" "$(xenstore-read "$request/mac")" \
	"$(guest-run gina "cat /sys/class/net/$tap/address")"
check "the guest reaches dom0" guest-run gina "ping -c 3 10.7.0.1"
check "dom0 reaches the guest" ping -c 3 10.7.0.2

mkdir "$tmp/www"
random_file "$tmp/www/stream" "$net_mib"
httpd -p 10.7.0.1:80 -h "$tmp/www"
same "$net_mib MiB arrive in the guest as they were sent" "$(sum_of "$tmp/www/stream")" \
	"$(guest-run gina "wget -q -O - http://10.7.0.1/stream | sha256sum" | cut -d' ' -f1)"
guest-run gina "mkdir /run/www && httpd -p 10.7.0.2:80 -h /run/www &&
	dd if=/dev/urandom of=/run/www/stream bs=1M count=$net_mib 2>/dev/null"
same "and in dom0" "$(guest-run gina "sha256sum /run/www/stream" | cut -d' ' -f1)" \
	"$(wget -q -O - http://10.7.0.2/stream | sha256sum | cut -d' ' -f1)"
rm -r "$tmp/www"
echo "# bytes of a frame: dom0 to guest $(mean '' "$vif" tx), guest to dom0 $(mean '' "$vif" rx)"
[ "$(mean '' "$vif" tx)" -gt 1600 ] && [ "$(mean '' "$vif" rx)" -gt 1600 ]
ok "in frames that nobody had to cut" $?

check "the link is taken down" xvmsg set gina eth link=down
until_says 0 guest-run gina "cat /sys/class/net/$tap/carrier"
ok "the guest sees it" $?
check "and brought up again" xvmsg set gina eth link=up
until_says 1 guest-run gina "cat /sys/class/net/$tap/carrier"
ok "the guest sees that too" $?
check "and frames travel" guest-run gina "ping -c 1 -w 5 10.7.0.1"

check "the interface is set down in dom0" ip link set "$vif" down
guest-run gina "ping -c 1 -w 1 10.7.0.1" >/dev/null 2>&1
check "and up" ip link set "$vif" up
check "the guest reaches dom0 again" guest-run gina "ping -c 3 -w 5 10.7.0.1"
grep -q 'its interface is down' "$daemon_log"
ok "the log tells of it" $?

mkfifo "$tmp/links"
timeout 60 ip monitor link >"$tmp/links" &
exec 5<"$tmp/links"
check "it is detached" xvmsg detach gina eth
until_says no guest-run gina "[ -d /sys/class/net/$tap ] && echo yes || echo no"
ok "and gone from the guest" $?
until_gone "$vif"
ok "and from dom0" $?
exec 5<&-

net=$(xvmsg attach gina net name=two bridge=$net_bridge queues=2 mtu=9000 script=none)
ok "one with two pairs of queues and no script is attached" $?
vif=$(xenstore-read "/local/domain/0/backend/virtio-msg/$(domid gina)/0/request/two/vif")
same "its MTU is what was wanted" 9000 "$(cat "/sys/class/net/$vif/mtu")"
ip addr add 10.8.0.1/24 dev "$vif" && ip link set "$vif" up
tap=$(guest_tap "$net --queues 2" 10.8.0.2 2>"$tmp/out")
ok "the guest uses both" $?
same "and has that MTU" 9000 "$(guest-run gina "cat /sys/class/net/$tap/mtu")"
check "packets of that size travel" guest-run gina "ping -c 2 -s 8900 10.8.0.1"

check "its interface is deleted in dom0" ip link del "$vif"
until_says 0 guest-run gina "cat /sys/class/net/$tap/carrier"
ok "the guest sees its link go down" $?
grep -q 'device two: its interface was taken away' "$daemon_log"
ok "the log says why" $?
check "it is detached all the same" xvmsg detach gina two
net=$(xvmsg attach gina net name=two bridge=$net_bridge)
guest_tap "$net" 10.7.0.3 >"$tmp/out" 2>&1
ok "and comes back with another" $?
check "by which the guest reaches dom0" guest-run gina "ping -c 1 -w 10 10.7.0.1"
check "that is detached, too" xvmsg detach gina two
guest-stop gina
ip link del $net_bridge
