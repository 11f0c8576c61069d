# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# For scripts in dom0, which source it by name: it is on the path.

# start_until WORDS LOG COMMAND...: starts a command in the background, its
# standard error added to LOG, and returns when it has said WORDS (0) or has ended
# (1). Its process id is in $started.
start_until()
{
	start_words=$1 start_log=$2 start_pipes=$(mktemp -d)
	shift 2
	mkfifo "$start_pipes/err" "$start_pipes/said"
	awk -v words="$start_words" -v log_file="$start_log" -v said="$start_pipes/said" '
		{ print >>log_file; fflush(log_file) }
		!seen && index($0, words) { seen = 1; print "yes" >said; close(said) }
		END { if (!seen) { print "no" >said; close(said) } }' <"$start_pipes/err" &
	"$@" 2>"$start_pipes/err" &
	started=$!
	read -r start_answer <"$start_pipes/said"
	rm -r "$start_pipes"
	[ "$start_answer" = yes ]
}
