/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The block device from its guest's side: real I/O on a temporary file. */

#include <liburing.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/address.h"
#include "common/barrier.h"
#include "common/le.h"
#include "tests/fake/fake-xen.h"
#include "tests/harness.h"
#include "tests/integration/blk-guest.h"

/* In place of the library's: a kernel short of memory, which takes one
 * operation of those it is handed. */
static bool kernel_takes_one;

/* A guest that says something while the kernel is at work, and whether it rang then. */
static struct guest *speaker;
static uint64_t rang;

static void speak(struct guest *g)
{
    uint64_t before = fake_xen_counters(g->fx).notifies;

    guest_send(g, &(struct msg){.kind = MSG_ping_request});
    rang = fake_xen_counters(g->fx).notifies - before;
    speaker = NULL;
}

int io_uring_submit(struct io_uring *ring)
{
    unsigned tail = ring->sq.sqe_tail;
    int taken;

    if (speaker)
        speak(speaker);
    if (kernel_takes_one && io_uring_sq_ready(ring) > 1)
        ring->sq.sqe_tail = tail - io_uring_sq_ready(ring) + 1;
    taken = io_uring_submit_and_wait(ring, 0);
    ring->sq.sqe_tail = tail;
    return taken;
}

static struct guest *start_with(bool read_only, uint64_t features)
{
    return blk_guest_start(guest_disk(SECTORS), read_only, features);
}

static struct guest *start(void)
{
    return start_with(false, FEATURES);
}

/* ---- what it does ---- */

static void reads(void)
{
    struct guest *g = start();
    uint32_t length;

    CU_ASSERT_EQUAL(blk_guest_request(g, VIRTIO_BLK_T_IN, 3, 1024, &length), VIRTIO_BLK_S_OK);
    CU_ASSERT_EQUAL(length, 1025);
    CU_ASSERT_EQUAL(g->area[GUEST_DATA], 3);
    CU_ASSERT_EQUAL(g->area[GUEST_DATA + 1023], 4);
    CU_ASSERT_EQUAL(g->area[GUEST_DATA + 1024], 0);
    CU_ASSERT_EQUAL(blk_guest_request(g, VIRTIO_BLK_T_IN, SECTORS - 1, 512, &length),
                    VIRTIO_BLK_S_OK);
    CU_ASSERT_EQUAL(g->area[GUEST_DATA], SECTORS - 1);
    guest_settle(g);
    CU_ASSERT_EQUAL(g->used_events, 2);
    blk_guest_stop(g);
}

static void writes_and_flushes(void)
{
    /* Without FLUSH each write is made durable by itself. */
    for (unsigned i = 0; i < 2; i++) {
        struct guest *g = start_with(false, i ? FEATURES : BIT(VIRTIO_F_VERSION_1));
        uint8_t back[1024];
        uint32_t length;

        memset(g->area + GUEST_DATA, 0xab, 1024);
        CU_ASSERT_EQUAL(blk_guest_request(g, VIRTIO_BLK_T_OUT, 10, 1024, &length), VIRTIO_BLK_S_OK);
        CU_ASSERT_EQUAL(length, 1);
        CU_ASSERT_EQUAL(blk_guest_request(g, VIRTIO_BLK_T_FLUSH, 0, 0, &length), VIRTIO_BLK_S_OK);
        CU_ASSERT_EQUAL(length, 1);
        CU_ASSERT(pread(blk_guest_disk, back, sizeof(back), 10 * 512) == sizeof(back));
        CU_ASSERT(memcmp(back, g->area + GUEST_DATA, sizeof(back)) == 0);
        CU_ASSERT(pread(blk_guest_disk, back, 1, 12 * 512) == 1 && back[0] == 12);
        blk_guest_stop(g);
    }
}

