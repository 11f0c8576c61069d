/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The tool's end of trace-protocol.h: asking, and taking in what comes. */
#ifndef XVMSG_TRACER_H
#define XVMSG_TRACER_H

#include <stdbool.h>

#include "backend/trace-protocol.h"
#include "tools/xvmsg/pcapng-writer.h"

/*
 * The socket on which the records of one bus will come, or -1 after a complaint:
 * nobody listens there, or the daemon will not. Waits for its answer.
 */
int tracer_ask(const char *path, uint32_t frontend, uint32_t bus);

struct tracer {
    struct pcapng_writer *writer;
    uint64_t max;  /* messages to take */
    uint64_t lost; /* as the last record has it */
    uint8_t packet[TRACE_PACKET_MAX];
};

enum tracer_got {
    TRACER_NOTHING, /* it would block */
    TRACER_MESSAGES,
    TRACER_ENOUGH, /* `max` have come */
    TRACER_END,
    TRACER_NONSENSE, /* the worker broke the agreement, or the socket failed; complained */
};

/* Writes the messages of one packet, without waiting for it. */
enum tracer_got tracer_take(struct tracer *t, int socket);

#endif
