/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/bus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/connection.h"
#include "backend/process.h"
#include "backend/requests.h"
#include "backend/targets.h"
#include "xenstore-schema/schema.h"

/* A guest that kills its worker faster than this is left without one. */
#define DEATHS_MAX 5
#define DEATHS_NANOSECONDS UINT64_C(60000000000)

/* Their tokens are "FE/BUS/KEY": the supervisor finds the bus by them. */
static const char *const watched_keys[] = {XS_STATE, XS_DEVICE};

#define NUM_WATCHED (sizeof(watched_keys) / sizeof(watched_keys[0]))

void bus_touch(struct bus *bus, unsigned due)
{
    bus->due |= due;
    event_active(bus->daemon->work, 0, 0);
}

void bus_touch_later(struct bus *bus, unsigned due)
{
    static const struct timeval at_once = {0};

    bus->due |= due;
    evtimer_add(bus->daemon->work, &at_once);
}

void bus_retry(struct bus *bus, const char *what)
{
    struct daemon *d = bus->daemon;

    if (log_limit_passes(&bus->limit, d->platform->ops->now(d->platform)))
        log_warning("%s: %s: %s; trying again", bus->label, what, strerror(errno));
    evtimer_add(bus->retry, &d->retry_delay);
}

static void on_retry(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    bus_touch(user, BUS_ALL);
}

/* How often is up to the guest: it costs no look at the devices. */
static void on_pause(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    bus_touch(user, BUS_STATE);
}

/* ---- the store ---- */

struct guarded {
    struct bus *bus;
    int (*body)(struct bus *bus, platform_tx tx, void *user);
    void *user;
};

static int guarded_body(struct platform *p, platform_tx tx, void *user)
{
    struct guarded *g = user;
    char *frontend = store_read_text(p, tx, g->bus->home.text, XS_FRONTEND);

    if (!frontend)
        return -1;
    free(frontend);
    return g->body(g->bus, tx, g->user);
}

int bus_transaction(struct bus *bus, int (*body)(struct bus *bus, platform_tx tx, void *user),
                    void *user)
{
    struct guarded guarded = {.bus = bus, .body = body, .user = user};

    return store_transaction(bus->daemon->platform, guarded_body, &guarded);
}

static void unwatch(struct bus *bus, size_t count)
{
    struct platform *p = bus->daemon->platform;
    const struct offer_source *s = &bus->source;

    for (size_t i = 0; i < count; i++)
        p->ops->xs_unwatch(
            p, store_path(XS_FRONTEND_BUS "/%s", s->frontend, s->bus, watched_keys[i]).text,
            store_path("%u/%u/%s", s->frontend, s->bus, watched_keys[i]).text);
    bus->watched = false;
}

static void watch(struct bus *bus)
{
    struct platform *p = bus->daemon->platform;
    const struct offer_source *s = &bus->source;

    for (size_t i = 0; i < NUM_WATCHED; i++) {
        struct store_path path =
            store_path(XS_FRONTEND_BUS "/%s", s->frontend, s->bus, watched_keys[i]);
        struct store_path token = store_path("%u/%u/%s", s->frontend, s->bus, watched_keys[i]);

        if (p->ops->xs_watch(p, path.text, token.text) < 0) {
            bus_retry(bus, "watching the frontend");
            unwatch(bus, i);
            return;
        }
    }
    bus->watched = true;
}

static void set_online(struct bus *bus, bool online)
{
    if (bus->online == online)
        return;
    bus->online = online;
    log_info("%s: %s", bus->label, online ? "online again" : "going offline");
    bus_touch(bus, BUS_STATE | BUS_REQUESTS);
}

/* B's state is ours alone, but for the toolstack that makes B: finding it back
 * at the beginning means that this B is a new one. */
static bool made_anew(struct bus *bus)
{
    uint64_t state;

    if (bus->state == XENBUS_INITIALISING || bus->error_due)
        return false;
    return store_read_u64(bus->daemon->platform, PLATFORM_NO_TX, bus->home.text, XS_STATE,
                          XENBUS_INITIALISING, XENBUS_INITIALISING, &state) == 0;
}

/* False: the toolstack removed the bus. */
static bool present(struct bus *bus)
{
    struct platform *p = bus->daemon->platform;
    char *frontend = store_read_text(p, PLATFORM_NO_TX, bus->home.text, XS_FRONTEND);
    uint64_t online;

    if (!frontend && errno == ENOENT)
        return false;
    if (!frontend) {
        bus_retry(bus, "looking for the bus");
        return true;
    }
    free(frontend);
    if (made_anew(bus))
        return false;
    if (store_read_u64(p, PLATFORM_NO_TX, bus->home.text, XS_ONLINE, 0, 1, &online) == 0)
        set_online(bus, online);
    else if (errno != ENOENT)
        bus_retry(bus, "reading " XS_ONLINE);
    return true;
}

/* ---- the worker ---- */

static void on_answer_overdue(evutil_socket_t fd, short what, void *user)
{
    struct bus *bus = user;

    (void)fd;
    (void)what;
    if (!bus->worker)
        return;
    log_error("%s: its worker does not answer", bus->label);
    process_break(bus->worker);
}

void bus_send(struct bus *bus, const struct ipc_message *message, const struct fds *fds)
{
    bool about_link = message->kind == IPC_CONNECT || message->kind == IPC_DISCONNECT;

    if (!bus->worker)
        return;
    if (process_send(bus->worker, message, fds) < 0)
        log_debug("%s: its worker takes no messages: %s", bus->label, strerror(errno));
    evtimer_add(about_link ? bus->link_answer : bus->request_answer,
                &bus->daemon->answer_timeout);
}

