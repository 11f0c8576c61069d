# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# What the end-to-end scripts share. $tmp is theirs; what a command printed is in
# $tmp/out after `run`.

daemon_log=/lab/logs/xvmsgd.log
failed=0 # 1 when a case was not ok
pvh_retries=0 # attempts with a PVH guest that did not count
. lab-functions.sh

bail()
{
	echo "Bail out! $*"
	tail -n 30 "$daemon_log" 2>/dev/null | sed 's/^/# /'
	exit 1
}

# ok NAME STATUS: one case
ok()
{
	cases=$((cases + 1))
	if [ "$2" -eq 0 ]; then
		echo "ok $cases - $1"
	else
		failed=1
		echo "not ok $cases - $1"
		[ -s "$tmp/out" ] && tail -n 20 "$tmp/out" | sed 's/^/# /'
		tail -n 8 "$daemon_log" | sed 's/^/# xvmsgd: /'
		xl dmesg | tail -n 4 | sed 's/^/# xen: /'
	fi
}

# check NAME COMMAND...: the command must succeed
check()
{
	check_name=$1
	shift
	"$@" >"$tmp/out" 2>&1
	ok "$check_name" $?
}

# same NAME EXPECTED ACTUAL
same()
{
	printf 'expected: %s\ngot:      %s\n' "$2" "$3" >"$tmp/out"
	[ "$2" = "$3" ]
	ok "$1" $?
}

# refused NAME STATUS WORDS COMMAND...: must end with STATUS and say WORDS
refused()
{
	refused_name=$1 refused_status=$2 refused_words=$3
	shift 3
	"$@" >"$tmp/out" 2>&1
	refused_got=$?
	echo "(exit $refused_got, wanted $refused_status saying: $refused_words)" >>"$tmp/out"
	[ "$refused_got" -eq "$refused_status" ] && head -n -1 "$tmp/out" | grep -qe "$refused_words"
	ok "$refused_name" $?
}

# wait_node PATH VALUE: until a xenstore node has (or, VALUE empty, lacks) a value
wait_node()
{
	mkfifo "$tmp/watch"
	timeout 20 xenstore-watch "$1" >"$tmp/watch" &
	wait_watcher=$!
	# One line comes at once, one more with each change.
	while read -r _; do
		[ "$(xenstore-read "$1" 2>/dev/null)" != "$2" ] || break
	done <"$tmp/watch"
	rm "$tmp/watch"
	kill $wait_watcher 2>/dev/null
	wait $wait_watcher 2>/dev/null
	[ "$(xenstore-read "$1" 2>/dev/null)" = "$2" ]
}

domid()
{
	xl domid "$1"
}

# daemon_start [OPTIONS]: returns when it watches xenstore
daemon_start()
{
	start_until 'xvmsgd ready' "$daemon_log" xvmsgd "$@"
	daemon_status=$?
	daemon_pid=$started
	return $daemon_status
}

daemon_stop()
{
	kill "${1:--TERM}" "$daemon_pid" 2>/dev/null
	wait "$daemon_pid" 2>/dev/null
}

# random_file PATH MIB
random_file()
{
	dd if=/dev/urandom of="$1" bs=1M count="$2" 2>/dev/null
}

sum_of()
{
	sha256sum "$1" | cut -d' ' -f1
}

# guest_sum GUEST NUMBER [BLK-READ-OPTIONS]: sha256 of a disk as the guest reads it
guest_sum()
{
	sum_guest=$1 sum_number=$2
	shift 2
	guest-run "$sum_guest" "xvmsg-guest blk read $sum_number $* | sha256sum" | cut -d' ' -f1
}

# run_scripts: every NN-*.sh of the folder "$here", and the TAP plan
run_scripts()
{
	for script in "$here"/[0-9]*.sh; do
		echo "# $(basename "$script"), after $(cut -d. -f1 /proc/uptime) s"
		# shellcheck source=/dev/null
		. "$script"
	done
	[ $pvh_retries -eq 0 ] || echo "# tried once more with a PVH guest: $pvh_retries times, see above"
	echo "1..$cases"
}

# emulator_fault: the last triple fault of a guest that had Xen's own code segment (e008), where no
# guest can be
emulator_fault()
{
	xl dmesg | awk '/Triple fault/ { fault = $0 }
		fault && /RIP: / { if (/ e008:/) own = fault; fault = "" }
		END { print own }'
}

