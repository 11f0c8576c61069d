# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# make everyday-xen: two guests that do at the same time what guests do every day. Each has
# a disk with ext4 by way of nbdkit, a network interface on a bridge, a console with a login
# and random bytes; each on a bus of its own, as each has its own driver process. An
# argument: how many MiB go over the network in each direction.
set -u

parts=$((${1:-64} / 16)) # of 16 MiB
here=$(dirname "$0")/..
tmp=$(mktemp -d)
cases=0
# shellcheck source=tests/e2e/functions.sh
. "$here/functions.sh"
bridge=everyday0

# at_once FUNCTION: for both guests, at the same time; one case for each
at_once()
{
	"$1" rosa 2 >"$tmp/rosa.out" 2>&1 &
	at_once_pid=$!
	"$1" ruth 3 >"$tmp/ruth.out" 2>&1
	at_once_status=$?
	cp "$tmp/ruth.out" "$tmp/out"
	ok "ruth: $2" $at_once_status
	wait $at_once_pid
	at_once_status=$?
	cp "$tmp/rosa.out" "$tmp/out"
	ok "rosa: $2" $at_once_status
}

start()
{
	guest-start --full "$1" || return
	truncate -s 64M "$tmp/disks/$1.img"
	xvmsg attach "$1" blk target="$tmp/disks/$1.img" name=disk &&
		xvmsg attach "$1" net bridge=$bridge name=eth bus=1 &&
		xvmsg attach "$1" console name=con bus=2 &&
		xvmsg attach "$1" rng name=dice bus=3 rate=16777216
}

# ---- each of the four ----

# A tree packed in the guest and unpacked on the disk is there when the cache is dropped
use_disk()
{
	guest-run "$1" "modprobe nbd &&
		nbdkit -U /run/disk.sock -P /run/nbdkit.pid xvmsg device=1 &&
		nbd-client -unix /run/disk.sock /dev/nbd0 >/dev/null &&
		mkfs.ext4 -q /dev/nbd0 && mount -t ext4 /dev/nbd0 /mnt && mkdir /mnt/one /mnt/two &&
		cd /usr/lib/modules/*/kernel && tar -chf /run/tree.tar fs &&
		find -L fs -type f | sort | xargs sha256sum >/run/sums &&
		tar -xf /run/tree.tar -C /mnt/one && tar -xf /run/tree.tar -C /mnt/two && sync &&
		echo 3 >/proc/sys/vm/drop_caches &&
		(cd /mnt/one && sha256sum -c --quiet /run/sums) &&
		(cd /mnt/two && sha256sum -c --quiet /run/sums) && umount /mnt"
}

# fetch URL: $parts times, as one line when all were the same
fetch='fetch() { i=0; while [ $i -lt '"$parts"' ]; do
	wget -q -O - $1 | sha256sum || return; i=$((i + 1)); done | sort -u; }'

use_net()
{
	guest-run "$1" "modprobe tun; mkfifo /run/tap
		xvmsg-guest --bus 1 net tap 1 >/run/tap 2>/dev/null & read -r name </run/tap
		ip addr add 10.9.0.$2/24 dev \$name && ip link set \$name up &&
		mkdir /run/www && httpd -p 10.9.0.$2:80 -h /run/www &&
		dd if=/dev/urandom of=/run/www/part bs=1M count=16 2>/dev/null" || return
	[ "$(guest-run "$1" "$fetch; ping -c 3 10.9.0.1 >&2 && fetch http://10.9.0.1/part")" = \
		"$(sha256sum <"$tmp/www/part")" ] || return
	[ "$(sh -c "$fetch; fetch http://10.9.0.$2/part")" = \
		"$(guest-run "$1" "sha256sum </run/www/part")" ]
}

use_console()
{
	guest-run "$1" "xvmsg-guest --bus 2 console 1 -- getty -L - 115200 vt100 >/dev/null 2>&1 &"
	use_console_tty=$(xenstore-read \
		"/local/domain/0/backend/virtio-msg/$(domid "$1")/2/request/con/tty")
	# shellcheck disable=SC2016 # bash's own
	timeout 120 bash -c 'exec 7<>"$0"
		await() {
			local said=
			until [[ $said == *"$1"* ]]; do
				IFS= read -r -d "" -n 1 letter <&7 || exit 1
				said+=$letter
			done
		}
		await "login: "; echo root >&7
		await "# "; echo "echo answer-\$((6 * 7)); exit" >&7
		await answer-42' "$use_console_tty"
}

use_random()
{
	guest-run "$1" "xvmsg-guest --bus 3 rng 1 --length 2500004 | rngtest 2>&1" | tee "$tmp/$1.rng"
	awk '/FIPS 140-2 successes/ { good = $NF } /FIPS 140-2 failures/ { bad = $NF }
		END { exit !(good > 990 && bad < 10) }' "$tmp/$1.rng"
}

use_all()
{
	for each in disk net console random; do
		"use_$each" "$1" "$2" >"$tmp/$1.$each" 2>&1 &
		eval "pid_$each=\$!"
	done
	use_all_status=0
	for each in disk net console random; do
		eval "wait \$pid_$each" || {
			echo "$each failed:"
			tail -n 5 "$tmp/$1.$each"
			use_all_status=1
		}
	done
	return $use_all_status
}

mkdir "$tmp/disks" "$tmp/www"
mount -t tmpfs tmpfs "$tmp/disks" || bail "no tmpfs in dom0"
daemon_start || bail "xvmsgd did not start"
modprobe tun && modprobe bridge && ip link add $bridge type bridge &&
	ip addr add 10.9.0.1/24 dev $bridge && ip link set $bridge up
ok "dom0 has a bridge" $?
random_file "$tmp/www/part" 16
httpd -p 10.9.0.1:80 -h "$tmp/www"

at_once start "has a disk, a network interface, a console and random bytes"
at_once use_all "all four at once"
check "e2fsck finds rosa's disk clean" e2fsck -fn "$tmp/disks/rosa.img"
check "and ruth's" e2fsck -fn "$tmp/disks/ruth.img"
xvmsg stats >"$tmp/out" && sed 's/^/# /' "$tmp/out"
echo "1..$cases"
