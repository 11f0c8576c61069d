/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Takes a device from step to step until it is ready, let go, or has a queue resized. */

#include <errno.h>

#include "frontend/steps.h"

#define RESET_POLL_NS (10 * NS_PER_MS)

/* ---- from step to step ---- */

static void fail(struct xvmsg_device *d, enum xvmsg_status status)
{
    if (d->phase == DEVICE_CLOSING)
        device_closed(d);
    else if (d->phase == DEVICE_READY)
        resize_failed(d, status);
    else
        device_open_failed(d, status);
}

/* The step could not even begin; the sentence says why. */
static void fail_start(struct xvmsg_device *d)
{
    enum xvmsg_status status =
        errno == ENOMEM || errno == ENOSPC ? XVMSG_NO_MEMORY : XVMSG_REFUSED;

    handle_fail(d->h, errno, "device %llu: %s: %s", (unsigned long long)d->number, d->step->name,
                d->h->error);
    fail(d, status);
}

static void advance(struct xvmsg_device *d)
{
    while (d->step->start) {
        int rc = d->step->start(d);

        if (rc < 0)
            fail_start(d);
        if (rc <= 0)
            return;
        d->step++;
    }
    if (d->phase == DEVICE_CLOSING)
        device_closed(d);
    else if (d->phase == DEVICE_READY)
        resize_end(d, XVMSG_OK);
    else
        device_opened(d);
}

static void fail_answered(struct xvmsg_device *d, enum xvmsg_status status)
{
    handle_fail(d->h, EIO, "device %llu: %s: %s", (unsigned long long)d->number, d->step->name,
                xvmsg_status_text(status));
    fail(d, status);
}

void init_answered(struct xvmsg *h, const struct xvmsg_reply *reply, void *user)
{
    struct xvmsg_device *d = user;

    /* Who leaves these phases forgets the answers; none may restart a broken device. */
    if (d->phase != DEVICE_OPENING && d->phase != DEVICE_CLOSING && !d->resize.begun)
        return;
    if (reply->status != XVMSG_OK) {
        fail_answered(d, reply->status);
        return;
    }
    switch (d->step->finish ? d->step->finish(d, reply) : NEXT) {
    case NEXT:
        d->step++;
        advance(d);
        break;
    case AGAIN:
        advance(d);
        break;
    case LATER:
        d->poll_at = handle_now(h) + RESET_POLL_NS;
        device_attend(d);
        break;
    case TIMED_OUT:
        fail_answered(d, XVMSG_TIMEOUT);
        break;
    case REFUSED:
        fail(d, XVMSG_REFUSED);
        break;
    case ELSEWHERE:
        break;
    }
}

void init_area_answered(struct xvmsg_area *area, enum xvmsg_status status, void *user)
{
    struct xvmsg_device *d = user;

    (void)area;
    init_answered(d->h, &(struct xvmsg_reply){.status = status}, d);
}

/* ---- opening and closing ---- */

void init_open(struct xvmsg_device *d)
{
    d->step = steps_opening;
    advance(d);
}

void init_resize(struct xvmsg_device *d, const struct init_step *steps)
{
    d->step = steps;
    advance(d);
}

void init_forget(struct xvmsg_device *d)
{
    d->poll_at = NEVER;
    request_forget(d->h, init_answered, d);
    doorbell_forget(d);
    area_forget(d->h, init_area_answered, d);
    config_forget(d);
    config_write_forget(d);
    heartbeat_forget(d);
}

void init_close(struct xvmsg_device *d)
{
    init_forget(d);
    d->step = d->gone ? steps_closing_gone : steps_closing;
    advance(d);
}

void init_tick(struct xvmsg_device *d)
{
    if (d->poll_at == NEVER || handle_now(d->h) < d->poll_at)
        return;
    d->poll_at = NEVER;
    advance(d);
}
