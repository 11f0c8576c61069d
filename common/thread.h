/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Threads beside those of a program, whose signals are not for them. */
#ifndef XVMSG_THREAD_H
#define XVMSG_THREAD_H

#include <pthread.h>
#include <signal.h>

/* As pthread_create(), for a thread that takes no signal. Tools such as top show it by that
 * name, of at most 15 characters. 0 or an errno value. */
static inline int thread_begin(pthread_t *id, const char *name, void *(*run)(void *), void *user)
{
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(id, NULL, run, user);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!error)
        pthread_setname_np(*id, name);
    return error;
}

#endif
