# SPDX-License-Identifier: BSD-2-Clause
# Copyright the xen-virtio-msg authors
#
# What became of each clause, from clauses.txt and the TAP output of programs:
#
#   awk -f table.awk [-v partial=1] [-v brief=1] clauses.txt FILE.tap ...
#
# A case counts for the ids that its name begins with ("bus: BUS-02 BUS-04: words").
# partial: clauses that nothing here tests are left out and miss nothing. brief: one
# line with the ids that failed, and what else went wrong. The exit status is 1 when a clause failed or is missing, or a program did not do what it
# announced.

function trouble(text)
{
	troubles[++num_troubles] = text
}

function program_ends()
{
	if (program == "")
		return
	if (planned == "")
		trouble(program " did not say how many cases it has")
	else if (planned != ran)
		trouble(program " ended after " ran " of " planned " cases")
}

# The words of the name's first part that consists of nothing but ids, or "".
function ids_of(name,    parts, words, n, i, j, count)
{
	n = split(name, parts, ": ")
	for (i = 1; i < n && i <= 2; i++) {
		count = split(parts[i], words, " ")
		for (j = 1; j <= count; j++)
			if (words[j] !~ /^[A-Z]+-[0-9]+$/)
				break
		if (j > count)
			return parts[i]
	}
	return ""
}

function count_case(passed, name,    ids, n, i)
{
	n = split(ids_of(name), ids, " ")
	for (i = 1; i <= n; i++) {
		if (!(ids[i] in level))
			trouble(program ": " ids[i] " is no clause: " name)
		tests[ids[i]]++
		if (!passed)
			failed[ids[i]] = name
	}
	if (!n && !passed)
		trouble(program ": failed: " name)
}

# ---- the clauses ----

FILENAME ~ /clauses\.txt$/ {
	if ($0 ~ /^[A-Z]+-[0-9]+ \| /) {
		split($0, column, / [|] /)
		id = column[1]
		if (id in level)
			trouble(id " stands twice in the list of clauses")
		order[++num_clauses] = id
		level[id] = column[2]
		text[id] = column[3]
	} else if ($1 == "untestable:" || $1 == "permission:") {
		sub(/^ */, "")
		excuse[id] = $0
	} else if ($1 == "sum:") {
		sum[id] = $2
	}
	next
}

# ---- the cases ----

FNR == 1 {
	program_ends()
	program = FILENAME
	sub(/^.*\//, "", program)
	sub(/\.tap$/, "", program)
	planned = ""
	ran = 0
}

/^1\.\.[0-9]+/ {
	planned = substr($1, 4)
}

/^Bail out!/ {
	trouble(program ": " $0)
}

/^(not )?ok / {
	ran++
	if ($0 ~ /# SKIP/)
		next
	name = $0
	sub(/^(not )?ok [0-9]* *(- )?/, "", name)
	count_case($1 == "ok", name)
}

# ---- the table ----

function result_of(id,    i, other)
{
	if (id in failed)
		return "FAIL"
	if (id in sum) {
		for (i = 1; i <= num_clauses; i++) {
			other = order[i]
			if (partial && !(other in tests))
				continue
			if (other != id && index(other, sum[id] "-") == 1 && !(other in sum) &&
			    result_of(other) ~ /FAIL|MISSING/)
				return "FAIL"
		}
		return "pass"
	}
	if (id in tests)
		return "pass"
	return id in excuse ? "-" : "MISSING"
}

function print_brief(    i, line)
{
	for (i = 1; i <= num_clauses; i++)
		if (order[i] in failed)
			line = line " " order[i]
	for (i = 1; i <= num_troubles; i++)
		line = line " (" troubles[i] ")"
	print substr(line, 2)
	exit line != ""
}

END {
	program_ends()
	if (brief)
		print_brief()
	for (i = 1; i <= num_clauses; i++) {
		id = order[i]
		result = result_of(id)
		if (partial && !(id in tests))
			continue
		shown++
		count[result]++
		printf "%-7s %-8s %-12s %s\n", id, result, level[id], text[id]
		if (id in failed)
			printf "        %-8s failed: %s\n", "", failed[id]
		if (result == "-")
			printf "        %-8s %s\n", "", excuse[id]
	}
	for (i = 1; i <= num_troubles; i++)
		print "trouble: " troubles[i]
	printf "%d clauses: %d passed, %d failed, %d not testable, %d missing\n", shown, count["pass"],
		count["FAIL"], count["-"], count["MISSING"]
	exit count["FAIL"] || count["MISSING"] || num_troubles || !shown
}
