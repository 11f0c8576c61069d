/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What the admin tool said last, for its tests: complain() as they have it. */
#ifndef XVMSG_TEST_COMPLAINT_H
#define XVMSG_TEST_COMPLAINT_H

#include <stdbool.h>

/* Without the subcommand's name; empty after complaint_clear(). */
extern char complaint[512];

void complaint_clear(void);
bool complaint_has(const char *part);

#endif
