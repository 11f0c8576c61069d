/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "common/pace.h"

#include <limits.h>
#include <time.h>
#include <unistd.h>

#include "common/relax.h"

/* Of several tries the quickest counts: whoever else has the processor is not meant. */
#define TRIES 4u
#define CALLS 8u
#define RELAXES 512u

/* What it costs to wake a sleeper and hear from it, in system calls that do nothing. Seen
 * between two threads on hardware as well as between dom0 and a guest under emulation,
 * where both take a hundred times as long. */
#define SLEEP_CALLS 40u

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void call(void)
{
    getppid();
}

/* Ns of `count` of them, and of reading the clock. */
static uint64_t quickest(void (*what)(void), unsigned count)
{
    uint64_t best = UINT64_MAX;

    for (unsigned try = 0; try < TRIES; try++) {
        uint64_t begun = now(), took;

        for (unsigned i = 0; i < count; i++)
            what();
        took = now() - begun;
        if (took < best)
            best = took;
    }
    return best;
}

/* Ns of `count` of them: where the clock is a system call, it takes longer than they do. On a
 * machine so busy that they seem to take less than nothing, that of both. */
static uint64_t cost_of(void (*what)(void), unsigned count)
{
    uint64_t clock = quickest(what, 0), all = quickest(what, count);

    return all > clock ? all - clock : all;
}

uint64_t pace_sleep(uint64_t least, uint64_t most)
{
    uint64_t cost = cost_of(call, CALLS) * SLEEP_CALLS / CALLS;

    return cost < least ? least : cost > most ? most : cost;
}

unsigned pace_looks(uint64_t ns, unsigned least)
{
    uint64_t each = cost_of(relax, RELAXES);
    uint64_t looks = each ? ns * RELAXES / each : 0;

    return looks < least ? least : looks > INT_MAX ? INT_MAX : (unsigned)looks;
}
