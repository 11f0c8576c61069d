/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tools/xvmsg/rates.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/units.h"

#define SECOND 1e9

/* ---- differences ---- */

static const struct counts_bus *find_bus(const struct counts *counts, const struct counts_bus *bus)
{
    for (size_t i = 0; i < counts->num_buses; i++)
        if (counts->buses[i].domid == bus->domid && counts->buses[i].bus == bus->bus)
            return &counts->buses[i];
    return NULL;
}

/* Both go up, so that `*at` only ever moves on. */
static const struct counts_device *find_device(const struct counts_bus *bus, uint64_t number,
                                               size_t *at)
{
    while (bus && *at < bus->num_devices && bus->devices[*at].number < number)
        ++*at;
    if (!bus || *at == bus->num_devices || bus->devices[*at].number != number)
        return NULL;
    return &bus->devices[*at];
}

/* A worker that died has left the counting to one that began at nothing. */
static void subtract(struct queue_stats *now, const struct counts_device *device)
{
    struct queue_stats before;

    if (!device)
        return;
    counts_of_device(device, &before);
    if (before.requests <= now->requests && before.doorbells <= now->doorbells &&
        counts_timed(&before.latency) <= counts_timed(&now->latency))
        counts_since(now, &before);
}

static void add_bus(struct rates *rates, const struct counts_bus *before,
                    const struct counts_bus *now)
{
    size_t at = 0;

    for (size_t i = 0; i < now->num_devices; i++) {
        const struct counts_device *device = &now->devices[i];
        struct rate *rate = &rates->list[rates->count++];

        rate->bus = now;
        rate->device = device;
        counts_of_device(device, &rate->in);
        subtract(&rate->in, find_device(before, device->number, &at));
    }
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* By load; then in an order that stays. */
static int compare(const void *left, const void *right)
{
    const struct rate *a = left, *b = right;
    int order = compare_numbers(b->in.requests, a->in.requests);

    if (!order)
        order = compare_numbers(b->in.bytes_from_guest + b->in.bytes_to_guest,
                                a->in.bytes_from_guest + a->in.bytes_to_guest);
    if (!order)
        order = compare_numbers(a->bus->domid, b->bus->domid);
    if (!order)
        order = compare_numbers(a->bus->bus, b->bus->bus);
    return order ? order : compare_numbers(a->device->number, b->device->number);
}

bool rates_make(struct rates *rates, const struct counts *before, const struct counts *now)
{
    size_t count = 0;

    for (size_t i = 0; i < now->num_buses; i++)
        count += now->buses[i].num_devices;
    *rates = (struct rates){.list = calloc(count + 1, sizeof(*rates->list))};
    if (!rates->list)
        return false;
    if (before->time && now->time > before->time)
        rates->seconds = (double)(now->time - before->time) / SECOND;
    for (size_t i = 0; i < now->num_buses; i++)
        add_bus(rates, find_bus(before, &now->buses[i]), &now->buses[i]);
    if (rates->seconds > 0)
        qsort(rates->list, rates->count, sizeof(*rates->list), compare);
    return true;
}

void rates_free(struct rates *rates)
{
    free(rates->list);
    *rates = (struct rates){0};
}

bool rates_idle(const struct rate *rate)
{
    return !rate->in.requests && !rate->in.depth && !rate->in.doorbells;
}

/* ---- figures ---- */

const struct table_column rates_columns[] = {
    {"DOMAIN", true},   {"BUS", false},      {"DEV", false},      {"NAME", true},
    {"TYPE", true},     {"REQ/S", false},    {"FROM-GUEST/S", false}, {"TO-GUEST/S", false},
    {"DEPTH", false},   {"P50", false},      {"P99", false},      {"DB/1000", false},
    {"POLLS/S", false}, {"MAPS/S", false},   {"COPIES/S", false}, {NULL, false},
};

static void add_rate(struct table *table, uint64_t value, double seconds,
                     const char *(*show)(char text[UNITS_SIZE], double value))
{
    char text[UNITS_SIZE];

    table_add(table, "%s", seconds > 0 ? show(text, (double)value / seconds) : "-");
}

static void add_time(struct table *table, const struct rates *rates, const struct latency *latency,
                     unsigned percent)
{
    double nanoseconds = (double)counts_percentile(latency, percent);
    char text[UNITS_SIZE];
    bool known = rates->seconds > 0 && counts_timed(latency);

    table_add(table, "%s", known ? units_time(text, nanoseconds) : "-");
}

static void add_doorbells(struct table *table, const struct rates *rates,
                          const struct queue_stats *in)
{
    char text[UNITS_SIZE];
    double per_request = (double)in->doorbells / (double)(in->requests ? in->requests : 1);
    bool known = rates->seconds > 0 && in->requests;

    table_add(table, "%s", known ? units_count(text, 1000 * per_request) : "-");
}

void rates_fill(const struct rates *rates, struct table *table)
{
    double seconds = rates->seconds;

    for (size_t i = 0; i < rates->count; i++) {
        const struct rate *rate = &rates->list[i];
        const struct queue_stats *in = &rate->in;

        table_add(table, "%s", rate->bus->domain);
        table_add(table, "%" PRIu32, rate->bus->bus);
        table_add(table, "%" PRIu64, rate->device->number);
        table_add(table, "%s", rate->device->name);
        table_add(table, "%s", rate->device->type);
        add_rate(table, in->requests, seconds, units_count);
        add_rate(table, in->bytes_from_guest, seconds, units_bytes);
        add_rate(table, in->bytes_to_guest, seconds, units_bytes);
        table_add(table, "%" PRIu64, in->depth);
        add_time(table, rates, &in->latency, 50);
        add_time(table, rates, &in->latency, 99);
        add_doorbells(table, rates, in);
        add_rate(table, in->polls, seconds, units_count);
        add_rate(table, in->maps, seconds, units_count);
        add_rate(table, in->copies, seconds, units_count);
    }
}

void rates_summary(const struct rates *rates, char *text, size_t size)
{
    char requests[UNITS_SIZE], from[UNITS_SIZE], to[UNITS_SIZE];
    double seconds = rates->seconds, sum[3] = {0};

    for (size_t i = 0; i < rates->count; i++) {
        sum[0] += (double)rates->list[i].in.requests;
        sum[1] += (double)rates->list[i].in.bytes_from_guest;
        sum[2] += (double)rates->list[i].in.bytes_to_guest;
    }
    if (seconds > 0)
        snprintf(text, size, "%zu devices, %s requests/s, %s/s from guests, %s/s to guests",
                 rates->count, units_count(requests, sum[0] / seconds),
                 units_bytes(from, sum[1] / seconds), units_bytes(to, sum[2] / seconds));
    else
        snprintf(text, size, "%zu devices", rates->count);
}
