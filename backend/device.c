/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/device.h"

#include <inttypes.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/device-state.h"
#include "backend/doorbells.h"
#include "backend/threads.h"

#define FEATURE(bit) (UINT64_C(1) << (bit))
#define FEATURES_OF_ALL                                                  \
    (FEATURE(VIRTIO_F_VERSION_1) | FEATURE(VIRTIO_F_ACCESS_PLATFORM) |   \
     FEATURE(VIRTIO_F_NOTIFICATION_DATA) | FEATURE(VIRTIO_F_RING_RESET) | \
     FEATURE(VIRTIO_RING_F_INDIRECT_DESC) | FEATURE(VIRTIO_RING_F_EVENT_IDX) | \
     FEATURE(VIRTIO_F_RING_PACKED))

/* The bits a driver sets; DEVICE_NEEDS_RESET is the device's own. */
#define DRIVER_BITS                                                                     \
    (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK | \
     VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_FAILED)

/* ---- what classes ask for ---- */

void device_offer_features(struct device *device, uint64_t features)
{
    device->offered |= features;
}

bool device_has_feature(const struct device *device, unsigned feature)
{
    return device->status & VIRTIO_CONFIG_S_FEATURES_OK && device->accepted & FEATURE(feature);
}

/* Also in the worker's own loop: it stands for any of them. */
static struct part *part_here(const struct device *device)
{
    const struct lane *here = lane_here();

    for (uint32_t i = 1; i < device->num_parts; i++) {
        if (device->parts[i].lane == here)
            return &device->parts[i];
    }
    return &device->parts[0];
}

struct aio *device_aio(const struct device *device, const struct queue *queue)
{
    return device_part(device, queue_index(queue))->lane->aio;
}

struct aio *device_file_aio(const struct device *device)
{
    return device->num_parts == 1 ? device->parts[0].lane->aio : NULL;
}

struct event_base *device_queue_base(const struct device *device, uint32_t queue_index)
{
    return device_part(device, queue_index)->lane->base;
}

struct event_base *device_event_base(const struct device *device)
{
    return device->host->lane.base;
}

uint64_t device_now(const struct device *device)
{
    struct platform *platform = part_here(device)->lane->platform;

    return platform->ops->now(platform);
}

/* An event channel carries no data with a notification (BUS-42); a packed ring does not
 * tell what of it was used. */
uint64_t device_offered(const struct device *device)
{
    return device->offered &
           ~(device->host->lane.doorbells ? FEATURE(VIRTIO_F_NOTIFICATION_DATA) : 0) &
           ~(device->host->resume ? FEATURE(VIRTIO_F_RING_PACKED) : 0);
}

bool device_running(const struct device *device)
{
    const uint32_t decisive =
        VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_NEEDS_RESET | VIRTIO_CONFIG_S_FAILED;

    return !device->resetting && (device->status & decisive) == VIRTIO_CONFIG_S_DRIVER_OK;
}

struct queue *device_queue(const struct device *device, uint32_t index)
{
    return index < device->num_queues ? device->queues[index] : NULL;
}

void device_kick(struct device *device, uint32_t queue_index)
{
    struct queue *queue = device_queue(device, queue_index);

    if (!queue || !queue_enabled(queue) || !device_running(device))
        return;
    part_kick(device_part(device, queue_index), queue_index);
}

void device_doorbell(struct device *device, uint32_t queue_index)
{
    struct queue *queue = device_queue(device, queue_index);

    if (queue && queue_enabled(queue))
        stats_count(&queue_stats(queue)->doorbells);
    device_kick(device, queue_index);
}

/* ---- events ---- */

/* Before DRIVER_OK nobody listens; after status 0 nobody may be disturbed. */
static bool driver_may_hear(const struct device *device)
{
    return !device->resetting && device->status & VIRTIO_CONFIG_S_DRIVER_OK;
}

static void raise_event(struct device *device, uint32_t bit)
{
    if (!driver_may_hear(device))
        return;
    pending_set(&device->host->pending, &device->events, bit);
    device->host->event_waits(device->host->user);
}

/* Several changes become one event: the least range that holds all of them. */
static void add_news(struct device *device, uint32_t offset, uint32_t length)
{
    uint32_t end = offset + length;

    if (!length || device->news.kind == CONFIG_ANYTHING) {
        device->news.kind = CONFIG_ANYTHING;
        return;
    }
    if (device->news.kind == CONFIG_RANGE) {
        uint32_t known_end = device->news.offset + device->news.length;

        end = end > known_end ? end : known_end;
        offset = offset < device->news.offset ? offset : device->news.offset;
    }
    device->news.kind = CONFIG_RANGE;
    device->news.offset = offset;
    device->news.length = end - offset;
}

