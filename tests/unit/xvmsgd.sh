#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the xen-virtio-msg authors
#
# xvmsgd's command line.
set -u

# shellcheck source=tests/unit/tap.sh
. "${top_srcdir:-.}/tests/unit/tap.sh"

daemon=${top_builddir:-.}/xvmsgd

# says STATUS WORDS ARGUMENT...
says()
{
	says_status=$1 says_words=$2
	shift 2
	"$daemon" "$@" >"$scratch/out" 2>&1
	says_got=$?
	cat "$scratch/out"
	[ "$says_got" -eq "$says_status" ] && grep -qe "$says_words" "$scratch/out"
}

ok "--help" says 0 'max-shared-mib MIB' --help
ok "-h" says 0 'max-shared-mib MIB' -h
ok "--version" says 0 '^xvmsgd [0-9.]*$' --version
ok "an unknown option" says 2 "^xvmsgd: .*'--frobnicate'" --frobnicate
ok "no arguments are taken" says 2 "what is 'start'" start
ok "--log-level is a word" says 2 'error, warning, info or debug' --log-level loud
ok "--poll-us has a default" says 0 '1000; the default is about what waking' --help
ok "--poll-us is bounded" says 2 '0 to 1000' --poll-us 1001
ok "--queue-threads is bounded" says 2 '0 to 16' --queue-threads 17
ok "--remove-timeout is bounded" says 2 '0 to 3600' --remove-timeout 3601
for mib in 1 256; do
	ok "--max-shared-mib $mib" says 0 . --max-shared-mib $mib --version
done
for mib in 0 257 -1 many 4294967297 ''; do
	ok "--max-shared-mib '$mib'" says 2 "1 to 256, not '$mib'" --max-shared-mib "$mib"
done
for count in 0 32767; do
	ok "--number-quarantine-count $count" says 0 . --number-quarantine-count $count --version
done
for count in -1 32768 none; do
	ok "--number-quarantine-count $count" \
		says 2 "0 to 32767, not '$count'" --number-quarantine-count "$count"
done
for seconds in 5 86400; do
	ok "--number-quarantine-seconds $seconds" \
		says 0 . --number-quarantine-seconds $seconds --version
done
for seconds in 4 86401 ''; do
	ok "--number-quarantine-seconds '$seconds'" \
		says 2 "5 to 86400, not '$seconds'" --number-quarantine-seconds "$seconds"
done
if [ ! -e /proc/xen ] && [ ! -e /dev/xen ]; then
	ok "one prefix without Xen" says 1 '^error: this machine does not run on Xen'
fi
finish
