#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# One boot of the lab that runs every end-to-end test; its TAP goes to make.
set -u

lab=$top_srcdir/tools/lab
if ! command -v qemu-system-x86_64 >/dev/null; then
	echo "1..0 # SKIP the lab needs qemu-system-x86: tools/setup lab installs it"
	exit 0
fi
exec "$lab" run --timeout 1500 --root "$top_builddir/lab-root" \
	--logs "$top_builddir/lab-logs" "$top_srcdir/tests/e2e/run.sh" "${NBD_VERIFY_MIB:-1}"
