# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# Messages, the cache folder, cleaning up.  All messages go to stderr: stdout
# belongs to the user's script.

LAB_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/xen-virtio-msg
CLEANUP=()

say()
{
	step_done
	echo "lab: $*" >&2
}

die()
{
	say "$1"
	exit "${2:-125}"
}

usage_error()
{
	die "$1" 2
}

# step TEXT: say what starts now.  A terminal gets one line, which step_tick
# keeps alive; a pipe gets plain lines.
STEP=
step()
{
	step_done
	STEP=$1
	STEP_START=$SECONDS
	if [ -t 2 ]; then printf 'lab: %s ...' "$1" >&2; else echo "lab: $1" >&2; fi
}

step_tick()
{
	[ -n "$STEP" ] && [ -t 2 ] || return 0
	printf '\rlab: %s ... %d s' "$STEP" $((SECONDS - STEP_START)) >&2
}

step_done()
{
	[ -n "$STEP" ] || return 0
	if [ -t 2 ]; then printf '\rlab: %s: %d s \n' "$STEP" $((SECONDS - STEP_START)) >&2; fi
	STEP=
}

# ticking COMMAND...: run it, with the seconds counting on a terminal.  It gets a
# process group, so that what it started ends with it when the lab is stopped.
ticking()
{
	local pid
	set -m
	"$@" &
	pid=$!
	set +m
	at_exit kill_group $pid
	await $pid
}

kill_group()
{
	kill -TERM -- "-$1" 2>/dev/null
}

# await PID: its exit status, once it ends
await()
{
	while kill -0 "$1" 2>/dev/null; do
		step_tick
		sleep 0.5 &
		wait -n "$1" $! || true
	done
	wait "$1"
}

# at_exit COMMAND...: run it when the lab ends, whatever the reason.  Last come,
# first served.
at_exit()
{
	CLEANUP=("$(printf '%q ' "$@")" "${CLEANUP[@]}")
}

run_cleanup()
{
	local command
	trap '' INT TERM HUP
	for command in "${CLEANUP[@]}"; do eval "$command" || true; done
}

trap run_cleanup EXIT
set -E
trap 'die "the lab failed at ${BASH_SOURCE[0]##*/} line $LINENO: $BASH_COMMAND"' ERR
trap 'step_done; exit 130' INT
trap 'step_done; exit 143' TERM
trap 'step_done; exit 129' HUP

need_commands()
{
	local name
	for name in "$@"; do
		command -v "$name" >/dev/null || [ -x "/usr/sbin/$name" ] ||
			die "$name is missing; run tools/setup lab"
	done
}

# shell_quote WORD...: the words as any sh reads them back
shell_quote()
{
	local word
	for word in "$@"; do printf "'%s' " "${word//\'/\'\\\'\'}"; done
}

# cache_build KIND NAME FUNCTION: make $LAB_CACHE/KIND/NAME if it is not there,
# by FUNCTION DIR.  A half-made one is never seen: it gets its name when it is
# complete, and two labs that start at once wait for one another.
cache_build()
{
	local kind=$LAB_CACHE/$1 dir=$LAB_CACHE/$1/$2 lock
	if [ ! -d "$dir" ]; then
		mkdir -p "$kind" || die "cannot write to the cache, $LAB_CACHE"
		exec {lock}>"$kind/lock"
		flock -n $lock || {
			step "waiting for another lab that builds the same"
			ticking flock $lock
		}
		if [ ! -d "$dir" ]; then
			rm -rf "$dir.new"
			mkdir "$dir.new"
			"$3" "$dir.new"
			step_done
			mv "$dir.new" "$dir"
			cache_expire "$kind" "$2"
		fi
		exec {lock}>&-
	fi
	touch "$dir"
}

# cache_expire KIND-DIR NAME: drop what other versions left and nobody used for
# an hour, which is longer than any run needs between preparing and booting
cache_expire()
{
	find "$1" -mindepth 1 -maxdepth 1 -type d ! -name "$2" -mmin +60 \
		-exec rm -rf {} +
}

cache_remove()
{
	rm -rf "$LAB_CACHE"
	say "removed $LAB_CACHE"
}
