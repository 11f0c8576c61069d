# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# The table that `make bench` and `make bench-xen` print, and how a section of it is
# made: it takes samples, then says a row for each figure. A row without samples says
# why; it does not vanish. $tmp is a folder of the script that sources this.

: >"$tmp/failure" # why the last thing that was tried gave no figure
: >"$tmp/rows"
: >"$tmp/samples"

# measuring WHAT: progress
measuring()
{
	echo "measuring $*" >&2
}

# samples_forget: those of another section, where the same is called so too
samples_forget()
{
	: >"$tmp/samples"
}

# sample WHO WHAT VALUE
sample()
{
	[ -z "$3" ] || printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$tmp/samples"
}

# measure WHO COMMAND...: runs it; each figure it prints, as figures.h does
# ("SUBJECT, WHAT   VALUE UNIT"), is a sample of that WHAT.
measure()
{
	measure_who=$1
	shift
	"$@" >"$tmp/out" 2>"$tmp/err" || failed "$1" $? "$(tail -n 1 "$tmp/err")"
	awk -F '   *' -v who="$measure_who" '
		{ value = $2 == "p50" ? $3 : $2; sub(/ .*/, "", value); sub(/^[^,]*, /, "", $1) }
		value ~ /^[0-9.]+$/ { printf "%s\t%s\t%s\n", who, $1, value }' "$tmp/out" >>"$tmp/samples"
}

# failed COMMAND STATUS WORDS: why there will be no figure
failed()
{
	case $2 in
	124) echo "$1 took too long" ;;
	*) echo "${3:-$1 ended with status $2}" ;;
	esac >"$tmp/failure"
	sed 's/^/  failed: /' "$tmp/failure" >&2
}

# value WHO WHAT: the median of its samples; nothing when there is none
value()
{
	awk -F '\t' -v who="$1" -v what="$2" '$1 == who && $2 == what { print $3 }' "$tmp/samples" |
		sort -n | awk '{ v[NR] = $1 }
			END { if (NR) print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# group NAME PEER: a heading for the rows that follow, which all have this peer
group()
{
	: >"$tmp/failure"
	printf '%s\t\t%s\t\t\t\n' "$1" "$2" >>"$tmp/rows"
}

# row WHAT OURS PEER GOAL UNIT: OURS and PEER are numbers, or empty when not measured.
# GOAL is ">= N" or "<= N" of the ratio OURS / PEER, "< N" of OURS itself, or empty. A
# PEER of "-" is none at all.
row()
{
	row_failure=$(cat "$tmp/failure")
	printf '  %s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" "$5" \
		"${row_failure:-no figure came}" >>"$tmp/rows"
}

# pair WHAT GOAL UNIT: a row of the samples `ours` and `peer` of that name
pair()
{
	row "$1" "$(value ours "$1")" "$(value peer "$1")" "$2" "$3"
}

# table_print: all rows so far
table_print()
{
	awk -F '\t' '
	function digits(x) { return sprintf(x >= 100 ? "%.0f" : x >= 10 ? "%.1f" : "%.2f", x) }
	function cell(x, unit) { return x == "" || x == "-" ? "-" : digits(x) " " unit }
	function kept(goal, ours, ratio, at) {
		at = goal
		sub(/^[<>=]+ */, "", at)
		if (goal ~ /^>=/) return ratio >= at + 0
		if (goal ~ /^<=/) return ratio <= at + 0
		return ours < at + 0
	}
	function line(what, ours, peer, ratio, goal) {
		text = sprintf("%-50s %16s %16s %7s  %s", what, ours, peer, ratio, goal)
		sub(/ +$/, "", text)
		print text
	}
	BEGIN { line("what", "xen-virtio-msg", "peer", "ratio", "goal") }
	NF == 6 && $6 == "" { line($1, "", $3, "", ""); next }
	{
		missing = $2 == "" || $3 == ""
		ratio = !missing && $3 > 0 ? $2 / $3 : ""
		verdict = $4
		if (missing) verdict = $4 ($4 ? "; " : "") "not measured: " $6
		else if ($4 != "" && ($4 ~ /^< / || ratio != "")) verdict = sprintf("%-8s %s", $4, kept($4, $2, ratio) ? "met" : "missed")
		line($1, cell($2, $5), cell($3, $5), ratio == "" ? "-" : sprintf("%.2f", ratio), verdict)
	}' "$tmp/rows"
}
