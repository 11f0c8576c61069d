/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The entropy device from its guest's side. The clock stands still, so what a guest
 * may have is exact. */

#include <errno.h>
#include <inttypes.h>
#include <linux/virtio_config.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/barrier.h"
#include "common/le.h"
#include "tests/harness.h"
#include "tests/integration/scripted-guest.h"
#include "xenstore-schema/schema.h"

#define DEV 4u
#define BIT(n) (UINT64_C(1) << (n))
#define FEATURES (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_RING_RESET))
#define WRITE VRING_DESC_F_WRITE
#define NEXT VRING_DESC_F_NEXT
#define SECOND UINT64_C(1000000000)
#define LARGEST 16384u /* bytes that a request gets at once */
#define ROOM ((GUEST_PAGES * 4096u) - GUEST_DATA)

/* In place of the library's: a kernel that fails, so many times with that error. */
static unsigned failures;
static int failure;

ssize_t getrandom(void *buffer, size_t length, unsigned flags)
{
    if (!failures)
        return syscall(SYS_getrandom, buffer, length, flags);
    failures--;
    errno = failure;
    return -1;
}

static void add(struct guest *g, uint64_t rate)
{
    struct ipc_message message = {
        .kind = IPC_DEVICE_ADD,
        .device = {.number = DEV, .type = "rng", .name = "rng0"},
    };
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, rate);
    if (rate)
        choices_add(&message.device.choices, XS_RATE, text);

    guest_tell(g, &message, -1);
    CU_ASSERT_EQUAL_FATAL(guest_told(g).kind, IPC_DEVICE_ADDED);
}

static struct guest *start(uint64_t rate)
{
    struct guest *g = guest_new();

    add(g, rate);
    guest_connect(g, MSG_WIDE, 272);
    guest_share_area(g);
    guest_start_device(g, DEV, FEATURES);
    return g;
}

/* Asks for so many bytes, from GUEST_DATA on, with one descriptor. */
static void ask(struct guest *g, uint16_t index, uint32_t size)
{
    guest_describe(g, index, GUEST_DATA, size, WRITE, 0);
    guest_make_available(g, index);
    guest_kick(g, DEV);
}

static uint32_t get(struct guest *g, uint32_t size)
{
    ask(g, 0, size);
    return guest_await_used(g);
}

static bool answered(struct guest *g)
{
    guest_settle(g);
    return shared_load16_acquire(&g->used->idx) != g->used_seen;
}

/* Takes all that the guest may have now. */
static void use_up(struct guest *g, uint32_t rate)
{
    uint32_t size, had = 0;

    for (; had < rate; had += size)
        size = get(g, rate - had < 4096 ? rate - had : 4096);
    CU_ASSERT_EQUAL(had, rate);
}

static unsigned count_zeros(const uint8_t *bytes, size_t size)
{
    unsigned zeros = 0;

    for (size_t i = 0; i < size; i++)
        zeros += bytes[i] == 0;
    return zeros;
}

/* ---- what it does ---- */

static void says_what_it_is(void)
{
    struct guest *g = start(0);
    struct msg info = {.kind = MSG_get_device_info_request, .dev_num = DEV};
    struct msg config = {.kind = MSG_get_config_request, .dev_num = DEV};
    struct msg answer = guest_call(g, info);

    CU_ASSERT_EQUAL(answer.get_device_info_response.device_id, 4);
    CU_ASSERT_EQUAL(answer.get_device_info_response.max_virtqueues, 1);
    CU_ASSERT_EQUAL(answer.get_device_info_response.config_size, 0);
    CU_ASSERT_EQUAL(guest_call(g, config).get_config_response.length, 0);
    config.get_config_request.length = 4;
    CU_ASSERT_EQUAL(guest_call(g, config).get_config_response.length, 0);
    guest_free(g);
}

