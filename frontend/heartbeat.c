/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Asks a bus that has been silent for a while whether it is still there. When
 * its answer does not come, the devices are asked one by one, and those that do
 * not answer either are broken (DRV-67, DRV-69).
 */

#include <errno.h>
#include <linux/virtio_config.h>

#include "frontend/device.h"

static void device_answered(struct xvmsg *h, const struct xvmsg_reply *reply, void *user)
{
    struct xvmsg_device *d = user;

    if (d->phase != DEVICE_READY || reply->status == XVMSG_BUS_CLOSED ||
        reply->status == XVMSG_CANCELLED)
        return;
    if (reply->status != XVMSG_OK) {
        handle_fail(h, EIO, "device %llu does not say how it is: %s",
                    (unsigned long long)d->number, xvmsg_status_text(reply->status));
        device_break(d, reply->status);
        return;
    }
    device_status_seen(d, reply->u.device_status);
    if (d->phase == DEVICE_READY && !(d->status & VIRTIO_CONFIG_S_DRIVER_OK)) {
        handle_fail(h, EIO, "device %llu has forgotten its driver (its status is %#x)",
                    (unsigned long long)d->number, d->status);
        device_break(d, XVMSG_IO_ERROR);
    }
}

/* A device that cannot be asked for lack of memory is asked the next time. */
static void ask_devices(struct xvmsg *h)
{
    struct xvmsg_device *d;

    TAILQ_FOREACH(d, &h->devices.all, in_all)
        if (d->phase == DEVICE_READY)
            xvmsg_get_device_status(h, d->number, device_answered, d);
}

static void ping_answered(struct xvmsg *h, const struct xvmsg_reply *reply, void *user)
{
    (void)user;
    h->heartbeat.asking = false;
    h->heartbeat.due = handle_now(h) + h->heartbeat.interval;
    if (reply->status == XVMSG_TIMEOUT || reply->status == XVMSG_MALFORMED_RESPONSE)
        ask_devices(h);
}

void heartbeat_tick(struct xvmsg *h)
{
    struct heartbeat *beat = &h->heartbeat;

    if (!beat->interval || !h->conn.up || beat->asking)
        return;

    uint64_t now = handle_now(h);

    if (h->bus.heard) {
        h->bus.heard = false;
        beat->due = now + beat->interval;
    } else if (now >= beat->due) {
        beat->asking = xvmsg_ping(h, ++beat->data, ping_answered, NULL) == 0;
        beat->due = now + beat->interval;
        handle_turn(h);
    }
}

uint64_t heartbeat_deadline(const struct xvmsg *h)
{
    const struct heartbeat *beat = &h->heartbeat;

    return beat->interval && h->conn.up && !beat->asking ? beat->due : NEVER;
}

void heartbeat_forget(struct xvmsg_device *d)
{
    request_forget(d->h, device_answered, d);
}
