/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tools/xvmsg/signals.h"

#include <errno.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "tools/xvmsg/xvmsg.h"

int signals_catch(struct signals *signals, const char *command, const int *more)
{
    sigset_t ours;

    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGHUP);
    for (; *more; more++)
        sigaddset(&ours, *more);
    sigprocmask(SIG_BLOCK, &ours, &signals->before);
    signals->fd = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals->fd >= 0)
        return 0;
    complain(command, "cannot catch signals: %s", strerror(errno));
    sigprocmask(SIG_SETMASK, &signals->before, NULL);
    return -1;
}

int signals_next(const struct signals *signals)
{
    struct signalfd_siginfo info;

    return read(signals->fd, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
}

void signals_release(struct signals *signals)
{
    while (signals_next(signals))
        ;
    close(signals->fd);
    sigprocmask(SIG_SETMASK, &signals->before, NULL);
}
