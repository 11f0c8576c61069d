/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The steps of one request, while it is or shall be a device. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/connection.h"
#include "backend/request.h"
#include "backend/requests.h"
#include "backend/resize.h"
#include "backend/settings.h"
#include "backend/targets.h"
#include "backend/wanted.h"
#include "xenstore-schema/schema.h"

/* ---- announcing ---- */

static struct store_path device_dir(const struct bus *bus, uint64_t number)
{
    return store_path("%s/" XS_DEVICE "/%" PRIu64, bus->home.text, number);
}

/* The directory a frontend may look into; what is made below inherits that. To
 * touch it later would have every frontend look at all its devices. */
static int open_to_frontend(struct bus *bus, platform_tx tx)
{
    struct platform *p = bus->daemon->platform;
    struct store_path dir = store_path("%s/" XS_DEVICE, bus->home.text);
    struct platform_perm perms[] = {
        {.domid = bus->daemon->domid},
        {.domid = bus->source.frontend, .read = true},
    };

    if (store_exists(p, tx, dir.text))
        return 0;
    if (errno != ENOENT || p->ops->xs_mkdir(p, tx, dir.text) < 0)
        return -1;
    return p->ops->xs_set_perms(p, tx, dir.text, perms, 2);
}

/* Does the store want what the worker was asked for? Fails with ECANCELED when not. */
static int expect_wanted(struct bus *bus, platform_tx tx, const struct request *r)
{
    struct wanted now;
    char why[WHY_SIZE];

    if (wanted_read(bus, tx, r->name, &now, why) < 0) {
        errno = errno == EINVAL ? ECANCELED : errno;
        return -1;
    }

    bool same = asked_same(r->asked, &now);

    free(now.target);
    errno = ECANCELED;
    return same ? 0 : -1;
}

/*
 * One transaction: the frontend sees a whole device, whose number the counter
 * has passed, of a request that is still wanted. ECANCELED: it is not, or
 * another one, which wants something else, has taken its name.
 */
static int announce_body(struct bus *bus, platform_tx tx, void *user)
{
    const struct request *r = user;
    struct platform *p = bus->daemon->platform;
    struct store_path dir = device_dir(bus, r->number);
    struct store_path request = request_dir(bus, r->name);
    const char *tty = targets_tty(bus, r->name);

    if (numbers_use(&bus->numbers, tx, r->number) < 0 || expect_wanted(bus, tx, r) < 0)
        return -1;
    if (open_to_frontend(bus, tx) < 0 ||
        store_write_text(p, tx, dir.text, XS_NAME, r->name) < 0 ||
        store_write_text(p, tx, dir.text, XS_TYPE, r->type) < 0 ||
        store_write_text(p, tx, dir.text, XS_STATE, XS_DEVICE_ADDED) < 0)
        return -1;
    if (*tty && store_write_text(p, tx, request.text, XS_TTY, tty) < 0)
        return -1;
    return store_write_u64(p, tx, request.text, XS_NUMBER, r->number);
}

static void ask_to_remove(struct request *r)
{
    struct ipc_message message = {.kind = IPC_DEVICE_REMOVE, .answer.number = r->number};

    if (r->timer)
        evtimer_del(r->timer);
    if (!r->bus->worker) {
        request_enter(r, REQUEST_REMOVED);
        requests_note(r->bus, r->name);
        return;
    }
    if (r->bus->owed >= REQUEST_OWED_MAX) {
        request_enter(r, REQUEST_HELD);
        if (!names_add(&r->bus->held, r->name))
            bus_retry(r->bus, "removing a device");
        return;
    }
    request_enter(r, REQUEST_REMOVING);
    bus_send(r->bus, &message, NULL);
}

static void announce(struct request *r)
{
    if (bus_transaction(r->bus, announce_body, r) == 0) {
        log_info("%s: device %" PRIu64 " (%s, %s) added", r->bus->label, r->number, r->type,
                 r->name);
        r->announced = true;
        request_enter(r, REQUEST_SERVED);
        if (r->passed_over)
            requests_note(r->bus, r->name);
        return;
    }
    if (errno != EINVAL && errno != ECANCELED) {
        bus_retry(r->bus, "announcing a device");
        return;
    }
    if (errno == EINVAL) {
        char why[WHY_SIZE];

        snprintf(why, sizeof(why), XS_DEVICE_NUMBER_NEXT ": %" PRIu64 " was not taken from it",
                 r->number);
        request_fail(r, why);
    }
    ask_to_remove(r);
}

