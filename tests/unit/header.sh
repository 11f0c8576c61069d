#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the xen-virtio-msg authors
#
# Each public header compiles alone, as strict C99 and as C++; so do the examples of
# the manual page and that of a driver; and the library exports the calls that they
# declare and no other.
set -u

# shellcheck source=tests/unit/tap.sh
. "${top_srcdir:-.}/tests/unit/tap.sh"

include=${top_srcdir:-.}/frontend
page=${top_srcdir:-.}/frontend/libxvmsg.3
library=${top_builddir:-.}/.libs/libxvmsg.so
cc=${CC:-cc}
cxx=${CXX:-c++}

# alone HEADER: a program of that header, in C and in C++
alone()
{
	printf '#include <%s>\nint main(void) { return xvmsg_status_text(XVMSG_OK) == NULL; }\n' \
		"$1" >"$scratch/alone.c"
	cp "$scratch/alone.c" "$scratch/alone.cc"
}

# shellcheck disable=SC2086 # CC may be more than one word
strict_c99()
{
	$cc -std=c99 -Wall -Wextra -Wpedantic -Wstrict-prototypes -Werror \
		-I"$include" -fsyntax-only "$1"
}

# shellcheck disable=SC2086
as_cxx()
{
	$cxx -std=c++11 -Wall -Wextra -Wpedantic -Werror -I"$include" \
		-fsyntax-only "$scratch/alone.cc"
}

# example N: the manual page's Nth example, as a program.
example()
{
	awk -v n="$1" '
		/^\.SH/ { here = $2 == "EXAMPLES" }
		/^\.fi/ { inside = 0 }
		inside && count == n
		/^\.nf/ && here { inside = 1; count++ }' "$page" |
		sed 's/\\-/-/g; s/\\e/\\/g' >"$scratch/example.c"
	grep -q 'int main' "$scratch/example.c" && strict_c99 "$scratch/example.c"
}

declared()
{
	# Names before a parenthesis, in what is left without comments and typedefs;
	# xvmsg_wake is declared through its type.
	cat "$include"/xvmsg*.h >"$scratch/all.h"
	$cc -E -P -x c -I"$include" "$scratch/all.h" | tr '\n' ' ' | sed 's/typedef [^;]*;//g' |
		grep -oE 'xvmsg_[a-z0-9_]+ ?\(' | tr -d ' (' | cat - "$scratch/by-type" | sort -u
}

exports_what_is_declared()
{
	echo xvmsg_wake >"$scratch/by-type"
	declared >"$scratch/declared"
	nm -D --defined-only "$library" | awk '$2 == "T" {sub(/@.*/, "", $3); print $3}' |
		sort -u >"$scratch/exported"
	[ -s "$scratch/exported" ] && diff "$scratch/declared" "$scratch/exported"
}

for header in "$include"/xvmsg*.h; do
	header=${header##*/}
	alone "$header"
	ok "$header is strict C99" strict_c99 "$scratch/alone.c"
	if command -v "${cxx%% *}" >/dev/null; then
		ok "$header is C++" as_cxx
	fi
done
ok "the manual page's blocking example compiles" example 1
ok "the manual page's event driven example compiles" example 2
ok "the example of a driver compiles" strict_c99 "${top_srcdir:-.}/tests/examples/echo-driver.c"
if [ -e "$library" ]; then
	ok "libxvmsg exports what its headers declare" exports_what_is_declared
fi
finish
