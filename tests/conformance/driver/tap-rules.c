/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The rules. A request is judged by what its device had answered before; what
 * depends on the history since the last reset is judged when that was recorded.
 */

#include "tests/conformance/driver/tap-rules.h"

#include <linux/virtio_config.h>
#include <string.h>

#include "common/le.h"

/* Younger than some systems' headers. */
#ifndef VIRTIO_F_NOTIFICATION_DATA
#define VIRTIO_F_NOTIFICATION_DATA 38
#endif

#define FEATURE_WORD(bit) ((bit) / 32u)
#define FEATURE_MASK(bit) (1u << (bit) % 32u)

#define judge tap_rules_judge
#define NUMBER(d) ((unsigned long long)(d)->number)

static struct tap_queue *queue_of(struct tap_device *d, uint32_t index)
{
    return index < TAP_QUEUES ? &d->queues[index] : NULL;
}

static bool negotiated(const struct tap_device *d, unsigned bit)
{
    return d->written[FEATURE_WORD(bit)] & FEATURE_MASK(bit);
}

/* A value above `limit` that would be below it in the other byte order. */
static void judge_order(struct tap_check *t, const char *field, uint32_t value, uint32_t limit)
{
    bool swapped = value > limit && __builtin_bswap32(value) <= limit;

    judge(t, TAP_DRV_06, !swapped, "%s %#x is big-endian", field, value);
}

static void judge_index(struct tap_check *t, const struct tap_device *d, uint32_t index)
{
    if (d->has_info && d->info.max_virtqueues)
        judge_order(t, "queue index", index, d->info.max_virtqueues - 1);
}

/* ---- features ---- */

static void features_written(struct tap_check *t, struct tap_device *d,
                             const struct msg_set_driver_features_request *m)
{
    for (uint32_t i = 0; i < m->num_blocks; i++) {
        uint64_t block = (uint64_t)m->block_index + i;
        uint32_t word = le32_get(&m->features.bytes[4 * i]);
        bool read = block < TAP_BLOCKS && d->block_read[block];

        if (read)
            judge(t, TAP_DRV_25, !(word & ~d->offered[block]),
                  "device %llu: block %llu is written as %#x, offered was %#x", NUMBER(d),
                  (unsigned long long)block, word, d->offered[block]);
        else if (d->known)
            judge(t, TAP_DRV_25, word == 0, "device %llu: block %llu was not read", NUMBER(d),
                  (unsigned long long)block);
        judge(t, TAP_DRV_27, word == 0 || (d->has_info ? block < d->info.num_feature_blocks : 1),
              "device %llu: bits in block %llu, which it does not have", NUMBER(d),
              (unsigned long long)block);
        if (block < TAP_BLOCKS)
            d->written[block] = word;
    }
    if (d->known)
        judge(t, TAP_DRV_18, !d->queue_set,
              "device %llu: features are written after a queue is set", NUMBER(d));
}

/* ---- configuration ---- */

static void config_asked(struct tap_check *t, const struct tap_device *d, uint32_t offset,
                         uint32_t length)
{
    uint32_t size = d->info.config_size;

    if (d->has_info)
        judge(t, TAP_DRV_21, offset <= size && length <= size - offset,
              "device %llu: %u bytes at %u of a configuration of %u", NUMBER(d), length, offset,
              size);
}

static bool knows_generation(const struct tap_device *d, uint32_t generation)
{
    for (unsigned i = 0; i < d->num_generations; i++)
        if (d->generations[i] == generation)
            return true;
    return d->has_written && d->written_generation == generation;
}

static void config_written(struct tap_check *t, const struct tap_device *d,
                           const struct msg_set_config_request *m)
{
    config_asked(t, d, m->offset, m->length);
    if (!t->bus.strict)
        judge(t, TAP_DRV_29, m->generation == 0, "device %llu: generation %u", NUMBER(d),
              m->generation);
    else if (d->num_generations)
        judge(t, TAP_DRV_31, knows_generation(d, m->generation),
              "device %llu: generation %u is not the latest, %u", NUMBER(d), m->generation,
              d->generations[d->num_generations - 1]);
}

/* ---- status ---- */

static bool queues_confirmed(const struct tap_device *d)
{
    for (unsigned i = 0; i < TAP_QUEUES; i++)
        if (d->queues[i].set && !d->queues[i].confirmed)
            return false;
    return true;
}

static void note_reset(struct tap_device *d)
{
    d->known = true;
    d->reset_pending = true;
    d->status_written = 0;
    d->queue_set = false;
    memset(d->written, 0, sizeof(d->written));
    memset(d->queues, 0, sizeof(d->queues));
}

