# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# make bench-xen: runs in the lab's dom0 and prints figures, each peer in the same
# boot and, for disks, on the same backing store. Never fails for a slow figure.
set -u
. lab-functions.sh

tmp=$(mktemp -d)
store=$tmp/store.img

seconds()
{
	read -r up _ </proc/uptime
	echo "$up"
}

# fio_figures DEVICE: random reads of 4 KiB in the guest, requests a second
fio_figures()
{
	for depth in 1 8 32; do
		guest-run bench "fio --name=read --filename=$1 --rw=randread --bs=4k --direct=1 \
			--ioengine=io_uring --iodepth=$depth --runtime=3 --time_based --minimal" |
			awk -F ';' -v what="fio $1, 4 KiB random reads, depth $depth" \
				'{ printf "%-45s%8d IOPS\n", what, $8 }'
	done
}

elapsed()
{
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", b - a }'
}

start_until 'xvmsgd ready' /lab/logs/xvmsgd.log xvmsgd || exit 1
daemon=$started
dd if=/dev/zero of="$store" bs=1M count=64 2>/dev/null
guest-start --full bench || exit 1
domid=$(xl domid bench)

echo "== attach to first completed read (seconds, one sample each)"
begun=$(seconds)
number=$(xvmsg attach bench blk target="$store") || exit 1
guest-run bench "xvmsg-guest blk read $number --length 4096 >/dev/null"
echo "xvmsg attach, xvmsg-guest blk read           $(elapsed "$begun" "$(seconds)")"

echo "== messages"
guest-run bench bench-guest ping
bench-vchan server "$domid" /local/domain/"$domid"/data/bench-vchan &
vchan=$!
guest-run bench "bench-vchan client /local/domain/$domid/data/bench-vchan"
kill $vchan 2>/dev/null
wait $vchan 2>/dev/null

echo "== disk: the same file behind both"
guest-run bench "bench-guest blk $number"
echo "== the same by grant addresses"
guest-run bench "bench-guest blk-grant $number"
echo "== the same as a block device of the guest's kernel, by nbdkit and nbd-client"
guest-run bench "modprobe nbd; nbdkit -U /run/disk.sock -P /run/nbdkit.pid xvmsg device=$number &&
	nbd-client -unix /run/disk.sock /dev/nbd0 >/dev/null"
guest-run bench "bench-guest file /dev/nbd0"
fio_figures /dev/nbd0
# shellcheck disable=SC2016 # the guest's shell
guest-run bench 'nbd-client -d /dev/nbd0; kill $(cat /run/nbdkit.pid)'
xvmsg detach bench "$number"
echo "== the kernel's PV disk"
loop=$(losetup -f)
losetup "$loop" "$store"
begun=$(seconds)
xl block-attach bench "format=raw,vdev=xvdb,access=rw,target=$loop"
guest-run bench "until [ -b /dev/xvdb ]; do :; done; dd if=/dev/xvdb of=/dev/null bs=4096 count=1 2>/dev/null"
echo "xl block-attach, dd                          $(elapsed "$begun" "$(seconds)")"
guest-run bench "bench-guest file /dev/xvdb"
fio_figures /dev/xvdb
xl block-detach bench xvdb
losetup -d "$loop"

echo "== 1,000 devices on one bus"
requests=/local/domain/0/backend/virtio-msg/$domid/0/request
begun=$(seconds)
i=0
while [ $i -lt 1000 ]; do
	set --
	until [ $# -ge 300 ]; do
		set -- "$@" "$requests/d$i/type" blk "$requests/d$i/target" "$store" "$requests/d$i/mode" r
		i=$((i + 1))
	done
	xenstore-write "$@"
done
# They are served in the order in which they come: this one is the last.
xvmsg attach --timeout 600 bench blk target="$store" name=last readonly >/dev/null
echo "1,001 requests, until the last has its number   $(elapsed "$begun" "$(seconds)")"
guest-run bench "bench-guest enumerate 1001"

echo "== CPU time of xvmsgd and its workers, user and system, 1/100 s"
for pid in $daemon $(cat "/proc/$daemon/task/$daemon/children"); do
	awk '{ print $2, $14, $15 }' "/proc/$pid/stat"
done
guest-stop bench
kill $daemon
exit 0
