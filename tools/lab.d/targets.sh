# shellcheck shell=bash disable=SC2034 # some variables are for the other files
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# What the lab can boot.  One line per architecture: our name, Debian's name,
# the multiarch directory, the QEMU program, the C compiler for it.  What differs
# in kind lives in functions named for the architecture: kernel_ARCH (image.sh)
# and qemu_ARCH (qemu.sh).

TARGET_ARCHES='
x86_64 amd64 x86_64-linux-gnu qemu-system-x86_64 gcc
'
TARGET_SUITES='
bookworm
'

# target_list arch|suite: the names that work, for messages
target_list()
{
	local table=$TARGET_ARCHES
	[ "$1" = arch ] || table=$TARGET_SUITES
	awk 'NF { printf "%s%s", sep, $1; sep = ", " }' <<<"$table"
}

# target_select ARCH SUITE: sets ARCH, SUITE, DEB_ARCH, MULTIARCH, QEMU, TARGET_CC
target_select()
{
	local line
	line=$(awk -v a="$1" '$1 == a' <<<"$TARGET_ARCHES")
	[ -n "$line" ] ||
		usage_error "architecture '$1' is not supported; there is $(target_list arch)"
	grep -qxF -e "${2:-none}" <<<"$TARGET_SUITES" ||
		usage_error "suite '$2' is not supported; there is $(target_list suite)"
	read -r ARCH DEB_ARCH MULTIARCH QEMU TARGET_CC <<<"$line"
	SUITE=$2
	TARGET=$ARCH-$SUITE
}