static void fills_every_piece_and_nothing_else(void)
{
    struct guest *g = start(0);
    uint8_t *data;

    g->area[GUEST_DATA + 1000] = g->area[GUEST_DATA + 2999] = 0x5a;
    g->area[GUEST_DATA + 4000] = 0x5a;
    guest_describe(g, 0, GUEST_DATA, 1000, WRITE, 1);
    guest_describe(g, 1, GUEST_DATA + 3000, 1000, WRITE, 2);
    guest_describe(g, 2, GUEST_DATA + 2000, 1, WRITE, 0);
    guest_make_available(g, 0);
    guest_kick(g, DEV);
    CU_ASSERT_EQUAL(guest_await_used(g), 2001);
    data = g->area + GUEST_DATA;
    /* 4 of 1000 random bytes are 0; of no good ones are 100. */
    CU_ASSERT(count_zeros(data, 1000) < 100);
    CU_ASSERT(count_zeros(data + 3000, 1000) < 100);
    CU_ASSERT(memcmp(data, data + 3000, 1000) != 0);
    CU_ASSERT_EQUAL(data[1000], 0x5a);
    CU_ASSERT_EQUAL(data[2999], 0x5a);
    CU_ASSERT_EQUAL(data[4000], 0x5a);
    CU_ASSERT_EQUAL(count_zeros(data + 1001, 999), 999);
    CU_ASSERT_EQUAL(count_zeros(data + 2001, 998), 998);
    guest_settle(g);
    CU_ASSERT_EQUAL(g->used_events, 1);
    guest_free(g);
}

static void no_two_answers_are_the_same(void)
{
    struct guest *g = start(0);
    uint8_t first[64];

    CU_ASSERT_EQUAL(get(g, sizeof(first)), sizeof(first));
    memcpy(first, g->area + GUEST_DATA, sizeof(first));
    CU_ASSERT_EQUAL(get(g, sizeof(first)), sizeof(first));
    CU_ASSERT(memcmp(first, g->area + GUEST_DATA, sizeof(first)) != 0);
    guest_free(g);
}

/* ---- the rate ---- */

static void what_is_above_the_rate_waits(void)
{
    struct guest *g = start(100000);

    use_up(g, 100000);
    ask(g, 0, 4096);
    ask(g, 1, 4096);
    CU_ASSERT(!answered(g));
    /* The bus goes on meanwhile. */
    CU_ASSERT_EQUAL(guest_set_status(g, DEV, 15), 15);
    fake_xen_advance(g->fx, SECOND / 20);
    CU_ASSERT_EQUAL(guest_await_used(g), 4096);
    CU_ASSERT(!answered(g)); /* 904 are left */
    fake_xen_advance(g->fx, SECOND / 20);
    CU_ASSERT_EQUAL(guest_await_used(g), 4096);
    guest_free(g);
}

static void a_request_that_waits_does_not_wait_for_all_of_it(void)
{
    struct guest *g = start(1000);

    use_up(g, 1000);
    ask(g, 0, 4096);
    CU_ASSERT(!answered(g));
    fake_xen_advance(g->fx, SECOND / 4);
    CU_ASSERT_EQUAL(guest_await_used(g), 250);
    guest_free(g);
}

static void at_most_a_second_adds_up(void)
{
    struct guest *g = start(5000);

    use_up(g, 1000);
    fake_xen_advance(g->fx, 3600 * SECOND);
    use_up(g, 5000);
    ask(g, 0, 600);
    CU_ASSERT(!answered(g));
    guest_free(g);
}

/* What is less than a byte adds up as well: seven steps of 0.15 s are ten bytes. */
static void a_slow_rate_is_kept(void)
{
    struct guest *g = start(10);

    use_up(g, 10);
    for (unsigned i = 0; i < 7; i++) {
        fake_xen_advance(g->fx, SECOND * 15 / 100);
        CU_ASSERT_EQUAL(get(g, 1), 1);
    }
    CU_ASSERT_EQUAL(get(g, 1), 1);
    CU_ASSERT_EQUAL(get(g, 1), 1);
    CU_ASSERT_EQUAL(get(g, 1), 1);
    ask(g, 0, 1);
    CU_ASSERT(!answered(g));
    guest_free(g);
}

static void a_reset_gives_nothing_back(void)
{
    struct guest *g = start(2000);

    use_up(g, 2000);
    guest_start_device(g, DEV, FEATURES);
    ask(g, 0, 100);
    CU_ASSERT(!answered(g));
    guest_disconnect(g);
    guest_connect(g, MSG_WIDE, 272);
    guest_share_area(g);
    guest_start_device(g, DEV, FEATURES);
    ask(g, 0, 100);
    CU_ASSERT(!answered(g));
    guest_free(g);
}

/* ---- a kernel that gives nothing ---- */

