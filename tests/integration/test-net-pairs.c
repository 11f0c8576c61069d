/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The network interface with several pairs of queues, served by the worker's own loop or by
 * queue threads. What a thread does is waited for, never timed: what is not done leaves its
 * case to SIGALRM.
 */

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tests/harness.h"
#include "tests/integration/net-pairs.h"

#define CONFIG_STATUS 6u

static bool threads, doorbells; /* of the suite */

static void start(uint64_t features)
{
    pairs_start(threads, doorbells, features);
}

static void use_pairs(uint8_t count)
{
    const uint8_t command[] = {VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, count, 0};

    CU_ASSERT_EQUAL(pairs_command(CONTROL, command, sizeof(command)), VIRTIO_NET_OK);
}

static void start_all(void)
{
    start(PAIRS_ALL);
    use_pairs(PAIRS);
}

static void set_promiscuous(unsigned queue, bool on)
{
    const uint8_t command[] = {VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, on};

    CU_ASSERT_EQUAL(pairs_command(queue, command, sizeof(command)), VIRTIO_NET_OK);
}

/* ---- frames ---- */

static void exchange(unsigned pair, unsigned number)
{
    size_t size = 60 + number % 1000;

    pairs_offer(RX(pair), PAIRS_SLOT);
    pairs_send(pair, size, number);
    pairs_comes(pair, pairs_own, size + 1, number);
    pairs_expect_sent(pair, size, number);
    pairs_expect_received(pair, pairs_own, size + 1, number);
    pairs_await(TX(pair));
}

static void frames_travel_by_all_pairs(void)
{
    start_all();
    for (unsigned i = 0; i < 50; i++)
        for (unsigned pair = 0; pair < PAIRS; pair++)
            exchange(pair, i);
    pairs_end();
}

static void many_at_once_are_in_order(void)
{
    start_all();
    for (unsigned turn = 0; turn < 20; turn++) {
        for (unsigned i = 0; i < 4; i++)
            for (unsigned pair = 0; pair < PAIRS; pair++) {
                pairs_offer(RX(pair), PAIRS_SLOT);
                pairs_comes(pair, pairs_own, 100 + i, turn + i);
                pairs_send(pair, 200 + i, turn + i);
            }
        for (unsigned i = 0; i < 4; i++)
            for (unsigned pair = 0; pair < PAIRS; pair++) {
                pairs_expect_sent(pair, 200 + i, turn + i);
                pairs_expect_received(pair, pairs_own, 100 + i, turn + i);
                pairs_await(TX(pair));
            }
    }
    pairs_end();
}

/* All the driver said was heard, as far as it can be. */
static void settle(void)
{
    for (unsigned i = 0; i < 10; i++)
        guest_settle(np.g);
}

static bool link_is_up(void)
{
    struct msg ask = {
        .kind = MSG_get_config_request,
        .dev_num = PAIRS_DEV,
        .get_config_request = {.offset = CONFIG_STATUS, .length = 1},
    };

    return guest_call(np.g, ask).get_config_response.data.bytes[0] & VIRTIO_NET_S_LINK_UP;
}

/* Each message to the device has the threads stand still: after a few there is nothing left
 * of what they were told before. */
static void rest(void)
{
    for (unsigned i = 0; i < 4; i++)
        CU_ASSERT(link_is_up());
    settle();
}

/* Pair 0 is kept by its wire, as no interface would keep it: threads that were asked to stand
 * still now would not. */
static void pairs_are_served_at_the_same_time(void)
{
    start_all();
    rest();
    pairs_fill(0);
    CU_ASSERT_EQUAL(fcntl(np.inside[0], F_SETFL, 0), 0);
    pairs_send(0, 100, 1);
    for (unsigned i = 0; i < 50; i++)
        exchange(1, i);
    CU_ASSERT_EQUAL(pairs_answers(TX(0)), 0);
    pairs_empty(0);
    pairs_expect_sent(0, 100, 1);
    pairs_await(TX(0));
    CU_ASSERT_EQUAL(fcntl(np.inside[0], F_SETFL, O_NONBLOCK), 0);
    pairs_end();
}

