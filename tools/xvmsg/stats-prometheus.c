/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "tools/xvmsg/stats.h"

#define NANOSECONDS 1e9

/* Every power of four, from 1.024 us to 17.2 s, begins a bucket of ours. */
#define FIRST_BOUND_BITS 10u
#define LAST_BOUND_BITS 34u
#define BOUND_STEP_BITS 2u

/* A number of a struct, and how it is called. */
struct metric {
    const char *name;
    const char *type;
    const char *help;
    size_t offset;
};

#define QUEUE(name, type, member, help) \
    {"xvmsg_queue_" name, type, help, offsetof(struct queue_stats, member)}
#define DEVICE(name, type, member, help) \
    {"xvmsg_device_" name, type, help, offsetof(struct device_stats, member)}
#define CHANNEL(name, type, member, help) \
    {"xvmsg_bus_" name, type, help, offsetof(struct channel_stats, member)}
#define MEMORY(name, type, member, help) \
    {"xvmsg_bus_" name, type, help, offsetof(struct memory_stats, member)}

static const struct metric queue_metrics[] = {
    QUEUE("requests_total", "counter", requests, "Requests taken from the guest."),
    QUEUE("from_guest_bytes_total", "counter", bytes_from_guest,
          "Bytes that requests had for the device."),
    QUEUE("to_guest_bytes_total", "counter", bytes_to_guest,
          "Bytes that the device wrote for requests."),
    QUEUE("depth", "gauge", depth, "Requests under way."),
    QUEUE("depth_highest", "gauge", depth_max, "Most requests that were ever under way."),
    QUEUE("doorbells_total", "counter", doorbells, "Notifications from the driver."),
    QUEUE("notifications_total", "counter", notifications, "Notifications of the driver."),
    QUEUE("notifications_spared_total", "counter", suppressed,
          "Notifications that the driver did not want."),
    QUEUE("polls_total", "counter", polls, "Looks at the queue that no doorbell asked for."),
    QUEUE("polls_successful_total", "counter", polls_found, "Such looks that found a request."),
    QUEUE("grant_maps_total", "counter", maps, "Calls that map granted pages for requests."),
    QUEUE("grant_copies_total", "counter", copies, "Calls that copy granted pages for requests."),
    QUEUE("grant_copied_bytes_total", "counter", copied_bytes, "Bytes copied by such calls."),
    QUEUE("faults_total", "counter", faults, "Times that the ring made no sense."),
};

static const struct metric device_metrics[] = {
    DEVICE("needs_reset_total", "counter", needs_resets, "Times that the device gave up."),
    DEVICE("resets_total", "counter", resets, "Times that the device was reset."),
};

static const struct metric channel_metrics[] = {
    CHANNEL("messages_from_guest_total", "counter", from_guest, "Messages from the guest."),
    CHANNEL("messages_to_guest_total", "counter", to_guest, "Messages to the guest."),
    CHANNEL("events_total", "counter", events, "Messages to the guest that are events."),
    CHANNEL("messages_dropped_total", "counter", dropped,
            "Messages from the guest that nobody took."),
    CHANNEL("doorbells_total", "counter", doorbells, "Times the guest's event channel fired."),
    CHANNEL("notifications_total", "counter", notifications,
            "Times the guest was told by event channel."),
    CHANNEL("looks_total", "counter", looks, "Looks at the message ring."),
    CHANNEL("polls_total", "counter", polls, "Looks at it that no doorbell asked for."),
    CHANNEL("polls_successful_total", "counter", polls_found,
            "Such looks that found a message."),
};

