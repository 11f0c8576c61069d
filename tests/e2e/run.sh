# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# Runs in the lab's dom0: starts xvmsgd and two guests, then every NN-*.sh beside
# this file. Each case is one TAP line. An argument: how many MiB fio is to verify.
set -u

# shellcheck disable=SC2034 # 97-nbd.sh has it
verify_mib=${1:-1}
here=$(dirname "$0")
tmp=$(mktemp -d)
cases=0
# shellcheck source=tests/e2e/functions.sh
. "$here/functions.sh"

# Seconds, many times what any command here takes: guest-run gives up a guest that stands still,
# which costs its cases and not the whole run.
export LAB_COMMAND_TIMEOUT=$((300 + 20 * verify_mib))

daemon_start || bail "xvmsgd did not start"
# Areas of several queues, and drivers that die with them, take more than the lab's 128 MB.
guest-start bob 'memory=192' &
guest-start alice 'memory=192' || bail "the first guest did not start"
wait $! || bail "the second guest did not start"

run_scripts