static void judge_rise(struct tap_check *t, struct tap_device *d, uint32_t status)
{
    uint32_t before = 0;

    judge(t, TAP_DRV_49, (status & d->status_written) == d->status_written,
          "device %llu: status goes from %#x to %#x", NUMBER(d), d->status_written, status);
    if (status & VIRTIO_CONFIG_S_DRIVER)
        before = VIRTIO_CONFIG_S_ACKNOWLEDGE;
    if (status & VIRTIO_CONFIG_S_FEATURES_OK)
        before |= VIRTIO_CONFIG_S_DRIVER;
    if (status & VIRTIO_CONFIG_S_DRIVER_OK)
        before |= VIRTIO_CONFIG_S_FEATURES_OK;
    judge(t, TAP_DRV_20, (status & before) == before && (d->status_written & before) == before,
          "device %llu: status goes from %#x to %#x", NUMBER(d), d->status_written, status);
    if (status & ~d->status_written & VIRTIO_CONFIG_S_DRIVER_OK)
        judge(t, TAP_DRV_53, (d->status & VIRTIO_CONFIG_S_FEATURES_OK) && queues_confirmed(d),
              "device %llu: DRIVER_OK while its status is %#x and its queues are%s confirmed",
              NUMBER(d), d->status, queues_confirmed(d) ? "" : " not");
}

static void status_written(struct tap_check *t, struct tap_device *d, uint32_t status)
{
    judge_order(t, "status", status, 0xff);
    if (status == 0) {
        judge(t, TAP_DRV_49, true, " ");
        note_reset(d);
        return;
    }
    if (d->known && !(status & VIRTIO_CONFIG_S_FAILED))
        judge_rise(t, d, status);
    d->status_written |= status;
}

/* ---- queues ---- */

static bool address_good(uint64_t address, unsigned alignment, bool ignored)
{
    return ignored || (address && address % alignment == 0);
}

static void judge_fields(struct tap_check *t, const struct tap_device *d,
                         const struct msg_set_vqueue_request *m)
{
    const struct tap_queue *q = &d->queues[m->index];
    uint32_t flags = m->flags;

    judge(t, TAP_DRV_39, !(flags & SET_VQUEUE_RESERVED), "flags are %#x", flags);
    judge(t, TAP_DRV_40, (flags & SET_VQUEUE_OPERATION) != 3, "flags are %#x", flags);
    judge(t, TAP_DRV_41, m->reserved == 0, "reserved is %#x", m->reserved);
    judge(t, TAP_DRV_11, m->reserved == 0, "reserved is %#x", m->reserved);
    judge(t, TAP_DRV_38,
          address_good(m->desc_addr, 16, flags & SET_VQUEUE_IGNORE_DESC) &&
              address_good(m->driver_addr, 2, flags & SET_VQUEUE_IGNORE_DRIVER) &&
              address_good(m->device_addr, 4, flags & SET_VQUEUE_IGNORE_DEVICE),
          "queue %u: addresses %#llx %#llx %#llx", m->index, (unsigned long long)m->desc_addr,
          (unsigned long long)m->driver_addr, (unsigned long long)m->device_addr);
    if (q->max_size && !(flags & SET_VQUEUE_IGNORE_SIZE))
        judge(t, TAP_DRV_37, m->size && m->size <= q->max_size, "queue %u: size %u of at most %u",
              m->index, m->size, q->max_size);
}

/* Against what the device had shown of the queue. */
static void judge_state(struct tap_check *t, const struct tap_device *d,
                        const struct msg_set_vqueue_request *m)
{
    const struct tap_queue *q = &d->queues[m->index];
    uint32_t operation = m->flags & SET_VQUEUE_OPERATION;
    uint32_t ignore_all = SET_VQUEUE_IGNORE_SIZE | SET_VQUEUE_IGNORE_DESC |
                          SET_VQUEUE_IGNORE_DRIVER | SET_VQUEUE_IGNORE_DEVICE;
    bool changes = (m->flags & ignore_all) != ignore_all;

    judge(t, TAP_DRV_18, d->status & VIRTIO_CONFIG_S_FEATURES_OK,
          "device %llu: queue %u is set while its status is %#x", NUMBER(d), m->index, d->status);
    judge(t, TAP_DRV_42, !q->enabled || operation != SET_VQUEUE_DISABLE,
          "device %llu: queue %u is enabled and is to be disabled", NUMBER(d), m->index);
    judge(t, TAP_DRV_43, !q->enabled || !changes,
          "device %llu: queue %u is enabled and is to be changed", NUMBER(d), m->index);
    if (q->was_reset)
        judge(t, TAP_DRV_44, !q->resetting, "device %llu: queue %u is not reset yet", NUMBER(d),
              m->index);
    if (changes)
        judge(t, TAP_DRV_36, q->seen_disabled,
              "device %llu: queue %u was not seen disabled before it is set", NUMBER(d), m->index);
}