/* A driver may have read the old values from DRIVER on; it is told at DRIVER_OK
 * of what changed before. */
void device_config_changed(struct device *device, uint32_t offset, uint32_t length)
{
    device->generation++;
    if (device->resetting || !(device->status & VIRTIO_CONFIG_S_DRIVER))
        return;
    add_news(device, offset, length);
    raise_event(device, PENDING_CONFIG);
}

void device_needs_reset(struct device *device, const char *why)
{
    if (lane_here()) {
        part_tell_broken(part_here(device), why);
        return;
    }
    if (device->resetting || !device->status || device->status & VIRTIO_CONFIG_S_NEEDS_RESET)
        return;
    device->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
    device->stats.needs_resets++;
    if (log_limit_passes(&device->log_limit, device_now(device)))
        log_warning("%s: device %s needs a reset: %s", device->host->label, device->name, why);
    raise_event(device, PENDING_CONFIG);
}

void device_say(const struct device *device, const char *what)
{
    log_warning("%s: device %s: %s", device->host->label, device->name, what);
}

void device_complain(struct device *device, const char *what)
{
    struct log_limit *limit = &part_here(device)->trouble_limit;
    uint64_t unlogged = limit->suppressed;

    if (!log_limit_passes(limit, device_now(device)))
        return;
    if (unlogged)
        log_warning("%s: device %s: %s (and %" PRIu64 " lines like this not logged)",
                    device->host->label, device->name, what, unlogged);
    else
        device_say(device, what);
}

struct device *device_of_source(struct pending_source *source)
{
    return (struct device *)((char *)source - offsetof(struct device, events));
}

/* Offset 0 and length 0: the driver reads again what it cares about. So it is told
 * of a range whose data does not fit; but in the strict profile, where the range
 * alone may be told. */
static void build_config_event(struct device *device, struct answer *answer)
{
    struct msg_event_config *event = &answer->msg.event_config;
    uint32_t offset = device->news.offset, length = device->news.length;
    bool fits = length <= answer_room(answer, MSG_event_config);
    uint8_t config[DEVICE_MAX_CONFIG];

    event->device_status = device->status;
    event->generation = device->generation;
    if (device->news.kind == CONFIG_RANGE && (fits || device->host->strict)) {
        event->offset = offset;
        event->length = length;
    }
    if (device->news.kind == CONFIG_RANGE && fits) {
        device->class->read_config(device->state, config);
        memcpy(answer->tail, config + offset, length);
        event->data = (struct msg_tail){.bytes = answer->tail, .size = length};
    }
    device->news.kind = CONFIG_NO_NEWS;
}

void device_build_event(struct device *device, uint32_t bit, struct answer *answer)
{
    struct msg *event = &answer->msg;

    *event = (struct msg){.dev_num = device->number};
    if (bit == PENDING_CONFIG) {
        event->kind = MSG_event_config;
        build_config_event(device, answer);
    } else if (bit == device_answer_bit(device)) {
        event->kind = MSG_reset_vqueue_response;
        event->token = device->queue_reset.token;
        device->queue_reset.waits = false;
    } else {
        event->kind = MSG_event_used;
        event->event_used.vq_index = bit - PENDING_QUEUE(0);
        stats_count(&queue_stats(device->queues[event->event_used.vq_index])->notifications);
    }
}

/* ---- status and reset ---- */

/* Nobody can tell how a queue is laid out that is set up before the layout is agreed:
 * it is taken for a split one, and keeps the driver from choosing the other. */
static bool layout_fits(const struct device *device)
{
    if (!(device->accepted & FEATURE(VIRTIO_F_RING_PACKED)))
        return true;
    for (uint32_t i = 0; i < device->num_queues; i++) {
        if (queue_enabled(device->queues[i]))
            return false;
    }
    return true;
}

static bool features_fit(const struct device *device)
{
    return !device->accepted_unknown && !(device->accepted & ~device_offered(device)) &&
           device->accepted & FEATURE(VIRTIO_F_VERSION_1) && layout_fits(device);
}

