#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the xen-virtio-msg authors
#
# The table of clauses: it must not call fine what is not.
set -u

# shellcheck source=tests/unit/tap.sh
. "${top_srcdir:-.}/tests/unit/tap.sh"

table=${top_srcdir:-.}/tests/conformance/table.awk
real=${top_srcdir:-.}/tests/conformance/clauses.txt
out=$scratch/out

cat >"$scratch/clauses.txt" <<'END'
# a remark
BUS-01 | MUST | First
    reading: ours
BUS-02 | MAY | Second
    permission: not used
BUS-03 | SHOULD | Third
BUS-04 | MUST | All of them
    sum: BUS
DEV-01 | MUST | Elsewhere
    untestable: nobody can see it
END

# tap LINE ...: what the program "one" says
tap()
{
	printf '%s\n' "$@" >"$scratch/one.tap"
}

# says STATUS WORDS [OPTION ...]: the table ends with STATUS and contains WORDS
says()
{
	wanted=$1
	words=$2
	shift 2
	awk "$@" -f "$table" "$scratch/clauses.txt" "$scratch/one.tap" >"$out"
	got=$?
	cat "$out"
	echo "exit status $got, expected $wanted with: $words"
	[ "$got" -eq "$wanted" ] && grep -qe "$words" "$out"
}

tap 1..2 'ok 1 - one: BUS-01 BUS-03: words: more' 'ok 2 - one: without an id'
ok 'all well is status 0' says 0 '^5 clauses: 3 passed, 0 failed, 2 not testable, 0 missing$'
ok 'a reason stands below its clause' says 0 '  untestable: nobody can see it$'
ok 'a sum holds with its parts' says 0 '^BUS-04  pass'

tap 1..2 'ok 1 - one: BUS-01: words' 'not ok 2 - one: BUS-03: words'
ok 'a failed case fails its clause' says 1 '^BUS-03  FAIL'
ok 'and the sum' says 1 '^BUS-04  FAIL'
ok 'and is named' says 1 'failed: one: BUS-03: words'
ok 'failures are counted' says 1 '2 failed, 2 not testable, 0 missing'

ok 'in brief there are the ids that failed' says 1 '^BUS-03$' -v brief=1

tap 1..2 'not ok 1 - one: BUS-01 BUS-03: words' 'ok 2 - one: BUS-01 BUS-03: words'
ok 'one failure outweighs what passes' says 1 '^BUS-01  FAIL'

tap 1..1 'ok 1 - one: BUS-01: words'
ok 'a clause without a test is missing' says 1 '^BUS-03  MISSING'
ok 'what is missing is counted' says 1 '1 missing$'
ok 'a partial table leaves it out' says 0 \
	'^1 clauses: 1 passed, 0 failed, 0 not testable, 0 missing$' \
	-v partial=1
tap 1..1 'ok 1 - one: BUS-01 BUS-04: words'
ok 'and does not hold it against a sum' says 0 '^BUS-04  pass' -v partial=1

tap 1..2 'ok 1 - one: BUS-01: words' 'ok 2 - one: BUS-03: words # SKIP no Xen'
ok 'a skipped case tests nothing' says 1 '^BUS-03  MISSING'

tap 1..2 'ok 1 - one: BUS-01 BUS-03: words'
ok 'a program that ends early is no success' says 1 'one ended after 1 of 2 cases'
ok 'not in brief, either' says 1 '^(one ended after 1 of 2 cases)$' -v brief=1

tap 'ok 1 - one: BUS-01 BUS-03: words'
ok 'nor is one without a plan' says 1 'one did not say how many'

tap 1..2 'ok 1 - one: BUS-01 BUS-03: words' 'not ok 2 - one: without an id'
ok 'nor a failed case without an id' says 1 'one: failed: one: without an id'

tap 1..1 'ok 1 - one: BUS-01 BUS-03 BUS-99: words'
ok 'an id that is no clause is named' says 1 'BUS-99 is no clause'

tap 1..0
ok 'nothing at all is no success' says 1 '^0 clauses' -v partial=1

count()
{
	[ "$(grep -c "^$1-[0-9]* | " "$real")" -eq "$2" ]
}

ok 'every clause of drivers is listed' count DRV 69
ok 'every clause of devices' count DEV 69
ok 'every clause of buses' count BUS 56
ok 'every recommended one' count REC 14
finish
