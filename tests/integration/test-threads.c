/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Queue threads: two queues of a device whose requests say what is to become of them
 * (wishes.h). What a thread does is waited for, never timed: a queue
 * that is not served beside the other leaves its case to SIGALRM.
 */

#include <errno.h>
#include <limits.h>
#include <linux/virtio_config.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/control-protocol.h"
#include "backend/stats-protocol.h"
#include "common/address.h"
#include "common/barrier.h"
#include "tests/harness.h"
#include "tests/integration/scripted-guest.h"
#include "tests/integration/wishes.h"

#define DEV 6u
#define QUEUES WISHES_QUEUES
#define THREADS 2u
#define BIT(n) (UINT64_C(1) << (n))
#define FEATURES (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_RING_RESET))
#define SPAN 0x8000u /* of the area, for each queue */
#define ALL_STATUS 15u
#define MAX_POLL_US 1000u

/* ---- the guest ---- */

static struct platform *thread_xen[THREADS];
static bool by_doorbells; /* of the suite, as are these */
static unsigned threads = THREADS;
static uint32_t poll_us;
static uint32_t ports[QUEUES];
static uint16_t seen[QUEUES]; /* of the used ring */
static unsigned offered[QUEUES];
static unsigned now_at; /* the queue whose rings the guest has before it */

static void run_worker_and_threads(struct guest *g)
{
    event_base_loop(g->base, EVLOOP_NONBLOCK);
}

static void turn_to(struct guest *g, unsigned queue)
{
    uint8_t *start = g->area + (size_t)queue * SPAN;

    seen[now_at] = g->used_seen;
    now_at = queue;
    g->used_seen = seen[queue];
    g->desc = (struct vring_desc *)(void *)(start + GUEST_DESC);
    g->avail = (struct vring_avail *)(void *)(start + GUEST_AVAIL);
    g->used = (struct vring_used *)(void *)(start + GUEST_USED);
}

static void enable_second(struct guest *g)
{
    struct msg request = guest_queue_request(DEV, SET_VQUEUE_ENABLE);

    request.set_vqueue_request.index = 1;
    request.set_vqueue_request.desc_addr += SPAN;
    request.set_vqueue_request.driver_addr += SPAN;
    request.set_vqueue_request.device_addr += SPAN;
    guest_call(g, request);
}

static void bind_doorbell(struct guest *g, unsigned queue)
{
    int port = g->domu->ops->evtchn_alloc(g->domu, 0);
    struct msg request = {
        .kind = MSG_queue_doorbell_request,
        .queue_doorbell_request = {DEV, queue, (uint32_t)port},
    };

    CU_ASSERT_FATAL(port > 0);
    ports[queue] = (uint32_t)port;
    CU_ASSERT_EQUAL(guest_call(g, request).queue_doorbell_response.status, DOORBELL_OK);
}

static void start_device(struct guest *g)
{
    memset(g->area, 0, (size_t)QUEUES * SPAN);
    memset(seen, 0, sizeof(seen));
    memset(offered, 0, sizeof(offered));
    now_at = 0;
    turn_to(g, 0);
    guest_start_device(g, DEV, FEATURES);
    enable_second(g);
    for (unsigned i = 0; by_doorbells && i < QUEUES; i++)
        bind_doorbell(g, i);
}

static struct guest *start(void)
{
    struct ipc_message device = {
        .kind = IPC_DEVICE_ADD,
        .device = {.number = DEV, .type = WISHES_TYPE, .name = "w"},
    };
    struct guest *g = guest_new();
    struct ipc_message offer;

