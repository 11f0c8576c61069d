# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the xen-virtio-msg authors
#
# Runs in the lab's dom0, beside a copy of the end-to-end tests' functions.sh: starts
# xvmsgd and a guest, then every NN-*.sh of this folder. Each case is one TAP line,
# named after its clauses.
set -u

here=$(dirname "$0")
tmp=$(mktemp -d)
cases=0
# shellcheck source=tests/e2e/functions.sh
. "$here/functions.sh"

daemon_start || bail "xvmsgd did not start"
guest-start alice || bail "the guest did not start"

run_scripts
