/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The settings of a handle. */

#include <errno.h>

#include "frontend/internal.h"
#include "xenstore-schema/schema.h"

/* Settings are fixed once connecting began, and every value has its range. */
static int check_setting(struct xvmsg *h, bool valid, const char *what)
{
    if (h->conn.mode != MODE_IDLE)
        return handle_fail(h, EBUSY, "the %s cannot change after connecting", what);
    if (!valid)
        return handle_fail(h, EINVAL, "not a valid %s", what);
    return 0;
}

int xvmsg_set_bus(struct xvmsg *h, unsigned bus)
{
    if (check_setting(h, bus <= XS_BUS_MAX, "bus number") < 0)
        return -1;
    h->bus_number = bus;
    return 0;
}

int xvmsg_set_wire_form(struct xvmsg *h, enum xvmsg_wire_form form)
{
    if (check_setting(h, form == XVMSG_WIDE || form == XVMSG_COMPACT, "wire form") < 0)
        return -1;
    h->form = form == XVMSG_WIDE ? MSG_WIDE : MSG_COMPACT;
    return 0;
}

int xvmsg_set_message_size(struct xvmsg *h, unsigned bytes)
{
    if (check_setting(h, bytes >= MSG_COMPACT_MIN_MAX && bytes <= MSG_PROTOCOL_MAX,
                      "message size") < 0)
        return -1;
    h->message_size = bytes;
    return 0;
}

int xvmsg_set_ring_order(struct xvmsg *h, unsigned order)
{
    if (check_setting(h, order <= RING_MAX_ORDER, "ring order") < 0)
        return -1;
    h->ring_order = order;
    return 0;
}

int xvmsg_set_timeout(struct xvmsg *h, unsigned milliseconds)
{
    if (check_setting(h, milliseconds >= 1, "request timeout") < 0)
        return -1;
    h->timeout = milliseconds * NS_PER_MS;
    return 0;
}

int xvmsg_set_spin(struct xvmsg *h, unsigned looks)
{
    if (check_setting(h, true, "number of looks") < 0)
        return -1;
    h->max_spin = looks;
    h->spin = looks;
    return 0;
}

int xvmsg_set_heartbeat(struct xvmsg *h, unsigned milliseconds)
{
    if (check_setting(h, true, "heartbeat") < 0)
        return -1;
    h->heartbeat.interval = milliseconds * NS_PER_MS;
    return 0;
}

int xvmsg_set_queue_layout(struct xvmsg *h, enum xvmsg_queue_layout layout)
{
    if (check_setting(h, layout <= XVMSG_QUEUE_PACKED, "layout of queues") < 0)
        return -1;
    h->queue_layout = layout;
    return 0;
}

int xvmsg_set_strict_config(struct xvmsg *h, bool wanted)
{
    if (check_setting(h, true, "configuration profile") < 0)
        return -1;
    h->want_strict = wanted;
    return 0;
}

int xvmsg_set_queue_doorbells(struct xvmsg *h, bool wanted)
{
    if (check_setting(h, true, "doorbells of queues") < 0)
        return -1;
    h->want_doorbells = wanted;
    return 0;
}

int xvmsg_set_addresses(struct xvmsg *h, enum xvmsg_addresses addresses)
{
    bool valid = addresses == XVMSG_ADDRESS_AREA || addresses == XVMSG_ADDRESS_GRANT;

    if (check_setting(h, valid, "kind of address") < 0)
        return -1;
    h->grant_addresses = addresses == XVMSG_ADDRESS_GRANT;
    return 0;
}

void xvmsg_set_handlers(struct xvmsg *h, const struct xvmsg_handlers *handlers, void *user)
{
    h->handlers = *handlers;
    h->user = user;
}
