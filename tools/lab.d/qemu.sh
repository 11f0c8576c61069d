# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# The machine: QEMU's command line.

# Commas separate QEMU's options; in a file name they are doubled.
qemu_path()
{
	echo "${1//,/,,}"
}

# qemu_x86_64 DOM0-ARGS: fills QEMU_ARGS.  Each oddity stands for a failure seen:
# with SMAP or SMEP the PV dom0 dies at boot; with AVX or XSAVE, memory corruption
# once several guests run; with RDTSCP a PVH guest loops; with the default
# clock source, time jumps under load. With ERMS kernels copy by `rep movsb`, which is
# the quickest way on a processor and the slowest here, where each byte is a step.
qemu_x86_64()
{
	QEMU_ARGS+=(
		-machine q35
		-cpu 'max,-smap,-smep,-xsave,-avx,-avx2,-rdtscp,-erms'
		-kernel "$IMAGES/xen"
		-append 'console=com1 com1=115200,8n1 dom0_mem=1024M dom0_max_vcpus='"$OPT_DOM0_VCPUS"' clocksource=hpet guest_loglvl=all loglvl=all'
		-initrd "$(qemu_path "$IMAGES/vmlinux") console=hvc0 quiet panic=1 $1,$(qemu_path "$RUN/dom0.cpio")"
	)
}

# qemu_share TAG DIR [OPTIONS]: a host folder that dom0 mounts by TAG
qemu_share()
{
	QEMU_ARGS+=(
		-fsdev "local,id=$1,path=$(qemu_path "$2"),security_model=none,multidevs=remap${3:-}"
		-device "virtio-9p-pci,fsdev=$1,mount_tag=$1"
	)
}

# qemu_disk FILE: a disk of dom0's; what is written to it goes away with QEMU
qemu_disk()
{
	QEMU_ARGS+=(
		-drive "file=$(qemu_path "$1"),format=raw,if=none,id=disk,snapshot=on,cache=unsafe"
		-device virtio-blk-pci,drive=disk
	)
}

# qemu_args DOM0-ARGS SCRIPT-DIR: everything but the port for output
qemu_args()
{
	QEMU_ARGS=(
		-accel 'tcg,thread=multi,tb-size=1024' -smp 2 -m 2048
		-nodefaults -no-user-config -no-reboot -display none
		-serial "file:$(qemu_path "$RUN/console")"
		-device virtio-serial-pci
	)
	"qemu_$ARCH" "$1"
	qemu_share images "$RUN/images" ,readonly=on
	qemu_share out "$RUN/out"
	qemu_share logs "$LOGS"
	if [ -n "${RUN_DISK:-}" ]; then qemu_disk "$RUN_DISK"; fi
	[ -z "$2" ] || qemu_share script "$2" ,readonly=on
	[ -z "$OPT_SHARE" ] || qemu_share share "$OPT_SHARE"
}
