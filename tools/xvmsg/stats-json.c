/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tools/xvmsg/json-print.h"
#include "tools/xvmsg/stats.h"

static void add(struct json_object *object, const char *key, uint64_t value)
{
    json_object_object_add(object, key, json_object_new_uint64(value));
}

/* Only what has something in it: where it ends, and how many requests. */
static struct json_object *histogram_to_json(const struct latency *latency)
{
    struct json_object *array = json_object_new_array();

    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        struct json_object *bucket;

        if (!latency->buckets[i])
            continue;
        bucket = json_object_new_object();
        add(bucket, "from", latency_begin(i));
        /* The last one has no end. */
        json_object_object_add(bucket, "below", i + 1 < LATENCY_BUCKETS
                                                    ? json_object_new_uint64(latency_begin(i + 1))
                                                    : NULL);
        add(bucket, "requests", latency->buckets[i]);
        json_object_array_add(array, bucket);
    }
    return array;
}

static struct json_object *latency_to_json(const struct latency *latency)
{
    struct json_object *object = json_object_new_object();

    add(object, "requests", counts_timed(latency));
    add(object, "sum", latency->sum);
    add(object, "p50", counts_percentile(latency, 50));
    add(object, "p95", counts_percentile(latency, 95));
    add(object, "p99", counts_percentile(latency, 99));
    add(object, "max", latency->max);
    json_object_object_add(object, "histogram", histogram_to_json(latency));
    return object;
}

static struct json_object *queue_to_json(const struct counts_queue *queue)
{
    const struct queue_stats *s = &queue->stats;
    struct json_object *object = json_object_new_object();

    add(object, "queue", queue->index);
    add(object, "requests", s->requests);
    add(object, "bytes-from-guest", s->bytes_from_guest);
    add(object, "bytes-to-guest", s->bytes_to_guest);
    add(object, "depth", s->depth);
    add(object, "depth-highest", s->depth_max);
    add(object, "doorbells", s->doorbells);
    add(object, "notifications", s->notifications);
    add(object, "notifications-spared", s->suppressed);
    add(object, "polls", s->polls);
    add(object, "polls-successful", s->polls_found);
    add(object, "maps", s->maps);
    add(object, "copies", s->copies);
    add(object, "bytes-copied", s->copied_bytes);
    add(object, "faults", s->faults);
    json_object_object_add(object, "latency-ns", latency_to_json(&s->latency));
    return object;
}

static struct json_object *device_to_json(const struct counts_device *device)
{
    struct json_object *object = json_object_new_object();
    struct json_object *queues = json_object_new_array();

    add(object, "number", device->number);
    json_print_text(object, "name", device->name);
    json_print_text(object, "type", device->type);
    add(object, "gave-up", device->stats.needs_resets);
    add(object, "resets", device->stats.resets);
    for (size_t i = 0; i < device->num_queues; i++)
        json_object_array_add(queues, queue_to_json(&device->queues[i]));
    json_object_object_add(object, "queues", queues);
    return object;
}

static void add_ring(struct json_object *object, const struct channel_stats *channel)
{
    add(object, "messages-from-guest", channel->from_guest);
    add(object, "messages-to-guest", channel->to_guest);
    add(object, "events", channel->events);
    add(object, "dropped", channel->dropped);
    add(object, "doorbells", channel->doorbells);
    add(object, "notifications", channel->notifications);
    add(object, "looks", channel->looks);
    add(object, "polls", channel->polls);
    add(object, "polls-successful", channel->polls_found);
}

static struct json_object *bus_to_json(const struct counts_bus *bus)
{
    struct json_object *object = json_object_new_object();
    struct json_object *devices = json_object_new_array();

    add(object, "domain-id", bus->domid);
    json_print_text(object, "domain", bus->domain);
    add(object, "bus", bus->bus);
    json_object_object_add(object, "complete", json_object_new_boolean(bus->complete));
    if (!bus->complete)
        json_print_text(object, "error", bus->why);
    json_object_object_add(object, "connected", json_object_new_boolean(bus->connected));
    add_ring(object, &bus->channel);
    add(object, "mapped-pages", bus->memory.mapped_pages);
    add(object, "maps", bus->memory.maps);
    add(object, "copies", bus->memory.copies);
    add(object, "bytes-copied", bus->memory.copied_bytes);
    for (size_t i = 0; i < bus->num_devices; i++)
        json_object_array_add(devices, device_to_json(&bus->devices[i]));
    json_object_object_add(object, "devices", devices);
    return object;
}

void stats_print_json(const struct counts *counts, FILE *out)
{
    struct json_object *array = json_object_new_array();

    for (size_t i = 0; i < counts->num_buses; i++)
        json_object_array_add(array, bus_to_json(&counts->buses[i]));
    json_print(array, out);
    json_object_put(array);
}
