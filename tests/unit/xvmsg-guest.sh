#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the xen-virtio-msg authors
#
# xvmsg-guest's command line, and what it says without Xen.
set -u

# shellcheck source=tests/unit/tap.sh
. "${top_srcdir:-.}/tests/unit/tap.sh"

guest=${top_builddir:-.}/xvmsg-guest

# says STATUS WORDS ARGUMENT...
says()
{
	says_status=$1 says_words=$2
	shift 2
	"$guest" "$@" >"$scratch/out" 2>&1
	says_got=$?
	cat "$scratch/out"
	[ "$says_got" -eq "$says_status" ] && grep -qe "$says_words" "$scratch/out" &&
		{ [ "$says_status" -eq 0 ] || [ "$(wc -l <"$scratch/out")" -eq 1 ]; }
}

for help in --help -h "list --help" "info -h" "events --help" "blk --help" "blk read 3 -h"; do
	# shellcheck disable=SC2086 # words of a command
	ok "$help" says 0 'blk write NUMBER' $help
done
ok "--version" says 0 '^xvmsg-guest [0-9.]*$' --version
ok "an unknown option" says 2 "^xvmsg-guest: .*'--frob'" --frob
ok "an unknown option of events" says 2 "^xvmsg-guest: .*'--frob'" events --frob
ok "an unknown option of blk" says 2 "^xvmsg-guest: .*'--frob'" blk read 3 --frob
ok "blk write --length" says 2 'takes no --length' blk write 3 --length 5
ok "no command" says 2 'a command is missing'
ok "unknown command" says 2 "no command 'frobnicate'" frobnicate
ok "list takes no argument" says 2 'takes no arguments' list 3
ok "info needs a number" says 2 'device number' info
ok "info needs a true number" says 2 "'0x3' is not a device number" info 0x3
ok "--bus is bounded" says 2 'needs a number up to 65535' --bus 65536 list
ok "--timeout is a number" says 2 'needs seconds' --timeout soon list
ok "--wire-form" says 2 'wide or compact' --wire-form narrow list
ok "--addresses" says 2 "area or grant, not 'both'" --addresses both list
ok "--queue-layout" says 2 'split, packed or any' --queue-layout flat list
ok "blk needs to know what to do" says 2 'read, write, discard, zero or watch' blk erase 3
for command in discard zero; do
	ok "blk $command needs a number" says 2 "blk $command needs one device number" blk $command
	ok "blk $command --length" says 2 'not a number of bytes' blk $command 3 --length x
done
ok "blk watch needs a number" says 2 'one device number' blk watch
ok "blk watch takes one number" says 2 'one device number' blk watch 3 4
ok "blk watch needs a true number" says 2 "'x' is not a device number" blk watch x
ok "an unknown option of blk watch" says 2 "^xvmsg-guest: .*'--offset'" blk watch 3 --offset 5
ok "an unknown option of rng" says 2 "^xvmsg-guest: .*'--offset'" rng 3 --offset 5
ok "rng --length" says 2 "'many' is not a number of bytes" rng 3 --length many
ok "rng needs a number" says 2 'one device number' rng --length 5
ok "rng takes one number" says 2 'one device number' rng 3 4
ok "rng needs a true number" says 2 "'x' is not a device number" rng x
ok "console --respawn wants a command" says 2 'respawn wants a command' console 3 --respawn
ok "serve needs devices" says 2 'serve needs devices' serve
ok "serve needs a device behind a +" says 2 "a device is missing beside '+'" serve rng 3 --fifo /f +
ok "serve serves no disks" says 2 "but no 'blk'" serve net tap 3 + blk read 4
ok "serve checks each device" says 2 "'x' is not a device number" serve net tap 3 + net tap x
ok "serve takes a device once" says 2 'device 3 is named twice' serve net tap 3 + net tap 3
ok "serve has no standard output for rng" says 2 'needs --fifo' serve net tap 3 + rng 4
ok "serve has none for a console" says 2 'where it is alone' serve console 3 --stdio
ok "what is behind -- is the command's" says 2 "but no 'frob'" serve console 3 -- sh --help + frob
ok "--strict takes no value" says 2 "^xvmsg-guest: .*'--strict'" --strict=1 list
ok "blk read needs a number" says 2 'one device number' blk read
ok "blk read needs a true number" says 2 "'x' is not a device number" blk read x
ok "blk read takes one number" says 2 'one device number' blk read 3 4
ok "blk --offset" says 2 'not a number of bytes' blk read 3 --offset -1
ok "events --count" says 2 'from 1 on' events --count 0
if [ ! -e /proc/xen ] && [ ! -e /dev/xen ]; then
	for command in list "info 3" events "blk read 3" "blk write 3" "blk watch 3" "blk discard 3" "blk zero 3" "rng 3" "serve rng 3 --fifo /f" "--strict info 3"; do
		# shellcheck disable=SC2086 # words of a command
		ok "$command without Xen" says 1 'Xen' $command
	done
fi
finish
