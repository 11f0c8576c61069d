/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What every device gets for free, shown on a class of the test's own that keeps
 * its requests for as long as the test wants. */

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/transport.h"
#include "common/address.h"
#include "common/le.h"
#include "tests/fake/fake-xen.h"
#include "tests/harness.h"

#define QUEUES 2u
#define SIZE 8u
#define GUEST 3u
#define AREA 1u
#define QUEUE_SPAN 0x1000u
#define BIT(n) (UINT64_C(1) << (n))

/* ---- a device that keeps what it gets ---- */

struct keeper {
    struct device *device;
    struct chain *kept[QUEUES][SIZE];
    unsigned count[QUEUES];
    unsigned kicks;
    unsigned stops;
    bool give_back_on_stop;
    uint8_t config[16];
};

static struct keeper *keeper;

static void *keeper_create(struct device *device, const struct device_setup *setup, char *why)
{
    (void)setup, (void)why;
    keeper = calloc(1, sizeof(*keeper));
    keeper->device = device;
    device_offer_features(device, BIT(5));
    return keeper;
}

static void keeper_read_config(void *state, void *config)
{
    memcpy(config, ((struct keeper *)state)->config, 16);
}

static void keeper_write_config(void *state, uint32_t offset, const void *bytes, uint32_t size)
{
    memcpy(((struct keeper *)state)->config + offset, bytes, size);
}

static void keeper_kick(void *state, struct queue *queue)
{
    struct keeper *k = state;
    uint32_t q = queue_index(queue);
    struct chain *chain;

    k->kicks++;
    while ((chain = queue_pop(queue)))
        k->kept[q][k->count[q]++] = chain;
}

static void give_back(struct queue *queue)
{
    uint32_t q = queue_index(queue);

    while (keeper->count[q])
        queue_push(queue, keeper->kept[q][--keeper->count[q]], 1);
}

static void keeper_stop(void *state, struct queue *queue)
{
    struct keeper *k = state;

    k->stops++;
    if (k->give_back_on_stop)
        give_back(queue);
}

static const struct device_class keeper_class = {
    .name = "keeper",
    .virtio_id = 42,
    .num_queues = QUEUES,
    .queue_size = SIZE,
    .config_size = 16,
    .create = keeper_create,
    .destroy = free,
    .read_config = keeper_read_config,
    .write_config = keeper_write_config,
    .queue_kick = keeper_kick,
    .queue_stop = keeper_stop,
};

/* ---- everything around it ---- */

static struct fake_xen *fx;
static struct platform *dom0, *domu;
static struct device_host host;
static struct device *device;
static uint8_t *area;
static unsigned settled, waiting;
static uint8_t tail[272];
static struct answer answer;

static void on_event_waits(void *user)
{
    (void)user;
    waiting++;
}

static void on_settled(void *user)
{
    (void)user;
    settled++;
}

static void share_area(void)
{
    uint32_t refs[4];
    uint8_t words[16];
    struct msg_area_share_request request = {AREA, 0, 4, 4, {words, sizeof(words)}};

    area = domu->ops->grant_share(domu, 0, 4, true, refs);
    for (unsigned i = 0; i < 4; i++)
        le32_put(words + 4 * i, refs[i]);
    CU_ASSERT_EQUAL_FATAL(memory_share(host.memory, &request), AREA_OK);
}

static void set_up(void)
{
    const struct ipc_device what = {.number = 9, .type = "keeper", .name = "k"};
    char why[DEVICE_WHY_MAX];

    settled = waiting = 0;
    log_set_level(LOG_LEVEL_ERROR);
    fx = fake_xen_new();
    fake_xen_create_domain(fx, GUEST, "guest");
    dom0 = fake_xen_domain(fx, 0);
    domu = fake_xen_domain(fx, GUEST);
    host = (struct device_host){
        .label = "test",
        .base = event_base_new(),
        .platform = dom0,
        .memory = memory_new(dom0, GUEST, 64),
        .event_waits = on_event_waits,
        .settled = on_settled,
    };
    answer = (struct answer){.form = MSG_WIDE, .max_message = sizeof(tail), .tail = tail};
    share_area();
    device = device_new(&host, &keeper_class, &what, -1, why);
    CU_ASSERT_PTR_NOT_NULL_FATAL(device);
}

