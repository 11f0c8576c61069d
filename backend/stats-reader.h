/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Those who read what a bus's worker has counted: `xvmsg stats` and others, each on
 * a socket of its own, as stats-protocol.h has it.
 *
 * Nothing is copied before a socket has room for it, and then as much as one packet
 * takes: a reader that is slow costs its place, until it has been silent for too
 * long, and a bus with very many devices is told in parts.
 */
#ifndef XVMSG_STATS_READER_H
#define XVMSG_STATS_READER_H

#include "backend/roster.h"
#include "backend/stats-protocol.h"

#define STATS_READERS_MAX 8

struct stats_readers;

struct stats_source {
    const struct roster *roster;
    struct threads *threads; /* to be held while counters are copied */
    void (*tell_bus)(void *user, struct stats_bus *bus); /* fills in all but the head */
    void *user;
};

/* NULL when out of memory. The source outlives it, and is copied. */
struct stats_readers *stats_readers_new(struct event_base *base,
                                        const struct stats_source *source);

/* Closes every socket; NULL is fine. */
void stats_readers_free(struct stats_readers *readers);

/* Answers the request for which the tool waits on `socket`, which is ours from here on. */
void stats_readers_add(struct stats_readers *readers, int socket);

#endif
