/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The trace of one bus: copies of its messages, for one `xvmsg trace`.
 *
 * Copies wait in a buffer of fixed size until the tool's socket takes them; when
 * it is full the oldest give way and are counted. So a tool that is slow, stopped
 * or dead costs the bus nothing but the copying. Nothing is allocated while
 * nobody traces.
 */
#ifndef XVMSG_TRACE_H
#define XVMSG_TRACE_H

#include <event2/event.h>
#include <stdbool.h>

#include "common/codec.h"

#define TRACE_BUFFER_SIZE (1u << 20)

/* Zeroed to begin with. */
struct trace {
    uint8_t *buffer; /* NULL while nobody traces */
    uint64_t head;   /* bytes ever put in */
    uint64_t tail;   /* bytes ever taken out or given up */
    uint64_t lost;   /* messages given up */
    int socket;
    struct event *readable; /* the tool has seen enough, or is gone */
    struct event *writable; /* pending while records wait */
    bool waiting;           /* writable is pending */
    bool ending;            /* no new records; those left are still sent */
};

/*
 * Answers the tool on `socket`, the trace's to close from now on, and records
 * from here on. A second tool is told that the first one is there.
 */
void trace_start(struct trace *trace, struct event_base *base, int socket);

/* Sends what the socket takes at once, and closes it. */
void trace_stop(struct trace *trace);

/* For trace_message() alone. */
void trace_record(struct trace *trace, bool from_guest, enum msg_form form, const void *bytes,
                  size_t size);

/* A message as it is on the wire, good or not. */
static inline void trace_message(struct trace *trace, bool from_guest, enum msg_form form,
                                 const void *bytes, size_t size)
{
    if (trace->buffer)
        trace_record(trace, from_guest, form, bytes, size);
}

#endif
