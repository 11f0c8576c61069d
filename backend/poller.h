/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * How long to look for work before sleeping. Waking up costs more than looking, as
 * long as something comes soon: so it looks while that helps, and no more when it did not
 * help a few times in a row, but for an attempt now and then. An idle guest wakes nobody, so
 * nobody looks. Each look may take the whole time: one that is cut short finds nothing of a
 * guest that takes its time and is late once.
 *
 * Whatever a guest does, looks that found nothing take at most an eighth of the time.
 */
#ifndef XVMSG_POLLER_H
#define XVMSG_POLLER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/platform.h"

struct poller {
    uint64_t max;     /* ns for one look; 0: never look */
    unsigned missed;  /* fruitless looks since one that was not */
    unsigned skipped; /* looks not taken since the last */
    uint64_t paid;    /* fruitless looks are paid with time until then; may lie ahead */
};

void poller_init(struct poller *poller, uint64_t max);

/* Is it worth looking at all? Needs no clock. */
bool poller_wants(struct poller *poller);

/* Ns that may be spent on looking from `now` on; 0: none. */
uint64_t poller_begin(const struct poller *poller, uint64_t now);

/* What became of it. `took`: ns. */
void poller_found(struct poller *poller);
void poller_missed(struct poller *poller, uint64_t now, uint64_t took);

/* All of it: asks `look` for as long as that may take, until it returns something else than
 * 0. What it returned last. */
unsigned poller_look(struct poller *poller, struct platform *platform,
                     unsigned (*look)(void *user), void *user);

#endif
