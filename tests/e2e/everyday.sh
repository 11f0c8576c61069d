# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# make everyday-xen: two guests that do at the same time what guests do every day. Each has
# a disk with ext4 by way of nbdkit, on which the project's sources are unpacked and some
# compiled; and on another bus, served by one process, a network interface on a bridge, a
# console with a login, and random bytes. An argument: how many MiB go over the network in
# each direction. /lab/share has the sources.
set -u

parts=$((${1:-64} / 16)) # of 16 MiB
exec 3>&1                # for what is told meanwhile
here=$(dirname "$0")
tmp=$(mktemp -d)
cases=0
# shellcheck source=tests/e2e/functions.sh
. "$here/functions.sh"
bridge=everyday0
password='open sesame'
# shellcheck disable=SC2016 # as crypt() has it
password_hash='$1$xvmsg$m1HEzJ7sXwXCKEME17KoU.'

# at_once FUNCTION NAME: for both guests, at the same time; one case for each
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
	guest-start --full "$1" >"$tmp/out" 2>&1 || bail "$1 did not start"
}

attach_all()
{
	truncate -s 64M "$tmp/disks/$1.img"
	xvmsg attach "$1" blk target="$tmp/disks/$1.img" name=disk &&
		xvmsg attach "$1" net bridge=$bridge name=eth bus=1 &&
		xvmsg attach "$1" console name=con bus=1 &&
		xvmsg attach "$1" rng name=dice bus=1 rate=16777216
}

