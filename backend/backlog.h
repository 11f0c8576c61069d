/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Messages to devices that are busy with an earlier request, kept in the order
 * in which they came, while messages to other devices are served.
 *
 * Going through them: backlog_offer() gives the next one, which is then either
 * taken or left where it is; backlog_again() starts over, because a device may
 * have become free. As long as no newer message is served before one run is at
 * its end, none overtakes another of its own device.
 */
#ifndef XVMSG_BACKLOG_H
#define XVMSG_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>

/* A driver that sends more than this to busy devices makes its whole bus wait. */
#define BACKLOG_MAX 256u

struct backlog_message;

struct backlog {
    struct backlog_message *first;
    struct backlog_message **end;  /* where the next is linked in */
    struct backlog_message **turn; /* where the next to be offered is; `end`: none is */
    unsigned count;
};

void backlog_init(struct backlog *backlog);
void backlog_free(struct backlog *backlog);

static inline bool backlog_full(const struct backlog *backlog)
{
    return backlog->count >= BACKLOG_MAX;
}

/* Keeps a copy behind all others, not to be offered in this run. False: out of
 * memory. */
bool backlog_append(struct backlog *backlog, const void *message, size_t size);

/* Copies out the next message of this run; its size, 0 when there is none. */
size_t backlog_offer(const struct backlog *backlog, void *message);

/* What was offered has been served, or is left for the next run. */
void backlog_take(struct backlog *backlog);
void backlog_leave(struct backlog *backlog);

void backlog_again(struct backlog *backlog);

#endif
