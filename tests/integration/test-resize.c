/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A disk whose file changes its size while the guest drives it. */

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <unistd.h>

#include "common/le.h"
#include "tests/harness.h"
#include "tests/integration/scripted-guest.h"

#define DEV 4u
#define SECTORS 16u

static int disk; /* the test's own view of the target */

static void add_disk(struct guest *g)
{
    disk = guest_disk(SECTORS);
    guest_add_blk(g, DEV, dup(disk), false);
}

static struct guest *start(enum msg_form form, uint16_t max_message, uint64_t transport_features)
{
    struct guest *g = guest_new();
    struct ipc_message offer = guest_offer(g, form, max_message);

    add_disk(g);
    offer.connect.transport_features = transport_features;
    guest_tell(g, &offer, -1);
    CU_ASSERT_EQUAL_FATAL(guest_told(g).kind, IPC_CONNECTED);
    guest_share_area(g);
    guest_start_device(g, DEV, UINT64_C(1) << VIRTIO_F_VERSION_1);
    return g;
}

static void stop(struct guest *g)
{
    guest_free(g);
    close(disk);
}

static void look(struct guest *g, uint64_t number)
{
    struct ipc_message message = {.kind = IPC_DEVICE_RESIZE, .answer.number = number};

    guest_tell(g, &message, -1);
    message = guest_told(g);
    CU_ASSERT_EQUAL(message.kind, IPC_DEVICE_RESIZED);
    CU_ASSERT_EQUAL(message.answer.number, number);
}

static void resize(struct guest *g, off_t bytes)
{
    CU_ASSERT_FATAL(ftruncate(disk, bytes) == 0);
    look(g, DEV);
}

static struct msg get_config(struct guest *g)
{
    struct msg m = {
        .kind = MSG_get_config_request, .dev_num = DEV, .get_config_request.length = 8,
    };

    return guest_call(g, m);
}

static uint64_t capacity(struct guest *g)
{
    return le64_get(get_config(g).get_config_response.data.bytes);
}

/* A read of one sector: its status. */
static uint8_t read_sector(struct guest *g, uint64_t sector)
{
    le32_put(g->area + GUEST_HEADERS, VIRTIO_BLK_T_IN);
    le64_put(g->area + GUEST_HEADERS + 8, sector);
    guest_describe(g, 0, GUEST_HEADERS, 16, 0, 1);
    guest_describe(g, 1, GUEST_DATA, 512, VRING_DESC_F_WRITE, 2);
    guest_describe(g, 2, GUEST_STATUSES, 1, VRING_DESC_F_WRITE, 0);
    guest_make_available(g, 0);
    guest_kick(g, DEV);
    guest_await_used(g);
    return g->area[GUEST_STATUSES];
}

static void expect_event(struct guest *g, uint64_t sectors)
{
    struct msg m = guest_receive(g);

    CU_ASSERT_EQUAL_FATAL(m.kind, MSG_event_config);
    CU_ASSERT_EQUAL(m.dev_num, DEV);
    CU_ASSERT_EQUAL(m.event_config.device_status, 15);
    CU_ASSERT_EQUAL(m.event_config.offset, offsetof(struct virtio_blk_config, capacity));
    CU_ASSERT_EQUAL(m.event_config.length, 8);
    CU_ASSERT_EQUAL_FATAL(m.event_config.data.size, 8);
    CU_ASSERT_EQUAL(le64_get(m.event_config.data.bytes), sectors);
}

static void the_driver_is_told_with_the_new_size(void)
{
    static const struct {
        enum msg_form form;
        uint16_t max_message;
        uint64_t features;
    } buses[] = {
        {MSG_WIDE, 60, 0},
        {MSG_WIDE, 272, MSG_F_STRICT_CONFIG_GENERATION},
        {MSG_COMPACT, 52, 0},
        {MSG_COMPACT, 264, MSG_F_STRICT_CONFIG_GENERATION},
    };

    for (size_t i = 0; i < sizeof(buses) / sizeof(buses[0]); i++) {
        struct guest *g = start(buses[i].form, buses[i].max_message, buses[i].features);
        uint32_t before = get_config(g).get_config_response.generation;

        resize(g, 24 * 512);
        expect_event(g, 24);
        CU_ASSERT_EQUAL(capacity(g), 24);
        CU_ASSERT_NOT_EQUAL(get_config(g).get_config_response.generation, before);
        stop(g);
    }
}

static void reads_what_was_added_and_not_what_went(void)
{
    struct guest *g = start(MSG_WIDE, 272, 0);

    CU_ASSERT_EQUAL(read_sector(g, SECTORS), VIRTIO_BLK_S_IOERR);
    resize(g, 24 * 512);
    CU_ASSERT_EQUAL(read_sector(g, 23), VIRTIO_BLK_S_OK);
    CU_ASSERT_EQUAL(read_sector(g, 24), VIRTIO_BLK_S_IOERR);
    resize(g, 4 * 512);
    CU_ASSERT_EQUAL(read_sector(g, 3), VIRTIO_BLK_S_OK);
    CU_ASSERT_EQUAL(read_sector(g, 4), VIRTIO_BLK_S_IOERR);
    CU_ASSERT_EQUAL(capacity(g), 4);
    CU_ASSERT_EQUAL(g->last_status, 15);
    stop(g);
}

static void the_same_size_is_no_news(void)
{
    struct guest *g = start(MSG_WIDE, 272, 0);
    uint32_t before = get_config(g).get_config_response.generation;

    look(g, DEV);
    resize(g, SECTORS * 512 + 511);
    guest_settle(g);
    CU_ASSERT_EQUAL(g->config_events, 0);
    CU_ASSERT_EQUAL(get_config(g).get_config_response.generation, before);
    stop(g);
}

static void part_of_a_sector_is_not_used(void)
{
    struct guest *g = start(MSG_WIDE, 272, 0);

    resize(g, 5 * 512 + 100);
    CU_ASSERT_EQUAL(capacity(g), 5);
    resize(g, 0);
    CU_ASSERT_EQUAL(capacity(g), 0);
    CU_ASSERT_EQUAL(read_sector(g, 0), VIRTIO_BLK_S_IOERR);
    resize(g, 512);
    CU_ASSERT_EQUAL(read_sector(g, 0), VIRTIO_BLK_S_OK);
    stop(g);
}

static void nobody_has_to_be_there(void)
{
    struct guest *g = guest_new();

    look(g, DEV);
    add_disk(g);
    resize(g, 3 * 512);
    guest_connect(g, MSG_WIDE, 272);
    CU_ASSERT_EQUAL(capacity(g), 3);
    look(g, UINT64_MAX);
    guest_settle(g);
    CU_ASSERT_EQUAL(g->config_events, 0);
    stop(g);
}

static const struct test_case cases[] = {
    TEST(the_driver_is_told_with_the_new_size),
    TEST(reads_what_was_added_and_not_what_went),
    TEST(the_same_size_is_no_news),
    TEST(part_of_a_sector_is_not_used),
    TEST(nobody_has_to_be_there),
    {NULL, NULL},
};

int main(void)
{
    return test_main("resize", cases);
}
