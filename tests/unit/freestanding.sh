#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the xen-virtio-msg authors
#
# A kernel or a unikernel can take these files as they are: no header of a C
# library, and no function but the four that a compiler may call by itself.
set -u

# shellcheck source=tests/unit/tap.sh
. "${top_srcdir:-.}/tests/unit/tap.sh"

sources="codec messages ring pending"
cc=${CC:-cc}

# -nostdinc leaves only the compiler's own headers, which belong to it.
compiler_headers=$($cc -print-file-name=include)

# shellcheck disable=SC2086 # CC may be more than one word
compile()
{
	$cc -std=gnu11 -ffreestanding -nostdinc -isystem "$compiler_headers" -Wall -Wextra -Werror \
		-O2 -fno-stack-protector -U_FORTIFY_SOURCE -I "${top_srcdir:-.}" \
		-c "${top_srcdir:-.}/common/$1.c" -o "$scratch/$1.o"
}

# shellcheck disable=SC2086
nothing_undefined()
{
	$cc -nostdlib -r "$scratch"/*.o -o "$scratch/all" || return 1
	nm -u "$scratch/all" | awk '{print $NF}' >"$scratch/undefined"
	! grep -vxE 'memcpy|memset|memmove|memcmp' "$scratch/undefined"
}

for source in $sources; do
	ok "$source.c compiles without a C library" compile "$source"
done
ok "nothing but memcpy, memset, memmove, memcmp is called" nothing_undefined
finish
