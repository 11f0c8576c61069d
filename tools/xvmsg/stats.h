/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The forms in which `xvmsg stats` shows what was counted. */
#ifndef XVMSG_TOOL_STATS_H
#define XVMSG_TOOL_STATS_H

#include <stdio.h>

#include "tools/xvmsg/counts.h"

void stats_print_table(const struct counts *counts, FILE *out);
void stats_print_json(const struct counts *counts, FILE *out);

/* The text format of Prometheus. */
void stats_print_prometheus(const struct counts *counts, FILE *out);

#endif
