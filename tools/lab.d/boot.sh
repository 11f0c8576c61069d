# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# One run from preparing to the last log.

BOOT_SECONDS=${LAB_BOOT_TIMEOUT:-180}
KEEP_LOGS=20

# logs_folder: sets LOGS, a folder, and drops the oldest of those nobody asked for
logs_folder()
{
	local old
	LOGS=$OPT_LOGS
	if [ -z "$LOGS" ]; then
		LOGS=$LAB_CACHE/logs/$(date +%Y%m%d-%H%M%S)-$$
		mkdir -p "$LAB_CACHE/logs"
		find "$LAB_CACHE/logs" -mindepth 1 -maxdepth 1 | sort -r |
			tail -n +$KEEP_LOGS | while read -r old; do rm -rf "$old"; done
	fi
	mkdir -p "$LOGS" || die "cannot make the folder for logs, $LOGS"
	LOGS=$(cd "$LOGS" && pwd)
	rm -f "$LOGS"/*.log
}

# Xen and dom0 share a serial port; Xen marks its lines.
logs_split()
{
	[ -e "$RUN/console" ] || return 0
	tr -d '\r' <"$RUN/console" | grep -a '^(XEN)' >"$LOGS/hypervisor.log" || true
	tr -d '\r' <"$RUN/console" | grep -av '^(XEN)' >"$LOGS/dom0.log" || true
}

logs_tail()
{
	local log
	for log in "$LOGS"/*.log; do
		[ -s "$log" ] || continue
		echo "lab: the end of $log:" >&2
		tail -n 15 "$log" | sed 's/^/  | /' >&2
	done
}

boot_prepare()
{
	BOOT_LIMIT=${OPT_TIMEOUT:-600}
	need_commands "$QEMU" setpriv
	image_prepare
	run_folder
	run_images "$OPT_ROOT"
	[ -z "$OPT_DEBIAN" ] || run_debian "$OPT_DEBIAN"
	logs_folder
}

# boot_start: become QEMU, which the kernel kills should the lab die without a word
boot_start()
{
	exec setpriv --pdeathsig KILL "$QEMU" "${QEMU_ARGS[@]}"
}

boot_kill()
{
	! kill "$QEMU_PID" 2>/dev/null || wait "$QEMU_PID" || true
}

# boot_wait SECONDS [FILE]: wait for QEMU to end, or FILE to appear; false when
# the time ran out
boot_wait()
{
	local end=$((SECONDS + $1))
	while kill -0 "$QEMU_PID" 2>/dev/null; do
		[ -z "${2:-}" ] || [ ! -e "$2" ] || return 0
		[ $SECONDS -lt $end ] || return 1
		step_tick
		sleep 0.5 &
		wait -n "$QEMU_PID" $! || true
	done
}

boot_fail()
{
	step_done
	logs_split
	[ ! -s "$RUN/qemu.err" ] || cp "$RUN/qemu.err" "$LOGS/qemu.log"
	logs_tail
	say "$1"
	say "console logs: $LOGS"
	exit "$2"
}

# boot_until_ready: dom0 is up and about to run the script
boot_until_ready()
{
	local limit=$((BOOT_SECONDS < BOOT_LIMIT ? BOOT_SECONDS : BOOT_LIMIT))
	step "booting Xen and dom0"
	boot_wait $limit "$RUN/out/ready" ||
		boot_fail "dom0 was not ready after $limit s" 124
	[ -e "$RUN/out/ready" ] || boot_fail "the machine stopped before dom0 was ready" 125
	step_done
	[ -t 2 ] || say "dom0 was ready after $SECONDS s"
}

# boot_until_end: pass on what the script writes until dom0 is off.  Until now we
# held both ends of the pipe, for QEMU to find it open; from here on cat alone
# reads it, and sees its end.
boot_until_end()
{
	local cat_pid input
	exec {input}<"$RUN/output"
	cat <&"$input" {OUTPUT}>&- &
	cat_pid=$!
	exec {OUTPUT}>&- {input}<&-
	boot_wait $((BOOT_LIMIT - SECONDS)) ||
		boot_fail "the script did not end within $BOOT_LIMIT s" 124
	wait $cat_pid || true
}

boot_run()
{
	local script=$1 status
	shift
	boot_prepare
	printf 'exec /bin/sh %s\n' "$(shell_quote "./${script##*/}" "$@")" >"$RUN/out/command"
	qemu_args '' "$(cd "$(dirname "$script")" && pwd)"
	# Not QEMU's own stdout: it would make it non-blocking for everybody who
	# shares it, and stop writing when its stdin ends.
	QEMU_ARGS+=(-chardev "file,id=output,path=$(qemu_path "$RUN/output")"
		-device 'virtserialport,chardev=output,name=output')
	mkfifo "$RUN/output"
	exec {OUTPUT}<>"$RUN/output"
	boot_start </dev/null >"$RUN/qemu.err" 2>&1 {OUTPUT}>&- &
	QEMU_PID=$!
	at_exit boot_kill
	SECONDS=0
	boot_until_ready
	boot_until_end
	logs_split
	[ -e "$RUN/out/status" ] ||
		boot_fail "the machine stopped before the script ended" 125
	say "console logs: $LOGS"
	status=$(cat "$RUN/out/status")
	exit "$status"
}

# A person's terminal goes to QEMU as it is, which sets it to pass every key on.
# (A shell gives what it starts in the background no terminal, unless by another
# number.)
boot_shell()
{
	local size saved terminal
	boot_prepare
	size=$(stty size)
	saved=$(stty -g)
	at_exit stty "$saved"
	qemu_args "lab.shell=${size% *}x${size#* }" ''
	QEMU_ARGS+=(-chardev 'stdio,id=terminal,signal=off'
		-device 'virtconsole,chardev=terminal')
	say "booting Xen and dom0; leave the shell with exit or ^D"
	exec {terminal}<&0
	boot_start <&$terminal &
	QEMU_PID=$!
	at_exit boot_kill
	if [ -n "$OPT_TIMEOUT" ]; then
		boot_wait "$OPT_TIMEOUT" || boot_fail "the time ran out" 124
	fi
	wait $QEMU_PID || boot_fail "QEMU failed" 125
	logs_split
	say "console logs: $LOGS"
}
