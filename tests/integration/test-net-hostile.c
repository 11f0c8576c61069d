/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The network interface: its control queue, what a guest gets wrong, and its end. */

#include <string.h>

#include "common/barrier.h"
#include "tests/harness.h"
#include "tests/integration/net-guest.h"

/* ---- control ---- */

/* The command's bytes; the answer. */
static uint8_t command(const void *bytes, uint32_t size)
{
    uint8_t *data = g->area + GUEST_DATA;

    memcpy(data, bytes, size);
    data[8192] = 77;
    guest_describe(g, 0, GUEST_DATA, size, 0, 1);
    guest_describe(g, 1, GUEST_DATA + 8192, 1, WRITE, 0);
    guest_make_available(g, 0);
    net_kick();
    CU_ASSERT_EQUAL(guest_await_used(g), 1);
    return data[8192];
}

#define COMMAND(...)                                      \
    command((const uint8_t[]){__VA_ARGS__},               \
            (uint32_t)sizeof((const uint8_t[]){__VA_ARGS__}))

static void commands_are_obeyed(void)
{
    net_start(NET_CTRL, NET_CONTROL);
    for (uint8_t mode = 0; mode < 6; mode++)
        CU_ASSERT_EQUAL(COMMAND(0, mode, 1), VIRTIO_NET_OK);
    CU_ASSERT_EQUAL(COMMAND(1, 1, 0x02, 1, 2, 3, 4, 5), VIRTIO_NET_OK);
    CU_ASSERT_EQUAL(net_config_byte(0), 2);
    CU_ASSERT_EQUAL(net_config_byte(5), 5);
    CU_ASSERT_EQUAL(COMMAND(1, 0, 0, 0, 0, 0, 0, 0, 0, 0), VIRTIO_NET_OK);
    CU_ASSERT_EQUAL(COMMAND(1, 0, 1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0), VIRTIO_NET_OK);
    CU_ASSERT_EQUAL(COMMAND(5, 0, 0, 0, 0, 0, 0, 0, 0, 0), VIRTIO_NET_OK);
    /* The next driver finds what the first one found. */
    net_start_device(NET_BASE | NET_CONTROL);
    CU_ASSERT_EQUAL(net_config_byte(5), 3);
    net_end();
}

