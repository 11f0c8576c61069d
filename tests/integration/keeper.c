/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/integration/keeper.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "common/address.h"
#include "common/le.h"
#include "tests/harness.h"

#define PAGES 4u

/* ---- the class ---- */

static struct keeper *opening; /* the instance that create() makes */

static void *keeper_create(struct device *device, const struct device_setup *setup, char *why)
{
    (void)setup, (void)why;
    device_offer_features(device, UINT64_C(1) << KEEPER_FEATURE);
    return opening;
}

static void keeper_destroy(void *state)
{
    (void)state;
}

static void keeper_read_config(void *state, void *config)
{
    memcpy(config, ((struct keeper *)state)->config, KEEPER_CONFIG_SIZE);
}

static void keeper_write_config(void *state, uint32_t offset, const void *bytes, uint32_t size)
{
    memcpy(((struct keeper *)state)->config + offset, bytes, size);
}

static bool keeper_get_shm(void *state, uint32_t index, uint64_t *length, uint64_t *address)
{
    (void)state;
    if (index != KEEPER_SHM)
        return false;
    *length = KEEPER_SHM_LENGTH;
    *address = KEEPER_SHM_ADDRESS;
    return true;
}

static void keeper_kick(void *state, struct queue *queue)
{
    struct keeper *k = state;
    uint32_t q = queue_index(queue);
    struct chain *chain;

    while ((chain = queue_pop(queue)))
        k->kept[q][k->count[q]++] = chain;
}

static void keeper_stop(void *state, struct queue *queue)
{
    struct keeper *k = state;

    k->stops++;
    if (k->give_back_on_stop)
        keeper_give_back(k, queue_index(queue));
}

static const struct device_class keeper_class = {
    .name = "keeper",
    .virtio_id = 42,
    .num_queues = KEEPER_QUEUES,
    .num_admin_queues = 1,
    .queue_size = KEEPER_QUEUE_SIZE,
    .config_size = KEEPER_CONFIG_SIZE,
    .create = keeper_create,
    .destroy = keeper_destroy,
    .read_config = keeper_read_config,
    .write_config = keeper_write_config,
    .get_shm = keeper_get_shm,
    .queue_kick = keeper_kick,
    .queue_stop = keeper_stop,
};

void keeper_give_back(struct keeper *k, uint32_t queue)
{
    while (k->count[queue])
        queue_push(device_queue(k->device, queue), k->kept[queue][--k->count[queue]], 1);
}

/* ---- everything around it ---- */

static void on_event_waits(void *user)
{
    ((struct keeper *)user)->waiting++;
}

static void on_settled(void *user)
{
    ((struct keeper *)user)->settled++;
}

void keeper_share_area(struct keeper *k)
{
    uint32_t refs[PAGES];
    uint8_t words[4 * PAGES];
    struct msg_area_share_request request = {
        KEEPER_AREA, 0, PAGES, PAGES, {words, sizeof(words)},
    };

    k->area = k->domu->ops->grant_share(k->domu, 0, PAGES, true, refs);
    for (unsigned i = 0; i < PAGES; i++)
        le32_put(words + 4 * i, refs[i]);
    CU_ASSERT_EQUAL_FATAL(memory_share(k->host.lane.memory, &request), AREA_OK);
}

void keeper_open(struct keeper *k)
{
    const struct ipc_device what = {.number = KEEPER_NUMBER, .type = "keeper", .name = "k"};
    char why[DEVICE_WHY_MAX];

    *k = (struct keeper){.fx = fake_xen_new()};
    log_set_level(LOG_LEVEL_ERROR);
    fake_xen_create_domain(k->fx, 3, "guest");
    k->dom0 = fake_xen_domain(k->fx, 0);
    k->domu = fake_xen_domain(k->fx, 3);
    k->host = (struct device_host){
        .label = "test",
        .lane = {
            .base = event_base_new(),
            .platform = k->dom0,
            .memory = memory_new(k->dom0, 3, 64, &k->host.lane.memory_log),
        },
        .event_waits = on_event_waits,
        .settled = on_settled,
        .user = k,
    };
    k->answer = (struct answer){
        .form = MSG_WIDE, .max_message = sizeof(k->tail), .tail = k->tail,
    };
    keeper_share_area(k);
    opening = k;
    k->device = device_new(&k->host, &keeper_class, &what, &(struct fds){0}, why);
    CU_ASSERT_PTR_NOT_NULL_FATAL(k->device);
}

