# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# make bench-xen [BENCH=SECTION]: runs in the lab's dom0 and leaves one table in
# /lab/logs/bench.txt, each peer in the same boot and on the same backing store. Never
# fails for a slow figure. A section is a file of xen/; those of `sections` are run
# unless one is named.
set -u

# What is not in the table of every day: grants, devices, boot.
sections='messages disk nbd net cpu calls attach kernel'
here=$(dirname "$0")
tmp=$(mktemp -d)
# shellcheck source=tests/bench/table.sh
. "$here/table.sh"
# shellcheck source=tests/bench/xen/machine.sh
. "$here/xen/machine.sh"

for section in ${*:-$sections}; do
	[ -f "$here/xen/$section.sh" ] || {
		echo "bench-xen: there is no section $section, only: $sections grants devices boot" >&2
		exit 2
	}
done
daemon_start || exit 1
guest-start --full bench || exit 1
domid=$(xl domid bench)
for section in ${*:-$sections}; do
	# shellcheck source=/dev/null
	. "$here/xen/$section.sh"
	table_print >/lab/logs/bench.txt
done
guest-stop bench
daemon_stop
exit 0
