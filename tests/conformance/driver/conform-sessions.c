/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Whole sessions, in both wire forms and with messages from the least to the largest
 * maximum, judged by what was captured on the bus: each clause that a passive
 * capture can judge is a case.
 */

#include <linux/virtio_config.h>
#include <string.h>

#include "common/le.h"
#include "tests/conformance/driver/scene.h"
#include "tests/harness.h"

#define LARGE_CONFIG 1000u

static struct scene s;
static struct tap_result results[TAP_CLAUSES];
static bool played;

/* ---- what a session consists of ---- */

static void on_ready(struct xvmsg_blk *blk, enum xvmsg_status status, void *user)
{
    (void)blk;
    (void)user;
    CU_ASSERT_EQUAL(status, XVMSG_OK);
}

static void on_done(struct xvmsg_blk *blk, enum xvmsg_status status, void *user)
{
    on_ready(blk, status, user);
}

static void pass_disk_io(struct backend *b, uint64_t number)
{
    struct xvmsg_blk *blk = xvmsg_blk_open(b->h, number, on_ready, NULL);
    uint8_t data[4096];
    char id[20];

    CU_ASSERT_PTR_NOT_NULL_FATAL(blk);
    backend_settle(b);
    memset(data, 0x5a, sizeof(data));
    for (unsigned i = 0; i < 8; i++) {
        CU_ASSERT_EQUAL(xvmsg_blk_write(blk, 4096 * i, data, sizeof(data), on_done, NULL), 0);
        backend_settle(b);
        CU_ASSERT_EQUAL(xvmsg_blk_read(blk, 4096 * i, data, sizeof(data), on_done, NULL), 0);
        backend_settle(b);
    }
    CU_ASSERT_EQUAL(xvmsg_blk_flush(blk, on_done, NULL), 0);
    CU_ASSERT_EQUAL(xvmsg_blk_get_id(blk, id, on_done, NULL), 0);
    backend_settle(b);
    xvmsg_blk_close(blk);
    backend_settle(b);
}

/* EVENT_CONFIG generic, with data, and a range without. */
static void pass_config_events(void)
{
    struct msg event = {
        .kind = MSG_event_config,
        .dev_num = 3,
        .event_config = {.device_status = s.t.disk->status, .generation = 1},
    };

    s.t.disk->generation = 1;
    backend_send(s.t.b, &event);
    backend_settle(s.t.b);
    event.event_config.length = 4;
    event.event_config.data = (struct msg_tail){s.t.disk->config, 4};
    backend_send(s.t.b, &event);
    backend_settle(s.t.b);
    event.event_config.data.size = 0;
    backend_send(s.t.b, &event);
    backend_settle(s.t.b);
}

static void pass_single_requests(struct backend *b)
{
    static const uint8_t data[50] = {1, 2, 3};
    uint8_t bitmap[4];

    CU_ASSERT_EQUAL(xvmsg_get_device_info(b->h, 3, NULL, NULL), 0);
    CU_ASSERT_EQUAL(xvmsg_get_device_status(b->h, 3, NULL, NULL), 0);
    CU_ASSERT_EQUAL(xvmsg_device_write_config(s.t.device, 8, data, sizeof(data), NULL, NULL), 0);
    CU_ASSERT_EQUAL(xvmsg_get_shm(b->h, 3, 0, NULL, NULL), 0);
    CU_ASSERT_EQUAL(xvmsg_get_devices(b->h, 0, 32, bitmap, NULL, NULL), 0);
    CU_ASSERT_EQUAL(xvmsg_ping(b->h, 1, NULL, NULL), 0);
    backend_settle(b);
}