    fake_xen_real_clock(g->fx);
    wishes_begin();
    g->wait = run_worker_and_threads;
    for (unsigned i = 0; i < threads; i++) {
        thread_xen[i] = fake_xen_domain(g->fx, 0);
        CU_ASSERT_FATAL(worker_add_thread(g->worker, thread_xen[i]));
    }
    guest_tell(g, &device, -1);
    CU_ASSERT_EQUAL_FATAL(guest_told(g).kind, IPC_DEVICE_ADDED);
    offer = guest_offer(g, MSG_WIDE, 272);
    offer.connect.queue_doorbells = by_doorbells;
    offer.poll_us = poll_us;
    guest_tell(g, &offer, -1);
    CU_ASSERT_EQUAL_FATAL(guest_told(g).kind, IPC_CONNECTED);
    guest_share_area(g);
    start_device(g);
    return g;
}

static void stop(struct guest *g)
{
    unsigned ports_left;

    worker_free(g->worker);
    g->worker = NULL;
    ports_left = fake_xen_counters(g->fx).open_ports;
    for (unsigned i = 0; i < threads; i++)
        platform_close(thread_xen[i]);
    CU_ASSERT_EQUAL(fake_xen_counters(g->fx).open_ports, ports_left);
    guest_free(g);
    wishes_end();
}

static void offer(struct guest *g, unsigned queue, enum wish wish)
{
    unsigned first = 2 * (offered[queue]++ % (GUEST_QUEUE_SIZE / 2));
    uint64_t place = (uint64_t)queue * SPAN + GUEST_HEADERS + 2 * first;

    turn_to(g, queue);
    g->area[place] = (uint8_t)wish;
    guest_describe(g, first, place, 1, 0, (uint16_t)(first + 1));
    guest_describe(g, first + 1, place + 1, 1, VRING_DESC_F_WRITE, 0);
    guest_make_available(g, (uint16_t)first);
}

static void kick(struct guest *g, unsigned queue)
{
    struct msg event = {
        .kind = MSG_event_avail, .dev_num = DEV, .event_avail.vq_index = queue};

    if (!by_doorbells) {
        guest_send(g, &event);
        return;
    }
    CU_ASSERT_EQUAL(g->domu->ops->evtchn_notify(g->domu, ports[queue]), 0);
}

static void ask(struct guest *g, unsigned queue, enum wish wish)
{
    offer(g, queue, wish);
    kick(g, queue);
}

static void expect_answers(struct guest *g, unsigned queue, unsigned count)
{
    turn_to(g, queue);
    while (count--)
        CU_ASSERT_EQUAL(guest_await_used(g), 1);
}

static void expect_no_answer(struct guest *g, unsigned queue)
{
    turn_to(g, queue);
    CU_ASSERT_EQUAL(shared_load16_acquire(&g->used->idx), g->used_seen);
}

/* The device has a request in its hands, certainly. */
static void hold_one(struct guest *g, unsigned queue)
{
    offer(g, queue, HOLD);
    ask(g, queue, ANSWER);
    expect_answers(g, queue, 1);
}

static void until_reset(struct guest *g)
{
    struct msg get = {.kind = MSG_get_device_status_request, .dev_num = DEV};

    while (guest_call(g, get).get_device_status_response.status)
        g->wait(g);
}

/* ---- at the same time ---- */

static void queues_are_served_at_the_same_time(void)
{
    struct guest *g = start();

    ask(g, 0, MEET);
    ask(g, 1, MEET);
    expect_answers(g, 0, 1);
    expect_answers(g, 1, 1);
    stop(g);
}

static void messages_are_answered_meanwhile(void)
{
    struct guest *g = start();

    ask(g, 0, STOP);
    ask(g, 1, STOP);
    guest_settle(g);
    wishes_let_go(0, 1);
    wishes_let_go(1, 1);
    expect_answers(g, 0, 1);
    expect_answers(g, 1, 1);
    stop(g);
}

static void who_waits_keeps_nobody(void)
{
    struct guest *g = start();

    ask(g, 0, HOLD);
    for (unsigned i = 0; i < 100; i++) {
        ask(g, 1, ANSWER);
        expect_answers(g, 1, 1);
    }
    expect_no_answer(g, 0);
    ask(g, 0, ANSWER);
    expect_answers(g, 0, 1);
    wishes_let_go(0, 1);
    expect_answers(g, 0, 1);
    stop(g);
}