static void tear_down(void)
{
    keeper->give_back_on_stop = true;
    device_reset(device);
    for (uint32_t q = 0; q < QUEUES; q++)
        give_back(device_queue(device, q));
    CU_ASSERT(!device->resetting);
    device_free(device);
    memory_free(host.memory);
    event_base_free(host.base);
    platform_close(domu);
    CU_ASSERT_EQUAL(fake_xen_counters(fx).mapped_pages, 0);
    platform_close(dom0);
    CU_ASSERT_EQUAL(fake_xen_free(fx), 0);
}

static struct msg *call(struct msg request)
{
    request.dev_num = 9;
    request.token = 77;
    CU_ASSERT_EQUAL_FATAL(transport_serve(device, &request, &answer), ANSWER_NOW);
    CU_ASSERT_EQUAL(answer.msg.kind, request.kind + 1);
    CU_ASSERT_EQUAL(answer.msg.token, 77);
    CU_ASSERT_EQUAL(answer.msg.dev_num, 9);
    return &answer.msg;
}

static uint32_t set_status(uint32_t status)
{
    return call((struct msg){.kind = MSG_set_device_status_request,
                             .set_device_status_request.status = status})
        ->set_device_status_response.status;
}

static uint32_t get_status(void)
{
    return call((struct msg){.kind = MSG_get_device_status_request})
        ->get_device_status_response.status;
}

static uint64_t part(uint32_t queue, uint32_t offset)
{
    return address_of_area(AREA, queue * QUEUE_SPAN + offset);
}

static void enable_queue(uint32_t queue)
{
    call((struct msg){.kind = MSG_set_vqueue_request,
                      .set_vqueue_request = {queue, SET_VQUEUE_ENABLE, SIZE, 0, part(queue, 0),
                                             part(queue, 0x400), part(queue, 0x800)}});
}

static void start(uint64_t features)
{
    uint8_t words[8];

    memset(area, 0, 4 * 4096);
    le64_put(words, features | BIT(VIRTIO_F_VERSION_1));
    set_status(3);
    call((struct msg){.kind = MSG_set_driver_features_request,
                      .set_driver_features_request = {0, 2, {words, 8}}});
    CU_ASSERT_EQUAL(set_status(11), 11);
    for (uint32_t q = 0; q < QUEUES; q++)
        enable_queue(q);
    CU_ASSERT_EQUAL(set_status(15), 15);
}

/* Offers `count` buffers of one byte and has the device look at them. */
static void offer(uint32_t queue, uint16_t count)
{
    struct vring_desc *desc = (struct vring_desc *)(void *)(area + queue * QUEUE_SPAN);
    struct vring_avail *avail = (struct vring_avail *)(void *)(area + queue * QUEUE_SPAN + 0x400);
    struct msg kick = {.kind = MSG_event_avail, .event_avail.vq_index = queue};

    for (uint16_t i = 0; i < count; i++) {
        desc[i] = (struct vring_desc){part(queue, 0xc00), 1, VRING_DESC_F_WRITE, 0};
        avail->ring[avail->idx++ % SIZE] = i;
    }
    CU_ASSERT_EQUAL(transport_serve(device, &kick, &answer), ANSWER_NEVER);
    event_base_loop(host.base, EVLOOP_NONBLOCK);
}

static uint16_t used_index(uint32_t queue)
{
    return ((struct vring_used *)(void *)(area + queue * QUEUE_SPAN + 0x800))->idx;
}

/* The next event, as the ring would carry it. False: none waits. */
static bool next_event(struct msg *event)
{
    struct pending_source *source;
    uint32_t bit;

    if (!pending_next(&host.pending, &source, &bit))
        return false;
    CU_ASSERT_PTR_EQUAL(device_of_source(source), device);
    device_build_event(device, bit, event);
    pending_done(&host.pending, source, bit);
    CU_ASSERT_EQUAL(event->dev_num, 9);
    return true;
}

/* ---- the device's reset ---- */

static void a_reset_lasts_until_the_last_chain_is_back(void)
{
    struct msg event;

    set_up();
    start(0);
    offer(0, 3);
    offer(1, 1);
    CU_ASSERT_EQUAL(set_status(0), 15);
    CU_ASSERT_EQUAL(keeper->stops, QUEUES);
    CU_ASSERT_EQUAL(get_status(), 15);
    CU_ASSERT_EQUAL(set_status(0), 15); /* again: harmless */
    CU_ASSERT_EQUAL(set_status(1), 15); /* too early */
    CU_ASSERT_EQUAL(call((struct msg){.kind = MSG_get_device_info_request})
                        ->get_device_info_response.device_id, 42);
    give_back(device_queue(device, 0));
    CU_ASSERT_EQUAL(get_status(), 15);
    CU_ASSERT_EQUAL(settled, 0);
    give_back(device_queue(device, 1));
    CU_ASSERT_EQUAL(get_status(), 0);
    CU_ASSERT_EQUAL(settled, 1);
    CU_ASSERT_EQUAL(used_index(0) + used_index(1), 0);
    CU_ASSERT(!next_event(&event));
    /* Nothing of the guest's is held any more. */
    CU_ASSERT_EQUAL(memory_unshare(host.memory, &(struct msg_area_unshare_request){.area = AREA}),
                    AREA_OK);
    share_area();
    start(0);
    tear_down();
}

