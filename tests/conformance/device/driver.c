/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/conformance/device/driver.h"

#include <linux/virtio_blk.h>
#include <string.h>

#include "common/address.h"
#include "common/barrier.h"
#include "common/le.h"
#include "tests/harness.h"

/* Where queue q and its requests lie in the area. */
#define QUEUE(q) ((q) * 0x1000u)
#define AVAIL 0x400u
#define USED 0x800u
#define REQUEST(q, slot) (0x8000u + (q) * 0x4000u + (slot) * 0x800u)
#define STATUS 0x10u
#define DATA 0x200u
#define SECTOR 512u

/* ---- a case's beginning and end ---- */

static uint64_t offered_features(struct driver *d)
{
    struct msg m = driver_message(d, MSG_get_device_features_request);

    m.get_device_features_request.num_blocks = 2;
    m = driver_call(d, m);
    CU_ASSERT_EQUAL_FATAL(m.get_device_features_response.num_blocks, 2);
    return le64_get(m.get_device_features_response.features.bytes);
}

void driver_begin(struct driver *d)
{
    driver_reset(d);
    memset(d->g->area, 0, GUEST_PAGES * (size_t)PLATFORM_PAGE_SIZE);
    for (uint32_t q = 0; q < DRIVER_QUEUES; q++) {
        uint8_t *start = d->g->area + QUEUE(q);

        d->queues[q] = (struct driver_queue){
            .desc = (struct vring_desc *)(void *)start,
            .avail = (struct vring_avail *)(void *)(start + AVAIL),
            .used = (struct vring_used *)(void *)(start + USED),
        };
    }
    d->g->config_events = d->g->used_events = 0;
    d->info = driver_call(d, driver_message(d, MSG_get_device_info_request))
                  .get_device_info_response;
    CU_ASSERT_FATAL(d->info.config_size <= DRIVER_CONFIG_MAX);
    d->offered = offered_features(d);
}

void driver_end(struct driver *d)
{
    driver_reset(d);
}

struct msg driver_message(const struct driver *d, enum msg_kind kind)
{
    return (struct msg){.kind = kind, .dev_num = d->device};
}

struct msg driver_call(struct driver *d, struct msg request)
{
    return guest_call(d->g, request);
}

struct msg driver_await_event(struct driver *d, enum msg_kind kind)
{
    struct msg m = guest_receive(d->g);

    CU_ASSERT_EQUAL_FATAL(m.kind, kind);
    CU_ASSERT_EQUAL(m.dev_num, d->device);
    CU_ASSERT_EQUAL(m.token, 0);
    return m;
}

/* ---- status and features ---- */

uint32_t driver_status(struct driver *d)
{
    return driver_call(d, driver_message(d, MSG_get_device_status_request))
        .get_device_status_response.status;
}

uint32_t driver_set_status(struct driver *d, uint32_t status)
{
    return guest_set_status(d->g, d->device, status);
}

void driver_reset(struct driver *d)
{
    uint32_t status = driver_set_status(d, 0);

    for (unsigned polls = 0; status; polls++) {
        CU_ASSERT_FATAL(polls < DRIVER_MAX_POLLS);
        status = driver_status(d);
    }
    for (uint32_t q = 0; q < DRIVER_QUEUES; q++)
        d->queues[q].seen = 0;
}

static void accept_words(struct driver *d, uint32_t block, const uint8_t *words, uint32_t count)
{
    struct msg m = driver_message(d, MSG_set_driver_features_request);

    m.set_driver_features_request.block_index = block;
    m.set_driver_features_request.num_blocks = count;
    m.set_driver_features_request.features = (struct msg_tail){words, 4 * count};
    driver_call(d, m);
}

void driver_accept_block(struct driver *d, uint32_t block, uint32_t bits)
{
    uint8_t word[4];

    le32_put(word, bits);
    accept_words(d, block, word, 1);
}

void driver_accept(struct driver *d, uint64_t features)
{
    uint8_t words[8];

    le64_put(words, features);
    accept_words(d, 0, words, 2);
}

void driver_negotiate(struct driver *d, uint64_t features)
{
    driver_reset(d);
    CU_ASSERT_EQUAL(driver_set_status(d, 3), 3);
    driver_accept(d, features);
    CU_ASSERT_EQUAL_FATAL(driver_set_status(d, 11), 11);
}

void driver_start(struct driver *d, uint64_t features)
{
    driver_negotiate(d, features);
    driver_enable_queue(d, 0);
    CU_ASSERT_EQUAL(driver_set_status(d, 15), 15);
    /* A device looks at its queues then, maybe after it has answered. */
    guest_settle(d->g);
}

/* ---- configuration ---- */

struct msg driver_read_config(struct driver *d, uint32_t offset, uint32_t length)
{
    struct msg m = driver_message(d, MSG_get_config_request);

    m.get_config_request.offset = offset;
    m.get_config_request.length = length;
    m = driver_call(d, m);
    CU_ASSERT_EQUAL(m.get_config_response.offset, offset);
    return m;
}

uint32_t driver_write_config(struct driver *d, uint32_t generation, uint32_t offset,
                             const void *data, uint32_t length)
{
    struct msg m = driver_message(d, MSG_set_config_request);

    m.set_config_request.generation = generation;
    m.set_config_request.offset = offset;
    m.set_config_request.length = length;
    m.set_config_request.data = (struct msg_tail){data, length};
    m = driver_call(d, m);
    CU_ASSERT_EQUAL(m.set_config_response.offset, offset);
    return m.set_config_response.length;
}

uint32_t driver_generation(struct driver *d)
{
    return driver_read_config(d, 0, 4).get_config_response.generation;
}

