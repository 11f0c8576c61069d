/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Our side of the bus in xenstore: what F says. Each step of the handshake is
 * one transaction, in which the bus is seen to be there still; a bus that is
 * being taken away is no error, the watch on F/backend tells of it.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/internal.h"
#include "xenstore-schema/schema.h"

/* What one transaction writes. */
struct step {
    struct xvmsg *h;
    enum xenbus_state state;
    const char *error;             /* NULL: none */
    const struct offered *offered; /* NULL: none */
};

/* What was chosen from what the backend can do. */
struct offered {
    uint16_t message_size;
    unsigned ring_order;
    uint64_t features;
    bool doorbells;
    uint32_t refs[RING_MAX_PAGES];
    uint32_t port;
};

/* ---- transactions ---- */

static int remove_refs(struct platform *p, platform_tx tx, const char *front, unsigned from)
{
    for (unsigned i = from; i < RING_MAX_PAGES; i++) {
        struct store_path key = store_path(XS_RING_REF "%u", i);

        if (!store_exists(p, tx, store_path("%s/%s", front, key.text).text))
            return 0;
        if (store_remove(p, tx, front, key.text) < 0)
            return -1;
    }
    return 0;
}

/* Everything a frontend writes but its state and ring references. */
static int remove_keys(struct platform *p, platform_tx tx, const char *front)
{
    static const char *const keys[] = {
        XS_VERSION,   XS_MESSAGE_SIZE,       XS_RING_PAGE_ORDER, XS_EVENT_CHANNEL,
        XS_WIRE_FORM, XS_TRANSPORT_FEATURES, XS_FEATURE_QUEUE_DOORBELL,
        XS_FEATURE_QUEUE_RESUME, XS_ERROR, XS_DEVICE,
    };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (store_remove(p, tx, front, keys[i]) < 0)
            return -1;
    return remove_refs(p, tx, front, 0);
}

static int write_offered(struct xvmsg *h, platform_tx tx, const struct offered *o)
{
    const char *front = h->conn.front.text;
    struct platform *p = h->platform;
    unsigned pages = 1u << o->ring_order;

    for (unsigned i = 0; i < pages; i++)
        if (store_write_u64(p, tx, front, store_path(XS_RING_REF "%u", i).text, o->refs[i]) < 0)
            return -1;
    if (remove_refs(p, tx, front, pages) < 0 || store_remove(p, tx, front, XS_ERROR) < 0 ||
        store_remove(p, tx, front, XS_DEVICE) < 0 ||
        store_write_u64(p, tx, front, XS_VERSION, XS_BINDING_VERSION) < 0 ||
        store_write_u64(p, tx, front, XS_MESSAGE_SIZE, o->message_size) < 0 ||
        store_write_u64(p, tx, front, XS_RING_PAGE_ORDER, o->ring_order) < 0 ||
        store_write_u64(p, tx, front, XS_EVENT_CHANNEL, o->port) < 0 ||
        store_write_u64(p, tx, front, XS_TRANSPORT_FEATURES, o->features) < 0 ||
        store_write_u64(p, tx, front, XS_FEATURE_QUEUE_DOORBELL, o->doorbells) < 0)
        return -1;
    return store_write_text(p, tx, front, XS_WIRE_FORM,
                            h->form == MSG_WIDE ? XS_WIRE_FORM_WIDE : XS_WIRE_FORM_COMPACT);
}

static int step_body(struct platform *p, platform_tx tx, void *user)
{
    const struct step *s = user;
    const char *front = s->h->conn.front.text;

    if (!store_exists(p, tx, store_path("%s/%s", front, XS_BACKEND).text)) {
        errno = ENOENT;
        return -1;
    }
    if (s->state == XENBUS_INITIALISING && remove_keys(p, tx, front) < 0)
        return -1;
    if (s->offered && write_offered(s->h, tx, s->offered) < 0)
        return -1;
    if (s->error && store_write_text(p, tx, front, XS_ERROR, s->error) < 0)
        return -1;
    return store_write_u64(p, tx, front, XS_STATE, s->state);
}

/* 1 when written, 0 when the bus is going away, -1 when xenstore failed. */
static int take_step(struct xvmsg *h, const struct step *step)
{
    struct step s = *step;

    s.h = h;
    if (store_transaction(h->platform, step_body, &s) == 0) {
        h->conn.own = s.state;
        return 1;
    }
    if (connect_node_error(errno))
        return 0;
    return connect_store_failed(h, "writing our side of the bus");
}

/* ---- choosing ---- */

/* Is our version in the backend's list, numbers separated by commas? */
static bool versions_fit(const char *list)
{
    for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',') {
        size_t length = strcspn(at, ",");
        char *end;

        if (length && strtoul(at, &end, 10) == XS_BINDING_VERSION && end == at + length)
            return true;
    }
    return false;
}

