/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Finding the bus in xenstore, and the connection to its backend.
 *
 * Three watches: F/backend tells whether there is a bus and where its backend
 * is; B/state is the backend's half of the handshake; B/device is hotplug's.
 * What a state means is handshake.c's to say, what is offered offer.c's.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/internal.h"
#include "xenstore-schema/schema.h"

#define TOKEN_FRONT "front"
#define TOKEN_BACK "back"
#define TOKEN_DEVICES "devices"

/* Highest domain id a backend can have; above are Xen's special ones. */
#define MAX_DOMID 0x7fefu

/* ---- xenstore's errors ---- */

bool connect_node_error(int error)
{
    return error == ENOENT || error == EACCES || error == EPERM || error == EINVAL ||
           error == ERANGE;
}

int connect_store_failed(struct xvmsg *h, const char *what)
{
    return handle_fail(h, errno, "xenstore failed while %s: %s", what, strerror(errno));
}

/* ---- losing the connection ---- */

void connect_lost(struct xvmsg *h, const char *why)
{
    char text[sizeof(h->error)];

    handle_fail(h, ENOTCONN, "%s", why);
    memcpy(text, h->error, sizeof(text));
    h->conn.up = false;
    area_connection_lost(h);
    request_end_all(h, XVMSG_BUS_CLOSED);
    device_connection_lost(h);
    area_sweep(h);
    bus_close(h);
    /* Callbacks may have failed at something and said so. */
    handle_fail(h, ENOTCONN, "%s", text);
    if (h->handlers.disconnected)
        h->handlers.disconnected(h, h->user);
}

int connect_break(struct xvmsg *h, const char *why)
{
    struct connection *c = &h->conn;

    snprintf(c->refusal, sizeof(c->refusal), "%s", why);
    connect_lost(h, c->refusal);
    return offer_withdraw(h, c->refusal);
}

/* The backend closed the bus; its B/error tells why. */
static int backend_closed(struct xvmsg *h)
{
    struct connection *c = &h->conn;
    char *text = store_read_text(h->platform, PLATFORM_NO_TX, c->back.text, XS_ERROR);

    if (!text && !connect_node_error(errno))
        return connect_store_failed(h, "reading the backend's error");
    handle_fail(h, ENOTCONN, "the backend closed the bus: %s", text ? text : "it does not say why");
    free(text);
    snprintf(c->refusal, sizeof(c->refusal), "%s", h->error);
    connect_lost(h, c->refusal);
    return offer_withdraw(h, NULL);
}

/* ---- the handshake ---- */

static int connected(struct xvmsg *h)
{
    struct connection *c = &h->conn;
    int rc = offer_accepted(h);

    if (rc <= 0)
        return rc;
    c->up = true;
    c->worked = true;
    c->refusal[0] = '\0';
    h->hotplug.scan = true;
    if (h->handlers.connected)
        h->handlers.connected(h, h->user);
    return 0;
}

static int restart(struct xvmsg *h)
{
    if (h->conn.up)
        connect_lost(h, "the backend started anew");
    else
        bus_close(h);
    return offer_make(h);
}

static int read_peer(struct xvmsg *h)
{
    uint64_t state = XENBUS_UNKNOWN;

    if (store_read_u64(h->platform, PLATFORM_NO_TX, h->conn.back.text, XS_STATE, XENBUS_UNKNOWN,
                       XENBUS_STATES - 1, &state) < 0 &&
        !connect_node_error(errno))
        return connect_store_failed(h, "reading the backend's state");
    h->conn.peer = (enum xenbus_state)state;
    return 0;
}

