/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What happened between two looks at the counters, device by device. */
#ifndef XVMSG_TOOL_RATES_H
#define XVMSG_TOOL_RATES_H

#include "tools/xvmsg/counts.h"
#include "tools/xvmsg/table.h"

struct rate {
    const struct counts_bus *bus;
    const struct counts_device *device;
    struct queue_stats in; /* that time */
};

struct rates {
    double seconds; /* 0: there was one look only, so that nothing can be said */
    struct rate *list; /* the busiest first */
    size_t count;
};

/* `before` may hold nothing. The result points into `now`. False: out of memory. */
bool rates_make(struct rates *rates, const struct counts *before, const struct counts *now);
void rates_free(struct rates *rates);

/* Has the device had anything to do? */
bool rates_idle(const struct rate *rate);

/* A row for each, into a table of these columns. */
extern const struct table_column rates_columns[];
void rates_fill(const struct rates *rates, struct table *table);

/* All of it in one line. */
void rates_summary(const struct rates *rates, char *text, size_t size);

#endif