static void queue_set(struct tap_check *t, struct tap_device *d,
                      const struct msg_set_vqueue_request *m)
{
    struct tap_queue *q = queue_of(d, m->index);

    judge_index(t, d, m->index);
    if (!q)
        return;
    judge_fields(t, d, m);
    if (d->known)
        judge_state(t, d, m);
    d->queue_set = true;
    q->set = true;
    q->config = *m;
    q->asked_after = false;
    q->confirmed = false;
}

static void queue_reset(struct tap_check *t, struct tap_device *d, uint32_t index)
{
    struct tap_queue *q = queue_of(d, index);

    judge_index(t, d, index);
    if (d->known)
        judge(t, TAP_DRV_46, negotiated(d, VIRTIO_F_RING_RESET),
              "device %llu: RESET_VQUEUE without RING_RESET", NUMBER(d));
    if (q)
        *q = (struct tap_queue){.resetting = true, .was_reset = true};
}

static void queue_asked(struct tap_check *t, struct tap_device *d, uint32_t index)
{
    struct tap_queue *q = queue_of(d, index);

    judge_index(t, d, index);
    if (q)
        q->asked_after = q->set;
}

static void available(struct tap_check *t, const struct tap_device *d,
                      const struct msg_event_avail *m)
{
    const struct tap_queue *q = m->vq_index < TAP_QUEUES ? &d->queues[m->vq_index] : NULL;

    judge_index(t, d, m->vq_index);
    if (d->has_info)
        judge(t, TAP_DRV_57, m->vq_index < d->info.max_virtqueues, "device %llu: queue %u of %u",
              NUMBER(d), m->vq_index, d->info.max_virtqueues);
    if (!d->known || !q)
        return;
    judge(t, TAP_DRV_20, d->status_written & VIRTIO_CONFIG_S_DRIVER_OK,
          "device %llu: EVENT_AVAIL before DRIVER_OK", NUMBER(d));
    judge(t, TAP_DRV_54, d->status & VIRTIO_CONFIG_S_DRIVER_OK,
          "device %llu: EVENT_AVAIL while its status is %#x", NUMBER(d), d->status);
    judge(t, TAP_DRV_55, q->set, "device %llu: EVENT_AVAIL for queue %u, which is not set",
          NUMBER(d), m->vq_index);
    judge(t, TAP_DRV_45, q->asked_after || !q->set,
          "device %llu: queue %u is used without a GET_VQUEUE after it was set", NUMBER(d),
          m->vq_index);
    judge(t, TAP_DRV_19, q->confirmed || !q->asked_after,
          "device %llu: queue %u is used though it is not as it was set", NUMBER(d), m->vq_index);
    if (negotiated(d, VIRTIO_F_NOTIFICATION_DATA) && negotiated(d, VIRTIO_F_RING_PACKED))
        judge(t, TAP_DRV_58, !(m->next_offset & 0x7fff8000), "next_offset is %#x for a packed queue",
              m->next_offset);
    else if (negotiated(d, VIRTIO_F_NOTIFICATION_DATA))
        judge(t, TAP_DRV_58, m->next_offset <= 0xffff, "next_offset is %#x for a split queue",
              m->next_offset);
    else
        judge(t, TAP_DRV_58, m->next_offset == 0, "next_offset is %#x", m->next_offset);
}

/* ---- what the driver sends ---- */

static void judge_sequence(struct tap_check *t, const struct tap_device *d, const struct msg *m)
{
    const char *name = msg_describe(m->kind)->name;
    bool status = m->kind == MSG_get_device_status_request ||
                  m->kind == MSG_set_device_status_request;

    /* Giving up, with FAILED, or asking for the reset again starts nothing. */
    if (m->kind == MSG_set_device_status_request && d->reset_pending)
        status = !m->set_device_status_request.status ||
                 (m->set_device_status_request.status & VIRTIO_CONFIG_S_FAILED);
    if (d->known)
        judge(t, TAP_DRV_50, status || !d->reset_pending,
              "device %llu: %s before its reset is complete", NUMBER(d), name);
    if (d->known && (m->kind == MSG_get_device_features_request ||
                     m->kind == MSG_set_driver_features_request ||
                     m->kind == MSG_get_vqueue_request || m->kind == MSG_set_vqueue_request))
        judge(t, TAP_DRV_17, d->has_info, "device %llu: %s before GET_DEVICE_INFO", NUMBER(d),
              name);
}

