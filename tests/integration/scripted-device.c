/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/integration/scripted-device.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>

#include "common/le.h"
#include "tests/integration/scripted-bus.h"

/* Bytes that differ from sector to sector; made once, for tests that add many. */
static void fill_disk(uint8_t *disk)
{
    static uint8_t pattern[BACKEND_DISK_BYTES];

    if (!pattern[1])
        for (size_t i = 0; i < BACKEND_DISK_BYTES; i++)
            pattern[i] = (uint8_t)(i / 512 * 7 + i);
    memcpy(disk, pattern, BACKEND_DISK_BYTES);
}

void backend_device_init(struct backend_device *d, uint64_t number)
{
    free(d->disk);
    *d = (struct backend_device){
        .present = true,
        .number = number,
        .device_id = VIRTIO_ID_BLOCK,
        .offered = UINT64_C(1) << VIRTIO_F_VERSION_1 | UINT64_C(1) << VIRTIO_F_ACCESS_PLATFORM |
                   UINT64_C(1) << VIRTIO_BLK_F_FLUSH,
        .config_size = 60,
        .max_virtqueues = 1,
        .disk = malloc(BACKEND_DISK_BYTES),
    };
    for (unsigned i = 0; i < BACKEND_QUEUES; i++)
        d->queues[i].max_size = 256;
    BACKEND_CHECK(d->disk);
    fill_disk(d->disk);
    le64_put(d->config, BACKEND_DISK_BYTES / 512);
}

void backend_device_set_status(struct backend_device *d, uint32_t status)
{
    d->status = status;
    for (unsigned i = 0; status == 0 && i < BACKEND_QUEUES; i++)
        d->queues[i] = (struct backend_queue){.max_size = d->queues[i].max_size};
}

/* ---- messages ---- */

static void answer_info(const struct backend_device *d, struct msg *r)
{
    r->get_device_info_response = (struct msg_get_device_info_response){
        .device_id = d->device_id,
        .vendor_id = 0x58564d47,
        .num_feature_blocks = 2,
        .config_size = d->config_size,
        .max_virtqueues = d->max_virtqueues,
    };
}

/* The tail is in `words`. */
static void answer_features(const struct backend_device *d, const struct msg *m, uint8_t words[8],
                            struct msg *r)
{
    struct msg_get_device_features_response *f = &r->get_device_features_response;
    uint32_t asked = m->get_device_features_request.num_blocks;

    le64_put(words, d->offered);
    f->block_index = m->get_device_features_request.block_index;
    f->num_blocks = asked < 2 ? asked : 2;
    f->features = (struct msg_tail){words, 4 * f->num_blocks};
}

static void answer_vqueue(struct backend_device *d, const struct msg *m, struct msg *r)
{
    uint32_t index = m->get_vqueue_request.index;
    struct backend_queue *q = &d->queues[index];

    r->get_vqueue_response.index = index;
    if (index >= d->max_virtqueues)
        return;
    r->get_vqueue_response = (struct msg_get_vqueue_response){
        .index = index,
        .max_size = q->max_size,
        .cur_size = q->set.size,
        .flags = q->enabled ? GET_VQUEUE_ENABLED : 0,
        .desc_addr = q->set.desc_addr,
        .driver_addr = q->set.driver_addr,
        .device_addr = q->set.device_addr,
    };
}

void backend_device_answer(struct backend *b, struct backend_device *d, const struct msg *m)
{
    struct msg r = backend_response(m);
    uint8_t words[8];

    switch (m->kind) {
    case MSG_get_device_info_request:
        answer_info(d, &r);
        break;
    case MSG_get_device_features_request:
        answer_features(d, m, words, &r);
        break;
    case MSG_set_driver_features_request:
        d->driver_features = le64_get(m->set_driver_features_request.features.bytes);
        break;
    case MSG_get_config_request:
        r.get_config_response.generation = d->generation;
        r.get_config_response.offset = m->get_config_request.offset;
        r.get_config_response.length = m->get_config_request.length;
        r.get_config_response.data = (struct msg_tail){d->config + m->get_config_request.offset,
                                                       m->get_config_request.length};
        break;
    case MSG_set_config_request:
        memcpy(d->config + m->set_config_request.offset, m->set_config_request.data.bytes,
               m->set_config_request.length);
        r.set_config_response.offset = m->set_config_request.offset;
        r.set_config_response.length = m->set_config_request.length;
        break;
    case MSG_get_device_status_request:
        r.get_device_status_response.status = d->status;
        break;
    case MSG_set_device_status_request:
        backend_device_set_status(d, m->set_device_status_request.status);
        r.set_device_status_response.status = d->status;
        break;
    case MSG_get_vqueue_request:
        answer_vqueue(d, m, &r);
        break;
    case MSG_set_vqueue_request:
        d->queues[m->set_vqueue_request.index].set = m->set_vqueue_request;
        d->queues[m->set_vqueue_request.index].enabled = true;
        break;
    case MSG_reset_vqueue_request:
        d->queues[m->reset_vqueue_request.index] = (struct backend_queue){
            .max_size = d->queues[m->reset_vqueue_request.index].max_size};
        break;
    case MSG_get_shm_request:
        r.get_shm_response.index = m->get_shm_request.index;
        break;
    default:
        break;
    }
    if (msg_describe(m->kind)->class == MSG_REQUEST)
        backend_send(b, &r);
}

