/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/request.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

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
    TAILQ_INSERT_TAIL(&bus->requests, r, link);
    return true;
}

static void take_out(struct bus *bus, struct request *r)
{
    tdelete(r, &bus->requests_by_name, compare_names);
    tdelete(r, &bus->requests_by_number, compare_numbers);
    TAILQ_REMOVE(&bus->requests, r, link);
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

struct request *request_new(struct bus *bus, const struct wanted *wanted, uint64_t number,
                            bool announced)
{
    struct request *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    r->asked = asked_new(wanted);
    if (!r->asked)
        goto free_request;
    r->bus = bus;
    r->number = number;
    r->announced = announced;
    memcpy(r->name, wanted->device.name, sizeof(r->name));
    memcpy(r->type, wanted->device.type, sizeof(r->type));
    if (!insert(bus, r))
        goto free_asked;
    count(bus, r->stage, 1);
    return r;

free_asked:
    free(r->asked);
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
    free(r->asked);
    free(r->settings);
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