void tap_rules_driver(struct tap_check *t, struct tap_device *d, const struct msg *m)
{
    judge_sequence(t, d, m);
    switch (m->kind) {
    case MSG_set_driver_features_request:
        features_written(t, d, &m->set_driver_features_request);
        break;
    case MSG_get_config_request:
        config_asked(t, d, m->get_config_request.offset, m->get_config_request.length);
        break;
    case MSG_set_config_request:
        config_written(t, d, &m->set_config_request);
        break;
    case MSG_set_device_status_request:
        status_written(t, d, m->set_device_status_request.status);
        break;
    case MSG_get_vqueue_request:
        queue_asked(t, d, m->get_vqueue_request.index);
        break;
    case MSG_set_vqueue_request:
        queue_set(t, d, &m->set_vqueue_request);
        break;
    case MSG_reset_vqueue_request:
        queue_reset(t, d, m->reset_vqueue_request.index);
        break;
    case MSG_event_avail:
        available(t, d, &m->event_avail);
        break;
    default:
        break;
    }
}

/* ---- what the device says ---- */

static void note_status(struct tap_device *d, uint32_t status)
{
    d->status = status;
    if (status == 0)
        d->reset_pending = false;
}

/* A response is read before the driver sends on; of events since, nobody knows. */
static void note_generation(struct tap_device *d, uint32_t generation, bool response)
{
    d->has_written = false;
    if (response)
        d->num_generations = 0;
    if (d->num_generations < TAP_GENERATIONS)
        d->generations[d->num_generations++] = generation;
}

static void note_features(struct tap_device *d, const struct msg_get_device_features_response *m)
{
    for (uint32_t i = 0; i < m->num_blocks; i++) {
        uint64_t block = (uint64_t)m->block_index + i;

        if (block >= TAP_BLOCKS)
            return;
        d->block_read[block] = true;
        d->offered[block] = le32_get(&m->features.bytes[4 * i]);
    }
}

static void note_queue(struct tap_device *d, const struct msg_get_vqueue_response *m)
{
    struct tap_queue *q = queue_of(d, m->index);
    bool enabled = m->flags & GET_VQUEUE_ENABLED;

    if (!q)
        return;
    q->max_size = m->max_size;
    q->enabled = enabled;
    if (!q->set)
        q->seen_disabled = !enabled;
    else
        q->confirmed = enabled && m->cur_size == q->config.size &&
                       m->desc_addr == q->config.desc_addr &&
                       m->driver_addr == q->config.driver_addr &&
                       m->device_addr == q->config.device_addr;
}

/* The answer to RESET_VQUEUE is empty; it is the reset that waits. */
static void note_queues_reset(struct tap_device *d)
{
    for (unsigned i = 0; i < TAP_QUEUES; i++)
        d->queues[i].resetting = false;
}

/* Who has read a response has read the events before it. */
static void forget_generations(struct tap_device *d)
{
    if (d->num_generations > 1)
        d->generations[0] = d->generations[d->num_generations - 1];
    d->num_generations = d->num_generations > 0;
}

void tap_rules_device(struct tap_device *d, const struct msg *m)
{
    if (msg_describe(m->kind)->class == MSG_RESPONSE)
        forget_generations(d);
    switch (m->kind) {
    case MSG_get_device_info_response:
        d->has_info = true;
        d->info = m->get_device_info_response;
        break;
    case MSG_get_device_features_response:
        note_features(d, &m->get_device_features_response);
        break;
    case MSG_get_config_response:
        note_generation(d, m->get_config_response.generation, true);
        break;
    case MSG_set_config_response:
        d->has_written = true;
        d->written_generation = m->set_config_response.generation;
        break;
    case MSG_get_device_status_response:
        note_status(d, m->get_device_status_response.status);
        break;
    case MSG_set_device_status_response:
        note_status(d, m->set_device_status_response.status);
        break;
    case MSG_get_vqueue_response:
        note_queue(d, &m->get_vqueue_response);
        break;
    case MSG_reset_vqueue_response:
        note_queues_reset(d);
        break;
    case MSG_event_config:
        d->status = m->event_config.device_status;
        note_generation(d, m->event_config.generation, false);
        break;
    default:
        break;
    }
}
