/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/poller.h"

/* Fruitless looks take one part in so many of the time, counted over this long. */
#define SHARE 8u
#define PERIOD UINT64_C(100000000)

/* A window below this part of the longest is none. */
#define LEAST 16u

/* Sleeps without a look until one is tried again. */
#define TRY_AFTER 32u

void poller_init(struct poller *poller, uint64_t max)
{
    *poller = (struct poller){.max = max, .window = max};
}

bool poller_wants(struct poller *poller)
{
    if (!poller->max)
        return false;
    if (!poller->window && ++poller->skipped >= TRY_AFTER)
        poller->window = poller->max;
    return poller->window > 0;
}

uint64_t poller_begin(const struct poller *poller, uint64_t now)
{
    uint64_t ahead = poller->paid > now ? poller->paid - now : 0;
    uint64_t left = ahead < PERIOD ? (PERIOD - ahead) / SHARE : 0;

    return poller->window < left ? poller->window : left;
}

void poller_found(struct poller *poller, uint64_t took)
{
    uint64_t wanted = 4 * took > poller->window ? 4 * took : poller->window;

    poller->window = wanted < poller->max ? wanted : poller->max;
    poller->skipped = 0;
}

void poller_missed(struct poller *poller, uint64_t now, uint64_t took)
{
    poller->paid = (poller->paid > now ? poller->paid : now) + SHARE * took;
    poller->window /= 2;
    if (poller->window < poller->max / LEAST + 1)
        poller->window = 0;
    poller->skipped = 0;
}
