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

# last_line: on a terminal, shows each line of its input in place of the one before
last_line()
{
	while IFS= read -r line; do
		printf '\r\033[K    %s: %.50s' "$what" "$line"
	done
	printf '\r\033[K'
}

# run_step COMMAND...: its output goes to the log, and its last line to a terminal
run_step()
{
	if [ ! -t 1 ]; then
		"$@" >"$step_log" 2>&1 </dev/null
		return
	fi
	{
		"$@" 2>&1 </dev/null
		echo $? >"$work/status"
	} | tee "$step_log" | last_line
	return "$(cat "$work/status")"
}

# quietly WHAT COMMAND...: runs a command; shows its output only if it fails
quietly()
{
	what=$1
	shift
	started=$(date +%s)
	[ -t 1 ] || printf '    %s\n' "$what"
	if run_step "$@"; then
		[ ! -t 1 ] || printf '    %s (%s s)\n' "$what" "$(($(date +%s) - started))"
		return 0
	fi
	printf '    failed: %s\n' "$what"
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
		# A tree that was built in place cannot be built beside itself.
		rm -f "$work/src/config.status" "$work/src/config.log" "$work/src/Makefile"
		find "$work/src" \( -name '*.o' -o -name '*.lo' -o -name '*.la' \) -delete
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