static void tells_its_name(void)
{
    struct guest *g = start();
    uint32_t length;

    memset(g->area + GUEST_DATA, 0xff, 32);
    CU_ASSERT_EQUAL(blk_guest_request(g, VIRTIO_BLK_T_GET_ID, 0, 20, &length), VIRTIO_BLK_S_OK);
    CU_ASSERT_EQUAL(length, 21);
    CU_ASSERT(memcmp(g->area + GUEST_DATA, "disk0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff", 21) == 0);
    /* A shorter buffer gets what fits. */
    memset(g->area + GUEST_DATA, 0xff, 32);
    CU_ASSERT_EQUAL(blk_guest_request(g, VIRTIO_BLK_T_GET_ID, 0, 4, &length), VIRTIO_BLK_S_OK);
    CU_ASSERT_EQUAL(length, 5);
    CU_ASSERT(memcmp(g->area + GUEST_DATA, "disk\xff", 5) == 0);
    blk_guest_stop(g);
}

/* Header, data and status cut in the most unusual places. */
static void does_not_care_about_framing(void)
{
    struct guest *g = start();

    blk_guest_prepare(g, 0, VIRTIO_BLK_T_IN, 7, 512, WRITE);
    g->avail->idx--;
    guest_describe(g, 0, GUEST_HEADERS, 5, 0, 1);
    guest_describe(g, 1, GUEST_HEADERS + 5, 11, 0, 2);
    guest_describe(g, 2, GUEST_DATA, 100, WRITE, 3);
    guest_describe(g, 3, GUEST_DATA + 100, 413, WRITE, 0); /* 412 of data, and the status */
    g->area[GUEST_DATA + 512] = 0xee;
    guest_make_available(g, 0);
    guest_kick(g, DEV);
    CU_ASSERT_EQUAL(guest_await_used(g), 513);
    CU_ASSERT_EQUAL(g->area[GUEST_DATA], 7);
    CU_ASSERT_EQUAL(g->area[GUEST_DATA + 511], 7);
    CU_ASSERT_EQUAL(g->area[GUEST_DATA + 512], VIRTIO_BLK_S_OK);
    blk_guest_stop(g);
}

/* Data on the wrong side is no data; what follows the header of a read is nobody's. */
static void data_on_the_wrong_side_stays_where_it_is(void)
{
    struct guest *g = start();
    uint8_t byte;

    memset(g->area + GUEST_DATA, 0x5a, 512);
    blk_guest_prepare(g, 0, VIRTIO_BLK_T_IN, 7, 512, 0);
    guest_kick(g, DEV);
    CU_ASSERT_EQUAL(guest_await_used(g), 1);
    CU_ASSERT_EQUAL(g->area[GUEST_STATUSES], VIRTIO_BLK_S_OK);
    CU_ASSERT_EQUAL(g->area[GUEST_DATA], 0x5a);
    blk_guest_prepare(g, 0, VIRTIO_BLK_T_OUT, 7, 512, WRITE);
    guest_kick(g, DEV);
    guest_await_used(g);
    CU_ASSERT(pread(blk_guest_disk, &byte, 1, 7 * 512) == 1 && byte == 7);
    CU_ASSERT_EQUAL(g->area[GUEST_DATA], 0x5a);
    blk_guest_stop(g);
}

static void serves_many_at_once(void)
{
    struct guest *g = start();

    for (unsigned round = 0; round < 200; round++) {
        for (unsigned n = 0; n < 5; n++)
            blk_guest_prepare(g, n, n % 2 ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_FLUSH, n,
                              n % 2 ? 512 : 0, WRITE);
        guest_kick(g, DEV);
        for (unsigned n = 0; n < 5; n++)
            guest_await_used(g);
        for (unsigned n = 0; n < 5; n++)
            CU_ASSERT_EQUAL(g->area[GUEST_STATUSES + n], VIRTIO_BLK_S_OK);
    }
    blk_guest_stop(g);
}