static int check_version(struct xvmsg *h)
{
    char *list = store_read_text(h->platform, PLATFORM_NO_TX, h->conn.back.text, XS_VERSIONS);
    bool fit = list && versions_fit(list);

    if (!fit)
        handle_fail(h, list ? EINVAL : errno,
                    "the backend speaks versions '%.40s' of the bus, we speak %d",
                    list ? list : "", XS_BINDING_VERSION);
    free(list);
    return fit ? 0 : -1;
}

/* A number the backend offers, with its range as the schema has it. */
static int read_offer(struct xvmsg *h, const char *key, uint64_t min, uint64_t max, uint64_t *value)
{
    if (store_read_u64(h->platform, PLATFORM_NO_TX, h->conn.back.text, key, min, max, value) == 0)
        return 0;
    return handle_fail(h, errno, "the backend's %s is not a number from %llu to %llu: %s", key,
                       (unsigned long long)min, (unsigned long long)max, strerror(errno));
}

static unsigned wanted_message_size(const struct xvmsg *h)
{
    if (h->message_size)
        return h->message_size;
    return h->form == MSG_WIDE ? MSG_WIDE_DEFAULT_MAX : MSG_COMPACT_DEFAULT_MAX;
}

/* An older backend does not say. */
static int choose_doorbells(struct xvmsg *h, bool *doorbells)
{
    uint64_t offered;

    *doorbells = false;
    if (!h->want_doorbells)
        return 0;
    if (read_offer(h, XS_FEATURE_QUEUE_DOORBELL, 0, 1, &offered) < 0)
        return errno == ENOENT ? 0 : -1;
    *doorbells = offered;
    return 0;
}

/* -1 with a sentence and errno when it cannot work. */
static int choose(struct xvmsg *h, struct offered *o)
{
    uint64_t least = h->form == MSG_WIDE ? MSG_WIDE_MIN_MAX : MSG_COMPACT_MIN_MAX;
    uint64_t max_size, max_order, revision, features, compact;

    if (check_version(h) < 0 ||
        read_offer(h, XS_MAX_MESSAGE_SIZE, least, MSG_PROTOCOL_MAX, &max_size) < 0 ||
        read_offer(h, XS_MAX_RING_PAGE_ORDER, 0, RING_MAX_ORDER, &max_order) < 0 ||
        read_offer(h, XS_TRANSPORT_REVISION, 1, UINT32_MAX, &revision) < 0 ||
        read_offer(h, XS_TRANSPORT_FEATURES, 0, UINT64_MAX, &features) < 0 ||
        choose_doorbells(h, &o->doorbells) < 0)
        return -1;
    if (h->form == MSG_COMPACT &&
        (read_offer(h, XS_FEATURE_WIRE_COMPACT, 0, 1, &compact) < 0 || !compact))
        return handle_fail(h, EINVAL, "the backend does not speak the compact wire form");

    uint32_t size = smaller(max_size, wanted_message_size(h));
    unsigned order = ring_order_for((uint16_t)size);

    if (size < least)
        return handle_fail(h, EINVAL, "messages of %u bytes are too small for this wire form",
                           size);
    o->ring_order = smaller(max_order, order > h->ring_order ? order : h->ring_order);
    o->message_size = (uint16_t)smaller(size, ring_lane_size(o->ring_order));
    o->features = h->want_strict ? features & MSG_F_STRICT_CONFIG_GENERATION : 0;
    return 0;
}

/* ---- steps ---- */

int offer_claim(struct xvmsg *h)
{
    return take_step(h, &(struct step){.state = XENBUS_INITIALISING});
}

int offer_make(struct xvmsg *h)
{
    struct offered offered;

    if (choose(h, &offered) < 0)
        return connect_node_error(errno) ? connect_break(h, h->error) : -1;
    bus_close(h);
    if (bus_open(h, offered.ring_order, offered.message_size, offered.refs) < 0)
        return connect_break(h, h->error);
    offered.port = (uint32_t)h->bus.port;
    h->bus.strict = offered.features & MSG_F_STRICT_CONFIG_GENERATION;
    h->bus.doorbells = offered.doorbells;

    int rc = take_step(h, &(struct step){.state = XENBUS_INITIALISED, .offered = &offered});

    return rc < 0 ? -1 : 0;
}

int offer_accepted(struct xvmsg *h)
{
    return take_step(h, &(struct step){.state = XENBUS_CONNECTED});
}

int offer_withdraw(struct xvmsg *h, const char *error)
{
    int rc = take_step(h, &(struct step){.state = XENBUS_CLOSED, .error = error});

    return rc < 0 ? -1 : 0;
}

static int leave_body(struct platform *p, platform_tx tx, void *user)
{
    const struct xvmsg *h = user;
    const char *front = h->conn.front.text;

    if (!store_exists(p, tx, store_path("%s/%s", front, XS_BACKEND).text) ||
        store_remove(p, tx, front, XS_DEVICE) < 0)
        return -1;
    return store_write_u64(p, tx, front, XS_STATE, XENBUS_CLOSED);
}

/* Whoever starts next claims F whatever it says, so a failure costs nothing. */
void offer_leave(struct xvmsg *h)
{
    store_transaction(h->platform, leave_body, h);
}