/* Before any of them is served, which takes DRIVER_OK. */
static void tell_queues(struct device *device)
{
    uint64_t features = device->status & VIRTIO_CONFIG_S_FEATURES_OK ? device->accepted : 0;

    for (uint32_t i = 0; i < device->num_queues; i++)
        queue_negotiated(device->queues[i], features);
}

static void kick_all(struct device *device)
{
    for (uint32_t i = 0; i < device->num_queues; i++)
        device_kick(device, i);
}

void device_set_status(struct device *device, uint32_t wanted)
{
    uint32_t next = device->status | (wanted & DRIVER_BITS);
    bool was_running = device_running(device);
    bool had_features = device->status & VIRTIO_CONFIG_S_FEATURES_OK;

    if (!wanted) {
        device_reset(device);
        return;
    }
    if (device->resetting)
        return;
    if (!(device->status & VIRTIO_CONFIG_S_FEATURES_OK) &&
        (!(next & VIRTIO_CONFIG_S_DRIVER) || !features_fit(device)))
        next &= ~(uint32_t)VIRTIO_CONFIG_S_FEATURES_OK;
    if (!(next & VIRTIO_CONFIG_S_FEATURES_OK))
        next &= ~(uint32_t)VIRTIO_CONFIG_S_DRIVER_OK;
    device->status = next;
    if (!had_features)
        tell_queues(device);
    /* Buffers may have been made available before DRIVER_OK. */
    if (!was_running)
        kick_all(device);
    if (device->news.kind != CONFIG_NO_NEWS)
        raise_event(device, PENDING_CONFIG);
}

static void finish_reset_if_idle(struct device *device)
{
    if (!device->resetting)
        return;
    for (uint32_t i = 0; i < device->num_queues; i++) {
        if (!queue_idle(device->queues[i]))
            return;
    }
    for (uint32_t i = 0; i < device->num_queues; i++)
        queue_clear(device->queues[i]);
    if (device->class->reset)
        device->class->reset(device->state);
    device->accepted = 0;
    device->accepted_unknown = false;
    device->status = 0;
    device->resetting = false;
    device->host->settled(device->host->user);
}

static void let_class_stop(struct device *device, struct queue *queue)
{
    if (device->class->queue_stop && queue_enabled(queue))
        device->class->queue_stop(device->state, queue);
}

void device_reset(struct device *device)
{
    /* Also of a reset that is going on: whoever has waited for the answer to a
     * RESET_VQUEUE since then has left, or the device has. */
    device->queue_reset.waits = false;
    pending_drop(&device->host->pending, &device->events);
    doorbells_drop_all(device);
    if (device->resetting)
        return;
    device->stats.resets += device->status != 0;
    device->resetting = true;
    for (uint32_t i = 0; i < device->num_parts; i++)
        part_forget(&device->parts[i]);
    device->news.kind = CONFIG_NO_NEWS;
    /* All are stopped before the class hears of the first: a chain that comes
     * back now may be the last, and end the reset. */
    for (uint32_t i = 0; i < device->num_queues; i++)
        queue_stop(device->queues[i]);
    for (uint32_t i = 0; i < device->num_queues; i++)
        let_class_stop(device, device->queues[i]);
    finish_reset_if_idle(device);
}

static void finish_queue_reset(struct device *device, uint32_t index)
{
    struct pending *pending = &device->host->pending;

    queue_clear(device->queues[index]);
    doorbells_drop(device, index);
    pending_done(pending, &device->events, PENDING_QUEUE(index));
    if (!device->queue_reset.waits)
        return;
    pending_set(pending, &device->events, device_answer_bit(device));
    device->host->event_waits(device->host->user);
}

bool device_reset_queue(struct device *device, uint32_t index, uint16_t token)
{
    struct queue *queue = device_queue(device, index);

    if (!queue || !queue_enabled(queue))
        return true;
    if (!device->resetting) {
        if (!device_has_feature(device, VIRTIO_F_RING_RESET))
            return true;
        queue_stop(queue);
        let_class_stop(device, queue);
    }
    if (queue_idle(queue)) {
        finish_queue_reset(device, index);
        return true;
    }
    device->queue_reset.waits = true;
    device->queue_reset.token = token;
    device->queue_reset.index = index;
    return false;
}

/* ---- what the queues tell ---- */

/* One that a thread told of may have been taken back meanwhile. */
void device_tell_used(struct device *device, uint32_t index)
{
    if (queue_enabled(device->queues[index]))
        raise_event(device, PENDING_QUEUE(index));
}