void keeper_close(struct keeper *k)
{
    k->give_back_on_stop = true;
    device_reset(k->device);
    for (uint32_t q = 0; q < KEEPER_QUEUES; q++)
        keeper_give_back(k, q);
    CU_ASSERT(!k->device->resetting);
    device_free(k->device);
    memory_free(k->host.lane.memory);
    event_base_free(k->host.lane.base);
    platform_close(k->domu);
    CU_ASSERT_EQUAL(fake_xen_counters(k->fx).mapped_pages, 0);
    platform_close(k->dom0);
    CU_ASSERT_EQUAL(fake_xen_free(k->fx), 0);
}

/* ---- the driver ---- */

struct msg *keeper_call(struct keeper *k, struct msg request)
{
    request.dev_num = KEEPER_NUMBER;
    request.token = 77;
    CU_ASSERT_EQUAL_FATAL(transport_serve(k->device, &request, &k->answer), ANSWER_NOW);
    CU_ASSERT_EQUAL(k->answer.msg.kind, request.kind + 1);
    CU_ASSERT_EQUAL(k->answer.msg.token, 77);
    CU_ASSERT_EQUAL(k->answer.msg.dev_num, KEEPER_NUMBER);
    return &k->answer.msg;
}

uint32_t keeper_set_status(struct keeper *k, uint32_t status)
{
    struct msg set = {
        .kind = MSG_set_device_status_request,
        .set_device_status_request.status = status,
    };

    return keeper_call(k, set)->set_device_status_response.status;
}

uint32_t keeper_get_status(struct keeper *k)
{
    return keeper_call(k, (struct msg){.kind = MSG_get_device_status_request})
        ->get_device_status_response.status;
}

static uint64_t part(uint32_t queue, uint32_t offset)
{
    return address_of_area(KEEPER_AREA, queue * KEEPER_QUEUE_SPAN + offset);
}

void keeper_enable_queue(struct keeper *k, uint32_t queue)
{
    struct msg set = {
        .kind = MSG_set_vqueue_request,
        .set_vqueue_request = {queue, SET_VQUEUE_ENABLE, KEEPER_QUEUE_SIZE, 0, part(queue, 0),
                               part(queue, 0x400), part(queue, 0x800)},
    };

    keeper_call(k, set);
}

void keeper_negotiate(struct keeper *k, uint64_t features)
{
    uint8_t words[8];
    struct msg set = {
        .kind = MSG_set_driver_features_request,
        .set_driver_features_request = {0, 2, {words, 8}},
    };

    le64_put(words, features | UINT64_C(1) << VIRTIO_F_VERSION_1);
    keeper_set_status(k, 3);
    keeper_call(k, set);
    CU_ASSERT_EQUAL(keeper_set_status(k, 11), 11);
}

void keeper_start(struct keeper *k, uint64_t features)
{
    memset(k->area, 0, PAGES * 4096);
    keeper_negotiate(k, features);
    for (uint32_t q = 0; q < KEEPER_QUEUES; q++)
        keeper_enable_queue(k, q);
    CU_ASSERT_EQUAL(keeper_set_status(k, 15), 15);
}

static void *queue_part(const struct keeper *k, uint32_t queue, uint32_t offset)
{
    return k->area + queue * KEEPER_QUEUE_SPAN + offset;
}

void keeper_offer(struct keeper *k, uint32_t queue, uint16_t count)
{
    struct vring_desc *desc = queue_part(k, queue, 0);
    struct vring_avail *avail = queue_part(k, queue, 0x400);
    struct msg kick = {.kind = MSG_event_avail, .event_avail.vq_index = queue};

    for (uint16_t i = 0; i < count; i++) {
        desc[i] = (struct vring_desc){part(queue, 0xc00), 1, VRING_DESC_F_WRITE, 0};
        avail->ring[avail->idx++ % KEEPER_QUEUE_SIZE] = i;
    }
    CU_ASSERT_EQUAL(transport_serve(k->device, &kick, &k->answer), ANSWER_NEVER);
    event_base_loop(k->host.lane.base, EVLOOP_NONBLOCK);
}

uint16_t keeper_used_index(const struct keeper *k, uint32_t queue)
{
    return ((const struct vring_used *)queue_part(k, queue, 0x800))->idx;
}

bool keeper_next_event(struct keeper *k, struct msg *event)
{
    struct pending_source *source;
    uint32_t bit;

    if (!pending_next(&k->host.pending, &source, &bit))
        return false;
    CU_ASSERT_PTR_EQUAL(device_of_source(source), k->device);
    device_build_event(k->device, bit, &k->answer);
    pending_done(&k->host.pending, source, bit);
    *event = k->answer.msg;
    CU_ASSERT_EQUAL(event->dev_num, KEEPER_NUMBER);
    return true;
}