static void pass_raw_io(void)
{
    struct xvmsg_area *area = xvmsg_device_buffers(s.t.device);
    uint8_t *memory = xvmsg_area_memory(area);
    struct xvmsg_buffer buffers[2] = {
        {xvmsg_area_address(area, memory), 16},
        {xvmsg_area_address(area, memory + 16), 1},
    };

    le32_put(memory, 4);
    CU_ASSERT_EQUAL(xvmsg_queue_push(xvmsg_device_queue(s.t.device, 0), buffers, 1, 1, memory), 0);
    backend_settle(s.t.b);
}

static void pass_resize(struct backend *b)
{
    CU_ASSERT_EQUAL(xvmsg_device_resize_queue(s.t.device, 0, 16, NULL, NULL), 0);
    backend_settle(b);
    CU_ASSERT_EQUAL(xvmsg_queue_size(xvmsg_device_queue(s.t.device, 0)), 16);
}

/* A device comes, is used, is wanted back; another vanishes while it is open. */
static void pass_hotplug(struct backend *b, uint64_t number)
{
    struct xvmsg_blk *blk;

    scene_add_disk(&s, number);
    pass_disk_io(b, number);
    backend_want_back(b, number);
    backend_settle(b);
    backend_vanish(b, number);
    backend_settle(b);
    scene_add_disk(&s, number - 1);
    blk = xvmsg_blk_open(b->h, number - 1, on_ready, NULL);
    backend_settle(b);
    backend_vanish(b, number - 1);
    backend_settle(b);
    xvmsg_blk_close(blk);
    backend_settle(b);
}

static void play_session(enum msg_form form, unsigned max_message, uint32_t config_size,
                         bool strict)
{
    scene_start_as(&s, form, max_message, strict);
    s.t.disk->config_size = config_size;
    s.t.disk->offered |= FEATURE(VIRTIO_F_RING_RESET);
    scene_ready(&s);
    pass_raw_io();
    pass_resize(s.t.b);
    pass_raw_io();
    pass_config_events();
    pass_single_requests(s.t.b);
    pass_hotplug(s.t.b, form == MSG_WIDE ? (UINT64_C(1) << 32) + 6 : 65535);
    xvmsg_device_close(s.t.device);
    backend_settle(s.t.b);
    pass_disk_io(s.t.b, 3);
    backend_advertise(s.t.b); /* the backend starts anew */
    backend_settle(s.t.b);
    pass_disk_io(s.t.b, 3);
    scene_end_into(&s, results);
}

/* Once for all cases. */
static void play_sessions(void)
{
    if (played)
        return;
    played = true;
    play_session(MSG_WIDE, 60, 60, false);
    play_session(MSG_WIDE, 272, LARGE_CONFIG, false);
    play_session(MSG_WIDE, 65535, LARGE_CONFIG, false);
    play_session(MSG_COMPACT, 52, 60, false);
    play_session(MSG_COMPACT, 60, LARGE_CONFIG, false);
    play_session(MSG_COMPACT, 272, LARGE_CONFIG, false);
    play_session(MSG_COMPACT, 65535, LARGE_CONFIG, false);
    play_session(MSG_WIDE, 60, LARGE_CONFIG, true);
    play_session(MSG_COMPACT, 0, LARGE_CONFIG, true);
}

/* ---- the clauses ---- */

static void expect_kept(enum tap_clause clause)
{
    const struct tap_result *result = &results[clause];

    play_sessions();
    CU_ASSERT_EQUAL(result->verdict, TAP_KEPT);
    if (result->verdict == TAP_BROKEN)
        CU_assertImplementation(CU_FALSE, __LINE__, result->why, __FILE__, "", CU_FALSE);
}

#define C(clause, id, words)        \
    static void clause(void)        \
    {                               \
        expect_kept(TAP_##clause);  \
    }
TAP_CLAUSE_LIST(C)
#undef C

static const struct test_case cases[] = {
#define C(clause, id, words) {id ": " words, clause},
    TAP_CLAUSE_LIST(C)
#undef C
    {NULL, NULL},
};

int main(void)
{
    return test_main("driver-sessions", cases);
}
