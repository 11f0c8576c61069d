# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# make soak-xen: disks of a guest under load for as many minutes as the argument says, each
# byte of it held against what was written. On one bus disk-check has four disks in turns,
# one of a kind; on another, at the same time, fio verifies one by way of nbdkit.
set -u

minutes=${1:-10}
here=$(dirname "$0")
tmp=$(mktemp -d)
cases=0
# shellcheck source=tests/e2e/functions.sh
. "$here/functions.sh"

seconds()
{
	cut -d. -f1 /proc/uptime
}

# attach NAME FILE OPTIONS...: its number is left in a file
attach()
{
	attach_name=$1 attach_file=$2
	shift 2
	truncate -s 16M "$attach_file"
	xvmsg attach gabi blk target="$attach_file" name="$attach_name" "$@" >"$tmp/number-$attach_name" ||
		bail "$attach_name cannot be attached"
}

# check_one KIND REQUESTS: which are others with each number
check_one()
{
	guest-run gabi "disk-check $(cat "$tmp/number-$1") $2" >"$tmp/checked" 2>&1
	check_one_status=$?
	sed "s/^/$1: /" "$tmp/checked" >>"$tmp/out"
	requests=$((requests + $(awk '/^good: / { n = $2 } END { print n + 0 }' "$tmp/checked")))
	return $check_one_status
}

check_round()
{
	: >"$tmp/out"
	check_round_status=0
	for kind in cached through past ext4; do
		check_one $kind $((4000 + rounds)) || check_round_status=1
	done
	return $check_round_status
}

check_until_end()
{
	rounds=0 requests=0
	while [ "$(seconds)" -lt "$end" ]; do
		rounds=$((rounds + 1))
		check_round
		ok "round $rounds: four disks hold what was written" $?
	done
}

# Random writes of one size or the other, then all of them read; until one is not what it was.
fio_until_end()
{
	guest-run gabi "i=0
		while [ \$(cut -d. -f1 /proc/uptime) -lt \$((\$(cut -d. -f1 /run/begun) + $1)) ]; do
			i=\$((i + 1))
			fio --name=verify --filename=/dev/nbd0 --rw=randwrite --bs=\$((4 + i % 2 * 28))k \
				--randseed=\$i --direct=1 --ioengine=io_uring --iodepth=16 --verify=crc32c \
				--verify_fatal=1 >/run/fio.log 2>&1 || { cat /run/fio.log; exit 1; }
			echo \$i >/run/fio.rounds
		done"
}

mkdir "$tmp/disks" "$tmp/ext4"
mount -t tmpfs tmpfs "$tmp/disks" || bail "no tmpfs in dom0"
truncate -s 64M "$tmp/disks/ext4.img"
mke2fs -q -t ext4 -F "$tmp/disks/ext4.img"
mount -t ext4 -o loop "$tmp/disks/ext4.img" "$tmp/ext4" || bail "no ext4 in dom0"
daemon_start || bail "xvmsgd did not start"
guest-start --full gabi || bail "the guest did not start"
attach cached "$tmp/disks/cached.img"
attach through "$tmp/disks/through.img" cache=writethrough queues=4
attach past "$tmp/ext4/past.img" cache=none queues=2
attach ext4 "$tmp/ext4/buffered.img"
attach nbd "$tmp/disks/nbd.img" bus=1
check "nbdkit serves a disk of the other bus" guest-run gabi \
	"modprobe nbd && nbdkit -U /run/disk.sock xvmsg device=$(cat "$tmp/number-nbd") bus=1 &&
	nbd-client -unix /run/disk.sock /dev/nbd0 && cat /proc/uptime >/run/begun"

end=$(($(seconds) + minutes * 60))
fio_until_end $((minutes * 60)) >"$tmp/fio" 2>&1 &
fio_pid=$!
check_until_end
wait $fio_pid
fio_status=$?
cp "$tmp/fio" "$tmp/out"
ok "fio finds what it wrote, all the time" $fio_status
for kind in cached:disks/cached through:disks/through past:ext4/past ext4:ext4/buffered; do
	same "${kind%:*}: the file has what the guest reads" "$(sum_of "$tmp/${kind#*:}.img")" \
		"$(guest_sum gabi "$(cat "$tmp/number-${kind%:*}")")"
done
echo "# $minutes minutes: $requests requests of disk-check, 16 MiB of fio $(guest-run gabi 'cat /run/fio.rounds') times"
echo "1..$cases"
exit "$failed"
