/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The life that disks, network interfaces, consoles and sources of random bytes share. */

#include <errno.h>
#include <stdlib.h>

#include "frontend/internal.h"

void *held_new(struct xvmsg *h, const struct held_class *class, uint64_t number)
{
    struct held *held = calloc(1, class->size);

    if (!held) {
        handle_fail(h, ENOMEM, "out of memory for device %llu", (unsigned long long)number);
        return NULL;
    }
    held->class = class;
    LIST_INSERT_HEAD(&h->held, held, in_all);
    return held;
}

static void let_go(struct held *held)
{
    LIST_REMOVE(held, in_all);
    if (held->class->clear)
        held->class->clear(held);
    free(held);
}

void *held_fail(struct held *held)
{
    int saved = errno;

    let_go(held);
    errno = saved;
    return NULL;
}

void held_hold(struct held *held)
{
    held->holds++;
}

void held_release(struct held *held)
{
    if (--held->holds == 0 && held->closed)
        let_go(held);
}

void held_close(struct held *held)
{
    if (held->closed)
        return;
    held_hold(held);
    held->closed = true;
    held->class->close(held);
    held_release(held);
}

void held_free_all(struct xvmsg *h)
{
    struct held *held;

    while ((held = LIST_FIRST(&h->held))) {
        held_hold(held);
        held->class->break_off(held);
        held_close(held);
        held_release(held);
    }
}

void *held_await(struct held *held, struct xvmsg *h, const struct held_outcome *outcome)
{
    if (xvmsg_run(h, &outcome->done, -1) == 0 && outcome->status == XVMSG_OK)
        return held;
    held_close(held);
    errno = EIO;
    return NULL;
}
