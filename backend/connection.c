/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/connection.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backend/requests.h"
#include "xenstore-schema/schema.h"

/* A frontend may connect, do one thing and leave, again and again, but not
 * without end: so many advertisements at once, then one in each pause. */
#define ADVERTISEMENTS_AT_ONCE 10
#define PAUSE_MICROSECONDS 100000
#define PAUSE_NANOSECONDS (PAUSE_MICROSECONDS * UINT64_C(1000))

static int write_number(struct bus *bus, platform_tx tx, const char *key, uint64_t value)
{
    return store_write_u64(bus->daemon->platform, tx, bus->home.text, key, value);
}

/* ---- our side of the store ---- */

static int state_body(struct bus *bus, platform_tx tx, void *user)
{
    const enum xenbus_state *state = user;

    return write_number(bus, tx, XS_STATE, *state);
}

static void set_state(struct bus *bus, enum xenbus_state state)
{
    if (bus_transaction(bus, state_body, &state) < 0) {
        bus_retry(bus, "writing the state");
        return;
    }
    log_debug("%s: %s", bus->label, xenbus_state_name(state));
    bus->state = state;
    bus_touch(bus, BUS_STATE);
}

static int write_error(struct bus *bus, platform_tx tx, const char *why)
{
    if (store_write_text(bus->daemon->platform, tx, bus->home.text, XS_ERROR, why) < 0)
        return -1;
    return write_number(bus, tx, XS_STATE, XENBUS_CLOSING);
}

/* Fails with EINVAL when the frontend no longer offers what the worker was told. */
static int expect_offer(struct bus *bus, platform_tx tx)
{
    struct ipc_connect now;
    uint64_t state;
    char why[WHY_SIZE];

    if (offer_read_state(&bus->source, tx, &state, why) < 0 ||
        offer_read(&bus->source, tx, &now, why) < 0)
        return -1;
    if (state == XENBUS_INITIALISED && memcmp(&now, &bus->offer, sizeof(now)) == 0)
        return 0;
    errno = EINVAL;
    return -1;
}

static int error_body(struct bus *bus, platform_tx tx, void *user)
{
    (void)user;
    if (bus->offer_refused && expect_offer(bus, tx) < 0)
        return -1;
    return write_error(bus, tx, bus->error);
}

/* False: it is still to be written. */
static bool publish_error(struct bus *bus)
{
    if (!bus->error_due)
        return true;
    if (bus_transaction(bus, error_body, NULL) < 0) {
        if (errno != EINVAL || !bus->offer_refused) {
            bus_retry(bus, "writing the error");
            return false;
        }
        /* The frontend started anew meanwhile and shall not fail for it. */
        bus->state = XENBUS_INIT_WAIT;
        bus_touch(bus, BUS_STATE);
    }
    bus->error_due = false;
    bus->offer_refused = false;
    return true;
}

static int advertise_body(struct bus *bus, platform_tx tx, void *user)
{
    struct platform *p = bus->daemon->platform;

    (void)user;
    if (write_number(bus, tx, XS_VERSIONS, XS_BINDING_VERSION) < 0 ||
        write_number(bus, tx, XS_MAX_MESSAGE_SIZE, MSG_PROTOCOL_MAX) < 0 ||
        write_number(bus, tx, XS_MAX_RING_PAGE_ORDER, RING_MAX_ORDER) < 0 ||
        write_number(bus, tx, XS_TRANSPORT_REVISION, 1) < 0 ||
        write_number(bus, tx, XS_TRANSPORT_FEATURES, OFFER_TRANSPORT_FEATURES) < 0 ||
        write_number(bus, tx, XS_FEATURE_WIRE_COMPACT, 1) < 0 ||
        write_number(bus, tx, XS_FEATURE_QUEUE_DOORBELL, 1) < 0 ||
        write_number(bus, tx, XS_FEATURE_QUEUE_RESUME, 1) < 0 ||
        store_remove(p, tx, bus->home.text, XS_ERROR) < 0)
        return -1;
    return write_number(bus, tx, XS_STATE, XENBUS_INIT_WAIT);
}

/* ---- the ring ---- */

static void disconnect(struct bus *bus)
{
    struct ipc_message message = {.kind = IPC_DISCONNECT};

    bus->link = BUS_DISCONNECTING;
    bus->stale = 1u << IPC_CONNECTED | 1u << IPC_BUS_FAILED;
    bus_send(bus, &message, NULL);
    /* No frontend is left to wait for. */
    bus_touch(bus, BUS_RELEASES);
}