static void bad_commands_are_refused(void)
{
    net_start(NET_CTRL, NET_CONTROL);
    CU_ASSERT_EQUAL(COMMAND(0), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(0, 0), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(0, 0, 1, 1), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(0, 0, 2), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(0, 6, 1), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(0, 255, 1), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(1, 1, 1, 2, 3, 4, 5), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(1, 1, 1, 2, 3, 4, 5, 6, 7), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(1, 2, 1, 2, 3, 4, 5, 6), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(1, 0, 0, 0, 0, 0), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(1, 0, 0, 0, 0, 0, 0, 0, 0), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(1, 0, 1, 0, 0, 0, 0, 0, 0, 0), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(1, 0, 255, 255, 255, 255, 0, 0, 0, 0), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(4, 0, 1, 0), VIRTIO_NET_ERR); /* not negotiated */
    CU_ASSERT_EQUAL(COMMAND(5, 0, 1, 0, 0, 0, 0, 0, 0, 0), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(5, 0, 0), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(COMMAND(99, 0, 1), VIRTIO_NET_ERR);
    CU_ASSERT_EQUAL(net_config_byte(5), 3);
    CU_ASSERT(!net_broken());
    net_end();
}

static void more_addresses_than_there_is_room_for(void)
{
    static uint8_t bytes[2 + 4 + 100 * 6 + 4] = {1, 0, 100};

    net_start(NET_CTRL, NET_CONTROL);
    CU_ASSERT_EQUAL(command(bytes, sizeof(bytes)), VIRTIO_NET_OK);
    CU_ASSERT_EQUAL(command(bytes, sizeof(bytes) - 1), VIRTIO_NET_ERR);
    net_end();
}

/* ---- commands without end ---- */

#define AT_ONCE (GUEST_QUEUE_SIZE / 2)
#define MANY 400u

static const uint8_t offload_checksums[10] = {5, 0, 2};
static const uint8_t offload_nothing[10] = {5, 0};
static uint16_t offered;

/* Offers some commands of these bytes and those, in turn. */
static void offer_commands(const uint8_t *these, const uint8_t *those)
{
    memcpy(g->area + GUEST_DATA, these, sizeof(offload_nothing));
    memcpy(g->area + GUEST_DATA + 64, those, sizeof(offload_nothing));
    for (uint16_t i = 0; i < AT_ONCE; i++) {
        guest_describe(g, 2 * i, GUEST_DATA + i % 2 * 64u, sizeof(offload_nothing), 0,
                       (uint16_t)(2 * i + 1));
        guest_describe(g, (uint16_t)(2 * i + 1), GUEST_DATA + 8192, 1, WRITE, 0);
        guest_make_available(g, 2 * i);
    }
    offered += AT_ONCE;
    net_kick();
}

static bool all_obeyed(void)
{
    guest_settle(g);
    return shared_load16_acquire(&g->used->idx) == offered;
}

static void start_commands(void)
{
    net_start(NET_CTRL, NET_CONTROL | BIT(VIRTIO_NET_F_GUEST_CSUM));
    offered = 0;
}

/* Each of these takes a lock of the host's. */
static void changes_of_the_interface_are_few(void)
{
    start_commands();
    while (all_obeyed() && offered < MANY)
        offer_commands(offload_checksums, offload_nothing);
    CU_ASSERT(offered > AT_ONCE && offered < MANY);
    while (!all_obeyed())
        fake_xen_advance(g->fx, UINT64_C(50000000));
    CU_ASSERT_EQUAL(g->area[GUEST_DATA + 8192], VIRTIO_NET_OK);
    net_end();
}

static void what_changes_nothing_is_done_at_once(void)
{
    start_commands();
    while (all_obeyed() && offered < MANY)
        offer_commands(offload_checksums, offload_checksums);
    CU_ASSERT(offered >= MANY);
    net_end();
}

/* Drivers that come and go change it as well; the last one starts in the end. */
static void drivers_without_end_are_served_in_the_end(void)
{
    net_start(NET_TX, 0);
    for (unsigned i = 0; i < 64; i++) {
        net_start_device(NET_BASE);
        net_make_frame(net_own, 60);
        memcpy(net_offer(0, 60, 0), frame, 60);
        net_kick();
        guest_settle(g);
    }
    CU_ASSERT(!net_answered());
    while (!net_answered())
        fake_xen_advance(g->fx, UINT64_C(50000000));
    net_end();
}

/* ---- a guest that breaks the rules ---- */

static void expect_broken(void)
{
    net_kick();
    CU_ASSERT(net_broken());
    net_start_device(NET_BASE | NET_CONTROL);
    CU_ASSERT(!net_broken());
    net_end();
}

static void a_command_without_room_for_its_answer(void)
{
    net_start(NET_CTRL, NET_CONTROL);
    net_offer(0, 3, 0);
    expect_broken();
}

static void a_receive_buffer_that_is_to_be_read(void)
{
    net_start(NET_RX, NET_MERGE);
    net_offer(0, 4096, 0);
    expect_broken();
    net_start(NET_RX, NET_MERGE);
    guest_describe(g, 0, GUEST_DATA, 64, 0, 1);
    guest_describe(g, 1, GUEST_DATA + 64, 4000, WRITE, 0);
    guest_make_available(g, 0);
    expect_broken();
}

static void a_receive_buffer_without_room_for_a_header(void)
{
    net_start(NET_RX, NET_MERGE);
    net_offer(0, NET_HEADER - 1, WRITE);
    expect_broken();
}

/* Others it offered before are given back at the reset, and frames do not make the
 * worker spin until then. */
static void a_bad_buffer_behind_a_good_one(void)
{
    net_start(NET_RX, NET_MERGE);
    net_offer(0, 4096, WRITE);
    net_offer(1, 4, WRITE);
    net_kick();
    guest_settle(g);
    net_comes(net_own, 60);
    net_comes(net_own, 60);
    CU_ASSERT(net_broken());
    net_start_device(NET_BASE | NET_MERGE);
    net_end();
}

static void a_frame_that_is_to_be_written(void)
{
    net_start(NET_TX, 0);
    net_offer(0, 100, WRITE);
    expect_broken();
    net_start(NET_TX, 0);
    guest_describe(g, 0, GUEST_DATA, 64, 0, 1);
    guest_describe(g, 1, GUEST_DATA + 64, 64, WRITE, 0);
    guest_make_available(g, 0);
    expect_broken();
}

static void a_frame_shorter_than_its_header(void)
{
    net_start(NET_TX, 0);
    net_offer(0, NET_HEADER - 1, 0);
    expect_broken();
}

static void a_queue_of_its_own_is_never_served(void)
{
    net_start(7, NET_CONTROL);
    net_offer(0, 100, WRITE);
    net_kick();
    CU_ASSERT(!net_answered());
    CU_ASSERT(!net_broken());
    net_end();
}

/* ---- its end ---- */

static struct ipc_message remove_message(void)
{
    return (struct ipc_message){.kind = IPC_DEVICE_REMOVE, .answer.number = NET_DEV};
}

static void it_goes_with_buffers_held(void)
{
    struct ipc_message message = remove_message();

    net_start(NET_RX, NET_MERGE);
    for (uint16_t i = 0; i < 8; i++)
        net_offer(i, 4096, WRITE);
    net_kick();
    net_comes(net_own, 60);
    guest_await_used(g);
    guest_tell(g, &message, -1);
    CU_ASSERT_EQUAL(guest_told(g).kind, IPC_DEVICE_REMOVED);
    net_end();
}

static void a_reset_of_the_queue_gives_buffers_back(void)
{
    struct msg reset = {.kind = MSG_reset_vqueue_request, .dev_num = NET_DEV};

    net_start(NET_RX, NET_MERGE);
    for (uint16_t i = 0; i < 8; i++)
        net_offer(i, 4096, WRITE);
    net_kick();
    guest_settle(g);
    CU_ASSERT_EQUAL(guest_call(g, reset).kind, MSG_reset_vqueue_response);
    memset(g->area, 0, GUEST_DATA);
    g->used_seen = 0;
    guest_call(g, guest_queue_request(NET_DEV, SET_VQUEUE_ENABLE));
    net_offer(3, 4096, WRITE);
    net_kick();
    net_comes(net_own, 60);
    CU_ASSERT_EQUAL(guest_await_used(g), 60);
    net_end();
}

static void a_bus_may_be_lost_meanwhile(void)
{
    net_start(NET_RX, NET_MERGE);
    for (uint16_t i = 0; i < 8; i++)
        net_offer(i, 4096, WRITE);
    net_kick();
    guest_settle(g);
    guest_disconnect(g);
    net_comes(net_own, 60);
    net_end();
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(commands_are_obeyed),
        TEST(bad_commands_are_refused),
        TEST(more_addresses_than_there_is_room_for),
        TEST(changes_of_the_interface_are_few),
        TEST(what_changes_nothing_is_done_at_once),
        TEST(drivers_without_end_are_served_in_the_end),
        TEST(a_command_without_room_for_its_answer),
        TEST(a_receive_buffer_that_is_to_be_read),
        TEST(a_receive_buffer_without_room_for_a_header),
        TEST(a_bad_buffer_behind_a_good_one),
        TEST(a_frame_that_is_to_be_written),
        TEST(a_frame_shorter_than_its_header),
        TEST(a_queue_of_its_own_is_never_served),
        TEST(it_goes_with_buffers_held),
        TEST(a_reset_of_the_queue_gives_buffers_back),
        TEST(a_bus_may_be_lost_meanwhile),
        {NULL, NULL},
    };

    return test_main("net-hostile", cases);
}
