/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The other end of xvmsg stats and top: dom0 with the guest "web" (5) on buses 0 and
 * 1, a daemon that listens, and its workers, played by the test.
 */
#ifndef XVMSG_TEST_STATS_DAEMON_H
#define XVMSG_TEST_STATS_DAEMON_H

#include "backend/control-protocol.h"
#include "backend/stats-protocol.h"
#include "common/platform.h"

struct stats_daemon {
    struct fake_xen *fx;
    struct platform *dom0, *own;
    char directory[32];
    char socket[64];
    char file[64]; /* for whoever needs one; removed at the end */
    int listener;
};

/* With so many buses. */
void stats_daemon_open(struct stats_daemon *d, unsigned buses);
void stats_daemon_close(struct stats_daemon *d);

/* The next tool that asks, and for which bus; it has been accepted. */
int stats_daemon_accept(const struct stats_daemon *d, uint32_t *bus);

/* Records, each in a packet of its own. */
void stats_daemon_tell_bus(int tool);
void stats_daemon_tell_device(int tool, uint64_t number, const char *name);
/* A load of which all figures follow from `requests`. */
void stats_daemon_tell_queue(int tool, uint32_t index, uint64_t requests);
void stats_daemon_tell_end(int tool);

/* A whole answer about bus 0: devices 1 "data" and 2 "spare", the first with queues 0
 * and 1, of which the second has done as much as the first, times three. */
void stats_daemon_serve(const struct stats_daemon *d, uint64_t requests);

#endif
