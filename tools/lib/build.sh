# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# Sourced by tools/demo and tools/check: a work folder that is gone afterwards,
# a copy of the source in it (the checkout stays as it was), and steps that say
# what they do and keep their output for when they fail.

top=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/xen-virtio-msg.XXXXXX")
step_log=$work/step.log
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# say WORDS...: a headline
say()
{
	printf '\n==> %s\n' "$*"
}

# quietly WHAT COMMAND...: runs a command, shows its output only if it fails,
# and on a terminal the last line as it goes
quietly()
{
	what=$1
	shift
	started=$(date +%s)
	if [ -t 1 ]; then
		printf '    %s ...' "$what"
	else
		printf '    %s\n' "$what"
	fi
	if "$@" >"$step_log" 2>&1 </dev/null; then
		[ -t 1 ] && printf ' done (%s s)\n' "$(($(date +%s) - started))"
		return 0
	fi
	printf '\n    failed: %s\n' "$what"
	tail -n 60 "$step_log" | sed 's/^/    | /'
	return 1
}

# copy_source: the files of the project, tracked or new, without what is ignored
copy_source()
{
	mkdir "$work/src"
	if git -C "$top" rev-parse --git-dir >/dev/null 2>&1; then
		(cd "$top" && git ls-files -z --cached --others --exclude-standard |
			tar --null --ignore-failed-read -cf - -T -) 2>/dev/null | tar -xf - -C "$work/src"
	else
		cp -a "$top/." "$work/src"
	fi
}

prepare_source()
{
	quietly "copying the source" copy_source &&
		quietly "running autoreconf" autoreconf -fi "$work/src"
}

# build NAME CONFIGURE-ARGS...: configures and makes in $work/NAME
build()
{
	name=$1
	shift
	mkdir "$work/$name"
	(cd "$work/$name" && quietly "configuring ($name)" "$work/src/configure" \
		--prefix=/usr --libdir=/usr/lib --sysconfdir=/etc "$@") &&
		quietly "compiling ($name)" make -C "$work/$name" -j"$(nproc)" all
}