static void what_the_kernel_does_not_take_is_handed_over_again(void)
{
    struct guest *g = start();

    kernel_takes_one = true;
    for (unsigned n = 0; n < 5; n++)
        blk_guest_prepare(g, n, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
    guest_kick(g, DEV);
    for (unsigned n = 0; n < 5; n++)
        guest_await_used(g);
    kernel_takes_one = false;
    blk_guest_stop(g);
}

static void what_is_said_while_it_works_needs_no_doorbell(void)
{
    struct guest *g = start();

    blk_guest_prepare(g, 0, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
    speaker = g;
    guest_kick(g, DEV);
    CU_ASSERT_EQUAL(guest_receive_response(g).kind, MSG_ping_response);
    CU_ASSERT_EQUAL(rang, 0);
    blk_guest_stop(g);
}

static void is_silent_when_asked_to_be(void)
{
    struct guest *g = start();
    uint32_t length;

    g->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
    CU_ASSERT_EQUAL(blk_guest_request(g, VIRTIO_BLK_T_IN, 0, 512, &length), VIRTIO_BLK_S_OK);
    guest_settle(g);
    CU_ASSERT_EQUAL(g->used_events, 0);
    blk_guest_stop(g);
}

/* The guest asks more than it reads: responses fill its ring, the event of a
 * completed request has to wait, and comes. */
static void a_full_ring_loses_no_event(void)
{
    struct msg ping = {.kind = MSG_ping_request};
    struct guest *g = start();
    unsigned pongs = 0;

    blk_guest_prepare(g, 0, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
    guest_kick(g, DEV);
    for (unsigned i = 0; i < 70; i++)
        guest_send(g, &ping);
    while (shared_load16_acquire(&g->used->idx) == 0)
        event_base_loop(g->base, EVLOOP_ONCE);
    while (pongs < 70 || !g->used_events) {
        struct msg m = guest_receive(g);

        pongs += m.kind == MSG_ping_response;
        g->used_events += m.kind == MSG_event_used;
    }
    guest_settle(g);
    CU_ASSERT_EQUAL(g->used_events, 1);
    blk_guest_stop(g);
}

/* ---- what it refuses ---- */

static void refuses_what_is_not_on_the_disk(void)
{
    static const struct {
        uint64_t sector;
        uint32_t size;
    } bad[] = {
        {SECTORS, 512}, {SECTORS - 1, 1024}, {0, 511}, {0, 1}, {0, 513},
        {UINT64_MAX, 512}, {UINT64_MAX / 512, 512}, {UINT64_MAX / 512 + 1, 512},
        {UINT64_C(1) << 55, 512}, {SECTORS + 1, 512},
    };
    struct guest *g = start();
    uint8_t before[SECTORS * 512], after[SECTORS * 512];

    CU_ASSERT(pread(blk_guest_disk, before, sizeof(before), 0) == sizeof(before));
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint32_t length;

        memset(g->area + GUEST_DATA, 0x5a, 2048);
        CU_ASSERT_EQUAL(blk_guest_request(g, VIRTIO_BLK_T_OUT, bad[i].sector, bad[i].size, &length),
                        VIRTIO_BLK_S_IOERR);
        CU_ASSERT_EQUAL(length, 1);
        CU_ASSERT_EQUAL(blk_guest_request(g, VIRTIO_BLK_T_IN, bad[i].sector, bad[i].size, &length),
                        VIRTIO_BLK_S_IOERR);
        CU_ASSERT_EQUAL(length, 1);
        CU_ASSERT_EQUAL(g->area[GUEST_DATA], 0x5a);
    }
    CU_ASSERT(pread(blk_guest_disk, after, sizeof(after), 0) == sizeof(after));
    CU_ASSERT(memcmp(before, after, sizeof(before)) == 0);
    CU_ASSERT_EQUAL(lseek(blk_guest_disk, 0, SEEK_END), SECTORS * 512);
    blk_guest_stop(g);
}

/* As many descriptors as it takes, all of them the same memory. */
static void prepare_read(struct guest *g, uint64_t address, uint32_t part, uint32_t size)
{
    uint16_t i = 1;

    blk_guest_prepare(g, 0, VIRTIO_BLK_T_IN, 0, 512, WRITE);
    for (; size; i++) {
        uint32_t length = size < part ? size : part;

        guest_describe(g, i, 0, length, WRITE, (uint16_t)(i + 1));
        g->desc[i].addr = address;
        size -= length;
    }
    guest_describe(g, i, GUEST_STATUSES, 1, WRITE, 0);
}

static void one_request_has_a_largest_size(void)
{
    const uint32_t largest = 16u << 20, part = 300 * 4096;
    int target = guest_disk(1);
    struct guest *g;
    uint8_t *pages;

    CU_ASSERT(ftruncate(target, 2 * (off_t)largest) == 0);
    g = blk_guest_start(target, false, FEATURES);
    CU_ASSERT_EQUAL(guest_share_pages(g, 2, 300, &pages), AREA_OK);
    prepare_read(g, address_of_area(2, 0), part, largest);
    guest_kick(g, DEV);
    CU_ASSERT_EQUAL(guest_await_used(g), largest + 1);
    CU_ASSERT_EQUAL(g->area[GUEST_STATUSES], VIRTIO_BLK_S_OK);
    prepare_read(g, address_of_area(2, 0), part, largest + 512);
    guest_kick(g, DEV);
    CU_ASSERT_EQUAL(guest_await_used(g), 1);
    CU_ASSERT_EQUAL(g->area[GUEST_STATUSES], VIRTIO_BLK_S_IOERR);
    blk_guest_stop(g);
}

static void refuses_unknown_types(void)
{
    struct guest *g = start();
    uint32_t length;

    CU_ASSERT_EQUAL(blk_guest_request(g, VIRTIO_BLK_T_SECURE_ERASE, 0, 512, &length),
                    VIRTIO_BLK_S_UNSUPP);
    CU_ASSERT_EQUAL(length, 1);
    CU_ASSERT_EQUAL(blk_guest_request(g, UINT32_MAX, 0, 0, &length), VIRTIO_BLK_S_UNSUPP);
    blk_guest_stop(g);
}

static void a_read_only_disk_stays_as_it_is(void)
{
    struct guest *g = start_with(true, FEATURES);
    struct msg m = {
        .kind = MSG_get_device_features_request,
        .dev_num = DEV,
        .get_device_features_request.num_blocks = 1,
    };
    uint32_t length;
    uint8_t byte;

    m = guest_call(g, m);
    CU_ASSERT(le32_get(m.get_device_features_response.features.bytes) & BIT(VIRTIO_BLK_F_RO));
    memset(g->area + GUEST_DATA, 0xff, 512);
    CU_ASSERT_EQUAL(blk_guest_request(g, VIRTIO_BLK_T_OUT, 2, 512, &length), VIRTIO_BLK_S_IOERR);
    CU_ASSERT(pread(blk_guest_disk, &byte, 1, 2 * 512) == 1 && byte == 2);
    CU_ASSERT_EQUAL(blk_guest_request(g, VIRTIO_BLK_T_IN, 2, 512, &length), VIRTIO_BLK_S_OK);
    blk_guest_stop(g);
}

/* The file shrank under us: no data, and no pretending. */
static void a_file_that_ends_early_is_an_error(void)
{
    struct guest *g = start();
    uint32_t length;

    CU_ASSERT(ftruncate(blk_guest_disk, 512 + 100) == 0);
    CU_ASSERT_EQUAL(blk_guest_request(g, VIRTIO_BLK_T_IN, 0, 1024, &length), VIRTIO_BLK_S_IOERR);
    CU_ASSERT_EQUAL(blk_guest_request(g, VIRTIO_BLK_T_IN, 0, 512, &length), VIRTIO_BLK_S_OK);
    blk_guest_stop(g);
}

/* The first part fits, the rest does not: a short write must not pass for one. */
static void a_short_write_is_an_error(void)
{
    struct rlimit limit = {.rlim_cur = 5 * 512 + 256, .rlim_max = RLIM_INFINITY};
    struct guest *g = start();
    uint32_t length;

    signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT(ftruncate(blk_guest_disk, 0) == 0);
    CU_ASSERT_FATAL(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CU_ASSERT_EQUAL(blk_guest_request(g, VIRTIO_BLK_T_OUT, 4, 1024, &length), VIRTIO_BLK_S_IOERR);
    CU_ASSERT_EQUAL(blk_guest_request(g, VIRTIO_BLK_T_OUT, 4, 512, &length), VIRTIO_BLK_S_OK);
    limit.rlim_cur = RLIM_INFINITY;
    CU_ASSERT(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    blk_guest_stop(g);
}

/* ---- a driver that breaks the rules ---- */

static void expect_needs_reset(struct guest *g)
{
    guest_kick(g, DEV);
    while (!g->config_events)
        guest_settle(g);
    CU_ASSERT_EQUAL(g->last_status, 15 | VIRTIO_CONFIG_S_NEEDS_RESET);
    /* Nothing goes on until the driver resets; then all is well. */
    guest_make_available(g, 0);
    guest_kick(g, DEV);
    guest_settle(g);
    CU_ASSERT_EQUAL(g->config_events, 1);
    guest_start_device(g, DEV, FEATURES);
    uint32_t length;
    CU_ASSERT_EQUAL(blk_guest_request(g, VIRTIO_BLK_T_IN, 1, 512, &length), VIRTIO_BLK_S_OK);
}

static void no_status_byte(struct guest *g)
{
    guest_describe(g, 0, GUEST_HEADERS, 16, 0, 0);
    guest_make_available(g, 0);
}

static void short_header(struct guest *g)
{
    guest_describe(g, 0, GUEST_HEADERS, 15, 0, 1);
    guest_describe(g, 1, GUEST_STATUSES, 1, WRITE, 0);
    guest_make_available(g, 0);
}

static void outside_the_area(struct guest *g)
{
    blk_guest_prepare(g, 0, VIRTIO_BLK_T_IN, 0, 512, WRITE);
    g->desc[1].addr = address_of_area(GUEST_AREA, GUEST_PAGES * 4096 - 511);
}

static void address_zero(struct guest *g)
{
    blk_guest_prepare(g, 0, VIRTIO_BLK_T_IN, 0, 512, WRITE);
    g->desc[1].addr = 0;
}

static void loop(struct guest *g)
{
    blk_guest_prepare(g, 0, VIRTIO_BLK_T_IN, 0, 512, WRITE);
    g->desc[2].flags |= VRING_DESC_F_NEXT;
    g->desc[2].next = 1;
}

static void index_jumps(struct guest *g)
{
    g->avail->idx = GUEST_QUEUE_SIZE + 1;
}

static void needs_a_reset_when_the_rules_are_broken(void)
{
    static void (*const breaks[])(struct guest *) = {
        no_status_byte, short_header, outside_the_area, address_zero, loop, index_jumps,
    };

    for (unsigned i = 0; i < sizeof(breaks) / sizeof(breaks[0]); i++) {
        struct guest *g = start();

        breaks[i](g);
        expect_needs_reset(g);
        blk_guest_stop(g);
    }
}

static void does_nothing_before_driver_ok(void)
{
    struct guest *g = start();
    struct msg unknown_queue = {
        .kind = MSG_event_avail,
        .dev_num = DEV,
        .event_avail.vq_index = 77,
    };

    guest_set_status(g, DEV, 0);
    guest_kick(g, DEV);
    guest_set_status(g, DEV, 3);
    guest_call(g, guest_queue_request(DEV, SET_VQUEUE_ENABLE));
    blk_guest_prepare(g, 0, VIRTIO_BLK_T_IN, 9, 512, WRITE);
    guest_kick(g, DEV);
    guest_send(g, &unknown_queue);
    guest_settle(g);
    CU_ASSERT_EQUAL(g->used->idx, 0);
    CU_ASSERT_EQUAL(g->area[GUEST_DATA], 0);
    blk_guest_stop(g);
}

static void serves_at_driver_ok_what_waited(void)
{
    struct guest *g = start();
    uint8_t bytes[8];
    struct msg m = {
        .kind = MSG_set_driver_features_request,
        .dev_num = DEV,
        .set_driver_features_request = {.num_blocks = 2, .features = {bytes, 8}},
    };

    le64_put(bytes, FEATURES);
    guest_set_status(g, DEV, 0);
    guest_set_status(g, DEV, 3);
    guest_call(g, m);
    guest_set_status(g, DEV, 11);
    guest_call(g, guest_queue_request(DEV, SET_VQUEUE_ENABLE));
    blk_guest_prepare(g, 0, VIRTIO_BLK_T_IN, 9, 512, WRITE);
    guest_set_status(g, DEV, 15);
    CU_ASSERT_EQUAL(guest_await_used(g), 513);
    blk_guest_stop(g);
}

/* ---- resets with I/O going on ---- */

static void flood(struct guest *g)
{
    for (unsigned n = 0; n < 5; n++)
        blk_guest_prepare(g, n, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
    guest_kick(g, DEV);
    /* One turn: the kernel has them, their completions are not yet seen. */
    event_base_loop(g->base, EVLOOP_NONBLOCK);
}

static void nothing_is_written_after_a_reset(void)
{
    struct guest *g = start();

    for (unsigned round = 0; round < 50; round++) {
        flood(g);
        blk_guest_reset(g, FEATURES);
    }
    blk_guest_stop(g);
}

static void a_queue_reset_is_answered_when_the_queue_is_quiet(void)
{
    struct guest *g = start();

    for (uint16_t round = 0; round < 50; round++) {
        struct msg reset = {.kind = MSG_reset_vqueue_request, .dev_num = DEV, .token = 1};
        struct msg ask = {.kind = MSG_get_vqueue_request, .dev_num = DEV, .token = 2};
        struct msg m;

        flood(g);
        guest_send(g, &reset);
        guest_send(g, &ask);
        do
            m = guest_receive(g);
        while (m.kind == MSG_event_used);
        CU_ASSERT_EQUAL(m.kind, MSG_reset_vqueue_response);
        CU_ASSERT_EQUAL(m.token, 1);
        /* Neither an event nor another answer comes between. */
        m = guest_receive(g);
        CU_ASSERT_EQUAL(m.kind, MSG_get_vqueue_response);
        CU_ASSERT_EQUAL(m.token, 2);
        CU_ASSERT_EQUAL(m.get_vqueue_response.flags, 0);
        memset(g->area, 0, GUEST_HEADERS);
        g->used_seen = 0;
        guest_call(g, guest_queue_request(DEV, SET_VQUEUE_ENABLE));
    }
    uint32_t length;
    CU_ASSERT_EQUAL(blk_guest_request(g, VIRTIO_BLK_T_IN, 1, 512, &length), VIRTIO_BLK_S_OK);
    blk_guest_stop(g);
}

static void lets_go_in_the_middle_of_everything(void)
{
    struct ipc_message remove = {.kind = IPC_DEVICE_REMOVE, .answer.number = DEV};

    for (unsigned how = 0; how < 3; how++) {
        struct guest *g = start();

        flood(g);
        if (how == 0) {
            guest_disconnect(g);
            CU_ASSERT_EQUAL(fake_xen_counters(g->fx).mapped_pages, 0);
        } else if (how == 1) {
            guest_tell(g, &remove, -1);
            CU_ASSERT_EQUAL(guest_told(g).kind, IPC_DEVICE_REMOVED);
            CU_ASSERT_EQUAL(guest_unshare_area(g), AREA_OK);
        }
        blk_guest_stop(g);
    }
}

static const struct test_case cases[] = {
    TEST(reads),
    TEST(writes_and_flushes),
    TEST(tells_its_name),
    TEST(does_not_care_about_framing),
    TEST(data_on_the_wrong_side_stays_where_it_is),
    TEST(serves_many_at_once),
    TEST(what_the_kernel_does_not_take_is_handed_over_again),
    TEST(what_is_said_while_it_works_needs_no_doorbell),
    TEST(is_silent_when_asked_to_be),
    TEST(a_full_ring_loses_no_event),
    TEST(refuses_what_is_not_on_the_disk),
    TEST(one_request_has_a_largest_size),
    TEST(refuses_unknown_types),
    TEST(a_read_only_disk_stays_as_it_is),
    TEST(a_file_that_ends_early_is_an_error),
    TEST(a_short_write_is_an_error),
    TEST(needs_a_reset_when_the_rules_are_broken),
    TEST(does_nothing_before_driver_ok),
    TEST(serves_at_driver_ok_what_waited),
    TEST(nothing_is_written_after_a_reset),
    TEST(a_queue_reset_is_answered_when_the_queue_is_quiet),
    TEST(lets_go_in_the_middle_of_everything),
    {NULL, NULL},
};

int main(void)
{
    return test_main("blk", cases);
}