static void on_used(void *user, uint32_t index)
{
    struct part *part = user;
    struct device *device = part->device;

    if (driver_may_hear(device) && doorbells_ring(device, index))
        return;
    if (lane_here())
        part_tell_used(part, index);
    else
        device_tell_used(device, index);
}

static void on_fault(void *user, uint32_t index, const char *what)
{
    char why[160];

    snprintf(why, sizeof(why), "queue %u: %s", index, what);
    device_needs_reset(((struct part *)user)->device, why);
}

void device_look_if_idle(struct device *device)
{
    uint32_t index = device->queue_reset.index;

    if (device->queue_reset.waits && queue_idle(device->queues[index]))
        finish_queue_reset(device, index);
    finish_reset_if_idle(device);
}

static void on_idle(void *user, uint32_t index)
{
    struct part *part = user;

    (void)index;
    if (lane_here()) {
        part_tell_idle(part);
        return;
    }
    threads_hold(part->device->host->threads);
    device_look_if_idle(part->device);
    threads_release(part->device->host->threads);
}

static uint64_t on_now(void *user, bool fresh)
{
    struct lane *lane = ((struct part *)user)->lane;

    return fresh ? turn_read(&lane->turn, lane->platform) : turn_now(&lane->turn, lane->platform);
}

static void on_attend(void *user, uint32_t index)
{
    part_kick(user, index);
}

/* ---- life ---- */

/* All by the worker's own loop, or none. */
static bool make_parts(struct device *device)
{
    struct device_host *host = device->host;
    uint32_t groups = device->num_queues / device->group;
    unsigned threads = groups > 1 ? threads_start(host->threads) : 0;

    device->num_parts = threads < groups ? threads : groups;
    if (!device->num_parts) {
        device->num_parts = 1;
        device->parts = &device->part;
        return part_open(device->parts, device, &host->lane);
    }
    device->parts = calloc(device->num_parts, sizeof(*device->parts));
    if (!device->parts) {
        device->num_parts = 0;
        return false;
    }
    for (uint32_t i = 0; i < device->num_parts; i++) {
        struct lane *lane = threads_lane(host->threads, host->next_thread++ % threads);

        if (!part_open(&device->parts[i], device, lane))
            return false;
    }
    return true;
}

static bool make_queues(struct device *device)
{
    struct queue_owner owner = {
        .used = on_used,
        .fault = on_fault,
        .idle = on_idle,
        .now = on_now,
        .attend = on_attend,
    };

    for (uint32_t i = 0; i < device->num_queues; i++) {
        owner.user = device_part(device, i);
        device->queues[i] = queue_new(i, device->class->queue_size, &owner);
        if (!device->queues[i])
            return false;
    }
    return true;
}

struct device *device_new(struct device_host *host, const struct device_class *class,
                          const struct ipc_device *what, const struct fds *fds, char *why)
{
    const struct device_setup setup = {
        .name = what->name, .fds = fds, .choices = &what->choices};
    uint32_t num_queues = class->count_queues ? class->count_queues(&setup) : class->num_queues;
    struct device *device = calloc(1, sizeof(*device) + num_queues * sizeof(device->queues[0]));

    snprintf(why, DEVICE_WHY_MAX, "%s: out of memory", what->name);
    if (!device)
        return NULL;
    device->class = class;
    device->num_queues = num_queues;
    device->group = class->group ? class->group : num_queues;
    device->host = host;
    device->number = what->number;
    device->offered = FEATURES_OF_ALL;
    device->events.bits = device->event_bits;
    device->events.num_bits = device_answer_bit(device) + 1;
    snprintf(device->name, sizeof(device->name), "%s", what->name);
    memcpy(device->uuid.bytes, what->uuid, sizeof(device->uuid.bytes));
    if (!make_parts(device) || !make_queues(device))
        goto fail;
    device->state = class->create(device, &setup, why);
    if (!device->state)
        goto fail;
    return device;

fail:
    device_free(device);
    return NULL;
}

void device_free(struct device *device)
{
    if (!device)
        return;
    pending_drop(&device->host->pending, &device->events);
    doorbells_drop_all(device);
    if (device->state)
        device->class->destroy(device->state);
    for (uint32_t i = 0; i < device->num_queues; i++)
        queue_free(device->queues[i]);
    for (uint32_t i = 0; i < device->num_parts; i++)
        part_close(&device->parts[i]);
    if (device->parts != &device->part)
        free(device->parts);
    free(device);
}
