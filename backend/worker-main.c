/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A worker as a process. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "backend/lane.h"
#include "backend/log.h"
#include "backend/threads.h"
#include "backend/worker.h"
#include "common/priority.h"

/* Now, because later a worker might not be allowed to. Fewer are no reason not to serve. */
static unsigned open_threads(struct worker *worker, const char *label,
                             struct platform **platforms, unsigned wanted)
{
    const char *why;
    unsigned count = 0;

    while (count < wanted && count < THREADS_MAX) {
        platforms[count] = platform_open_xen(PLATFORM_EVTCHN | PLATFORM_GNTTAB, &why);
        if (!platforms[count]) {
            log_warning("%s: a queue thread less: %s: %s", label, why, strerror(errno));
            break;
        }
        if (!worker_add_thread(worker, platforms[count++]))
            break;
    }
    return count;
}

int worker_main(int socket, const char *label, unsigned queue_threads)
{
    const char *why = "libevent cannot be set up";
    struct event_base *base = lane_base_new();
    struct platform *threads[THREADS_MAX];
    struct platform *platform = NULL;
    struct worker *worker = NULL;
    int status = EXIT_FAILURE;
    unsigned count = 0;

    /* It runs /proc/self/exe, and tools such as top would call it so. */
    prctl(PR_SET_NAME, "xvmsgd-worker");
    priority_raise();
    if (base)
        platform = platform_open_xen(PLATFORM_EVTCHN | PLATFORM_GNTTAB, &why);
    if (platform) {
        why = "the worker cannot run";
        worker = worker_new(base, platform, socket, label);
    }
    if (worker)
        count = open_threads(worker, label, threads, queue_threads);
    if (worker && worker_run(worker) == 0)
        status = EXIT_SUCCESS;
    else
        log_error("%s: %s: %s", label, why, strerror(errno));
    worker_free(worker);
    while (count)
        platform_close(threads[--count]);
    platform_close(platform);
    if (base)
        event_base_free(base);
    return status;
}
