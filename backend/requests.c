/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/requests.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/request.h"
#include "backend/resize.h"
#include "backend/targets.h"
#include "backend/wanted.h"
#include "xenstore-schema/schema.h"

/* Requests looked at before other buses, and the workers' answers, have their turn. */
#define STEPS_AT_ONCE 64

/* ---- serving one ---- */

struct taking {
    const char *name;
    uint64_t number;
    char why[WHY_SIZE];
};

static int take_body(struct bus *bus, platform_tx tx, void *user)
{
    struct taking *taking = user;

    taking->why[0] = '\0';
    return numbers_take(&bus->numbers, tx, taking->name, &taking->number, taking->why);
}

/* A number for a request that has none. False: refused, or to be tried again. */
static bool take_number(struct bus *bus, const char *name, uint64_t *number)
{
    struct taking taking = {.name = name};

    if (bus_transaction(bus, take_body, &taking) == 0) {
        *number = taking.number;
        return true;
    }
    if (taking.why[0])
        request_end(bus, name, 0, taking.why);
    else
        bus_retry(bus, "taking a device number");
    return false;
}

static void add(struct bus *bus, const struct wanted *wanted, uint64_t number,
                const struct fds *fds, bool announced)
{
    struct ipc_message message = {.kind = IPC_DEVICE_ADD, .device = wanted->device};

    message.device.number = number;
    if (request_by_number(bus, number)) {
        request_end(bus, wanted->device.name, 0, XS_NUMBER ": is another device's");
        return;
    }
    if (!request_new(bus, wanted, number, announced)) {
        bus_retry(bus, "adding a device");
        return;
    }
    bus_send(bus, &message, fds);
}

/* `number` is what the request has from before, 0 for a new one. */
static void serve(struct bus *bus, const char *name, uint64_t number)
{
    bool announced = number;
    char why[WHY_SIZE];
    struct wanted wanted;
    struct fds fds;

    if (wanted_read(bus, PLATFORM_NO_TX, name, &wanted, why) < 0) {
        if (errno == EINVAL)
            request_end(bus, name, number, why);
        else
            bus_retry(bus, "reading a request");
        return;
    }
    switch (targets_open(bus, &wanted, &fds, why)) {
    case TARGETS_REFUSED:
        request_end(bus, name, number, why);
        break;
    case TARGETS_OPEN:
        if (announced || take_number(bus, name, &number))
            add(bus, &wanted, number, &fds, announced);
        break;
    case TARGETS_LATER:
        break;
    }
    targets_sent(bus, name);
    free(wanted.target);
}

/* ---- looking at one ---- */

