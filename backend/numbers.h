/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Device numbers of one bus: a 64-bit counter that only grows, and a note of
 * when the latest ones were released. Every call belongs into a transaction.
 */
#ifndef XVMSG_NUMBERS_H
#define XVMSG_NUMBERS_H

#include "common/platform.h"

/* How many released numbers are remembered. */
#define NUMBERS_RELEASED_KEPT 64

struct numbers {
    struct platform *platform;
    uint32_t owner;  /* the backend's domain id: nobody else may read the nodes */
    const char *bus; /* path of B */
};

/*
 * Takes the next number and moves the counter. A number is taken before
 * anybody can see it, so that whatever dies next, it is never given again. -1
 * with EINVAL when the counter is corrupt, ENOSPC when no number is left.
 */
int numbers_take(const struct numbers *numbers, platform_tx tx, uint64_t *number);

/* Was this number taken? 0; -1 with EINVAL when the counter says it was not. */
int numbers_check(const struct numbers *numbers, platform_tx tx, uint64_t number);

/* Notes the release at a time (wall clock, seconds), and forgets the oldest. */
int numbers_release(const struct numbers *numbers, platform_tx tx, uint64_t number, uint64_t now);

#endif