static int step_back(struct xvmsg *h)
{
    struct connection *c = &h->conn;

    c->look_back = false;
    if (read_peer(h) < 0)
        return -1;
    /*
     * Once closed, only a new start leads out. The backend may be ready for one; or
     * it closed a bus that had worked and waits, and it is asked once.
     */
    if (c->own == XENBUS_CLOSED &&
        (c->peer == XENBUS_INIT_WAIT || (c->peer == XENBUS_CLOSED && c->worked)))
        c->claim_front = true;
    if (c->claim_front) {
        int rc = offer_claim(h);

        if (rc <= 0)
            return rc;
        c->claim_front = false;
        c->worked = false;
    }
    switch (handshake_frontend(c->own, c->peer)) {
    case HANDSHAKE_OFFER:
        return offer_make(h);
    case HANDSHAKE_ACCEPT:
        return connected(h);
    case HANDSHAKE_RESTART:
        return restart(h);
    case HANDSHAKE_FAIL:
        return backend_closed(h);
    case HANDSHAKE_NOTHING:
    case HANDSHAKE_ADVERTISE:
    case HANDSHAKE_MAP:
    case HANDSHAKE_FINISH:
        break;
    }
    return 0;
}

/* ---- finding the bus ---- */

int connect_find(struct xvmsg *h, struct store_path *back, uint32_t *backend_domid)
{
    struct connection *c = &h->conn;
    struct platform *p = h->platform;
    int own = p->ops->own_domid(p);
    uint64_t domid;

    if (own < 0)
        return connect_store_failed(h, "asking for this domain's id");
    c->front = store_path(XS_FRONTEND_BUS, (unsigned)own, h->bus_number);

    char *text = store_read_text(p, PLATFORM_NO_TX, c->front.text, XS_BACKEND);

    if (!text || store_read_u64(p, PLATFORM_NO_TX, c->front.text, XS_BACKEND_ID, 0, MAX_DOMID,
                                &domid) < 0) {
        free(text);
        if (!connect_node_error(errno))
            return connect_store_failed(h, "looking for the bus");
        handle_fail(h, ENOENT,
                    "there is no virtio-msg bus %u in this domain: attach a device to it, "
                    "in dom0, with 'xvmsg attach'",
                    h->bus_number);
        return 0;
    }
    *backend_domid = (uint32_t)domid;
    *back = store_path(XS_BACKEND_BUS, *backend_domid, (unsigned)own, h->bus_number);

    int found = strcmp(text, back->text) == 0;

    if (!found)
        handle_fail(h, EINVAL, "%s/%s names '%.80s' instead of %s", c->front.text, XS_BACKEND,
                    text, back->text);
    free(text);
    return found;
}

static int forget_back(struct xvmsg *h)
{
    struct connection *c = &h->conn;
    struct platform *p = h->platform;

    if (!c->found)
        return 0;
    c->found = false;
    c->own = XENBUS_UNKNOWN;
    if (p->ops->xs_unwatch(p, store_path("%s/%s", c->back.text, XS_STATE).text, TOKEN_BACK) < 0 ||
        p->ops->xs_unwatch(p, store_path("%s/%s", c->back.text, XS_DEVICE).text, TOKEN_DEVICES) < 0)
        return connect_store_failed(h, "ending its watches");
    if (c->mode == MODE_DRIVING)
        connect_lost(h, "the bus was taken away");
    hotplug_all_gone(h);
    return 0;
}

static int watch_back(struct xvmsg *h, const struct store_path *back, uint32_t backend_domid)
{
    struct connection *c = &h->conn;
    struct platform *p = h->platform;

    c->back = *back;
    c->backend_domid = backend_domid;
    c->found = true;
    c->claim_front = true;
    c->refusal[0] = '\0';
    if (p->ops->xs_watch(p, store_path("%s/%s", back->text, XS_STATE).text, TOKEN_BACK) < 0 ||
        p->ops->xs_watch(p, store_path("%s/%s", back->text, XS_DEVICE).text, TOKEN_DEVICES) < 0)
        return connect_store_failed(h, "watching the backend");
    return 0;
}

static int step_front(struct xvmsg *h)
{
    struct connection *c = &h->conn;
    struct store_path back;
    uint32_t backend_domid;
    int found = connect_find(h, &back, &backend_domid);

    c->look_front = false;
    if (found < 0)
        return -1;
    if (found && c->found && strcmp(back.text, c->back.text) == 0)
        return 0;
    if (!found)
        snprintf(c->refusal, sizeof(c->refusal), "%s", h->error);
    if (forget_back(h) < 0)
        return -1;
    return found ? watch_back(h, &back, backend_domid) : 0;
}