static const struct metric memory_metrics[] = {
    MEMORY("mapped_pages", "gauge", mapped_pages, "Pages of the guest that are mapped."),
    MEMORY("grant_maps_total", "counter", maps, "Calls that map granted pages."),
    MEMORY("grant_copies_total", "counter", copies, "Calls that copy granted pages."),
    MEMORY("grant_copied_bytes_total", "counter", copied_bytes, "Bytes copied by such calls."),
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- labels ---- */

static void print_value(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
}

static void print_bus_labels(FILE *out, const struct counts_bus *bus)
{
    fputs("domain=\"", out);
    print_value(out, bus->domain);
    fprintf(out, "\",bus=\"%" PRIu32 "\"", bus->bus);
}

static void print_device_labels(FILE *out, const struct counts_bus *bus,
                                const struct counts_device *device)
{
    print_bus_labels(out, bus);
    fprintf(out, ",device=\"%" PRIu64 "\",name=\"", device->number);
    print_value(out, device->name);
    fputs("\",type=\"", out);
    print_value(out, device->type);
    fputc('"', out);
}

static void print_queue_labels(FILE *out, const struct counts_bus *bus,
                               const struct counts_device *device,
                               const struct counts_queue *queue)
{
    print_device_labels(out, bus, device);
    fprintf(out, ",queue=\"%" PRIu32 "\"", queue->index);
}

/* ---- metrics ---- */

static void print_head(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static uint64_t value_of(const struct metric *metric, const void *stats)
{
    uint64_t value;

    memcpy(&value, (const char *)stats + metric->offset, sizeof(value));
    return value;
}

/* One line for each queue. */
static void print_queue_metric(FILE *out, const struct counts *counts, const struct metric *metric)
{
    print_head(out, metric->name, metric->type, metric->help);
    for (size_t b = 0; b < counts->num_buses; b++) {
        const struct counts_bus *bus = &counts->buses[b];

        for (size_t d = 0; d < bus->num_devices; d++)
            for (size_t q = 0; q < bus->devices[d].num_queues; q++) {
                const struct counts_queue *queue = &bus->devices[d].queues[q];

                fprintf(out, "%s{", metric->name);
                print_queue_labels(out, bus, &bus->devices[d], queue);
                fprintf(out, "} %" PRIu64 "\n", value_of(metric, &queue->stats));
            }
    }
}

static void print_device_metric(FILE *out, const struct counts *counts,
                                const struct metric *metric)
{
    print_head(out, metric->name, metric->type, metric->help);
    for (size_t b = 0; b < counts->num_buses; b++) {
        const struct counts_bus *bus = &counts->buses[b];

        for (size_t d = 0; d < bus->num_devices; d++) {
            fprintf(out, "%s{", metric->name);
            print_device_labels(out, bus, &bus->devices[d]);
            fprintf(out, "} %" PRIu64 "\n", value_of(metric, &bus->devices[d].stats));
        }
    }
}

/* `part`: where in a bus the struct lies that has it. */
static void print_bus_metric(FILE *out, const struct counts *counts, const struct metric *metric,
                             size_t part)
{
    print_head(out, metric->name, metric->type, metric->help);
    for (size_t b = 0; b < counts->num_buses; b++) {
        const struct counts_bus *bus = &counts->buses[b];

        if (!bus->complete)
            continue;
        fprintf(out, "%s{", metric->name);
        print_bus_labels(out, bus);
        fprintf(out, "} %" PRIu64 "\n", value_of(metric, (const char *)bus + part));
    }
}

static void print_up(FILE *out, const struct counts *counts)
{
    print_head(out, "xvmsg_bus_up", "gauge", "Whether the worker of the bus told its counters.");
    for (size_t b = 0; b < counts->num_buses; b++) {
        fputs("xvmsg_bus_up{", out);
        print_bus_labels(out, &counts->buses[b]);
        fprintf(out, "} %d\n", counts->buses[b].complete);
    }
}

/* ---- the histogram ---- */

#define LATENCY "xvmsg_queue_latency_seconds"

static void print_histogram(FILE *out, const struct counts_bus *bus,
                            const struct counts_device *device, const struct counts_queue *queue)
{
    const struct latency *latency = &queue->stats.latency;
    uint64_t below = 0, all = counts_timed(latency);
    unsigned bucket = 0;

    for (unsigned bits = FIRST_BOUND_BITS; bits <= LAST_BOUND_BITS; bits += BOUND_STEP_BITS) {
        uint64_t bound = UINT64_C(1) << bits;

        for (; bucket < LATENCY_BUCKETS && latency_begin(bucket) < bound; bucket++)
            below += latency->buckets[bucket];
        fputs(LATENCY "_bucket{", out);
        print_queue_labels(out, bus, device, queue);
        fprintf(out, ",le=\"%.9g\"} %" PRIu64 "\n", (double)bound / NANOSECONDS, below);
    }
    fputs(LATENCY "_bucket{", out);
    print_queue_labels(out, bus, device, queue);
    fprintf(out, ",le=\"+Inf\"} %" PRIu64 "\n" LATENCY "_sum{", all);
    print_queue_labels(out, bus, device, queue);
    fprintf(out, "} %.9g\n" LATENCY "_count{", (double)latency->sum / NANOSECONDS);
    print_queue_labels(out, bus, device, queue);
    fprintf(out, "} %" PRIu64 "\n", all);
}

static void print_histograms(FILE *out, const struct counts *counts)
{
    print_head(out, LATENCY, "histogram", "Time from taking a request to giving it back.");
    for (size_t b = 0; b < counts->num_buses; b++) {
        const struct counts_bus *bus = &counts->buses[b];

        for (size_t d = 0; d < bus->num_devices; d++)
            for (size_t q = 0; q < bus->devices[d].num_queues; q++)
                print_histogram(out, bus, &bus->devices[d], &bus->devices[d].queues[q]);
    }
}

void stats_print_prometheus(const struct counts *counts, FILE *out)
{
    print_up(out, counts);
    for (size_t i = 0; i < COUNT(channel_metrics); i++)
        print_bus_metric(out, counts, &channel_metrics[i], offsetof(struct counts_bus, channel));
    for (size_t i = 0; i < COUNT(memory_metrics); i++)
        print_bus_metric(out, counts, &memory_metrics[i], offsetof(struct counts_bus, memory));
    for (size_t i = 0; i < COUNT(device_metrics); i++)
        print_device_metric(out, counts, &device_metrics[i]);
    for (size_t i = 0; i < COUNT(queue_metrics); i++)
        print_queue_metric(out, counts, &queue_metrics[i]);
    print_histograms(out, counts);
}