/* ---- queues ---- */

/* Discarded bytes may be anything: here they are not zero. */
static void serve_range(struct backend_device *d, uint32_t type, const uint8_t *bytes)
{
    struct backend_range range = {type, le64_get(bytes), le32_get(bytes + 8), le32_get(bytes + 12)};

    d->ranges[d->num_ranges++ % (sizeof(d->ranges) / sizeof(d->ranges[0]))] = range;
    if (d->answer == VIRTIO_BLK_S_OK && (range.sector + range.count) * 512 <= BACKEND_DISK_BYTES)
        memset(d->disk + range.sector * 512, type == VIRTIO_BLK_T_DISCARD ? 0xdd : 0,
               (size_t)range.count * 512);
}

/* One request; returns the bytes written into its buffers. */
static uint32_t serve_request(struct backend *b, struct backend_device *d,
                              const struct vring_desc *desc, uint16_t head)
{
    const uint8_t *header = backend_memory(b, desc[head].addr, 16);
    uint32_t written = 0;

    BACKEND_CHECK(header);

    uint32_t type = le32_get(header);
    uint64_t at = le64_get(header + 8) * 512;
    uint16_t i = head;

    while (desc[i].flags & VRING_DESC_F_NEXT) {
        i = desc[i].next;

        uint8_t *data = backend_memory(b, desc[i].addr, desc[i].len);

        BACKEND_CHECK(data);
        if (!(desc[i].flags & VRING_DESC_F_NEXT)) {
            BACKEND_CHECK(desc[i].len == 1);
            *data = d->answer;
            written++;
            break;
        }
        if (type == VIRTIO_BLK_T_GET_ID)
            memcpy(data, "a scripted disk\0\0\0\0\0", desc[i].len);
        else if (type == VIRTIO_BLK_T_DISCARD || type == VIRTIO_BLK_T_WRITE_ZEROES)
            serve_range(d, type, data);
        else if (at > BACKEND_DISK_BYTES || desc[i].len > BACKEND_DISK_BYTES - at)
            d->answer = VIRTIO_BLK_S_IOERR; /* the script told of a larger disk */
        else if (type == VIRTIO_BLK_T_IN)
            memcpy(data, d->disk + at, desc[i].len);
        else if (d->answer == VIRTIO_BLK_S_OK)
            memcpy(d->disk + at, data, desc[i].len);
        if (desc[i].flags & VRING_DESC_F_WRITE)
            written += desc[i].len;
        at += desc[i].len;
    }
    d->flushes += type == VIRTIO_BLK_T_FLUSH;
    return (uint32_t)((int)written + d->written_offset);
}

/* A buffer of a device that is no disk; returns the bytes written into it. */
static uint32_t serve_other(struct backend *b, const struct vring_desc *desc, uint16_t head)
{
    uint32_t written = 0;

    for (uint16_t i = head;; i = desc[i].next) {
        uint8_t *data = backend_memory(b, desc[i].addr, desc[i].len);

        BACKEND_CHECK(data);
        if (desc[i].flags & VRING_DESC_F_WRITE) {
            memset(data, 4, desc[i].len);
            written += desc[i].len;
        }
        if (!(desc[i].flags & VRING_DESC_F_NEXT))
            return written;
    }
}

/* The first queue of these is for what comes in, and nothing does. */
static bool only_receives(const struct backend_device *d, unsigned index)
{
    return index == 0 && (d->device_id == VIRTIO_ID_NET || d->device_id == VIRTIO_ID_CONSOLE);
}

static void serve_queue(struct backend *b, struct backend_device *d, unsigned index)
{
    struct backend_queue *q = &d->queues[index];
    uint32_t size = q->set.size;

    if (!q->enabled || d->idle || only_receives(d, index) ||
        !(d->status & VIRTIO_CONFIG_S_DRIVER_OK))
        return;

    struct vring_desc *desc = backend_memory(b, q->set.desc_addr, 16u * size);
    struct vring_avail *avail = backend_memory(b, q->set.driver_addr, 6 + 2u * size);
    struct vring_used *used = backend_memory(b, q->set.device_addr, 6 + 8u * size);
    struct msg event = {.kind = MSG_event_used, .dev_num = d->number, .event_used.vq_index = index};
    bool any = false;

    BACKEND_CHECK(desc && avail && used);
    while (q->avail_seen != __atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE)) {
        uint16_t head = avail->ring[q->avail_seen++ % size];

        used->ring[q->used_idx % size].id = head;
        used->ring[q->used_idx % size].len = d->device_id == VIRTIO_ID_BLOCK
                                                 ? serve_request(b, d, desc, head)
                                                 : serve_other(b, desc, head);
        if (b->misuse)
            b->misuse(b, q, used);
        __atomic_store_n(&used->idx, ++q->used_idx, __ATOMIC_RELEASE);
        any = true;
    }
    if (any && !d->quiet)
        backend_send(b, &event);
}

void backend_device_serve(struct backend *b, struct backend_device *d)
{
    for (unsigned i = 0; i < BACKEND_QUEUES; i++)
        serve_queue(b, d, i);
}