/* Areas come and go, and the device is asked, while both queues are busy. */
static void messages_and_requests_go_together(void)
{
    struct msg unshare = {.kind = MSG_area_unshare_request, .area_unshare_request.area = 2};
    struct msg get = {.kind = MSG_get_vqueue_request, .dev_num = DEV};
    struct guest *g = start();
    uint8_t *pages;

    for (unsigned i = 0; i < 100; i++) {
        for (unsigned queue = 0; queue < QUEUES; queue++) {
            offer(g, queue, HOLD);
            ask(g, queue, ANSWER);
            wishes_let_go(queue, 1);
        }
        CU_ASSERT_EQUAL(guest_share_pages(g, 2, 1, &pages), AREA_OK);
        CU_ASSERT(guest_call(g, get).get_vqueue_response.flags & GET_VQUEUE_ENABLED);
        CU_ASSERT_EQUAL(guest_call(g, unshare).area_unshare_response.status, AREA_OK);
        for (unsigned queue = 0; queue < QUEUES; queue++)
            expect_answers(g, queue, 2);
    }
    stop(g);
}

/* ---- the end of requests ---- */

static void a_queue_is_reset_when_its_last_request_is_back(void)
{
    struct msg reset = {.kind = MSG_reset_vqueue_request, .dev_num = DEV, .token = 77};
    struct guest *g = start();
    struct msg response;

    hold_one(g, 0);
    guest_send(g, &reset);
    guest_settle(g);
    ask(g, 1, ANSWER);
    expect_answers(g, 1, 1);
    wishes_let_go(0, 1);
    response = guest_receive_response(g);
    CU_ASSERT_EQUAL(response.kind, MSG_reset_vqueue_response);
    CU_ASSERT_EQUAL(response.token, 77);
    expect_no_answer(g, 0);
    stop(g);
}

static void a_reset_waits_for_all_queues(void)
{
    struct guest *g = start();

    hold_one(g, 0);
    hold_one(g, 1);
    CU_ASSERT_EQUAL(guest_set_status(g, DEV, 0), ALL_STATUS);
    CU_ASSERT_EQUAL(guest_unshare_area(g), AREA_BUSY);
    wishes_let_go(1, 1);
    CU_ASSERT_EQUAL(guest_set_status(g, DEV, 0), ALL_STATUS);
    wishes_let_go(0, 1);
    until_reset(g);
    expect_no_answer(g, 0);
    expect_no_answer(g, 1);
    CU_ASSERT_EQUAL(guest_unshare_area(g), AREA_OK);
    guest_share_area(g);
    start_device(g);
    ask(g, 1, ANSWER);
    expect_answers(g, 1, 1);
    stop(g);
}

static void resets_under_load_leave_nothing(void)
{
    struct guest *g = start();

    /* A byte that is left over because nobody looked at its request is for a later one. */
    for (unsigned i = 0; i < 50; i++) {
        for (unsigned n = 0; n < 4; n++) {
            ask(g, 0, n % 2 ? ANSWER : HOLD);
            ask(g, 1, n % 2 ? HOLD : ANSWER);
        }
        wishes_let_go(0, 2);
        wishes_let_go(1, 2);
        guest_set_status(g, DEV, 0);
        until_reset(g);
        CU_ASSERT_EQUAL(guest_unshare_area(g), AREA_OK);
        guest_share_area(g);
        start_device(g);
    }
    stop(g);
}

static void a_guest_leaves_under_load(void)
{
    struct guest *g = start();

    hold_one(g, 0);
    hold_one(g, 1);
    guest_tell(g, &(struct ipc_message){.kind = IPC_DISCONNECT}, -1);
    run_worker_and_threads(g);
    wishes_let_go(0, 1);
    wishes_let_go(1, 1);
    CU_ASSERT_EQUAL(guest_told(g).kind, IPC_DISCONNECTED);
    CU_ASSERT_EQUAL(fake_xen_counters(g->fx).mapped_pages, 0);
    stop(g);
}