static bool among(char **keys, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

/* As `consider`, of a request that has these keys. */
static void consider_keys(struct bus *bus, const char *name, char **keys, size_t count)
{
    uint64_t number = 0;

    if (among(keys, count, XS_ERROR))
        return;
    if (!name_valid(name)) {
        request_end(bus, name, 0, "the name is not a letter and up to 19 letters, digits, _, -");
        return;
    }
    if (among(keys, count, XS_NUMBER) &&
        request_read_number(bus, PLATFORM_NO_TX, name, &number) < 0) {
        if (errno == EINVAL || errno == ERANGE)
            request_end(bus, name, 0, XS_NUMBER ": not a device number");
        else
            bus_retry(bus, "reading a request");
        return;
    }
    if (!bus->restored && !bus->given_up && !number) {
        if (!names_add(&bus->later, name))
            bus_retry(bus, "looking at a request");
        return;
    }
    /* A bus that went offline while no daemon ran loses its devices all the same. */
    if ((number && !bus->online) || among(keys, count, XS_REMOVE))
        request_end(bus, name, number, NULL);
    else if (bus->given_up && !number)
        request_end(bus, name, 0, "the bus is closed, its worker died too often");
    else if (bus->worker && bus->online)
        serve(bus, name, number);

    struct request *r = request_by_name(bus, name);

    if (r && among(keys, count, XS_RESIZE))
        r->passed_over = true;
}

/* A request the worker knows nothing of yet. One that was refused stays as it is
 * until the toolstack takes it back. */
static void consider(struct bus *bus, const char *name)
{
    struct platform *p = bus->daemon->platform;
    struct store_path dir = store_path("%s/" XS_REQUEST "/%s", bus->home.text, name);
    size_t count;
    char **keys = p->ops->xs_list(p, PLATFORM_NO_TX, dir.text, &count);

    if (keys)
        consider_keys(bus, name, keys, count);
    else if (errno == ENOENT)
        targets_drop(bus, name);
    else
        bus_retry(bus, "reading a request");
    free(keys);
}

/* ---- noting and looking ---- */

static void note(struct bus *bus, const char *name)
{
    if (!names_add(request_by_name(bus, name) ? &bus->noted : &bus->wanted, name))
        bus_retry(bus, "looking at a request");
}

/* Did we write the node ourselves? */
static bool is_ours(const char *key)
{
    return strcmp(key, XS_NUMBER) == 0 || strcmp(key, XS_ERROR) == 0 ||
           strcmp(key, XS_TTY) == 0 || strcmp(key, XS_VIF) == 0;
}

void requests_note(struct bus *bus, const char *path)
{
    size_t length = strcspn(path, "/");
    const char *key = path + length + (path[length] == '/');
    char name[NAMES_LENGTH_MAX + 1];

    if (length >= sizeof(name) || is_ours(key))
        return;
    memcpy(name, path, length);
    name[length] = '\0';
    note(bus, name);
    bus_touch(bus, BUS_NOTED);
}

void requests_note_release(struct bus *bus, uint64_t number)
{
    const struct request *r = request_by_number(bus, number);

    if (r && r->stage == REQUEST_QUIESCING)
        requests_note(bus, r->name);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void note_all(struct bus *bus)
{
    struct platform *p = bus->daemon->platform;
    struct store_path dir = store_path("%s/" XS_REQUEST, bus->home.text);
    size_t count = 0;
    char **names = p->ops->xs_list(p, PLATFORM_NO_TX, dir.text, &count);
    const struct request *r;

    if (!names && errno != ENOENT) {
        bus_retry(bus, "listing requests");
        return;
    }
    if (names)
        qsort(names, count, sizeof(*names), compare_names);
    TAILQ_FOREACH(r, &bus->requests, link)
        note(bus, r->name);
    for (size_t i = 0; i < count; i++)
        note(bus, names[i]);
    free(names);
}

/* Devices in B without a request were pulled out while nobody looked. */
static int tidy_body(struct bus *bus, platform_tx tx, void *user)
{
    const uint64_t *number = user;
    struct store_path dir = store_path("%s/" XS_DEVICE, bus->home.text);

    if (store_remove(bus->daemon->platform, tx, dir.text,
                     store_path("%" PRIu64, *number).text) < 0)
        return -1;
    return numbers_release(&bus->numbers, tx, *number);
}

static int tidy(struct bus *bus)
{
    struct platform *p = bus->daemon->platform;
    size_t count;
    char **names = p->ops->xs_list(p, PLATFORM_NO_TX,
                                   store_path("%s/" XS_DEVICE, bus->home.text).text, &count);
    int rc = 0;

    if (!names)
        return errno == ENOENT ? 0 : -1;
    for (size_t i = 0; i < count && rc == 0; i++) {
        uint64_t number;

        if (parse_u64(names[i], 1, UINT64_MAX, &number) == 0 && !request_by_number(bus, number))
            rc = bus_transaction(bus, tidy_body, &number);
    }
    free(names);
    return rc;
}

/* Once the worker has every device of before, the frontend may come. */
static void finish_restoring(struct bus *bus)
{
    if (bus->restored || !bus->worker || bus->adding || bus->noted.first || bus->wanted.first ||
        targets_wait(bus) || evtimer_pending(bus->retry, NULL))
        return;
    if (tidy(bus) < 0) {
        bus_retry(bus, "removing stale devices");
        return;
    }
    bus->restored = true;
    bus->wanted = bus->later;
    bus->later = (struct names){0};
    bus_touch(bus, BUS_STATE | BUS_NOTED);
}

static int start_body(struct bus *bus, platform_tx tx, void *user)
{
    (void)user;
    return numbers_start(&bus->numbers, tx);
}

static bool start_numbers(struct bus *bus)
{
    if (bus->numbers_started)
        return true;
    if (bus_transaction(bus, start_body, NULL) < 0) {
        bus_retry(bus, "making the nodes of device numbers");
        return false;
    }
    bus->numbers_started = true;
    return true;
}

static void step(struct bus *bus, const char *name)
{
    struct request *r = request_by_name(bus, name);

    if (r)
        request_step(r);
}

void requests_work(struct bus *bus, bool all)
{
    char name[NAMES_LENGTH_MAX + 1];
    int steps = 0;

    if (all)
        note_all(bus);
    if (!start_numbers(bus))
        return;
    /* First what ends: a request that is over must not count as a new one. */
    for (; steps < STEPS_AT_ONCE && names_take(&bus->noted, name); steps++)
        step(bus, name);
    for (; steps < STEPS_AT_ONCE && bus->owed < REQUEST_OWED_MAX && names_take(&bus->held, name);
         steps++)
        step(bus, name);
    for (; steps < STEPS_AT_ONCE && !bus->adding && names_take(&bus->wanted, name); steps++)
        if (!request_by_name(bus, name))
            consider(bus, name);
    if (steps == STEPS_AT_ONCE)
        bus_touch_later(bus, BUS_NOTED);
    else
        finish_restoring(bus);
}

void requests_check_releases(struct bus *bus)
{
    struct request *r;

    TAILQ_FOREACH(r, &bus->requests, link)
        request_step_release(r);
}

/* ---- the worker's word ---- */

static bool refused(struct request *r, const char *why)
{
    request_fail(r, *why ? why : "refused by its worker");
    request_enter(r, REQUEST_REMOVED);
    return true;
}

bool requests_answer(struct bus *bus, const struct ipc_message *message)
{
    enum request_stage asked = message->kind == IPC_DEVICE_REMOVED ? REQUEST_REMOVING
                                                                   : REQUEST_ADDING;
    struct request *r;

    if (message->kind != IPC_DEVICE_ADDED && message->kind != IPC_DEVICE_REFUSED &&
        message->kind != IPC_DEVICE_REMOVED && message->kind != IPC_DEVICE_RESIZED)
        return false;
    r = request_by_number(bus, message->answer.number);
    if (r && message->kind == IPC_DEVICE_RESIZED) {
        requests_note(bus, r->name);
        return resize_answer(r);
    }
    /* Answers come in the order of what was asked. */
    if (!r || r->stage != asked || r->resize == RESIZE_ASKED)
        return false;
    requests_note(bus, r->name);
    if (message->kind == IPC_DEVICE_REFUSED)
        return refused(r, message->answer.text);
    request_enter(r, asked == REQUEST_ADDING ? REQUEST_ADDED : REQUEST_REMOVED);
    return true;
}

void requests_tell_hidden(const struct bus *bus)
{
    const struct request *r;
    unsigned hidden = 0;

    TAILQ_FOREACH(r, &bus->requests, link)
        hidden += r->number > msg_dev_num_max(bus->offer.wire_form);
    if (hidden)
        log_warning("%s: the guest's driver speaks the compact form: devices with numbers above "
                    "%u, which it does not see: %u", bus->label, NUMBERING_COMPACT, hidden);
}

bool requests_await(const struct bus *bus)
{
    return bus->owed;
}

void requests_worker_died(struct bus *bus)
{
    bus->restored = false;
    /* The numbers of those it was to add are given back. */
    bus->numbers_started = false;
    for (struct request *r = TAILQ_FIRST(&bus->requests), *next; r; r = next) {
        next = TAILQ_NEXT(r, link);
        resize_forget(r);
        if (r->stage <= REQUEST_SERVED)
            request_free(r);
        else
            request_enter(r, REQUEST_REMOVED);
    }
}

void requests_free(struct bus *bus)
{
    while (!TAILQ_EMPTY(&bus->requests))
        request_free(TAILQ_FIRST(&bus->requests));
    names_free(&bus->noted);
    names_free(&bus->held);
    names_free(&bus->wanted);
    names_free(&bus->later);
}