static void a_class_may_give_back_at_once(void)
{
    set_up();
    start(0);
    keeper->give_back_on_stop = true;
    offer(0, 3);
    offer(1, 2);
    CU_ASSERT_EQUAL(set_status(0), 0);
    CU_ASSERT_EQUAL(used_index(0) + used_index(1), 0);
    tear_down();
}

static void events_that_wait_are_forgotten_by_a_reset(void)
{
    struct msg event;

    set_up();
    start(0);
    offer(0, 1);
    give_back(device_queue(device, 0));
    device_config_changed(device);
    CU_ASSERT(waiting >= 2);
    CU_ASSERT_EQUAL(set_status(0), 0);
    CU_ASSERT(!next_event(&event));
    tear_down();
}

static void areas_of_chains_that_are_out_stay(void)
{
    const struct msg_area_unshare_request unshare = {.area = AREA};

    set_up();
    start(0);
    offer(0, 1);
    set_status(0);
    CU_ASSERT_EQUAL(memory_unshare(host.memory, &unshare), AREA_BUSY);
    give_back(device_queue(device, 0));
    CU_ASSERT_EQUAL(memory_unshare(host.memory, &unshare), AREA_OK);
    tear_down();
}

/* ---- one queue's reset ---- */

static enum answer_when reset_vqueue(uint32_t index)
{
    struct msg m = {
        .kind = MSG_reset_vqueue_request,
        .token = 5,
        .dev_num = 9,
        .reset_vqueue_request.index = index,
    };

    return transport_serve(device, &m, &answer);
}

static void a_queue_reset_waits_for_its_chains(void)
{
    struct msg ask = {.kind = MSG_get_device_status_request};
    struct msg event;

    set_up();
    start(BIT(VIRTIO_F_RING_RESET));
    offer(0, 2);
    offer(1, 1);
    CU_ASSERT_EQUAL(reset_vqueue(0), ANSWER_LATER);
    /* Later requests keep their place behind it; the other queue goes on. */
    CU_ASSERT_EQUAL(transport_serve(device, &ask, &answer), ANSWER_RETRY);
    give_back(device_queue(device, 1));
    CU_ASSERT_EQUAL(used_index(1), 1);
    CU_ASSERT(next_event(&event));
    CU_ASSERT_EQUAL(event.kind, MSG_event_used);
    CU_ASSERT_EQUAL(event.event_used.vq_index, 1);
    CU_ASSERT(!next_event(&event));

    give_back(device_queue(device, 0));
    CU_ASSERT_EQUAL(used_index(0), 0);
    CU_ASSERT(next_event(&event));
    CU_ASSERT_EQUAL(event.kind, MSG_reset_vqueue_response);
    CU_ASSERT_EQUAL(event.token, 5);
    CU_ASSERT(!next_event(&event));
    CU_ASSERT_EQUAL(get_status(), 15);
    CU_ASSERT_EQUAL(call((struct msg){.kind = MSG_get_vqueue_request})
                        ->get_vqueue_response.cur_size, 0);
    memset(area, 0, QUEUE_SPAN);
    enable_queue(0);
    offer(0, 1);
    give_back(device_queue(device, 0));
    CU_ASSERT_EQUAL(used_index(0), 1);
    tear_down();
}

static void a_queue_reset_takes_its_event_with_it(void)
{
    struct msg event;

    set_up();
    start(BIT(VIRTIO_F_RING_RESET));
    offer(0, 1);
    give_back(device_queue(device, 0));
    CU_ASSERT_EQUAL(reset_vqueue(0), ANSWER_NOW);
    CU_ASSERT(!next_event(&event));
    tear_down();
}

/* The guest of a device that is taken away need not be answered. */
static void a_device_reset_ends_a_queue_reset(void)
{
    struct msg event;

    set_up();
    start(BIT(VIRTIO_F_RING_RESET));
    offer(0, 1);
    CU_ASSERT_EQUAL(reset_vqueue(0), ANSWER_LATER);
    device_reset(device);
    CU_ASSERT(device->resetting);
    give_back(device_queue(device, 0));
    CU_ASSERT(!device->resetting);
    CU_ASSERT(!next_event(&event));
    tear_down();
}