static void a_worker_ends_under_load(void)
{
    struct guest *g = start();

    for (unsigned queue = 0; queue < QUEUES; queue++) {
        for (unsigned n = 0; n < 4; n++)
            ask(g, queue, n % 2 ? ANSWER : HOLD);
        wishes_let_go(queue, 4);
    }
    stop(g);
}

/* ---- trouble ---- */

static void until_config_event(struct guest *g)
{
    struct msg event;

    while (!g->config_events) {
        event = guest_receive(g);
        CU_ASSERT(guest_count_event(g, &event));
    }
    CU_ASSERT(g->last_status & VIRTIO_CONFIG_S_NEEDS_RESET);
}

static void expect_recovery(struct guest *g)
{
    until_config_event(g);
    ask(g, 0, ANSWER);
    guest_settle(g);
    guest_settle(g);
    expect_no_answer(g, 0);
    CU_ASSERT_EQUAL(guest_set_status(g, DEV, 0), 0);
    start_device(g);
    for (unsigned queue = 0; queue < QUEUES; queue++) {
        ask(g, queue, ANSWER);
        expect_answers(g, queue, 1);
    }
    CU_ASSERT_EQUAL(g->config_events, 1);
}

static void a_thread_gives_the_device_up(void)
{
    struct guest *g = start();

    ask(g, 1, GIVE_UP);
    ask(g, 1, GIVE_UP);
    expect_recovery(g);
    stop(g);
}

static void a_ring_without_sense_is_found_by_a_thread(void)
{
    struct guest *g = start();

    turn_to(g, 1);
    shared_store16_release(&g->avail->idx, GUEST_QUEUE_SIZE + 1);
    kick(g, 1);
    expect_recovery(g);
    stop(g);
}

static void a_doorbell_that_cannot_be_rung_ends_the_connection(void)
{
    struct guest *g = start();
    struct ipc_message told;

    hold_one(g, 1);
    fake_xen_fail(g->fx, 0, "evtchn_notify", 1, EIO);
    wishes_let_go(1, 1);
    told = guest_told(g);
    CU_ASSERT_EQUAL(told.kind, IPC_BUS_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(told.failed.text, "cannot ring a queue's doorbell"));
    stop(g);
}

/* ---- looking ---- */

static bool is_answered(struct guest *g, unsigned queue)
{
    turn_to(g, queue);
    return shared_load16_acquire(&g->used->idx) != g->used_seen;
}

/* Of DRIVER_OK, of being enabled and of getting a doorbell a queue is told as of a request,
 * and its thread may come to that late. */
#define STARTS 3u

/* A thread has a request in the first queue of which nobody told it, and serves so many of
 * the second. Is the first's done meanwhile? */
static bool is_served_untold(struct guest *g, unsigned others)
{
    offer(g, 0, ANSWER);
    for (unsigned i = 0; i < others && !is_answered(g, 0); i++) {
        ask(g, 1, ANSWER);
        expect_answers(g, 1, 1);
    }
    return is_answered(g, 0);
}

/* At once, or at one of the thread's next attempts if looks did not help before. */
static void a_thread_that_looks_needs_no_doorbell(void)
{
    struct guest *g = start();

    for (unsigned i = 0; i <= STARTS; i++) {
        CU_ASSERT(is_served_untold(g, UINT_MAX));
        expect_answers(g, 0, 1);
    }
    stop(g);
}

static void a_thread_that_does_not_look_waits_for_the_doorbell(void)
{
    struct guest *g = start();
    unsigned starts = 0;

    for (; starts <= STARTS && is_served_untold(g, 100); starts++)
        expect_answers(g, 0, 1);
    CU_ASSERT_FATAL(starts <= STARTS);
    kick(g, 0);
    expect_answers(g, 0, 1);
    stop(g);
}

