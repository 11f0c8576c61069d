#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the xen-virtio-msg authors
#
# mutate.sh [-j JOBS] [-m PATTERN] PROGRAM ...
#
# Tries the conformance suite: breaks the behaviours of mutations.txt one by one in a
# copy of the source, builds and runs the programs, and tells which clauses noticed.
# -m: only the mutations whose names fit the extended regular expression. A mutation that
# does not fit the source or does not compile is an error. The exit status is 0 when all
# were caught.
set -u

here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
list=$here/mutations.txt
jobs=$(nproc)
pattern=

while getopts j:m: option; do
	case $option in
	j) jobs=$OPTARG ;;
	m) pattern=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || { echo "mutate.sh: no program named; make mutate names them" >&2; exit 2; }

work=$(mktemp -d)
workers=
# shellcheck disable=SC2086
trap 'kill $workers 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 2' INT TERM

say()
{
	echo "mutate: $*" >&2
}

# field NAME NUMBER: file, old or new of the Nth selected mutation
field()
{
	cat "$work/mutations/$2.$1"
}

# Cuts the list into files NUMBER.name, .file, .old and .new; prints how many there are.
read_list()
{
	mkdir "$work/mutations"
	awk -v to="$work/mutations/" -v pattern="$pattern" '
		/^\[/ {
			name = substr($0, 2, length($0) - 2)
			taken = name ~ pattern
			if (taken) {
				n++
				print name >(to n ".name")
			}
			parts = 0
			next
		}
		!taken || /^#/ || /^$/ { next }
		/^-/ { printf "%s%s", (old == n ? "\n" : ""), substr($0, 3) >(to n ".old"); old = n; next }
		/^\+/ { printf "%s%s", (new == n ? "\n" : ""), substr($0, 3) >(to n ".new"); new = n; next }
		{ print $1 >(to n ".file") }
		END { print n + 0 }
	' "$list"
}

# copy SLOT: source and build folder of its own
copy()
{
	mkdir -p "$work/$1/source" "$work/$1/build"
	(cd "$source" && tar cf - --exclude-vcs --exclude='./build' --exclude='./build[!-]*' \
		--exclude='./build-[!a]*' --exclude='./build-a[!u]*' --exclude='*.o' \
		--exclude='*.lo' --exclude='*.la' --exclude=.libs --exclude=./Makefile \
		--exclude=./config.status --exclude=./config.h --exclude=./lab-root .) |
		tar xf - -C "$work/$1/source"
}

# build SLOT PROGRAM ...
build()
{
	build_slot=$1
	shift
	make -C "$work/$build_slot/build" "$@" >"$work/$build_slot/log" 2>&1
}

# prepare SLOT PROGRAM ...: configured and built
prepare()
{
	prepare_slot=$1
	copy "$prepare_slot"
	if ! (cd "$work/$prepare_slot/build" && ../source/configure -q CC="${CC:-cc}" \
		CFLAGS='-O1' >"$work/$prepare_slot/log" 2>&1) || ! build "$@"; then
		tail -n 20 "$work/$prepare_slot/log" >&2
		return 1
	fi
}

# judge SLOT PROGRAM ...: prints the ids that failed; true when none did
judge()
{
	judge_taps=$work/$1/taps
	judge_build=$work/$1/build
	shift
	rm -rf "$judge_taps"
	mkdir "$judge_taps"
	for program in "$@"; do
		timeout 15 "$judge_build/$program" \
			>"$judge_taps/$(echo "${program#*conformance/}" | tr / -).tap" 2>/dev/null &
	done
	wait
	awk -v brief=1 -f "$here/table.awk" "$here/clauses.txt" "$judge_taps"/*.tap
}

# replace FILE NUMBER: the old text, which must be there once, by the new one
replace()
{
	awk -v old_file="$work/mutations/$2.old" -v new_file="$work/mutations/$2.new" '
		function whole(file,    line, text, first) {
			first = 1
			while ((getline line <file) > 0) {
				text = text (first ? "" : "\n") line
				first = 0
			}
			return text
		}
		{ text = text $0 "\n" }
		END {
			old = whole(old_file)
			at = index(text, old)
			if (old == "" || !at || index(substr(text, at + 1), old))
				exit 1
			printf "%s%s%s", substr(text, 1, at - 1), whole(new_file),
				substr(text, at + length(old))
		}
	' "$1" >"$1.mutated" && mv "$1.mutated" "$1"
}

# try SLOT NUMBER PROGRAM ...: one mutation; its line of the report
try()
{
	slot=$1
	number=$2
	shift 2
	file=$(field file "$number")
	target=$work/$slot/source/$file

	cp "$target" "$work/$slot/original"
	if ! replace "$target" "$number"; then
		rm -f "$target.mutated"
		result='ERROR: the old text is not there exactly once'
	elif ! build "$slot" "$@"; then
		result='ERROR: does not compile'
	elif caught=$(judge "$slot" "$@"); then
		result='SURVIVED'
	else
		result="caught by $caught"
	fi
	cp "$work/$slot/original" "$target"
	echo "$result" >"$work/mutations/$number.result"
	echo "[$number/$total] $(field name "$number"): $result"
}

# work_through SLOT PROGRAM ...: every JOBSth mutation
work_through()
{
	n=$1
	while [ "$n" -le "$total" ]; do
		slot_of=$1
		shift
		try "$slot_of" "$n" "$@"
		set -- "$slot_of" "$@"
		n=$((n + jobs))
	done
}

count()
{
	cat "$work/mutations/"*.result | grep -c "^$1"
}

total=$(read_list)
[ "$total" -gt 0 ] || { say "no mutation fits '$pattern'"; exit 2; }
[ "$jobs" -le "$total" ] || jobs=$total

say "building $jobs copies"
slot=1
while [ "$slot" -le "$jobs" ]; do
	prepare "$slot" "$@" && touch "$work/$slot/ready" &
	workers="$workers $!"
	slot=$((slot + 1))
done
wait
slot=1
while [ "$slot" -le "$jobs" ]; do
	[ -e "$work/$slot/ready" ] || { say "the source does not build"; exit 2; }
	slot=$((slot + 1))
done
if ! failed=$(judge 1 "$@"); then
	say "the programs fail without any mutation: $failed"
	exit 2
fi

slot=1
while [ "$slot" -le "$jobs" ]; do
	work_through "$slot" "$@" &
	workers="$workers $!"
	slot=$((slot + 1))
done
wait

caught=$(count caught)
survived=$(count SURVIVED)
errors=$(count ERROR)
[ "$errors" -eq 0 ] || echo "$errors mutations are errors"
echo "$total mutations, $caught caught, $survived survived"
[ "$caught" -eq "$total" ]
