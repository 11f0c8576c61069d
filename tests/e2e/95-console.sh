# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# A login prompt on a guest's console, seen from dom0; and consoles that nobody reads.
# They are on a bus of their own, as whoever serves them is its only driver.

console_bus=/local/domain/0/backend/virtio-msg/$(domid alice)/1

# expect WORDS: reads what comes on descriptor 7, up to these words
expect()
{
	timeout 60 bash -c 'said=
		until [[ $said == *"$0"* ]]; do
			IFS= read -r -d "" -n 1 letter || exit 1
			said+=$letter
		done
		printf "%s\n" "$said"' "$1" <&7 >"$tmp/out" 2>&1
}

# ---- a login, on a terminal ----

con=$(xvmsg attach alice console name=con bus=1)
ok "a console is attached" $?
tty=$(xenstore-read "$console_bus/request/con/tty")
same "its terminal is there, for root alone" "600" "$(stat -c %a "$tty")"
exec 7<>"$tty"
guest-run alice "xvmsg-guest --bus 1 --timeout 60 console $con -- getty -L - 115200 vt100 >/dev/null 2>/tmp/con.log &"
expect 'login: '
ok "a guest asks who is there" $?
printf 'root\n' >&7
expect '# '
ok "and lets root in" $?
printf 'echo answer-$((6 * 7)); tty\n' >&7
expect 'answer-42' && expect '/dev/pts/'
ok "who may run commands there" $?
stty rows 30 cols 100 <&7
check "its size changes" xvmsg resize alice con bus=1
printf 'stty size\n' >&7
expect '30 100'
ok "which a command sees" $?
exec 7>&-
mkfifo "$tmp/keys" "$tmp/screen"
exec 8<>"$tmp/keys"
xvmsg console alice con bus=1 <&8 >"$tmp/screen" &
screen=$!
exec 7<"$tmp/screen"
printf 'echo through-$((1 + 1))-xvmsg\n' >&8
expect 'through-2-xvmsg'
ok "xvmsg console shows it as well" $?
check "a console in use is detached" xvmsg detach alice con bus=1
wait $screen
ok "and whoever looked at it is told so" $?
exec 7<&-
[ ! -e "$tty" ]
ok "its terminal is gone" $?

# ---- nobody reads ----

blob_sum=$(guest-run alice 'dd if=/dev/urandom of=/tmp/blob bs=64k count=8 2>/dev/null; sha256sum /tmp/blob' |
	cut -d' ' -f1)
con=$(xvmsg attach alice console name=con bus=1)
tty=$(xenstore-read "$console_bus/request/con/tty")
guest-run alice "rm -f /tmp/sent; { xvmsg-guest --bus 1 --timeout 60 console $con --stdio </tmp/blob; echo \$? >/tmp/sent; } >/dev/null 2>&1 &"
wait_node "/local/domain/$(domid alice)/device/virtio-msg/1/device/$con/state" in-use
refused "what nobody reads stays with the guest" 1 '' guest-run alice 'cat /tmp/sent'
same "and comes when somebody does" "$blob_sum" \
	"$(timeout 60 head -c 524288 <"$tty" | sha256sum | cut -d' ' -f1)"
check "it is detached" xvmsg detach alice con bus=1

# ---- a socket ----

check "a console on a socket is attached" xvmsg attach alice console name=con \
	output="$tmp/con.socket" bus=1
same "the socket is root's alone" "600" "$(stat -c %a "$tmp/con.socket")"
con=$(xenstore-read "$console_bus/request/con/number")
guest-run alice "rm -f /tmp/sent; { xvmsg-guest --bus 1 --timeout 60 console $con --stdio </tmp/blob; echo \$? >/tmp/sent; } >/dev/null 2>&1 &"
xvmsg console alice con bus=1 <&8 >"$tmp/screen" &
screen=$!
timeout 60 head -c 524288 <"$tmp/screen" >"$tmp/received"
same "all of it comes through the socket" "$blob_sum" "$(sum_of "$tmp/received")"
check "that one is detached" xvmsg detach alice con bus=1
wait $screen
[ ! -e "$tmp/con.socket" ]
ok "its socket is gone" $?
exec 8>&-
rm "$tmp/keys" "$tmp/screen"
