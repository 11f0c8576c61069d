/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Writing a device's configuration, in pieces that fit a message. In the strict
 * profile the device refuses a piece whose generation is not current; then the
 * configuration is read again, which brings the current one, and the piece is
 * sent once more (DRV-32). What was written is read in the end: a device counts
 * bytes as written that only it may change.
 */

#include <errno.h>

#include "frontend/device.h"

/* A device that refuses a piece so often refuses it for another reason. */
#define MAX_TRIES 5

void config_write_end(struct xvmsg_device *d, enum xvmsg_status status)
{
    struct config_write write = d->write;

    d->write = (struct config_write){0};
    if (write.active && write.done)
        write.done(d, status, write.user);
}

static struct config_range next_piece(const struct xvmsg_device *d)
{
    const struct config_write *w = &d->write;
    size_t room = msg_tail_room(d->h->form, MSG_set_config_request, d->h->bus.max_message);
    uint32_t from = w->range.from + w->written;

    return (struct config_range){from, from + smaller(room, w->range.to - from)};
}

static void piece_written(struct xvmsg *h, const struct xvmsg_reply *reply, void *user);

static int write_piece(struct xvmsg_device *d)
{
    struct config_range piece = next_piece(d);

    return xvmsg_set_config(d->h, d->number, d->config.generation, piece.from,
                            piece.to - piece.from, d->write.data + d->write.written, piece_written,
                            d);
}

static void write_or_end(struct xvmsg_device *d)
{
    if (write_piece(d) < 0)
        config_write_end(d, XVMSG_NO_MEMORY);
}

static bool is_written(const struct config_write *w)
{
    return w->range.from + w->written == w->range.to;
}

static void wait_for_reading(struct xvmsg_device *d, struct config_range range)
{
    d->write.waiting = true;
    config_changed(d, range);
}

/* Pieces before the one that failed have been applied, and nobody knows about one
 * whose answer did not come or made no sense. */
static void fail(struct xvmsg_device *d, enum xvmsg_status status)
{
    struct config_range applied = {d->write.range.from, d->write.range.from + d->write.written};

    if (status != XVMSG_REFUSED && d->h->conn.up)
        applied.to = next_piece(d).to;

    config_write_end(d, status);
    if (d->h->conn.up)
        config_changed(d, applied);
}

static void piece_written(struct xvmsg *h, const struct xvmsg_reply *reply, void *user)
{
    struct xvmsg_device *d = user;
    struct config_write *w = &d->write;

    if (reply->status == XVMSG_REFUSED && h->bus.strict && ++w->tries < MAX_TRIES) {
        wait_for_reading(d, (struct config_range){0, d->info.config_size});
        return;
    }
    if (reply->status != XVMSG_OK) {
        fail(d, reply->status);
        return;
    }
    d->config.generation = reply->u.config.generation;
    w->written += reply->u.config.length;
    w->tries = 0;
    if (is_written(w))
        wait_for_reading(d, w->range);
    else
        write_or_end(d);
}

/*
 * In the baseline profile a device may change its configuration for ever, and is
 * read for as long. The second read that ends was begun after the write, or
 * followed one that was.
 */
void config_write_resume(struct xvmsg_device *d, bool current)
{
    if (!d->write.waiting || (!current && ++d->write.reads < 2))
        return;
    d->write.waiting = false;
    if (is_written(&d->write))
        config_write_end(d, XVMSG_OK);
    else
        write_or_end(d);
}

void config_write_forget(struct xvmsg_device *d)
{
    request_forget(d->h, piece_written, d);
}

int xvmsg_device_write_config(struct xvmsg_device *device, uint32_t offset, const void *data,
                              uint32_t length, xvmsg_device_done *done, void *user)
{
    uint32_t size = device->info.config_size;
    unsigned long long number = device->number;
    struct xvmsg *h = device->h;

    if (device->phase != DEVICE_READY)
        return handle_fail(h, EIO, "device %llu is not usable", number);
    if (length == 0 || offset > size || length > size - offset)
        return handle_fail(h, EINVAL,
                           "device %llu: %u bytes at %u are not inside its configuration of %u",
                           number, length, offset, size);
    if (device->write.active)
        return handle_fail(h, EBUSY, "device %llu: its configuration is being written", number);
    device->write = (struct config_write){
        .active = true,
        .data = data,
        .range = {offset, offset + length},
        .done = done,
        .user = user,
    };
    if (write_piece(device) == 0)
        return 0;
    device->write = (struct config_write){0};
    return -1;
}