/* ---- what is counted ---- */

static uint64_t count_requests(struct guest *g)
{
    struct control_answer answer;
    struct stats_queue queue;
    struct stats_head head;
    static uint8_t packet[STATS_PACKET_MAX];
    uint64_t sum = 0;
    ssize_t size;
    int ends[2];

    CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    guest_tell(g, &(struct ipc_message){.kind = IPC_STATS}, ends[1]);
    close(ends[1]);
    while ((size = recv(ends[0], packet, sizeof(packet), MSG_DONTWAIT)) != 0) {
        g->wait(g);
        if (size <= 0 || size == sizeof(answer))
            continue;
        for (size_t at = 0; at < (size_t)size; at += head.size) {
            memcpy(&head, packet + at, sizeof(head));
            if (head.kind != STATS_QUEUE)
                continue;
            memcpy(&queue, packet + at, sizeof(queue));
            sum += queue.counts.requests;
            CU_ASSERT_EQUAL(queue.counts.depth, 0);
            CU_ASSERT(queue.counts.doorbells > 0);
            CU_ASSERT(queue.counts.notifications > 0);
        }
    }
    close(ends[0]);
    return sum;
}

static void counters_are_of_all_threads(void)
{
    struct guest *g = start();

    for (unsigned i = 0; i < 20; i++) {
        ask(g, 0, ANSWER);
        ask(g, 1, ANSWER);
        ask(g, 1, ANSWER);
        expect_answers(g, 0, 1);
        expect_answers(g, 1, 2);
    }
    CU_ASSERT_EQUAL(count_requests(g), 60);
    stop(g);
}

/* ---- all of them ---- */

static int messages(void)
{
    by_doorbells = false;
    return 0;
}

static int doorbells(void)
{
    by_doorbells = true;
    return 0;
}

static int doorbells_of_lookers(void)
{
    poll_us = MAX_POLL_US;
    return doorbells();
}

/* So that it has both queues. */
static int one_thread(void)
{
    threads = 1;
    poll_us = 0;
    return doorbells();
}

static int one_looking_thread(void)
{
    one_thread();
    poll_us = MAX_POLL_US;
    return 0;
}

static const struct test_case cases[] = {
    TEST(queues_are_served_at_the_same_time),
    TEST(messages_are_answered_meanwhile),
    TEST(who_waits_keeps_nobody),
    TEST(messages_and_requests_go_together),
    TEST(a_queue_is_reset_when_its_last_request_is_back),
    TEST(a_reset_waits_for_all_queues),
    TEST(resets_under_load_leave_nothing),
    TEST(a_guest_leaves_under_load),
    TEST(a_worker_ends_under_load),
    TEST(a_thread_gives_the_device_up),
    TEST(a_ring_without_sense_is_found_by_a_thread),
    TEST(counters_are_of_all_threads),
    {NULL, NULL},
};

static const struct test_case doorbell_cases[] = {
    TEST(a_doorbell_that_cannot_be_rung_ends_the_connection),
    {NULL, NULL},
};

static const struct test_case sleeping_cases[] = {
    TEST(a_thread_that_does_not_look_waits_for_the_doorbell),
    {NULL, NULL},
};

static const struct test_case looking_cases[] = {
    TEST(a_thread_that_looks_needs_no_doorbell),
    {NULL, NULL},
};

static const struct test_suite suites[] = {
    {"queue threads, messages", cases, messages},
    {"queue threads, doorbells", cases, doorbells},
    {"queue threads, failing doorbells", doorbell_cases, doorbells},
    {"queue threads, doorbells, looking", cases, doorbells_of_lookers},
    {"queue threads, one that sleeps", sleeping_cases, one_thread},
    {"queue threads, one that looks", looking_cases, one_looking_thread},
    {NULL, NULL, NULL},
};

int main(void)
{
    return test_main_suites(suites);
}
