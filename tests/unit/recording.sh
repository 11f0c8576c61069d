#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the xen-virtio-msg authors
#
# xvmsg trace's command line, and xvmsg decode on recordings.
set -u

# shellcheck source=tests/unit/tap.sh
. "${top_srcdir:-.}/tests/unit/tap.sh"

build=${top_builddir:-.}
xvmsg=$build/xvmsg
recording=$scratch/recording
"$build/tests/unit/make-recording" >"$recording"
"$build/tests/unit/make-recording" hex >"$scratch/hex"

# shows PATTERN: one line of the text matches
shows()
{
	"$xvmsg" decode "$recording" >"$scratch/text" && grep -q -e "$1" "$scratch/text"
}

returns()
{
	"$xvmsg" decode --json "$recording" | grep -v malformed | "$xvmsg" encode |
		sort -u >"$scratch/again"
	sort -u "$scratch/hex" | comm -23 - "$scratch/again" >"$scratch/lacking"
	cat "$scratch/lacking"
	[ -s "$scratch/again" ] && [ ! -s "$scratch/lacking" ]
}

from_a_pipe()
{
	"$xvmsg" decode "$recording" >"$scratch/file"
	# A pipe, not a file: nothing is read twice.
	# shellcheck disable=SC2002
	cat "$recording" | "$xvmsg" decode | cmp - "$scratch/file"
}

# damaged BYTES WORDS: the first bytes alone are an error that says so
damaged()
{
	head -c "$1" "$recording" >"$scratch/cut"
	"$xvmsg" decode "$scratch/cut" >/dev/null 2>"$scratch/err"
	[ $? -eq 1 ] && cat "$scratch/err" && grep -q "$scratch/cut: $2" "$scratch/err"
}

hex_file()
{
	head -n 6 "$scratch/hex" >"$scratch/lines"
	"$xvmsg" decode "$scratch/lines" | grep -c 'GET_DEVICE_INFO' | grep -qx 6
}

no_file()
{
	"$xvmsg" decode "$scratch/none" 2>"$scratch/err"
	[ $? -eq 1 ] && grep -q 'neither hex digits nor a file: No such file' "$scratch/err"
}

ok "names day, bus and form" shows '^# 2025-10-09 (UTC), dom5 bus 0, wide form$'
ok "and again when they change" shows 'dom5 bus 0, compact form$'
ok "shows time, direction and message" shows \
	'^08:53:20.000000001 from guest: GET_DEVICE_INFO request dev [0-9]* token [0-9]*$'
ok "shows the other direction" shows '^08:53:20.[0-9]\{9\} to guest:   GET_DEVICE_INFO request'
ok "shows what is wrong with a broken one, and its bytes" shows \
	'malformed: msg_size: the bytes end too early: 0002[0-9a-f]*$'
ok "names an unknown id" shows 'malformed: msg_id: no such message: 0x3f of bus responses: '
ok "what it prints as JSON returns as bytes" returns
ok "reads a pipe, too" from_a_pipe
ok "a file cut in its header is named" damaged 6 'block at byte 0: the file ends within it'
ok "a file cut in a message is named" damaged 300 'block at byte [1-9][0-9]*: the file ends within it'
ok "a file may have lines of hex digits" hex_file
ok "neither a file nor hex digits" no_file

# traces STATUS WORDS ARGUMENT...: xvmsg trace ends so, saying WORDS
traces()
{
	traces_status=$1 traces_words=$2
	shift 2
	"$xvmsg" trace "$@" >"$scratch/output" 2>&1
	traces_got=$?
	cat "$scratch/output"
	[ "$traces_got" -eq "$traces_status" ] && grep -q -e "$traces_words" "$scratch/output"
}

ok "trace --help" traces 0 'usage: xvmsg trace' --help
ok "trace wants a domain" traces 2 'usage: xvmsg trace'
ok "and one only" traces 2 'usage: xvmsg trace' web mail
ok "trace --count is a number" traces 2 "count must be a number, not 'many'" --count many web
ok "trace --seconds is a number" traces 2 "seconds must be a number, not '-1'" --seconds -1 web
ok "trace --bus is a number" traces 2 "bus must be a number, not ''" --bus '' web
finish
