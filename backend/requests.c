/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/requests.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/request.h"
#include "backend/resize.h"
#include "backend/targets.h"
#include "backend/wanted.h"
#include "xenstore-schema/schema.h"

/* Longer names in B/request are not even answered: no toolstack of ours wrote them. */
#define NAME_LISTED_MAX 64

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

static void add(struct bus *bus, struct ipc_message *message, const char *target, int fd,
                bool announced)
{
    if (request_by_number(bus, message->device.number)) {
        request_end(bus, message->device.name, 0, XS_NUMBER ": is another device's");
        return;
    }
    if (!request_new(bus, &message->device, target, announced)) {
        bus_retry(bus, "adding a device");
        return;
    }
    bus_send(bus, message, fd);
}

/* `number` is what the request has from before, 0 for a new one. */
static void serve(struct bus *bus, const char *name, uint64_t number)
{
    struct ipc_message message = {.kind = IPC_DEVICE_ADD, .device.number = number};
    char why[WHY_SIZE];
    char *target = wanted_read(bus, name, &message.device, why);
    int fd;

    if (!target) {
        if (errno == EINVAL)
            request_end(bus, name, number, why);
        else
            bus_retry(bus, "reading a request");
        return;
    }
    fd = targets_open(target, message.device.read_only, why);
    if (fd < 0) {
        request_end(bus, name, number, why);
        goto free_target;
    }
    if (number || take_number(bus, name, &message.device.number))
        add(bus, &message, target, fd, number != 0);
    close(fd);

free_target:
    free(target);
}

/* ---- looking at all ---- */

static bool has(struct bus *bus, const char *name, const char *key)
{
    return store_exists(bus->daemon->platform, PLATFORM_NO_TX,
                        store_path("%s/" XS_REQUEST "/%s/%s", bus->home.text, name, key).text);
}

/* A request the worker knows nothing of yet. Restoring: only those with a number.
 * One that was refused stays as it is until the toolstack takes it back. */
static void consider(struct bus *bus, const char *name, bool restoring)
{
    uint64_t number;

    if (strlen(name) > NAME_LISTED_MAX || has(bus, name, XS_ERROR))
        return;
    if (!name_valid(name)) {
        request_end(bus, name, 0, "the name is not a letter and up to 19 letters, digits, _, -");
        return;
    }
    if (request_read_number(bus, PLATFORM_NO_TX, name, &number) < 0) {
        if (errno == EINVAL || errno == ERANGE)
            request_end(bus, name, 0, XS_NUMBER ": not a device number");
        else
            bus_retry(bus, "reading a request");
        return;
    }
    if (restoring && !number)
        return;
    /* A bus that went offline while no daemon ran loses its devices all the same. */
    if ((number && !bus->online) || has(bus, name, XS_REMOVE))
        request_end(bus, name, number, NULL);
    else if (bus->given_up && !number)
        request_end(bus, name, 0, "the bus is closed, its worker died too often");
    else if (bus->worker && bus->online)
        serve(bus, name, number);
}

static bool adding(const struct bus *bus)
{
    for (const struct request *r = bus->requests; r; r = r->next)
        if (r->stage == REQUEST_ADDING || r->stage == REQUEST_ADDED)
            return true;
    return false;
}

static void consider_all(struct bus *bus, char **names, size_t count, bool restoring)
{
    for (size_t i = 0; i < count && !adding(bus); i++)
        if (!request_by_name(bus, names[i]))
            consider(bus, names[i], restoring);
}

