/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/poller.h"

#include "common/relax.h"

/* Fruitless looks take one part in so many of the time, counted over this long. */
#define SHARE 8u
#define PERIOD UINT64_C(100000000)

/* Fruitless looks in a row until there are none, and sleeps until one is tried again. */
#define MISSES 4u
#define TRY_AFTER 32u

/* Looks between the first two of the clock, which may be a system call; then as many again
 * as there were, or as fit into what is left of the time. */
#define LOOKS 64u
#define LOOKS_MOST (1u << 16)

void poller_init(struct poller *poller, uint64_t max)
{
    *poller = (struct poller){.max = max};
}

bool poller_wants(struct poller *poller)
{
    if (!poller->max)
        return false;
    return poller->missed < MISSES || ++poller->skipped >= TRY_AFTER;
}

uint64_t poller_begin(const struct poller *poller, uint64_t now)
{
    uint64_t ahead = poller->paid > now ? poller->paid - now : 0;
    uint64_t left = ahead < PERIOD ? (PERIOD - ahead) / SHARE : 0;

    return poller->max < left ? poller->max : left;
}

void poller_found(struct poller *poller)
{
    poller->missed = 0;
    poller->skipped = 0;
}

void poller_missed(struct poller *poller, uint64_t now, uint64_t took)
{
    poller->paid = (poller->paid > now ? poller->paid : now) + SHARE * took;
    poller->missed++;
    poller->skipped = 0;
}

static unsigned look_often(unsigned count, unsigned (*look)(void *user), void *user)
{
    unsigned found = 0;

    for (unsigned n = 0; n < count && !(found = look(user)); n++)
        relax();
    return found;
}

/* How many more before the clock is read again, when so many took `took`. */
static unsigned more_looks(uint64_t looks, uint64_t took, uint64_t allowed)
{
    uint64_t left = took < allowed ? allowed - took : 0;
    uint64_t fit = took ? looks * left / took + 1 : looks;
    uint64_t most = looks < LOOKS_MOST ? looks : LOOKS_MOST;

    return (unsigned)(fit < most ? fit : most);
}

unsigned poller_look(struct poller *poller, struct platform *platform,
                     unsigned (*look)(void *user), void *user)
{
    unsigned found = look_often(LOOKS, look, user), more = LOOKS;
    uint64_t begun = found ? 0 : platform->ops->now(platform);
    uint64_t allowed = found ? 0 : poller_begin(poller, begun);
    uint64_t took = 0, looks = 0;

    while (!found && took < allowed) {
        found = look_often(more, look, user);
        if (!found)
            took = platform->ops->now(platform) - begun;
        looks += more;
        more = more_looks(looks, took, allowed);
    }
    if (found)
        poller_found(poller);
    else if (allowed)
        poller_missed(poller, begun + took, took);
    return found;
}