static void note_error(struct bus *bus, const char *why)
{
    struct platform *p = bus->daemon->platform;

    snprintf(bus->error, sizeof(bus->error), "%s", why);
    if (log_limit_passes(&bus->limit, p->ops->now(p)))
        log_error("%s: closed: %s", bus->label, bus->error);
    bus->state = XENBUS_CLOSING;
}

void connection_fail(struct bus *bus, const char *format, ...)
{
    char why[WHY_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    note_error(bus, why);
    bus->error_due = true;
    publish_error(bus);
    if (bus->link != BUS_IDLE && bus->link != BUS_DISCONNECTING)
        disconnect(bus);
}

/* bus->advertised runs a pause ahead of the clock for each advertisement. */
static bool advertised_too_often(struct bus *bus)
{
    static const struct timeval pause = {.tv_usec = PAUSE_MICROSECONDS};
    struct platform *p = bus->daemon->platform;
    uint64_t now = p->ops->now(p);

    if (bus->advertised < now)
        bus->advertised = now;
    if (bus->advertised - now >= ADVERTISEMENTS_AT_ONCE * PAUSE_NANOSECONDS) {
        evtimer_add(bus->pause, &pause);
        return true;
    }
    bus->advertised += PAUSE_NANOSECONDS;
    return false;
}

/* Nothing but an advertisement follows once it is decided on, whatever the
 * frontend writes while the worker lets go of the ring. */
static void advertise(struct bus *bus)
{
    if (!bus->worker) /* it died too often */
        return;
    bus->state = XENBUS_INITIALISING;
    if (bus->link == BUS_CONNECTED && bus->connected_said)
        log_info("%s: disconnected: the guest's driver left", bus->label);
    if (bus->link != BUS_IDLE) {
        disconnect(bus);
        return;
    }
    if (advertised_too_often(bus))
        return;
    if (bus_transaction(bus, advertise_body, NULL) < 0) {
        bus_retry(bus, "advertising the bus");
        return;
    }
    log_debug("%s: advertised", bus->label);
    bus->state = XENBUS_INIT_WAIT;
    bus_touch(bus, BUS_STATE);
}

struct reading {
    struct ipc_connect offer;
    bool refused;
    char why[WHY_SIZE];
};

/* An offer that will not do is refused in the transaction that read it, so that
 * no later one is meant. ESTALE: it was taken back. */
static int read_body(struct bus *bus, platform_tx tx, void *user)
{
    struct reading *reading = user;
    uint64_t state;

    if (offer_read_state(&bus->source, tx, &state, reading->why) < 0)
        return -1;
    if (state != XENBUS_INITIALISED) {
        errno = ESTALE;
        return -1;
    }
    reading->refused = offer_read(&bus->source, tx, &reading->offer, reading->why) < 0;
    if (!reading->refused)
        return 0;
    return errno == EINVAL ? write_error(bus, tx, reading->why) : -1;
}

static void map(struct bus *bus)
{
    struct reading reading;
    struct ipc_message message = {
        .kind = IPC_CONNECT,
        .max_shared_pages = bus->daemon->max_shared_pages,
        .poll_us = bus->daemon->poll_us,
    };

    if (!bus->worker) /* it died too often */
        return;
    if (bus_transaction(bus, read_body, &reading) < 0) {
        if (errno == ESTALE)
            bus_touch(bus, BUS_STATE);
        else
            bus_retry(bus, "reading the offer");
        return;
    }
    if (reading.refused) {
        note_error(bus, reading.why);
        return;
    }
    bus->offer = reading.offer;
    message.connect = reading.offer;
    bus->link = BUS_CONNECTING;
    bus_send(bus, &message, NULL);
}

/* Connected is only written for the offer that was mapped. */
static int commit_body(struct bus *bus, platform_tx tx, void *user)
{
    (void)user;
    if (expect_offer(bus, tx) < 0 || numbers_note_form(&bus->numbers, tx, bus->offer.wire_form) < 0)
        return -1;
    return write_number(bus, tx, XS_STATE, XENBUS_CONNECTED);
}

static void commit(struct bus *bus)
{
    struct platform *p = bus->daemon->platform;

    if (bus_transaction(bus, commit_body, NULL) == 0) {
        bus->connected_said = log_limit_passes(&bus->connected_limit, p->ops->now(p));
        if (bus->connected_said) {
            log_info("%s: connected", bus->label);
            requests_tell_hidden(bus);
        }
        bus->link = BUS_CONNECTED;
        bus->state = XENBUS_CONNECTED;
        bus_touch(bus, BUS_STATE);
        return;
    }
    if (errno == EINVAL)
        disconnect(bus); /* and look afresh at what it offers now */
    else
        bus_retry(bus, "connecting");
}

/* ---- steps ---- */

/* The toolstack wants the bus gone: devices first, then the frontend is given
 * the time to close that the toolstack gives us. */
static void go_offline(struct bus *bus, enum xenbus_state frontend)
{
    if (!TAILQ_EMPTY(&bus->requests))
        return;
    if (bus->state == XENBUS_CONNECTED) {
        set_state(bus, XENBUS_CLOSING);
        return;
    }
    if (bus->state == XENBUS_CLOSING &&
        (frontend == XENBUS_CONNECTED || frontend == XENBUS_CLOSING))
        return;
    if (bus->link != BUS_IDLE)
        disconnect(bus);
    else if (bus->state != XENBUS_CLOSED)
        set_state(bus, XENBUS_CLOSED);
}

static void act(struct bus *bus, enum xenbus_state frontend)
{
    switch (handshake_backend(bus->state, frontend)) {
    case HANDSHAKE_ADVERTISE:
        advertise(bus);
        break;
    case HANDSHAKE_MAP:
        map(bus);
        break;
    case HANDSHAKE_FINISH:
        set_state(bus, XENBUS_CLOSED);
        break;
    default:
        break;
    }
}

/* False: to be tried again, or what it wrote closes the bus. */
static bool read_frontend(struct bus *bus, uint64_t *state)
{
    char why[WHY_SIZE];

    if (offer_read_state(&bus->source, PLATFORM_NO_TX, state, why) == 0)
        return true;
    if (errno != EINVAL) {
        bus_retry(bus, "reading the frontend's state");
        return false;
    }
    /* Nonsense does not keep a bus that is to go. */
    *state = XENBUS_UNKNOWN;
    if (!bus->online)
        return true;
    if (bus->state != XENBUS_CLOSING && bus->state != XENBUS_CLOSED)
        connection_fail(bus, "%s", why);
    return false;
}

/* A frontend that closes the bus may say why: once each time. */
static void hear_error(struct bus *bus, enum xenbus_state frontend)
{
    struct platform *p = bus->daemon->platform;
    char why[WHY_SIZE];

    if (frontend != XENBUS_CLOSING && frontend != XENBUS_CLOSED) {
        bus->error_heard = false;
        return;
    }
    if (bus->error_heard || !offer_read_error(&bus->source, why))
        return;
    bus->error_heard = true;
    if (log_limit_passes(&bus->heard_limit, p->ops->now(p)))
        log_warning("%s: the guest closed the bus: %s", bus->label, why);
}

void connection_step(struct bus *bus)
{
    uint64_t frontend;

    if (!publish_error(bus) || connection_awaits(bus))
        return;
    if (bus->link == BUS_MAPPED) {
        commit(bus);
        return;
    }
    /* A frontend that connects finds every device it had before. */
    if (!bus->restored && !bus->given_up)
        return;
    if (!read_frontend(bus, &frontend))
        return;
    hear_error(bus, (enum xenbus_state)frontend);
    if (!bus->online)
        go_offline(bus, (enum xenbus_state)frontend);
    else
        act(bus, (enum xenbus_state)frontend);
}

/* ---- the worker's word ---- */

bool connection_awaits(const struct bus *bus)
{
    return bus->link == BUS_CONNECTING || bus->link == BUS_DISCONNECTING;
}

/* While it disconnects, a worker may still say what it had to say before: once. */
static bool said_before(struct bus *bus, enum ipc_kind kind)
{
    unsigned bit = 1u << kind;
    bool good = bus->link == BUS_DISCONNECTING && bus->stale & bit;

    bus->stale &= ~bit;
    return good;
}

static bool connected(struct bus *bus)
{
    if (bus->link != BUS_CONNECTING)
        return said_before(bus, IPC_CONNECTED);
    bus->link = BUS_MAPPED;
    return true;
}

static bool disconnected(struct bus *bus)
{
    if (bus->link != BUS_DISCONNECTING)
        return false;
    bus->link = BUS_IDLE;
    return true;
}

static bool failed(struct bus *bus, const char *why)
{
    if (bus->link == BUS_IDLE || bus->link == BUS_DISCONNECTING)
        return said_before(bus, IPC_BUS_FAILED);
    bus->offer_refused = bus->link == BUS_CONNECTING;
    connection_fail(bus, "%s", why);
    return true;
}

bool connection_answer(struct bus *bus, const struct ipc_message *message)
{
    bus_touch(bus, BUS_STATE);
    switch (message->kind) {
    case IPC_CONNECTED:
        return connected(bus);
    case IPC_DISCONNECTED:
        return disconnected(bus);
    case IPC_BUS_FAILED:
        return failed(bus, message->failed.text);
    default:
        return false;
    }
}