static void a_kernel_without_random_bytes_is_asked_again(void)
{
    struct guest *g = start(0);

    failure = EAGAIN;
    failures = 1;
    CU_ASSERT_EQUAL(get(g, 100), 100);
    CU_ASSERT_EQUAL(failures, 0);
    failure = EINTR;
    failures = 3;
    CU_ASSERT_EQUAL(get(g, 100), 100);
    guest_free(g);
}

static void a_kernel_that_fails_breaks_the_device_alone(void)
{
    struct guest *g = start(0);

    failure = EFAULT;
    failures = 1;
    CU_ASSERT_EQUAL(get(g, 100), 0);
    guest_settle(g);
    CU_ASSERT(g->last_status & VIRTIO_CONFIG_S_NEEDS_RESET);
    guest_start_device(g, DEV, FEATURES);
    CU_ASSERT_EQUAL(get(g, 100), 100);
    guest_free(g);
}

/* ---- the end while a request waits ---- */

#define FAST 1000000u /* what it takes to fill 4096 bytes at this rate: */
#define FAST_US 4096u

static struct guest *start_waiting(void)
{
    struct guest *g = start(FAST);

    use_up(g, FAST);
    for (uint16_t i = 0; i < GUEST_QUEUE_SIZE; i++)
        ask(g, i, 4096);
    CU_ASSERT(!answered(g));
    memset(g->area + GUEST_DATA, 0, 4096);
    return g;
}

static void on_later(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what;
    *(bool *)user = true;
}

/* Also when the device's timer, whose turn comes first, would have fired. */
static void expect_nothing_written(struct guest *g)
{
    const struct timeval later = {.tv_usec = 3 * FAST_US};
    bool is_later = false;
    struct event *timer = evtimer_new(g->base, on_later, &is_later);

    CU_ASSERT_FATAL(timer && evtimer_add(timer, &later) == 0);
    fake_xen_advance(g->fx, 2 * SECOND);
    while (!is_later)
        g->wait(g);
    event_free(timer);
    CU_ASSERT_EQUAL(count_zeros(g->area + GUEST_DATA, 4096), 4096);
}

static void a_reset_ends_the_wait(void)
{
    struct guest *g = start_waiting();
    uint16_t used = g->used->idx;

    CU_ASSERT_EQUAL(guest_set_status(g, DEV, 0), 0);
    CU_ASSERT_EQUAL(g->used->idx, used);
    expect_nothing_written(g);
    CU_ASSERT_EQUAL(guest_unshare_area(g), 0);
    guest_share_area(g);
    guest_start_device(g, DEV, FEATURES);
    CU_ASSERT_EQUAL(get(g, 100), 100);
    guest_free(g);
}

static void a_reset_of_the_queue_ends_the_wait(void)
{
    struct guest *g = start_waiting();
    struct msg reset = {.kind = MSG_reset_vqueue_request, .dev_num = DEV};

    CU_ASSERT_EQUAL(guest_call(g, reset).kind, MSG_reset_vqueue_response);
    expect_nothing_written(g);
    memset(g->area, 0, GUEST_DATA);
    g->used_seen = 0;
    guest_call(g, guest_queue_request(DEV, SET_VQUEUE_ENABLE));
    CU_ASSERT_EQUAL(get(g, 100), 100);
    guest_free(g);
}

static void a_removal_ends_the_wait(void)
{
    struct guest *g = start_waiting();
    struct ipc_message remove = {.kind = IPC_DEVICE_REMOVE, .answer.number = DEV};

    guest_tell(g, &remove, -1);
    CU_ASSERT_EQUAL(guest_told(g).kind, IPC_DEVICE_REMOVED);
    expect_nothing_written(g);
    add(g, 0);
    guest_start_device(g, DEV, FEATURES);
    CU_ASSERT_EQUAL(get(g, 100), 100);
    guest_free(g);
}

static void a_lost_bus_ends_the_wait(void)
{
    struct guest *g = start_waiting();

    guest_disconnect(g);
    guest_free(g);
}

static void a_worker_may_end_while_a_request_waits(void)
{
    guest_free(start_waiting());
}

/* ---- a guest that breaks the rules ---- */