# pvh_again WHY [FILE...]: what there was of an attempt that does not count, as comments
pvh_again()
{
	pvh_why=$1
	shift
	sed 's/^/# /' "$tmp/tap" "$@"
	echo "# $pvh_why; once more"
	pvh_retries=$((pvh_retries + 1))
}

# with_pvh_guest NAME COMMAND [LINE...]: the cases of a command that has a PVH guest of that name,
# with the lines in its xl config. QEMU's emulation of SVM now and then loses such a guest, with
# the hypervisor's own registers in the triple fault that Xen reports. That is no verdict on us:
# it is tried again, in all four times. A guest that stands still may be the emulator's fault or
# ours: where it stood is told, and the second time is not forgiven.
with_pvh_guest()
{
	pvh_name=$1 pvh_command=$2 pvh_stood=0
	shift 2
	for _ in 1 2 3 4; do
		pvh_fault=$(emulator_fault)
		rm -f "/lab/logs/lost-$pvh_name.log"
		(
			export LAB_COMMAND_TIMEOUT=120
			guest-start "$pvh_name" 'type="pvh"' "$@" || bail "the PVH guest did not start"
			"$pvh_command"
			echo "$cases" >"$tmp/cases"
		) >"$tmp/tap"
		pvh_status=$?
		guest-stop "$pvh_name" 2>/dev/null
		pvh_fault_now=$(emulator_fault)
		if [ -n "$pvh_fault_now" ] && [ "$pvh_fault_now" != "$pvh_fault" ]; then
			xl dmesg | tail -n 40 >"$tmp/fault"
			pvh_again "the emulator lost the PVH guest" "$tmp/fault"
		elif [ -e "/lab/logs/lost-$pvh_name.log" ] && [ $pvh_stood -eq 0 ]; then
			pvh_stood=1
			pvh_again "the PVH guest stood still" "/lab/logs/lost-$pvh_name.log"
		else
			break
		fi
	done
	cat "$tmp/tap"
	[ $pvh_status -eq 0 ] || exit 1
	cases=$(cat "$tmp/cases")
	! grep -q '^not ok' "$tmp/tap" || failed=1
}

# saved GUEST [OPTIONS]: into a file, and what it has in dom0 into another
saved()
{
	saved_guest=$1
	shift
	xvmsg export "$saved_guest" >"$tmp/$saved_guest.devices" &&
		timeout 300 xl save "$@" "$saved_guest" "$tmp/$saved_guest.image"
}

# save_and_restore GUEST: as its owner would
save_and_restore()
{
	check "$1 is saved meanwhile" saved "$1"
	check "and restored" timeout 300 xl restore -p "$tmp/$1.image"
	check "its devices are given back" xvmsg import "$1" <"$tmp/$1.devices"
	xvmsg export "$1" >"$tmp/$1.again"
	same "with their numbers" "$(sort "$tmp/$1.devices")" "$(sort "$tmp/$1.again")"
	xl unpause "$1"
	rm "$tmp/$1.image"
}

kernel_complaints='BUG|WARNING|Oops|Call Trace|lockup|blocked for'

# kernel_is_well GUEST [ALSO]: its log has no complaint, nor ALSO
kernel_is_well()
{
	guest-run "$1" dmesg >"$tmp/dmesg" &&
		! grep -E "$kernel_complaints${2:+|$2}" "$tmp/dmesg" >"$tmp/out"
	ok "the kernel of $1 has nothing to complain of" $?
}

# talk SECONDS SCRIPT DOMAIN CONSOLE [bus=N]: bash runs the script, which writes to that console
# of the domain at 8, and by `await WORDS` reads (and prints) what it says until the words came
talk()
{
	talk_seconds=$1 talk_script=$2
	shift 2
	# shellcheck disable=SC2016 # bash's own
	timeout "$talk_seconds" bash -c 'script=$0
		coproc xvmsg console "$@"
		exec 7<&"${COPROC[0]}" 8>&"${COPROC[1]}"
		await() {
			local said=
			until [[ $said == *"$1"* ]]; do
				IFS= read -r -d "" -n 1 letter <&7 || exit 1
				said+=$letter
				printf %s "$letter"
			done
		}
		eval "$script"' "$talk_script" "$@"
}