/* ---- pairs in use ---- */

static void expect_sent_when_in_use(void)
{
    settle();
    CU_ASSERT(!pairs_sent(1));
    use_pairs(2);
    pairs_expect_sent(1, 100, 1);
    pairs_await(TX(1));
    pairs_end();
}

static void a_frame_waits_until_its_pair_is_in_use(void)
{
    start(PAIRS_ALL);
    pairs_send(1, 100, 1);
    expect_sent_when_in_use();
}

/* It waited for room, which there is when its pair is no longer in use: an interface's
 * queue that is detached takes nothing. */
static void a_frame_that_found_no_room_waits_for_its_pair(void)
{
    start_all();
    pairs_fill(1);
    pairs_send(1, 100, 1);
    settle();
    use_pairs(1);
    pairs_empty(1);
    expect_sent_when_in_use();
}

static void pairs_come_and_go_under_load(void)
{
    start(PAIRS_ALL);
    for (unsigned i = 0; i < 15; i++) {
        pairs_send(0, 100, i);
        pairs_send(1, 101, i);
        pairs_offer(RX(0), PAIRS_SLOT);
        pairs_offer(RX(1), PAIRS_SLOT);
        use_pairs(2);
        pairs_comes(0, pairs_own, 102, i);
        pairs_comes(1, pairs_own, 103, i);
        pairs_expect_received(1, pairs_own, 103, i);
        pairs_expect_sent(1, 101, i);
        use_pairs(1);
        pairs_expect_received(0, pairs_own, 102, i);
        pairs_expect_sent(0, 100, i);
        pairs_await(TX(0));
        pairs_await(TX(1));
    }
    pairs_end();
}

/* ---- what is all pairs' ---- */

static void commands_are_for_all_pairs(void)
{
    start_all();
    for (unsigned i = 0; i < 20; i++)
        for (unsigned pair = 0; pair < PAIRS; pair++) {
            pairs_offer(RX(pair), PAIRS_SLOT);
            pairs_comes(pair, pairs_other, 100, i);
            pairs_comes(pair, pairs_own, 101, i);
            pairs_expect_received(pair, pairs_own, 101, i);
            set_promiscuous(CONTROL, true);
            pairs_send(1 - pair, 103, i);
            pairs_offer(RX(pair), PAIRS_SLOT);
            pairs_comes(pair, pairs_other, 102, i);
            pairs_expect_received(pair, pairs_other, 102, i);
            set_promiscuous(CONTROL, false);
            pairs_expect_sent(1 - pair, 103, i);
            pairs_await(TX(1 - pair));
        }
    pairs_end();
}

/* Then it is where a pair has its first queue otherwise. */
static void without_mq_the_control_queue_is_another(void)
{
    start(PAIRS_BASE);
    for (unsigned i = 0; i < 20; i++) {
        exchange(0, i);
        set_promiscuous(CONTROL_WITHOUT_MQ, true);
        pairs_offer(RX(0), PAIRS_SLOT);
        pairs_comes(0, pairs_other, 100, i);
        pairs_expect_received(0, pairs_other, 100, i);
        set_promiscuous(CONTROL_WITHOUT_MQ, false);
        pairs_comes(0, pairs_other, 100, i);
    }
    pairs_end();
}

static void set_link(const char *to)
{
    struct ipc_message message = {.kind = IPC_DEVICE_SET, .answer.number = PAIRS_DEV};

    snprintf(message.answer.text, sizeof(message.answer.text), "link=%s", to);
    guest_tell(np.g, &message, -1);
}

static void until_link_is(bool up)
{
    while (link_is_up() != up)
        pairs_turn();
}

static void the_link_goes_down_and_up(void)
{
    start_all();
    for (unsigned i = 0; i < 20; i++) {
        exchange(0, i);
        exchange(1, i);
        set_link("down");
        until_link_is(false);
        pairs_send(0, 100, i);
        pairs_send(1, 100, i);
        pairs_await(TX(0));
        pairs_await(TX(1));
        set_link("up");
        until_link_is(true);
    }
    CU_ASSERT(!pairs_sent(0));
    CU_ASSERT(!pairs_sent(1));
    pairs_end();
}

