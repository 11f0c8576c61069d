/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/request.h"

#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/connection.h"
#include "backend/requests.h"
#include "backend/resize.h"
#include "backend/wanted.h"
#include "xenstore-schema/schema.h"

/* ---- the requests of a bus ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct request *)a)->name, ((const struct request *)b)->name);
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = ((const struct request *)a)->number;
    uint64_t y = ((const struct request *)b)->number;

    return (x > y) - (x < y);
}

struct request *request_by_name(const struct bus *bus, const char *name)
{
    struct request key, **found;

    if (strlen(name) >= sizeof(key.name))
        return NULL;
    strcpy(key.name, name);
    found = tfind(&key, &bus->requests_by_name, compare_names);
    return found ? *found : NULL;
}

struct request *request_by_number(const struct bus *bus, uint64_t number)
{
    const struct request key = {.number = number};
    struct request **found = tfind(&key, &bus->requests_by_number, compare_numbers);

    return found ? *found : NULL;
}

static bool insert(struct bus *bus, struct request *r)
{
    if (!tsearch(r, &bus->requests_by_name, compare_names))
        return false;
    if (!tsearch(r, &bus->requests_by_number, compare_numbers)) {
        tdelete(r, &bus->requests_by_name, compare_names);
        return false;
    }
    r->prev = bus->last_request;
    if (r->prev)
        r->prev->next = r;
    else
        bus->requests = r;
    bus->last_request = r;
    return true;
}

static void take_out(struct bus *bus, struct request *r)
{
    tdelete(r, &bus->requests_by_name, compare_names);
    tdelete(r, &bus->requests_by_number, compare_numbers);
    if (r->prev)
        r->prev->next = r->next;
    else
        bus->requests = r->next;
    if (r->next)
        r->next->prev = r->prev;
    else
        bus->last_request = r->prev;
}

static void count(struct bus *bus, enum request_stage stage, size_t one)
{
    if (stage == REQUEST_ADDING || stage == REQUEST_ADDED)
        bus->adding += one;
    if (stage == REQUEST_ADDING || stage == REQUEST_REMOVING)
        bus->owed += one;
}

void request_enter(struct request *r, enum request_stage stage)
{
    count(r->bus, r->stage, (size_t)-1);
    count(r->bus, stage, 1);
    r->stage = stage;
}

/* ---- life ---- */

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

struct request *request_new(struct bus *bus, const struct ipc_device *device, const char *target,
                            bool announced)
{
    struct request *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    if (target && !(r->target = strdup(target)))
        goto free_request;
    r->bus = bus;
    r->number = device->number;
    r->rate = device->rate;
    r->read_only = device->read_only;
    r->announced = announced;
    memcpy(r->name, device->name, sizeof(r->name));
    memcpy(r->type, device->type, sizeof(r->type));
    if (!insert(bus, r))
        goto free_target;
    count(bus, r->stage, 1);
    return r;

free_target:
    free(r->target);
free_request:
    free(r);
    return NULL;
}

void request_free(struct request *r)
{
    count(r->bus, r->stage, (size_t)-1);
    take_out(r->bus, r);
    if (r->timer)
        event_free(r->timer);
    free(r->failure);
    free(r->target);
    free(r);
}

void request_fail(struct request *r, const char *why)
{
    r->failed = true;
    free(r->failure);
    r->failure = strdup(why);
}

/* ---- nodes ---- */

struct store_path request_dir(const struct bus *bus, const char *name)
{
    return store_path("%s/" XS_REQUEST "/%s", bus->home.text, name);
}

static struct store_path device_dir(const struct bus *bus, uint64_t number)
{
    return store_path("%s/" XS_DEVICE "/%" PRIu64, bus->home.text, number);
}