# Returns when the interface is there
serve()
{
	guest-run "$1" "sed -i 's|^root::|root:$password_hash:|' /etc/passwd
		modprobe tun && mkfifo /run/served /run/serve.status || exit
		{ xvmsg-guest --bus 1 --timeout 100 serve net tap 1 --name eth1 + \
			console 2 --respawn -- getty -L - 115200 vt100 + rng 3 --fifo /run/random \
			>/run/served 2>/run/serve.log; echo \$? >/run/serve.status; } &
		read -r said </run/served
		[ \"\$said\" = '1 eth1' ] || { cat /run/serve.log; exit 1; }"
}

# ---- each of the four ----

# fio, then a file system with a compiler's work and other trees on it, which are there
# when the cache is dropped
use_disk()
{
	guest-run "$1" "cat >/run/source.tar.gz" </lab/share/source.tar.gz || return
	guest-run "$1" "set -e
		modprobe nbd
		nbdkit -U /run/disk.sock -P /run/nbdkit.pid xvmsg device=1
		nbd-client -unix /run/disk.sock /dev/nbd0 >/dev/null
		fio --name=verify --filename=/dev/nbd0 --size=8M --rw=randwrite --bs=4k --direct=1 \
			--ioengine=io_uring --iodepth=16 --verify=crc32c --verify_fatal=1 >/run/fio.log
		mkfs.ext4 -q /dev/nbd0
		mount -t ext4 /dev/nbd0 /mnt
		mkdir /mnt/one /mnt/two /mnt/source
		cd /usr/lib/modules/*/kernel
		tar -chf /run/tree.tar fs
		find -L fs -type f | sort | xargs sha256sum >/run/sums
		tar -xf /run/tree.tar -C /mnt/one
		tar -xf /run/tree.tar -C /mnt/two
		cd /mnt/source
		tar -xzf /run/source.tar.gz
		$compile
		sync
		echo 3 >/proc/sys/vm/drop_caches
		(cd /mnt/one && sha256sum -c --quiet /run/sums)
		(cd /mnt/two && sha256sum -c --quiet /run/sums)
		./try-codec
		cd / && umount /mnt"
}

# The codec of messages, and a program that gives it 10,000 messages of random bytes
# shellcheck disable=SC2016 # for the guest
compile='PATH=/lab/tools/compiler/usr/bin:$PATH
	cat >main.c <<END
#include <stdint.h>
#include <stdio.h>
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int main(void)
{
	static uint8_t bytes[64];
	FILE *random = fopen("/dev/urandom", "r");

	for (int i = 0; i < 10000 && random && fread(bytes, 1, 64, random) == 64; i++)
		LLVMFuzzerTestOneInput(bytes, 64);
	return random ? puts("tried") < 0 : 1;
}
END
	for c in main.c tests/fuzz/fuzz-codec.c common/codec.c common/messages.c common/print.c \
		common/store.c; do
		gcc --sysroot=/lab/tools/compiler -std=gnu11 -O1 -I. -c "$c" -o "${c%.c}.o"
	done
	gcc --sysroot=/lab/tools/compiler -static -o try-codec main.o tests/fuzz/*.o common/*.o'

# fetch URL: $parts times, as one line when all were the same; each 128 MiB are told. Of the sums
# there are in dom0 and guests, the cheapest: under emulation it takes a third of a second,
# sha256sum two thirds.
# shellcheck disable=SC2016 # for whoever runs it
fetch='fetch() { i=0; while [ $i -lt '"$parts"' ]; do
	wget -q -O - $1 | md5sum || return
	i=$((i + 1)); [ $((i % 8)) -ne 0 ] || echo "# $1: $((i * 16)) MiB" >&2
	done | sort -u; }'

use_net()
{
	guest-run "$1" "ip addr add 10.9.0.$2/24 dev eth1 && ip link set eth1 up &&
		mkdir /run/www && httpd -p 10.9.0.$2:80 -h /run/www &&
		dd if=/dev/urandom of=/run/www/part bs=1M count=16 2>/dev/null" || return
	guest-run "$1" "ping -c 3 10.9.0.1" || return
	[ "$(guest-run "$1" "$fetch; fetch http://10.9.0.1/part" 2>&3)" = \
		"$(md5sum <"$tmp/www/part")" ] || return
	[ "$(sh -c "$fetch; fetch http://10.9.0.$2/part" 2>&3)" = \
		"$(guest-run "$1" "md5sum </run/www/part")" ]
}

use_console()
{
	talk 300 'await "login: "; echo root >&8
		await "Password: "; echo wrong >&8
		await "incorrect"; await "login: "; echo root >&8
		await "Password: "; echo '"'$password'"' >&8
		await "# "; echo "echo answer-\$((6 * 7)); tty; exit" >&8
		await answer-42; await /dev/pts/; await "login: "' "$1" con bus=1
}

use_random()
{
	guest-run "$1" "rngtest -c 1000 </run/random 2>&1" | tee "$tmp/$1.rng"
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

lose_one()
{
	xvmsg detach "$1" dice bus=1 && guest-run "$1" "ping -c 1 10.9.0.1 && [ ! -e /run/random ]"
}

finish()
{
	xvmsg detach "$1" con bus=1 && xvmsg detach "$1" eth bus=1 &&
		guest-run "$1" "nbd-client -d /dev/nbd0 && kill \$(cat /run/nbdkit.pid)
			read -r ended </run/serve.status; cat /run/serve.log; [ \"\$ended\" = 1 ]"
}

mkdir "$tmp/disks" "$tmp/www"
mount -t tmpfs tmpfs "$tmp/disks" || bail "no tmpfs in dom0"
daemon_start || bail "xvmsgd did not start"
modprobe tun && modprobe bridge && ip link add $bridge type bridge &&
	ip addr add 10.9.0.1/24 dev $bridge && ip link set $bridge up
ok "dom0 has a bridge" $?
random_file "$tmp/www/part" 16
httpd -p 10.9.0.1:80 -h "$tmp/www"

start rosa
start ruth
at_once attach_all "has a disk, a network interface, a console and random bytes"
at_once serve "one process serves three of them"
at_once use_all "uses all four at once"
at_once lose_one "loses one, and keeps the interface"
at_once finish "ends when there is nothing to serve"
check "e2fsck finds rosa's disk clean" e2fsck -fn "$tmp/disks/rosa.img"
check "and ruth's" e2fsck -fn "$tmp/disks/ruth.img"
xvmsg stats >"$tmp/out" && sed 's/^/# /' "$tmp/out"
echo "1..$cases"
exit "$failed"