/* Found by whichever pair looks first; frames are dropped from then on. */
static void the_interface_is_taken_away(void)
{
    start_all();
    exchange(1, 0);
    pairs_offer(RX(1), PAIRS_SLOT);
    close(np.wires[1]);
    pairs_send(1, 100, 1);
    until_link_is(false);
    for (unsigned pair = 0; pair < PAIRS; pair++)
        pairs_send(pair, 100, 2);
    pairs_await(TX(0));
    pairs_await(TX(1));
    pairs_await(TX(1));
    CU_ASSERT(!pairs_sent(0));
    CU_ASSERT(np.g->config_events > 0);
    np.wires[1] = dup(np.wires[0]);
    pairs_end();
}

/* ---- the end of queues ---- */

static void reset_queue(unsigned queue)
{
    struct msg reset = {
        .kind = MSG_reset_vqueue_request,
        .dev_num = PAIRS_DEV,
        .reset_vqueue_request.index = queue,
    };

    CU_ASSERT_EQUAL(guest_call(np.g, reset).kind, MSG_reset_vqueue_response);
}

static void queues_are_reset_one_by_one(void)
{
    start_all();
    for (unsigned i = 0; i < 20; i++) {
        unsigned pair = i % PAIRS;

        pairs_offer(RX(pair), PAIRS_SLOT);
        pairs_offer(RX(pair), PAIRS_SLOT);
        pairs_fill(pair);
        pairs_send(pair, 100, i);
        exchange(1 - pair, i);
        reset_queue(RX(pair));
        reset_queue(TX(pair));
        pairs_empty(pair);
        pairs_enable(RX(pair));
        pairs_enable(TX(pair));
        exchange(1 - pair, i);
        exchange(pair, i);
    }
    pairs_end();
}

static void load_all(unsigned number)
{
    for (unsigned pair = 0; pair < PAIRS; pair++)
        for (unsigned i = 0; i < 3; i++) {
            pairs_offer(RX(pair), PAIRS_SLOT);
            pairs_comes(pair, pairs_own, 100 + i, number);
            pairs_send(pair, 100 + i, number);
        }
}

static void empty_wires(void)
{
    uint8_t frame[PAIRS_SLOT];

    for (unsigned pair = 0; pair < PAIRS; pair++) {
        while (pairs_sent(pair))
            ;
        while (read(np.inside[pair], frame, sizeof(frame)) > 0)
            ;
    }
}

static void resets_under_load_leave_nothing(void)
{
    start_all();
    for (unsigned i = 0; i < 10; i++) {
        load_all(i);
        if (i % 2)
            pairs_await(TX(i % 4 / 2));
        pairs_reset();
        CU_ASSERT_EQUAL(guest_unshare_area(np.g), AREA_OK);
        guest_share_area(np.g);
        empty_wires();
        pairs_drive(PAIRS_ALL);
        use_pairs(2);
        exchange(0, i);
        exchange(1, i);
    }
    pairs_end();
}

static void drivers_without_end_are_served_in_the_end(void)
{
    start(PAIRS_ALL);
    for (unsigned i = 0; i < 64; i++) {
        pairs_drive(PAIRS_ALL);
        pairs_send(0, 100, i);
        settle();
    }
    pairs_reset();
    empty_wires();
    pairs_drive(PAIRS_ALL);
    pairs_send(0, 100, 64);
    while (!pairs_answers(TX(0))) {
        fake_xen_advance(np.g->fx, UINT64_C(50000000));
        pairs_turn();
    }
    pairs_expect_sent(0, 100, 64);
    pairs_end();
}

