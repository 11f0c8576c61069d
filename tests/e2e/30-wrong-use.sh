# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# Mistakes of the person at the keyboard: a sentence, and a status to script with.

random_file "$tmp/good.img" 1
head -c 1000 /dev/urandom >"$tmp/odd.img"
: >"$tmp/empty.img"

refused "unknown domain" 1 "there is no domain 'nobody'" xvmsg attach nobody blk target="$tmp/good.img"
refused "unknown domain id" 1 "there is no domain '9999'" xvmsg attach 9999 blk target="$tmp/good.img"
refused "unknown device type" 2 "no device type 'toaster'; there are: blk|net|console|rng" \
	xvmsg attach alice toaster target="$tmp/good.img"
refused "no target" 2 'target' xvmsg attach alice blk
refused "unknown option" 2 'colour' xvmsg attach alice blk target="$tmp/good.img" colour=red
refused "a target that is not there" 1 'No such file' xvmsg attach alice blk target="$tmp/none.img"
refused "a target that is a directory" 1 'directory' xvmsg attach alice blk target="$tmp"
refused "a target of an odd size" 1 'multiple of 512' xvmsg attach alice blk target="$tmp/odd.img"
refused "an empty target" 1 'empty' xvmsg attach alice blk target="$tmp/empty.img"
refused "a bad name" 2 'name' xvmsg attach alice blk target="$tmp/good.img" name=a/b
refused "a bad UUID" 2 'uuid' xvmsg attach alice blk target="$tmp/good.img" uuid=1234
twice=$(xvmsg attach alice blk target="$tmp/good.img" name=twice)
refused "a second attach with the same name" 1 'already' \
	xvmsg attach alice blk target="$tmp/good.img" name=twice
xvmsg detach alice "$twice"
refused "detach from an unknown domain" 1 "there is no domain 'nobody'" xvmsg detach nobody 1
refused "list of an unknown domain" 1 "there is no domain 'nobody'" xvmsg list nobody
refused "detach of a number that never was" 1 '4711' xvmsg detach alice 4711
refused "detach of an unknown name" 1 'nothere' xvmsg detach alice nothere
refused "no subcommand" 2 'usage' xvmsg
refused "an unknown subcommand" 2 'frobnicate' xvmsg frobnicate
refused "a second daemon" 1 'another xvmsgd' xvmsgd
refused "the daemon's unknown option" 2 'frobnicate' xvmsgd --frobnicate
refused "guest: unknown device" 1 'no device' guest-run alice "xvmsg-guest info 4711"
refused "guest: no number" 2 'needs a device number' guest-run alice "xvmsg-guest info"
refused "guest: info of no number" 2 "'x' is not a device number" \
	guest-run alice "xvmsg-guest info x"
refused "guest: not a number" 2 'device number' guest-run alice "xvmsg-guest blk read abc"

daemon_stop
refused "attach without xvmsgd" 1 'xvmsgd is not running' \
	xvmsg attach alice blk target="$tmp/good.img"
refused "detach without xvmsgd" 1 'xvmsgd is not running' xvmsg detach alice data
daemon_start || bail "xvmsgd did not start again"
