/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Device numbers as B keeps them, for the backend that gives them and for the
 * tools that show them.
 *
 * One counter that only grows, B/device-number-next, serves both wire forms. In
 * the wide form the number is the counter; the compact form has few numbers and
 * goes round them. A number that was released is in quarantine until enough
 * others were released after it and enough time has passed.
 *
 * B/released/SEQUENCE holds up to NUMBERING_PER_NODE releases in their order,
 * as "NUMBER SECONDS" with commas between; SEQUENCE counts the releases from 0
 * and is that of the first one inside. SECONDS is the backend's platform clock:
 * it runs as long as the backend's domain and nobody sets it.
 */
#ifndef XVMSG_NUMBERING_H
#define XVMSG_NUMBERING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/platform.h"

#define NUMBERING_FIRST 1
#define NUMBERING_COMPACT 65535u /* numbers the compact form has */
#define NUMBERING_PER_NODE 32

/* With more than half of the compact form's numbers held back, the other half
 * in use could wait for a release for ever. */
#define QUARANTINE_COUNT_MAX 32767u
/* What may still be on its way to an old device ends by the request timeout. */
#define QUARANTINE_SECONDS_MIN 5u
#define QUARANTINE_SECONDS_MAX 86400u

struct quarantine {
    uint32_t count;   /* others released after it */
    uint32_t seconds; /* passed since */
};

struct release {
    uint64_t sequence;
    uint64_t number;
    uint64_t seconds;
};

struct releases {
    struct release *list; /* oldest first; free() it */
    size_t count;
    uint64_t end; /* sequence of the next release */
};

/* The number that `counter` stands for when there are `space` of them. */
uint64_t numbering_compact(uint64_t counter, uint64_t space);

/* Whole seconds of the clock that releases are noted by. */
uint64_t numbering_now(struct platform *p);

/* Whole seconds since a release. */
uint64_t numbering_age(const struct release *release, uint64_t now);

/* Is it too early to give the number again? `end` as in struct releases. */
bool numbering_quarantined(const struct quarantine *quarantine, const struct release *release,
                           uint64_t end, uint64_t now);

/* The releases of one node; their count, or -1 with EINVAL. */
int numbering_parse(const char *text, uint64_t sequence, struct release list[NUMBERING_PER_NODE]);

/*
 * The numbers that name children of DIR/KEY, in order; free() them. Other names
 * are passed by, a directory that is missing is empty. Their count, or -1.
 */
ssize_t numbering_list(struct platform *p, platform_tx tx, const char *dir, const char *key,
                       uint64_t **numbers);

/*
 * Every release of the bus whose home is `bus`. 0, or -1 with errno: EINVAL when
 * a node holds anything else.
 */
int numbering_read(struct platform *p, platform_tx tx, const char *bus, struct releases *releases);

#endif
