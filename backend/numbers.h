/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Device numbers of one bus: who gets which, and when one may be given again.
 * xenstore-schema/numbering.h says how they are kept. Every call belongs into a
 * transaction; each fails with -1 and errno.
 *
 *   free -> taken -> in use -> released, in quarantine -> free
 *
 * A number is taken before anybody can see it, and says so in B/taken: whatever
 * dies next, it does not come free without its quarantine.
 */
#ifndef XVMSG_NUMBERS_H
#define XVMSG_NUMBERS_H

#include "backend/daemon.h"
#include "common/codec.h"
#include "common/platform.h"
#include "xenstore-schema/numbering.h"

struct numbers {
    struct platform *platform;
    uint32_t owner;  /* the backend's domain id: nobody else may read the nodes */
    const char *bus; /* path of B */
    uint64_t space;  /* numbers of the compact form: NUMBERING_COMPACT */
    struct quarantine quarantine;
};

/* Once before the others: makes the nodes, notes the settings, and releases what
 * somebody took who died before it was used. */
int numbers_start(const struct numbers *numbers, platform_tx tx);

/* The form of the bus's connection, which is that of the numbers from now on;
 * before the first it is wide. */
int numbers_note_form(const struct numbers *numbers, platform_tx tx, enum msg_form form);

/*
 * Takes the next number for a request and moves the counter. With a sentence in
 * `why`: EINVAL when the store holds what it must not, ENOSPC when no number is
 * free.
 */
int numbers_take(const struct numbers *numbers, platform_tx tx, const char *name,
                 uint64_t *number, char why[WHY_SIZE]);

/* In the transaction that makes B/device/NUMBER: that is in use from now on. EINVAL
 * when the counter says that the number was never taken. */
int numbers_use(const struct numbers *numbers, platform_tx tx, uint64_t number);

/* One that was taken and will not be used. */
int numbers_give_back(const struct numbers *numbers, platform_tx tx, uint64_t number);

/* In the transaction that removes B/device/NUMBER. */
int numbers_release(const struct numbers *numbers, platform_tx tx, uint64_t number);

#endif
