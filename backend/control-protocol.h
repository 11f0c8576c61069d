/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * How a tool asks xvmsgd for something of a bus, over a SOCK_SEQPACKET socket that
 * only root may connect to:
 *
 *   the tool    one struct control_request
 *   the daemon  one struct control_answer; unless it accepts, that is all
 *
 * What follows comes from the worker of the bus, which has the socket by then: for
 * a trace, see trace-protocol.h; for what it counted, stats-protocol.h. A worker may
 * have been taken over by its guest: the tool believes nothing of what it sends.
 */
#ifndef XVMSG_CONTROL_PROTOCOL_H
#define XVMSG_CONTROL_PROTOCOL_H

#include <stdint.h>

#define CONTROL_SOCKET "/run/xvmsgd.sock"
#define CONTROL_VERSION 2u
#define CONTROL_WHY_MAX 256

enum control_kind {
    CONTROL_TRACE = 1,
    CONTROL_STATS,
};

struct control_request {
    uint32_t version;
    uint32_t kind;     /* enum control_kind */
    uint32_t frontend; /* domain id */
    uint32_t bus;
};

struct control_answer {
    uint32_t accepted;         /* 1, or 0 */
    char why[CONTROL_WHY_MAX]; /* why not */
};

#endif