/* ---- removing ---- */

enum removal { REMOVAL_NONE, REMOVAL_ORDERLY, REMOVAL_FORCE, REMOVAL_SURPRISE };

static enum removal parse_removal(const struct request *r, const char *text)
{
    if (strcmp(text, XS_REMOVE_ORDERLY) == 0)
        return REMOVAL_ORDERLY;
    if (strcmp(text, XS_REMOVE_FORCE) == 0)
        return REMOVAL_FORCE;
    log_warning("%s: request %s: " XS_REMOVE " is neither " XS_REMOVE_ORDERLY
                " nor " XS_REMOVE_FORCE, r->bus->label, r->name);
    return REMOVAL_NONE;
}

/* A request without our number is a device pulled out: the request is gone, or
 * another one was made under its name. */
static enum removal wanted_removal(struct request *r)
{
    uint64_t number;

    if (request_read_number(r->bus, PLATFORM_NO_TX, r->name, &number) < 0) {
        bus_retry(r->bus, "reading a request");
        return REMOVAL_NONE;
    }
    if (number != r->number)
        return REMOVAL_SURPRISE;

    char *text = store_read_text(r->bus->daemon->platform, PLATFORM_NO_TX,
                                 request_dir(r->bus, r->name).text, XS_REMOVE);

    if (!text && errno == ENOENT)
        return r->bus->online ? REMOVAL_NONE : REMOVAL_ORDERLY;
    if (!text) {
        bus_retry(r->bus, "reading a request");
        return REMOVAL_NONE;
    }

    enum removal removal = parse_removal(r, text);

    free(text);
    return removal;
}

static void on_timer(evutil_socket_t fd, short what, void *user)
{
    struct request *r = user;

    (void)fd;
    (void)what;
    log_warning("%s: device %" PRIu64 " (%s): not released in time, removed by force",
                r->bus->label, r->number, r->name);
    r->overdue = true;
    requests_note(r->bus, r->name);
}

static int removing_body(struct bus *bus, platform_tx tx, void *user)
{
    const struct request *r = user;

    return store_write_text(bus->daemon->platform, tx, device_dir(bus, r->number).text, XS_STATE,
                            XS_DEVICE_REMOVING);
}

static void quiesce(struct request *r)
{
    if (!r->timer)
        r->timer = evtimer_new(r->bus->daemon->base, on_timer, r);
    if (!r->timer) {
        errno = ENOMEM;
        bus_retry(r->bus, "announcing a removal");
        return;
    }
    if (bus_transaction(r->bus, removing_body, r) < 0) {
        bus_retry(r->bus, "announcing a removal");
        return;
    }
    request_enter(r, REQUEST_QUIESCING);
    evtimer_add(r->timer, &r->bus->daemon->remove_timeout);
}

void request_step_release(struct request *r)
{
    char why[WHY_SIZE];
    int in_use;

    if (r->stage != REQUEST_QUIESCING)
        return;
    if (r->overdue || r->bus->link != BUS_CONNECTED) {
        ask_to_remove(r);
        return;
    }
    in_use = offer_read_in_use(&r->bus->source, r->number, why);
    if (in_use < 0 && errno == EINVAL)
        connection_fail(r->bus, "%s", why);
    else if (in_use < 0)
        bus_retry(r->bus, "reading the frontend's device");
    else if (!in_use)
        ask_to_remove(r);
}

static void consider_removal(struct request *r)
{
    enum removal removal = wanted_removal(r);

    if (removal == REMOVAL_SURPRISE) {
        ask_to_remove(r);
        return;
    }
    if (removal != REMOVAL_NONE && r->stage == REQUEST_SERVED)
        quiesce(r);
    if (removal == REMOVAL_FORCE && r->stage == REQUEST_QUIESCING)
        ask_to_remove(r);
    else
        request_step_release(r);
}

/* ---- all of them ---- */

void request_step(struct request *r)
{
    switch (r->stage) {
    case REQUEST_ADDING:
        r->passed_over = true;
        break;
    case REQUEST_REMOVING:
        break;
    case REQUEST_ADDED:
        announce(r);
        break;
    case REQUEST_SERVED:
    case REQUEST_QUIESCING:
        consider_removal(r);
        if (r->stage == REQUEST_SERVED)
            resize_step(r);
        if (r->stage == REQUEST_SERVED)
            settings_step(r);
        break;
    case REQUEST_HELD:
        ask_to_remove(r);
        break;
    case REQUEST_REMOVED:
        request_end_removed(r);
        break;
    }
}
