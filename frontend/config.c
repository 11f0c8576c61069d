/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A device's configuration: read in pieces that fit a message, shown to the user
 * as a whole once all are there.
 */

#include <errno.h>
#include <string.h>

#include "frontend/internal.h"

/* How often to start again when the configuration changes between two pieces. A
 * device that changes it all the time, or whose generation means nothing, is
 * believed after that. */
#define MAX_TRIES 5

static int read_piece(struct xvmsg_device *d);

static void finish(struct xvmsg_device *d, enum xvmsg_status status)
{
    d->config_reading = false;
    if (status == XVMSG_OK)
        memcpy(d->config, d->config_new, d->info.config_size);
    d->config_done(d, status);
}

static void piece_read(struct xvmsg *h, const struct xvmsg_reply *reply, void *user)
{
    struct xvmsg_device *d = user;

    (void)h;
    if (reply->status != XVMSG_OK) {
        finish(d, reply->status);
        return;
    }
    if (d->config_offset == 0)
        d->config_generation = reply->u.config.generation;
    d->config_offset += reply->u.config.length;
    if (reply->u.config.generation != d->config_generation && ++d->config_tries < MAX_TRIES)
        d->config_offset = 0;
    if (d->config_offset == d->info.config_size)
        finish(d, XVMSG_OK);
    else if (read_piece(d) < 0)
        finish(d, XVMSG_NO_MEMORY);
}

static int read_piece(struct xvmsg_device *d)
{
    struct xvmsg *h = d->h;
    size_t room = msg_tail_room(h->form, MSG_get_config_response, h->bus.max_message);
    uint32_t left = d->info.config_size - d->config_offset;

    return xvmsg_get_config(h, d->number, d->config_offset, left < room ? left : (uint32_t)room,
                            d->config_new + d->config_offset, piece_read, d);
}

int config_read(struct xvmsg_device *d,
                void (*done)(struct xvmsg_device *d, enum xvmsg_status status))
{
    d->config_done = done;
    d->config_offset = 0;
    d->config_tries = 0;
    if (read_piece(d) < 0)
        return -1;
    d->config_reading = true;
    return 0;
}

void config_forget(struct xvmsg_device *d)
{
    request_forget(d->h, piece_read, d);
    d->config_reading = false;
}

bool config_apply(struct xvmsg_device *d, uint32_t offset, const uint8_t *bytes, uint32_t length)
{
    if (offset > d->info.config_size || length > d->info.config_size - offset)
        return false;
    memcpy(d->config + offset, bytes, length);
    return true;
}