static void a_queue_reset_during_a_device_reset_tells_the_truth(void)
{
    struct msg event;

    set_up();
    start(BIT(VIRTIO_F_RING_RESET));
    offer(0, 1);
    CU_ASSERT_EQUAL(set_status(0), 15);
    CU_ASSERT_EQUAL(reset_vqueue(1), ANSWER_NOW);
    CU_ASSERT_EQUAL(reset_vqueue(0), ANSWER_LATER);
    give_back(device_queue(device, 0));
    CU_ASSERT(next_event(&event));
    CU_ASSERT_EQUAL(event.kind, MSG_reset_vqueue_response);
    CU_ASSERT_EQUAL(get_status(), 0);
    tear_down();
}

/* ---- events and configuration ---- */

static void announces_a_changed_configuration(void)
{
    struct msg event;
    uint32_t generation;

    set_up();
    device_config_changed(device); /* nobody listens yet */
    CU_ASSERT(!next_event(&event));
    start(0);
    device_config_changed(device);
    device_config_changed(device);
    CU_ASSERT(next_event(&event));
    CU_ASSERT_EQUAL(event.kind, MSG_event_config);
    CU_ASSERT_EQUAL(event.event_config.device_status, 15);
    CU_ASSERT_EQUAL(event.event_config.offset + event.event_config.length, 0);
    generation = event.event_config.generation;
    CU_ASSERT(!next_event(&event));
    CU_ASSERT_EQUAL(call((struct msg){.kind = MSG_get_config_request,
                                      .get_config_request = {0, 4}})
                        ->get_config_response.generation, generation);
    tear_down();
}

static void writes_configuration_where_it_may(void)
{
    struct msg write = {
        .kind = MSG_set_config_request,
        .set_config_request = {0, 12, 4, {(const uint8_t *)"abcd", 4}},
    };

    set_up();
    set_status(3);
    CU_ASSERT_EQUAL(call(write)->set_config_response.length, 4);
    CU_ASSERT_NSTRING_EQUAL(keeper->config + 12, "abcd", 4);
    write.set_config_request.offset = 13;
    CU_ASSERT_EQUAL(call(write)->set_config_response.length, 0);
    CU_ASSERT_NSTRING_EQUAL(keeper->config + 12, "abcd", 4);
    tear_down();
}

static void asks_for_a_reset_once(void)
{
    struct msg event;

    set_up();
    device_needs_reset(device, "nobody drives it: not said");
    CU_ASSERT_EQUAL(get_status(), 0);
    start(0);
    device_needs_reset(device, "first");
    device_needs_reset(device, "second");
    CU_ASSERT(next_event(&event));
    CU_ASSERT_EQUAL(event.event_config.device_status, 15 | VIRTIO_CONFIG_S_NEEDS_RESET);
    CU_ASSERT(!next_event(&event));
    offer(0, 1);
    CU_ASSERT_EQUAL(keeper->count[0], 0);
    tear_down();
}

static void a_failed_driver_is_served_no_more(void)
{
    set_up();
    start(0);
    set_status(15 | VIRTIO_CONFIG_S_FAILED);
    offer(0, 1);
    CU_ASSERT_EQUAL(keeper->count[0], 0);
    tear_down();
}

static void knows_what_was_negotiated(void)
{
    set_up();
    start(0);
    CU_ASSERT(!device_has_feature(device, 5));
    set_status(0);
    start(BIT(5));
    CU_ASSERT(device_has_feature(device, 5));
    tear_down();
}

static const struct test_case cases[] = {
    TEST(a_reset_lasts_until_the_last_chain_is_back),
    TEST(a_class_may_give_back_at_once),
    TEST(events_that_wait_are_forgotten_by_a_reset),
    TEST(areas_of_chains_that_are_out_stay),
    TEST(a_queue_reset_waits_for_its_chains),
    TEST(a_queue_reset_takes_its_event_with_it),
    TEST(a_device_reset_ends_a_queue_reset),
    TEST(a_queue_reset_during_a_device_reset_tells_the_truth),
    TEST(announces_a_changed_configuration),
    TEST(writes_configuration_where_it_may),
    TEST(asks_for_a_reset_once),
    TEST(a_failed_driver_is_served_no_more),
    TEST(knows_what_was_negotiated),
    {NULL, NULL},
};

int main(void)
{
    return test_main("device", cases);
}