/* Devices in B without a request were pulled out while nobody looked. */
static int tidy_body(struct bus *bus, platform_tx tx, void *user)
{
    struct platform *p = bus->daemon->platform;
    struct store_path dir = store_path("%s/" XS_DEVICE, bus->home.text);
    size_t count;
    char **names = p->ops->xs_list(p, tx, dir.text, &count);
    int rc = 0;

    (void)user;
    if (!names)
        return errno == ENOENT ? 0 : -1;
    for (size_t i = 0; i < count && rc == 0; i++) {
        uint64_t number;

        if (parse_u64(names[i], 1, UINT64_MAX, &number) < 0 || request_by_number(bus, number))
            continue;
        rc = store_remove(p, tx, dir.text, names[i]);
        if (rc == 0)
            rc = numbers_release(&bus->numbers, tx, number);
    }
    free(names);
    return rc;
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

/* Done once the worker has every device of before; the frontend may come then. */
static void restore(struct bus *bus, char **names, size_t count)
{
    if (!start_numbers(bus))
        return;
    consider_all(bus, names, count, true);
    if (!bus->worker || adding(bus) || evtimer_pending(bus->retry, NULL))
        return;
    if (bus_transaction(bus, tidy_body, NULL) < 0) {
        bus_retry(bus, "removing stale devices");
        return;
    }
    bus->restored = true;
    bus_touch(bus, BUS_STATE);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void step_all(struct bus *bus)
{
    for (struct request *r = bus->requests, *next; r; r = next) {
        next = r->next;
        request_step(r);
    }
}

void requests_work(struct bus *bus)
{
    struct platform *p = bus->daemon->platform;
    struct store_path dir = store_path("%s/" XS_REQUEST, bus->home.text);
    size_t count = 0;
    char **names;

    /* First what ends: a request that is over must not be listed as a new one. */
    step_all(bus);
    names = p->ops->xs_list(p, PLATFORM_NO_TX, dir.text, &count);
    if (!names && errno != ENOENT) {
        bus_retry(bus, "listing requests");
        return;
    }
    if (names)
        qsort(names, count, sizeof(*names), compare_names);
    if (!bus->restored)
        restore(bus, names, count);
    if (bus->restored || bus->given_up)
        consider_all(bus, names, count, false);
    free(names);
}

void requests_check_releases(struct bus *bus)
{
    for (struct request *r = bus->requests; r; r = r->next)
        request_check_release(r);
}

/* ---- the worker's word ---- */

static bool refused(struct request *r, const char *why)
{
    snprintf(r->failure, sizeof(r->failure), "%s", *why ? why : "refused by its worker");
    r->stage = REQUEST_REMOVED;
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
        bus_touch(bus, BUS_REQUESTS);
        return resize_answer(r);
    }
    if (!r || r->stage != asked)
        return false;
    bus_touch(bus, BUS_REQUESTS);
    if (message->kind == IPC_DEVICE_REFUSED)
        return refused(r, message->answer.text);
    r->stage = asked == REQUEST_ADDING ? REQUEST_ADDED : REQUEST_REMOVED;
    return true;
}

void requests_tell_hidden(const struct bus *bus)
{
    unsigned hidden = 0;

    for (const struct request *r = bus->requests; r; r = r->next)
        hidden += r->number > msg_dev_num_max(bus->offer.wire_form);
    if (hidden)
        log_warning("%s: the guest's driver speaks the compact form: devices with numbers above "
                    "%u, which it does not see: %u", bus->label, NUMBERING_COMPACT, hidden);
}

bool requests_await(const struct bus *bus)
{
    for (const struct request *r = bus->requests; r; r = r->next)
        if (r->stage == REQUEST_ADDING || r->stage == REQUEST_REMOVING ||
            r->resize == RESIZE_ASKED)
            return true;
    return false;
}

void requests_worker_died(struct bus *bus)
{
    bus->restored = false;
    /* The numbers of those it was to add are given back. */
    bus->numbers_started = false;
    for (struct request *r = bus->requests, *next; r; r = next) {
        next = r->next;
        r->resize = RESIZE_IDLE;
        if (r->stage <= REQUEST_SERVED)
            request_free(r);
        else
            r->stage = REQUEST_REMOVED;
    }
}

void requests_free(struct bus *bus)
{
    while (bus->requests)
        request_free(bus->requests);
}
