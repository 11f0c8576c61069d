/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Processes that stand in for a kernel's driver, or for the device it drives. The kernel wakes
 * whoever a frame is for while it is being passed on, and as a rule runs that one at once: then
 * frames go one by one, with two changes of process for each, and TCP makes them small because
 * they are slow. A kernel's own driver is spared that, and so are we a few levels of niceness
 * before the others; who never rests still leaves them a quarter of a processor.
 */
#ifndef XVMSG_PRIORITY_H
#define XVMSG_PRIORITY_H

#include <sys/resource.h>

#define PRIORITY_NICE (-5)

/* For this thread and those it begins. Not if somebody chose another niceness than 0, nor for
 * who may not. */
static inline void priority_raise(void)
{
    if (getpriority(PRIO_PROCESS, 0) == 0)
        setpriority(PRIO_PROCESS, 0, PRIORITY_NICE);
}

/* For a program of somebody else's, before it begins. */
static inline void priority_restore(void)
{
    if (getpriority(PRIO_PROCESS, 0) == PRIORITY_NICE)
        setpriority(PRIO_PROCESS, 0, 0);
}

#endif