int connect_watch_fired(struct xvmsg *h, const struct platform_watch *watch)
{
    struct connection *c = &h->conn;

    if (strcmp(watch->token, TOKEN_FRONT) == 0)
        c->look_front = true;
    else if (strcmp(watch->token, TOKEN_BACK) == 0)
        c->look_back = true;
    else if (strcmp(watch->token, TOKEN_DEVICES) == 0 && c->found && !c->left)
        return hotplug_watch_fired(h, watch->path);
    return 0;
}

/* A backend says that it closes before its worker let go, and Closed or InitWait after. */
static int step_left(struct xvmsg *h)
{
    struct connection *c = &h->conn;

    if (!c->look_back)
        return 0;
    c->look_back = false;
    if (read_peer(h) < 0)
        return -1;
    c->let_go = c->peer != XENBUS_CONNECTED && c->peer != XENBUS_CLOSING;
    return 0;
}

int connect_step(struct xvmsg *h)
{
    struct connection *c = &h->conn;

    if (c->left)
        return step_left(h);
    if (c->look_front && step_front(h) < 0)
        return -1;
    if (c->found && c->look_back && c->mode == MODE_DRIVING)
        return step_back(h);
    return 0;
}

/* ---- calls ---- */

static int start(struct xvmsg *h, enum mode mode)
{
    struct connection *c = &h->conn;
    struct platform *p = h->platform;
    int own = p->ops->own_domid(p);

    if (own < 0)
        return connect_store_failed(h, "asking for this domain's id");
    c->front = store_path(XS_FRONTEND_BUS, (unsigned)own, h->bus_number);
    if (p->ops->xs_watch(p, store_path("%s/%s", c->front.text, XS_BACKEND).text, TOKEN_FRONT) < 0)
        return connect_store_failed(h, "watching the bus");
    c->mode = mode;
    return 0;
}

int xvmsg_connect(struct xvmsg *h)
{
    struct platform *p = h->platform;

    if (h->conn.mode == MODE_DRIVING)
        return 0;
    if (h->conn.mode == MODE_OBSERVING)
        return handle_fail(h, EBUSY, "this handle observes the bus already");
    if (p->ops->kernel_has_bus(p, h->bus_number))
        return handle_fail(h, EBUSY, "the kernel of this domain drives bus %u (module xvmsg)",
                           h->bus_number);
    if (p->ops->lock(p, store_path("xvmsg-bus-%u", h->bus_number).text) < 0)
        return handle_fail(h, errno,
                           errno == EBUSY ? "another process in this domain drives bus %u"
                                          : "the lock of bus %u cannot be taken",
                           h->bus_number);
    return start(h, MODE_DRIVING);
}

int xvmsg_observe(struct xvmsg *h)
{
    if (h->conn.mode == MODE_DRIVING)
        return handle_fail(h, EBUSY, "this handle drives the bus already");
    return h->conn.mode == MODE_OBSERVING ? 0 : start(h, MODE_OBSERVING);
}

bool xvmsg_is_connected(const struct xvmsg *h)
{
    return h->conn.up;
}

bool xvmsg_is_strict(const struct xvmsg *h)
{
    return h->conn.up && h->bus.strict;
}

void connect_explain(struct xvmsg *h)
{
    const struct connection *c = &h->conn;

    if (c->refusal[0])
        handle_fail(h, ETIMEDOUT, "%s", c->refusal);
    else if (!c->found)
        handle_fail(h, ETIMEDOUT, "xenstore does not answer");
    else
        handle_fail(h, ETIMEDOUT,
                    "the backend in domain %u does not answer (it is in state %s, we are in %s): "
                    "does xvmsgd run there?",
                    c->backend_domid, xenbus_state_name(c->peer), xenbus_state_name(c->own));
}

void connect_leave(struct xvmsg *h)
{
    struct connection *c = &h->conn;

    c->left = true;
    c->let_go = !c->up;
    c->look_back = c->up; /* its watch may have fired before */
    c->up = false;
    if (c->mode == MODE_DRIVING && c->found && !c->claim_front)
        offer_leave(h);
}
