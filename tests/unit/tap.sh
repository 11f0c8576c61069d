# SPDX-License-Identifier: BSD-2-Clause
# Copyright the xen-virtio-msg authors
#
# TAP for the shell tests: sourced, then `ok NAME COMMAND ...` per case and
# `finish` at the end.
# shellcheck shell=sh

cases=0
failed=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# ok NAME COMMAND [ARGUMENT ...]: the command is true. What it prints is a comment.
ok()
{
	name=$1
	shift
	cases=$((cases + 1))
	if "$@" >"$scratch/said" 2>&1; then
		echo "ok $cases - $name"
	else
		echo "not ok $cases - $name"
		sed 's/^/# /' "$scratch/said"
		failed=$((failed + 1))
	fi
}

finish()
{
	echo "1..$cases"
	[ "$failed" -eq 0 ]
}
