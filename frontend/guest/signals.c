/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The signals that end a command which would go on for ever, and how commands end. */

#include <signal.h>
#include <sys/signalfd.h>

#include "frontend/guest/guest.h"

/* How long a backend may take to let go; it takes less than a tenth of that. */
#define LEAVE_MS 2000

static sigset_t ending(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    return signals;
}

int guest_take_signals(void)
{
    sigset_t signals = ending();

    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
        return -1;
    return signalfd(-1, &signals, SFD_CLOEXEC);
}

/* What came while they were taken has done its work. */
static void drop_signals(const sigset_t *signals, const sigset_t *blocked)
{
    static const struct timespec at_once;

    if (sigismember(blocked, SIGTERM) == 1)
        while (sigtimedwait(signals, NULL, &at_once) > 0)
            ;
}

void guest_leave(struct xvmsg *h)
{
    sigset_t signals = ending(), before;

    sigprocmask(SIG_BLOCK, NULL, &before);
    drop_signals(&signals, &before);
    sigprocmask(SIG_UNBLOCK, &signals, NULL);
    xvmsg_leave_wait(h, LEAVE_MS);
    sigprocmask(SIG_SETMASK, &before, NULL);
    xvmsg_free(h);
}
