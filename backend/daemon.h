/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * What every part of the supervisor shares: the loop, Xen, and the settings.
 * main() fills one in, or a test with a fake Xen and workers of its own.
 */
#ifndef XVMSG_DAEMON_H
#define XVMSG_DAEMON_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>
#include <sys/types.h>

#include "common/platform.h"
#include "xenstore-schema/numbering.h"

/* Room for one sentence about what went wrong. */
#define WHY_SIZE 256

struct process;
struct script;

struct daemon {
    struct event_base *base;
    struct platform *platform;

    /* Starts a worker; returns our end of its socket, non-blocking. *pid is 0
     * for one that lives in this process. -1 with errno. */
    int (*spawn)(void *user, const char *label, pid_t *pid);
    void *spawn_user;

    /* Is there a device class of that name? */
    bool (*type_known)(const char *type);

    const char *control_path; /* where to listen for tools; NULL: nowhere */

    uint32_t max_shared_pages; /* each bus may have mapped in areas */
    unsigned queue_threads;    /* of each worker */
    uint32_t poll_us;          /* a worker looks for work before it sleeps */

    struct quarantine quarantine; /* of released device numbers */

    struct timeval remove_timeout; /* orderly removal waits so long for the frontend */
    struct timeval answer_timeout; /* a worker that owes an answer so long is killed */
    struct timeval script_timeout; /* one of the host's scripts that runs so long is killed */
    struct timeval retry_delay;    /* after a failed xenstore call or start of a worker */

    /* The supervisor's own. */
    uint32_t domid;
    struct event *work;        /* activate it when a bus has something due */
    struct process *processes; /* every worker not reaped yet */
    struct script *scripts;    /* likewise */
};

#endif
