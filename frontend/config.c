/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A device's configuration as the user sees it: read in pieces that fit a
 * message and shown once all are there, kept up to date by EVENT_CONFIG.
 *
 * What changes while it is read makes the range stale, and stale ranges are read
 * (again): an event and a response may overtake each other, so neither the
 * event's data nor that of the piece on its way can be trusted to be the newer.
 */

#include <errno.h>
#include <string.h>

#include "frontend/device.h"

/*
 * How often to start again when the configuration changes while it is read. In
 * the baseline profile a device that changes it all the time, or whose
 * generation means nothing, is believed after that (O-07).
 */
#define MAX_TRIES 10

static const struct config_range nothing;

static bool is_empty(struct config_range range)
{
    return range.from == range.to;
}

static struct config_range whole(const struct xvmsg_device *d)
{
    return (struct config_range){0, d->info.config_size};
}

static bool is_whole(const struct xvmsg_device *d, struct config_range range)
{
    return range.from == 0 && range.to == d->info.config_size;
}

/* The smallest range that holds both. */
static struct config_range both(struct config_range a, struct config_range b)
{
    if (is_empty(a) || is_empty(b))
        return is_empty(a) ? b : a;
    return (struct config_range){a.from < b.from ? a.from : b.from, a.to > b.to ? a.to : b.to};
}

/* ---- reading ---- */

static int read_piece(struct xvmsg_device *d);

static void finish(struct xvmsg_device *d, enum xvmsg_status status)
{
    struct config *c = &d->config;
    struct config_range range = c->reading;

    c->reading = nothing;
    if (status == XVMSG_OK)
        memcpy(c->bytes + range.from, c->fresh + range.from, range.to - range.from);
    c->done(d, range, status);
}

/*
 * Does the piece that begins at `at` not belong to what was read before it? What
 * a read begins with may have any generation; in the strict profile a range that
 * is read alone must have that of the rest.
 */
static bool is_torn(const struct xvmsg_device *d, uint32_t at, uint32_t generation)
{
    const struct config *c = &d->config;

    if (!is_empty(c->stale))
        return true;
    if (at == c->reading.from && (!d->h->bus.strict || is_whole(d, c->reading)))
        return false;
    return generation != c->generation;
}

static void start_again(struct xvmsg_device *d)
{
    struct config *c = &d->config;

    c->reading = d->h->bus.strict ? whole(d) : both(c->reading, c->stale);
    c->stale = nothing;
    c->at = c->reading.from;
}

static void piece_read(struct xvmsg *h, const struct xvmsg_reply *reply, void *user)
{
    struct xvmsg_device *d = user;
    struct config *c = &d->config;
    uint32_t generation = reply->u.config.generation;

    if (reply->status != XVMSG_OK) {
        finish(d, reply->status);
        return;
    }

    bool torn = is_torn(d, c->at, generation);

    c->generation = generation;
    c->at += reply->u.config.length;
    if (torn)
        c->tries++;
    if (torn && c->tries < MAX_TRIES) {
        start_again(d);
    } else if (torn && h->bus.strict) {
        finish(d, XVMSG_CONFIG_UNSTABLE);
        return;
    }
    if (c->at == c->reading.to)
        finish(d, XVMSG_OK);
    else if (read_piece(d) < 0)
        finish(d, XVMSG_NO_MEMORY);
}

static int read_piece(struct xvmsg_device *d)
{
    struct xvmsg *h = d->h;
    struct config *c = &d->config;
    size_t room = msg_tail_room(h->form, MSG_get_config_response, h->bus.max_message);
    uint32_t left = c->reading.to - c->at;

    return xvmsg_get_config(h, d->number, c->at, smaller(room, left), c->fresh + c->at, piece_read,
                            d);
}

static int start_reading(struct xvmsg_device *d, struct config_range range, config_done *done)
{
    struct config *c = &d->config;

    c->done = done;
    c->reading = range;
    c->stale = nothing;
    c->at = range.from;
    c->tries = 0;
    if (read_piece(d) == 0)
        return 0;
    c->reading = nothing;
    return -1;
}

int config_read(struct xvmsg_device *d, config_done *done)
{
    return start_reading(d, whole(d), done);
}

void config_forget(struct xvmsg_device *d)
{
    request_forget(d->h, piece_read, d);
    d->config.reading = nothing;
}

/* ---- changes ---- */

static void tell(struct xvmsg_device *d, struct config_range range)
{
    bool all = is_whole(d, range);
    uint32_t offset = all ? 0 : range.from;
    uint32_t length = all ? 0 : range.to - range.from;
    struct xvmsg *h = d->h;

    if (d->phase != DEVICE_READY)
        return;
    if (d->driver.config)
        d->driver.config(d, offset, length, d->user);
    if (d->phase == DEVICE_READY)
        device_tell_config(h, d->number, d->status, offset, length);
}

static void was_read_again(struct xvmsg_device *d, struct config_range range,
                           enum xvmsg_status status)
{
    /* Whoever ended the request so deals with the device as well. */
    if (status == XVMSG_BUS_CLOSED || status == XVMSG_CANCELLED || status == XVMSG_DEVICE_REMOVED)
        return;
    if (status != XVMSG_OK) {
        handle_fail(d->h, EIO, "device %llu: its configuration cannot be read: %s",
                    (unsigned long long)d->number, xvmsg_status_text(status));
        device_break(d, status);
        return;
    }
    tell(d, range);
    config_catch_up(d);
    if (d->phase == DEVICE_READY)
        config_write_resume(d, is_empty(d->config.reading));
}

void config_catch_up(struct xvmsg_device *d)
{
    struct config *c = &d->config;

    if (d->phase != DEVICE_READY || !is_empty(c->reading) || is_empty(c->stale))
        return;
    if (start_reading(d, c->stale, was_read_again) < 0)
        device_break(d, XVMSG_NO_MEMORY);
}

void config_changed(struct xvmsg_device *d, struct config_range range)
{
    d->config.stale = both(d->config.stale, range);
    config_catch_up(d);
}

/* False: the bytes may be older than those on their way. */
static bool apply(struct xvmsg_device *d, struct config_range range, const uint8_t *bytes)
{
    if (!is_empty(d->config.reading))
        return false;
    memcpy(d->config.bytes + range.from, bytes, range.to - range.from);
    return true;
}

void config_event(struct xvmsg_device *d, const struct msg_event_config *event)
{
    uint32_t size = d->info.config_size;
    bool anything = event->offset == 0 && event->length == 0;
    struct config_range range = whole(d);

    if (!anything) {
        /* A range that cannot be says nothing. */
        if (event->length == 0 || event->offset > size || event->length > size - event->offset)
            return;
        range = (struct config_range){event->offset, event->offset + event->length};
    }
    d->config.generation = event->generation;
    if (is_empty(range) || (event->data.size && apply(d, range, event->data.bytes)))
        tell(d, range);
    else
        config_changed(d, range);
}