static void a_guest_leaves_under_load(void)
{
    start_all();
    load_all(1);
    guest_tell(np.g, &(struct ipc_message){.kind = IPC_DISCONNECT}, -1);
    CU_ASSERT_EQUAL(guest_told(np.g).kind, IPC_DISCONNECTED);
    CU_ASSERT_EQUAL(fake_xen_counters(np.g->fx).mapped_pages, 0);
    pairs_end();
}

/* In turns with doorbells and without. */
static void guests_follow_one_another(void)
{
    start_all();
    for (unsigned i = 0; i < 10; i++) {
        load_all(i);
        guest_disconnect(np.g);
        empty_wires();
        np.by_doorbells = !np.by_doorbells;
        pairs_connect();
        pairs_drive(PAIRS_ALL);
        use_pairs(2);
        exchange(0, i);
        exchange(1, i);
    }
    pairs_end();
}

static void it_is_detached_under_load(void)
{
    struct ipc_message remove = {.kind = IPC_DEVICE_REMOVE, .answer.number = PAIRS_DEV};

    start_all();
    load_all(1);
    guest_tell(np.g, &remove, -1);
    CU_ASSERT_EQUAL(guest_told(np.g).kind, IPC_DEVICE_REMOVED);
    pairs_end();
}

static void a_worker_ends_under_load(void)
{
    start_all();
    load_all(1);
    pairs_end();
}

/* ---- what a guest gets wrong ---- */

static void until_broken(void)
{
    while (!(np.g->last_status & VIRTIO_CONFIG_S_NEEDS_RESET))
        guest_settle(np.g);
    np.g->last_status = 0;
}

static void expect_recovery(void)
{
    until_broken();
    pairs_drive(PAIRS_ALL);
    use_pairs(2);
    empty_wires();
    exchange(0, 1);
    exchange(1, 1);
}

static void a_frame_shorter_than_its_header(void)
{
    start_all();
    for (unsigned pair = 0; pair < PAIRS; pair++) {
        load_all(1);
        pairs_offer(TX(pair), PAIRS_HEADER - 1);
        expect_recovery();
    }
    pairs_end();
}

static void a_command_without_room_for_its_answer(void)
{
    start_all();
    load_all(1);
    pairs_offer_as(CONTROL, 3, 0);
    expect_recovery();
    pairs_end();
}

/* ---- all of them ---- */

static int no_threads(void)
{
    threads = doorbells = false;
    return 0;
}

static int by_messages(void)
{
    threads = true;
    doorbells = false;
    return 0;
}

static int by_doorbells(void)
{
    threads = doorbells = true;
    return 0;
}

#define ALL                                              \
    TEST(frames_travel_by_all_pairs),                    \
    TEST(many_at_once_are_in_order),                     \
    TEST(a_frame_waits_until_its_pair_is_in_use),        \
    TEST(a_frame_that_found_no_room_waits_for_its_pair), \
    TEST(pairs_come_and_go_under_load),                  \
    TEST(commands_are_for_all_pairs),                    \
    TEST(without_mq_the_control_queue_is_another),       \
    TEST(the_link_goes_down_and_up),                     \
    TEST(the_interface_is_taken_away),                   \
    TEST(queues_are_reset_one_by_one),                   \
    TEST(resets_under_load_leave_nothing),               \
    TEST(drivers_without_end_are_served_in_the_end),     \
    TEST(a_guest_leaves_under_load),                     \
    TEST(guests_follow_one_another),                     \
    TEST(it_is_detached_under_load),                     \
    TEST(a_worker_ends_under_load),                      \
    TEST(a_frame_shorter_than_its_header),               \
    TEST(a_command_without_room_for_its_answer)

static const struct test_case cases[] = {ALL, {NULL, NULL}};

static const struct test_case thread_cases[] = {
    ALL,
    TEST(pairs_are_served_at_the_same_time),
    {NULL, NULL},
};

static const struct test_suite suites[] = {
    {"net pairs", cases, no_threads},
    {"net pairs, threads", thread_cases, by_messages},
    {"net pairs, threads and doorbells", thread_cases, by_doorbells},
    {NULL, NULL, NULL},
};

int main(void)
{
    return test_main_suites(suites);
}