void driver_whole_config(struct driver *d, uint8_t *config)
{
    const uint32_t step = 32; /* goes through any bus */

    for (uint32_t at = 0; at < d->info.config_size; at += step) {
        uint32_t length = d->info.config_size - at < step ? d->info.config_size - at : step;
        struct msg m = driver_read_config(d, at, length);

        CU_ASSERT_EQUAL_FATAL(m.get_config_response.length, length);
        memcpy(config + at, m.get_config_response.data.bytes, length);
    }
}

/* ---- queues ---- */

struct msg_get_vqueue_response driver_get_queue(struct driver *d, uint32_t index)
{
    struct msg m = driver_message(d, MSG_get_vqueue_request);

    m.get_vqueue_request.index = index;
    m = driver_call(d, m);
    CU_ASSERT_EQUAL(m.get_vqueue_response.index, index);
    return m.get_vqueue_response;
}

struct msg_set_vqueue_request driver_good_queue(uint32_t index)
{
    return (struct msg_set_vqueue_request){
        .index = index,
        .flags = SET_VQUEUE_ENABLE,
        .size = DRIVER_QUEUE_SIZE,
        .desc_addr = address_of_area(GUEST_AREA, QUEUE(index)),
        .driver_addr = address_of_area(GUEST_AREA, QUEUE(index) + AVAIL),
        .device_addr = address_of_area(GUEST_AREA, QUEUE(index) + USED),
    };
}

void driver_set_queue(struct driver *d, const struct msg_set_vqueue_request *set)
{
    struct msg m = driver_message(d, MSG_set_vqueue_request);

    m.set_vqueue_request = *set;
    driver_call(d, m);
}

void driver_enable_queue(struct driver *d, uint32_t index)
{
    struct msg_set_vqueue_request set = driver_good_queue(index);

    memset(d->g->area + QUEUE(index), 0, QUEUE(1));
    d->queues[index].seen = 0;
    driver_set_queue(d, &set);
    CU_ASSERT_EQUAL_FATAL(driver_get_queue(d, index).flags, GET_VQUEUE_ENABLED);
}

void driver_reset_queue(struct driver *d, uint32_t index)
{
    struct msg m = driver_message(d, MSG_reset_vqueue_request);

    m.reset_vqueue_request.index = index;
    driver_call(d, m);
}

bool driver_queue_is_clear(const struct msg_get_vqueue_response *q)
{
    return !q->cur_size && !q->flags && !q->desc_addr && !q->driver_addr && !q->device_addr;
}

/* A disk reads sector 0; to another device it is a buffer like any other. */
void driver_offer(struct driver *d, uint32_t index, uint16_t slot)
{
    struct driver_queue *q = &d->queues[index];
    struct vring_desc *desc = q->desc + 3 * slot;
    uint32_t at = REQUEST(index, slot);
    struct virtio_blk_outhdr *header = (struct virtio_blk_outhdr *)(void *)(d->g->area + at);
    uint16_t available = q->avail->idx;
    uint16_t first = (uint16_t)(3 * slot);

    *header = (struct virtio_blk_outhdr){.type = VIRTIO_BLK_T_IN};
    d->g->area[at + STATUS] = 0xff;
    desc[0] = (struct vring_desc){address_of_area(GUEST_AREA, at), sizeof(*header),
                                  VRING_DESC_F_NEXT, (uint16_t)(first + 1)};
    desc[1] = (struct vring_desc){address_of_area(GUEST_AREA, at + DATA), SECTOR,
                                  VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, (uint16_t)(first + 2)};
    desc[2] = (struct vring_desc){address_of_area(GUEST_AREA, at + STATUS), 1,
                                  VRING_DESC_F_WRITE, 0};
    q->avail->ring[available % DRIVER_QUEUE_SIZE] = first;
    shared_store16_release(&q->avail->idx, (uint16_t)(available + 1));
}

void driver_kick(struct driver *d, uint32_t index)
{
    struct msg m = driver_message(d, MSG_event_avail);

    m.event_avail.vq_index = index;
    guest_send(d->g, &m);
}

uint16_t driver_used_index(const struct driver *d, uint32_t index)
{
    return shared_load16_acquire(&d->queues[index].used->idx);
}

uint32_t driver_await_used(struct driver *d, uint32_t index)
{
    struct driver_queue *q = &d->queues[index];

    while (driver_used_index(d, index) == q->seen) {
        struct msg m = guest_receive(d->g);

        CU_ASSERT_FATAL(guest_count_event(d->g, &m));
    }
    return q->used->ring[q->seen++ % DRIVER_QUEUE_SIZE].len;
}

void driver_do_one(struct driver *d, uint32_t index)
{
    driver_offer(d, index, 0);
    driver_kick(d, index);
    CU_ASSERT_EQUAL(driver_await_used(d, index), DRIVER_WRITTEN);
    CU_ASSERT_EQUAL(d->g->area[REQUEST(index, 0) + STATUS], VIRTIO_BLK_S_OK);
}

/* ---- everything a driver can see ---- */

void driver_look(struct driver *d, struct driver_view *view)
{
    memset(view, 0, sizeof(*view));
    view->info = driver_call(d, driver_message(d, MSG_get_device_info_request))
                     .get_device_info_response;
    view->offered = offered_features(d);
    view->status = driver_status(d);
    for (uint32_t q = 0; q < DRIVER_QUEUES; q++)
        view->queues[q] = driver_get_queue(d, q);
    driver_whole_config(d, view->config);
}

bool driver_sees(struct driver *d, const struct driver_view *before)
{
    struct driver_view now;

    driver_look(d, &now);
    return memcmp(&now, before, sizeof(now)) == 0;
}