int request_read_number(struct bus *bus, platform_tx tx, const char *name, uint64_t *number)
{
    if (store_read_u64(bus->daemon->platform, tx, request_dir(bus, name).text, XS_NUMBER, 1,
                       UINT64_MAX - 1, number) == 0)
        return 0;
    if (errno != ENOENT)
        return -1;
    *number = 0;
    return 0;
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

/* ---- announcing ---- */

static bool same_target(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
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

    bool same = strcmp(now.device.type, r->type) == 0 && now.device.rate == r->rate &&
                now.device.read_only == r->read_only && same_target(now.target, r->target);

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

    if (numbers_use(&bus->numbers, tx, r->number) < 0 || expect_wanted(bus, tx, r) < 0)
        return -1;
    if (open_to_frontend(bus, tx) < 0 ||
        store_write_text(p, tx, dir.text, XS_NAME, r->name) < 0 ||
        store_write_text(p, tx, dir.text, XS_TYPE, r->type) < 0 ||
        store_write_text(p, tx, dir.text, XS_STATE, XS_DEVICE_ADDED) < 0)
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
    bus_send(r->bus, &message, -1);
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

void request_check_release(struct request *r)
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
        request_check_release(r);
}

/* ---- ending ---- */

struct ending {
    const char *name; /* NULL: the request is not ours to end */
    uint64_t number;  /* 0: none stands in the store */
    uint64_t taken;   /* one that was never announced; 0: none */
    const char *why;
};

/* Is the request in the store the one that ends, and not a later one? One whose
 * number is void has none that could tell. */
static int is_same(struct bus *bus, platform_tx tx, const struct ending *e)
{
    size_t size;
    uint64_t number;
    struct platform *p = bus->daemon->platform;
    char *request = p->ops->xs_read(p, tx, request_dir(bus, e->name).text, &size);

    if (!request)
        return errno == ENOENT ? 0 : -1;
    free(request);
    if (!e->number)
        return 1;
    if (request_read_number(bus, tx, e->name, &number) < 0)
        return errno == EINVAL || errno == ERANGE ? 0 : -1;
    return number == e->number;
}

static int end_body(struct bus *bus, platform_tx tx, void *user)
{
    const struct ending *e = user;
    struct platform *p = bus->daemon->platform;
    int same = e->name ? is_same(bus, tx, e) : 0;

    if (same < 0 || (e->taken && numbers_give_back(&bus->numbers, tx, e->taken) < 0))
        return -1;
    if (e->number &&
        (store_remove(p, tx, bus->home.text,
                      store_path(XS_DEVICE "/%" PRIu64, e->number).text) < 0 ||
         numbers_release(&bus->numbers, tx, e->number) < 0))
        return -1;
    if (!same)
        return 0;
    if (!e->why)
        return store_remove(p, tx, bus->home.text, store_path(XS_REQUEST "/%s", e->name).text);

    struct store_path request = request_dir(bus, e->name);

    if (store_remove(p, tx, request.text, XS_NUMBER) < 0)
        return -1;
    return store_write_text(p, tx, request.text, XS_ERROR, e->why);
}

static bool end(struct bus *bus, struct ending ending)
{
    if (bus_transaction(bus, end_body, &ending) < 0) {
        bus_retry(bus, "ending a request");
        return false;
    }
    if (ending.why)
        log_warning("%s: request %s: %s", bus->label, ending.name, ending.why);
    if (ending.number)
        log_info("%s: device %" PRIu64 " (%s) removed", bus->label, ending.number, ending.name);
    return true;
}

bool request_end(struct bus *bus, const char *name, uint64_t number, const char *why)
{
    return end(bus, (struct ending){.name = name, .number = number, .why = why});
}

/* What stands under the name of one that was pulled out before it got its number
 * is not it. */
static void settle(struct request *r)
{
    const char *why = r->failed ? (r->failure ? r->failure : "out of memory") : NULL;
    struct ending ending = {
        .name = r->announced || why ? r->name : NULL,
        .number = r->announced ? r->number : 0,
        .taken = r->announced ? 0 : r->number,
        .why = why,
    };
    char name[sizeof(r->name)];

    if (!end(r->bus, ending))
        return;

    struct bus *bus = r->bus;

    strcpy(name, r->name);
    request_free(r);
    /* Another request may have been made under its name meanwhile. */
    requests_note(bus, name);
    /* The last device gone may be what going offline waited for. */
    if (!bus->requests)
        bus_touch(bus, BUS_STATE);
}

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
        break;
    case REQUEST_HELD:
        ask_to_remove(r);
        break;
    case REQUEST_REMOVED:
        settle(r);
        break;
    }
}