int bus_offer(struct bus *bus, const struct ipc_message *message)
{
    errno = EPIPE;
    return bus->worker ? process_offer(bus->worker, message, NULL) : -1;
}

/* Only what settles something moves a deadline: a worker cannot put off the end
 * of one debt by talking, nor by paying the other. */
static void on_message(void *user, const struct ipc_message *message)
{
    struct bus *bus = user;

    if (requests_answer(bus, message)) {
        if (requests_await(bus))
            evtimer_add(bus->request_answer, &bus->daemon->answer_timeout);
        else
            evtimer_del(bus->request_answer);
    } else if (connection_answer(bus, message)) {
        if (!connection_awaits(bus))
            evtimer_del(bus->link_answer);
    } else {
        log_error("%s: its worker said what it must not (message %u)", bus->label,
                  message->kind);
        process_break(bus->worker);
    }
}

static void count_death(struct bus *bus)
{
    uint64_t now = bus->daemon->platform->ops->now(bus->daemon->platform);

    if (now - bus->deaths_since > DEATHS_NANOSECONDS || bus->deaths == 0) {
        bus->deaths_since = now;
        bus->deaths = 0;
    }
    bus->given_up = ++bus->deaths >= DEATHS_MAX;
}

static void on_death(void *user, const char *how)
{
    struct bus *bus = user;

    log_error("%s: worker %s", bus->label, how);
    bus->worker = NULL;
    bus->link = BUS_IDLE;
    evtimer_del(bus->link_answer);
    evtimer_del(bus->request_answer);
    requests_worker_died(bus);
    count_death(bus);
    /* What closes the bus now is not about an offer. */
    bus->offer_refused = false;
    connection_fail(bus, "worker %s%s", how,
                    bus->given_up ? ", too often: the bus stays closed" : "");
    bus_touch(bus, BUS_ALL);
}

static void start_worker(struct bus *bus)
{
    static const struct process_events events = {.message = on_message, .death = on_death};

    bus->worker = process_start(bus->daemon, bus->label, &events, bus);
    if (!bus->worker) {
        bus_retry(bus, "starting a worker");
        return;
    }
    bus->due |= BUS_REQUESTS | BUS_STATE;
}

int bus_pass(struct bus *bus, enum ipc_kind kind, int socket, char why[WHY_SIZE])
{
    struct ipc_message message = {.kind = kind};
    const struct fds fds = {1, {socket}};

    if (!bus->worker) {
        snprintf(why, WHY_SIZE, "%s has no worker; see the log of xvmsgd", bus->label);
        return -1;
    }
    if (process_offer(bus->worker, &message, &fds) < 0) {
        snprintf(why, WHY_SIZE, "the worker of %s takes no messages now: %s", bus->label,
                 strerror(errno));
        return -1;
    }
    if (kind == IPC_TRACE)
        log_info("%s: handed to a trace", bus->label);
    return 0;
}

/* ---- life ---- */

struct bus *bus_new(struct daemon *daemon, uint32_t frontend, uint32_t id)
{
    struct bus *bus = calloc(1, sizeof(*bus));

    if (!bus)
        return NULL;
    TAILQ_INIT(&bus->requests);
    bus->daemon = daemon;
    bus->source = (struct offer_source){
        .platform = daemon->platform, .frontend = frontend, .bus = id};
    snprintf(bus->label, sizeof(bus->label), "dom %u bus %u", frontend, id);
    bus->home = store_path(XS_BACKEND_BUS, daemon->domid, frontend, id);
    bus->numbers = (struct numbers){
        .platform = daemon->platform,
        .owner = daemon->domid,
        .bus = bus->home.text,
        .space = NUMBERING_COMPACT,
        .quarantine = daemon->quarantine,
    };
    bus->online = true;
    bus->state = XENBUS_INITIALISING;
    bus->retry = evtimer_new(daemon->base, on_retry, bus);
    bus->pause = evtimer_new(daemon->base, on_pause, bus);
    bus->link_answer = evtimer_new(daemon->base, on_answer_overdue, bus);
    bus->request_answer = evtimer_new(daemon->base, on_answer_overdue, bus);
    if (!bus->retry || !bus->pause || !bus->link_answer || !bus->request_answer) {
        bus_free(bus);
        return NULL;
    }
    bus_touch(bus, BUS_ALL);
    return bus;
}

void bus_free(struct bus *bus)
{
    if (!bus)
        return;
    process_release(bus->worker);
    requests_free(bus);
    targets_drop_all(bus);
    if (bus->watched)
        unwatch(bus, NUM_WATCHED);
    if (bus->link_answer)
        event_free(bus->link_answer);
    if (bus->request_answer)
        event_free(bus->request_answer);
    if (bus->retry)
        event_free(bus->retry);
    if (bus->pause)
        event_free(bus->pause);
    free(bus);
}

bool bus_work(struct bus *bus)
{
    if ((bus->due & BUS_PRESENCE) && !present(bus))
        return false;
    if (!bus->watched)
        watch(bus);
    if (!bus->worker && !bus->given_up)
        start_worker(bus);

    /* What becomes due from here on is the next round's. */
    unsigned due = bus->due;

    bus->due = 0;
    if (due & (BUS_REQUESTS | BUS_NOTED))
        requests_work(bus, due & BUS_REQUESTS);
    if (due & BUS_RELEASES)
        requests_check_releases(bus);
    if (due & BUS_STATE)
        connection_step(bus);
    return true;
}
