/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include <inttypes.h>

#include "common/units.h"
#include "tools/xvmsg/stats.h"
#include "tools/xvmsg/table.h"

/* ---- queues ---- */

static const struct table_column queue_columns[] = {
    {"ID", false},        {"DOMAIN", true},      {"BUS", false},      {"NUMBER", false},
    {"NAME", true},       {"TYPE", true},        {"QUEUE", false},    {"REQUESTS", false},
    {"FROM-GUEST", false}, {"TO-GUEST", false},  {"DEPTH", false},    {"HIGHEST", false},
    {"P50", false},       {"P95", false},        {"P99", false},      {"MAX", false},
    {"DOORBELLS", false}, {"NOTIFIED", false},   {"SPARED", false},   {"POLLS", false},
    {"MAPS", false},      {"COPIES", false},     {"FAULTS", false},   {NULL, false},
};

static void add_time(struct table *table, const struct latency *latency, uint64_t nanoseconds)
{
    char text[UNITS_SIZE];

    table_add(table, "%s", counts_timed(latency) ? units_time(text, (double)nanoseconds) : "-");
}

static void add_identity(struct table *table, const struct counts_bus *bus,
                         const struct counts_device *device)
{
    table_add(table, "%" PRIu32, bus->domid);
    table_add(table, "%s", bus->domain);
    table_add(table, "%" PRIu32, bus->bus);
    table_add(table, "%" PRIu64, device->number);
    table_add(table, "%s", device->name);
    table_add(table, "%s", device->type);
}

static void add_queue(struct table *table, const struct queue_stats *s)
{
    const struct latency *latency = &s->latency;
    char text[UNITS_SIZE];

    table_add(table, "%" PRIu64, s->requests);
    table_add(table, "%s", units_bytes(text, (double)s->bytes_from_guest));
    table_add(table, "%s", units_bytes(text, (double)s->bytes_to_guest));
    table_add(table, "%" PRIu64, s->depth);
    table_add(table, "%" PRIu64, s->depth_max);
    add_time(table, latency, counts_percentile(latency, 50));
    add_time(table, latency, counts_percentile(latency, 95));
    add_time(table, latency, counts_percentile(latency, 99));
    add_time(table, latency, latency->max);
    table_add(table, "%" PRIu64, s->doorbells);
    table_add(table, "%" PRIu64, s->notifications);
    table_add(table, "%" PRIu64, s->suppressed);
    table_add(table, "%" PRIu64, s->polls);
    table_add(table, "%" PRIu64, s->maps);
    table_add(table, "%" PRIu64, s->copies);
    table_add(table, "%" PRIu64, s->faults);
}

/* A device that nobody ever drove has a row, too. */
static void add_device(struct table *table, const struct counts_bus *bus,
                       const struct counts_device *device)
{
    static const struct queue_stats nothing;

    if (!device->num_queues) {
        add_identity(table, bus, device);
        table_add(table, "-");
        add_queue(table, &nothing);
    }
    for (size_t i = 0; i < device->num_queues; i++) {
        add_identity(table, bus, device);
        table_add(table, "%" PRIu32, device->queues[i].index);
        add_queue(table, &device->queues[i].stats);
    }
}

static void print_queues(const struct counts *counts, FILE *out)
{
    struct table table = {.columns = queue_columns};

    for (size_t b = 0; b < counts->num_buses; b++)
        for (size_t i = 0; i < counts->buses[b].num_devices; i++)
            add_device(&table, &counts->buses[b], &counts->buses[b].devices[i]);
    table_print(&table, out);
    table_clear(&table);
}

/* ---- buses ---- */

static const struct table_column bus_columns[] = {
    {"ID", false},        {"DOMAIN", true},    {"BUS", false},     {"DRIVER", true},
    {"MESSAGES-IN", false}, {"OUT", false},    {"EVENTS", false},  {"DROPPED", false},
    {"DOORBELLS", false}, {"NOTIFIED", false}, {"LOOKS", false},   {"POLLS", false},
    {"MAPPED", false},    {"MAPS", false},     {"COPIES", false},  {"GAVE-UP", false},
    {NULL, false},
};

static uint64_t gave_up(const struct counts_bus *bus)
{
    uint64_t times = 0;

    for (size_t i = 0; i < bus->num_devices; i++)
        times += bus->devices[i].stats.needs_resets;
    return times;
}

static void add_bus(struct table *table, const struct counts_bus *bus)
{
    const struct channel_stats *channel = &bus->channel;
    char text[UNITS_SIZE];

    table_add(table, "%" PRIu32, bus->domid);
    table_add(table, "%s", bus->domain);
    table_add(table, "%" PRIu32, bus->bus);
    table_add(table, "%s", bus->connected ? "connected" : "-");
    table_add(table, "%" PRIu64, channel->from_guest);
    table_add(table, "%" PRIu64, channel->to_guest);
    table_add(table, "%" PRIu64, channel->events);
    table_add(table, "%" PRIu64, channel->dropped);
    table_add(table, "%" PRIu64, channel->doorbells);
    table_add(table, "%" PRIu64, channel->notifications);
    table_add(table, "%" PRIu64, channel->looks);
    table_add(table, "%" PRIu64, channel->polls);
    table_add(table, "%s", units_bytes(text, (double)bus->memory.mapped_pages *
                                                 PLATFORM_PAGE_SIZE));
    table_add(table, "%" PRIu64, bus->memory.maps);
    table_add(table, "%" PRIu64, bus->memory.copies);
    table_add(table, "%" PRIu64, gave_up(bus));
}

static void print_buses(const struct counts *counts, FILE *out)
{
    struct table table = {.columns = bus_columns};

    for (size_t b = 0; b < counts->num_buses; b++)
        if (counts->buses[b].complete)
            add_bus(&table, &counts->buses[b]);
    table_print(&table, out);
    table_clear(&table);
}

void stats_print_table(const struct counts *counts, FILE *out)
{
    print_queues(counts, out);
    fputc('\n', out);
    print_buses(counts, out);
}