/* The device wants a reset, and works after it. */
static void expect_broken(struct guest *g)
{
    struct msg ask_status = {.kind = MSG_get_device_status_request, .dev_num = DEV};

    guest_kick(g, DEV);
    guest_settle(g);
    CU_ASSERT(guest_call(g, ask_status).get_device_status_response.status &
              VIRTIO_CONFIG_S_NEEDS_RESET);
    guest_start_device(g, DEV, FEATURES);
    CU_ASSERT_EQUAL(get(g, 100), 100);
    guest_free(g);
}

static void a_request_without_room(void)
{
    struct guest *g = start(0);

    guest_describe(g, 0, GUEST_DATA, 64, 0, 0);
    guest_make_available(g, 0);
    expect_broken(g);
}

static void a_request_with_a_readable_part(void)
{
    struct guest *g = start(0);

    guest_describe(g, 0, GUEST_DATA, 64, 0, 1);
    guest_describe(g, 1, GUEST_DATA + 64, 64, WRITE, 0);
    guest_make_available(g, 0);
    expect_broken(g);
    g = start(0);
    guest_describe(g, 1, GUEST_DATA, 64, WRITE, 2);
    guest_describe(g, 2, GUEST_DATA + 64, 64, 0, 0);
    guest_make_available(g, 1);
    expect_broken(g);
}

static void a_request_of_no_length(void)
{
    struct guest *g = start(0);

    guest_describe(g, 0, GUEST_DATA, 0, WRITE, 0);
    guest_make_available(g, 0);
    expect_broken(g);
}

static void a_chain_without_end(void)
{
    struct guest *g = start(0);

    for (uint16_t i = 0; i < GUEST_QUEUE_SIZE; i++)
        guest_describe(g, i, GUEST_DATA, 1, WRITE | NEXT, (uint16_t)((i + 1) % GUEST_QUEUE_SIZE));
    guest_make_available(g, 0);
    expect_broken(g);
}

static void memory_that_is_not_shared(void)
{
    struct guest *g = start(0);

    guest_describe(g, 0, GUEST_PAGES * 4096 - 4, 8, WRITE, 0);
    guest_make_available(g, 0);
    expect_broken(g);
}

/* The same memory over and over: a gift of megabytes, if it were all filled. */
static void one_request_gets_no_more_than_its_share(void)
{
    struct guest *g = start(UINT32_MAX);

    for (uint16_t i = 0; i < GUEST_QUEUE_SIZE; i++)
        guest_describe(g, i, GUEST_DATA, ROOM, WRITE, (uint16_t)(i + 1) % GUEST_QUEUE_SIZE);
    guest_make_available(g, 0);
    guest_kick(g, DEV);
    CU_ASSERT_EQUAL(guest_await_used(g), LARGEST);
    guest_free(g);
}

/* Thousands of descriptors, each offered again as soon as it is back. */
static void thousands_of_requests_get_the_rate_and_no_more(void)
{
    struct guest *g = start(50000);
    uint32_t had = 0;

    for (unsigned i = 0; i < 5000; i++)
        had += get(g, 10);
    CU_ASSERT_EQUAL(had, 50000);
    for (uint16_t i = 0; i < GUEST_QUEUE_SIZE; i++)
        ask(g, i, 10);
    CU_ASSERT(!answered(g));
    guest_free(g);
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(says_what_it_is),
        TEST(fills_every_piece_and_nothing_else),
        TEST(no_two_answers_are_the_same),
        TEST(what_is_above_the_rate_waits),
        TEST(a_request_that_waits_does_not_wait_for_all_of_it),
        TEST(at_most_a_second_adds_up),
        TEST(a_slow_rate_is_kept),
        TEST(a_reset_gives_nothing_back),
        TEST(a_kernel_without_random_bytes_is_asked_again),
        TEST(a_kernel_that_fails_breaks_the_device_alone),
        TEST(a_reset_ends_the_wait),
        TEST(a_reset_of_the_queue_ends_the_wait),
        TEST(a_removal_ends_the_wait),
        TEST(a_lost_bus_ends_the_wait),
        TEST(a_worker_may_end_while_a_request_waits),
        TEST(a_request_without_room),
        TEST(a_request_with_a_readable_part),
        TEST(a_request_of_no_length),
        TEST(a_chain_without_end),
        TEST(memory_that_is_not_shared),
        TEST(one_request_gets_no_more_than_its_share),
        TEST(thousands_of_requests_get_the_rate_and_no_more),
        {NULL, NULL},
    };

    return test_main("rng", cases);
}
