/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The device numbers of each bus, as xenstore shows them. */
#ifndef XVMSG_TOOL_NUMBERS_H
#define XVMSG_TOOL_NUMBERS_H

#include "tools/xvmsg/admin.h"

/* What `list --numbers` prints; complains. 0 or -1. */
int numbers_show(struct platform *p, const char *command, const struct list_request *request,
                 FILE *out);

#endif
