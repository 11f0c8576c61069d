#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the xen-virtio-msg authors
#
# The dissector shows in every message, good or broken, what xvmsg decode does.
set -u

# shellcheck source=tests/unit/tap.sh
. "${top_srcdir:-.}/tests/unit/tap.sh"

build=${top_builddir:-.}
dissector=$build/tools/wireshark/virtio-msg.lua
recording=$scratch/recording

if ! command -v tshark >/dev/null; then
	echo "1..0 # SKIP there is no tshark: tools/setup check installs it"
	exit 0
fi
if [ ! -e "$dissector" ]; then
	echo "1..0 # SKIP the dissector was not built"
	exit 0
fi

# Nothing of the user's own set-up.
HOME=$scratch
unset XDG_CONFIG_HOME
export HOME

dissect()
{
	tshark -X lua_script:"$dissector" "$@" 2>"$scratch/tshark"
}

# Both sides as lines "NUMBER KEY=VALUE". Of a broken message only the reason counts.

# columns KEY...: as tshark shows these fields
columns()
{
	arguments=
	for column; do
		arguments="$arguments -e virtio_msg.$column"
	done
	# shellcheck disable=SC2086 # many
	dissect -r "$recording" -T fields -E separator=/t -E header=y -e frame.number $arguments |
		awk -F'\t' '
			NR == 1 {
				for (i = 2; i <= NF; i++) {
					key[i] = $i
					sub(/.*\./, "", key[i])
					if (key[i] == "malformed")
						reason = i
				}
				next
			}
			{
				for (i = 2; i <= NF; i++)
					if ($i != "" && ($reason == "" || key[i] ~ /^(form|direction|malformed)$/))
						print $1, key[i] "=" $i
			}'
}

# As xvmsg decode shows them. Arrays become lists with commas, as tshark has them.
objects()
{
	"$build/xvmsg" decode --json "$recording" |
		sed -e ':a' -e 's/\(\[[0-9;]*\),/\1;/' -e 'ta' -e 's/[]["{}]//g' |
		awk -F, '{
			for (i = 1; i <= NF; i++) {
				name = value = $i
				sub(/:.*/, "", name)
				sub(/[^:]*:/, "", value)
				gsub(/;/, ",", value)
				if (value != "" && name !~ /^(time|bus|bytes)$/)
					print NR, name "=" value
			}
		}'
}

# A PING's data has a filter of its own, being no bytes.
same_fields()
{
	objects | sort >"$scratch/objects"
	# shellcheck disable=SC2046 # many
	columns ping.data $(sed 's/.* \(.*\)=.*/\1/' "$scratch/objects" | sort -u) |
		sort >"$scratch/fields"
	cat "$scratch/tshark"
	diff "$scratch/objects" "$scratch/fields" | head -20
	[ -s "$scratch/objects" ] && cmp "$scratch/objects" "$scratch/fields"
}

# finds COUNT FILTER: so many messages pass the filter
finds()
{
	found=$(dissect -r "$recording" -Y "$2" | wc -l)
	cat "$scratch/tshark"
	echo "found $found, expected $1"
	[ "$found" -eq "$1" ]
}

status_bits()
{
	"$build/tests/unit/make-recording" status >"$recording"
	dissect -r "$recording" -T fields -e virtio_msg.status.driver_ok \
		-e virtio_msg.status.failed -e virtio_msg.status >"$scratch/bits"
	cat "$scratch/tshark" "$scratch/bits"
	[ "$(cat "$scratch/bits")" = "$(printf '1\t0\t15')" ]
}

"$build/tests/unit/make-recording" >"$recording"
ok "loads without a complaint" sh -c "
	tshark -X lua_script:'$dissector' -r '$recording' -c 1 2>&1 >/dev/null | tee '$scratch/load'
	! grep -i -e lua -e error '$scratch/load'"
ok "every field of every message, in both forms, good and broken" same_fields
ok "filters by message" finds 12 'virtio_msg.message == "PING" && !virtio_msg.malformed && virtio_msg.form == "wide"'
ok "filters by id" finds 36 'virtio_msg.msg_id == 0x41'
ok "marks broken ones" finds "$("$build/xvmsg" decode "$recording" | grep -c malformed)" \
	'_ws.malformed || virtio_msg.malformed'
ok "shows the bits of a status" status_bits
finish
