/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Responses and events that are wrong. Each request ends exactly once, with a
 * status that says how, and neither the bus nor another device is the worse for it.
 */

#include <string.h>

#include "common/le.h"
#include "tests/conformance/driver/bystander.h"
#include "tests/harness.h"

#define REQUESTS 12u
#define SET_CONFIG 4u /* of them */
#define TIMEOUT_NS (5 * SECOND)

static struct scene s;

/* ---- one request of each kind ---- */

static unsigned ends;
static enum xvmsg_status ended_with;

static void on_end(struct xvmsg *h, const struct xvmsg_reply *reply, void *user)
{
    (void)h;
    (void)user;
    ends++;
    ended_with = reply->status;
}

static int ask(unsigned which)
{
    static const struct xvmsg_vqueue vqueue = {1, SET_VQUEUE_ENABLE, 0, 8, 4096, 8192, 12288};
    static uint32_t words[2];
    static uint8_t data[8];
    struct xvmsg *h = s.t.b->h;

    switch (which) {
    case 0:
        return xvmsg_get_device_info(h, 3, on_end, NULL);
    case 1:
        return xvmsg_get_device_features(h, 3, 0, 2, words, on_end, NULL);
    case 2:
        return xvmsg_set_driver_features(h, 3, 0, 2, words, on_end, NULL);
    case 3:
        return xvmsg_get_config(h, 3, 4, 8, data, on_end, NULL);
    case SET_CONFIG:
        return xvmsg_set_config(h, 3, 0, 40, 8, data, on_end, NULL);
    case 5:
        return xvmsg_get_device_status(h, 3, on_end, NULL);
    case 6:
        return xvmsg_set_device_status(h, 3, 1, on_end, NULL);
    case 7:
        return xvmsg_get_vqueue(h, 3, 1, on_end, NULL);
    case 8:
        return xvmsg_set_vqueue(h, 3, &vqueue, on_end, NULL);
    case 9:
        return xvmsg_get_shm(h, 3, 1, on_end, NULL);
    case 10:
        return xvmsg_get_devices(h, 0, 8, data, on_end, NULL);
    default:
        return xvmsg_ping(h, 5, on_end, NULL);
    }
}

/* ---- what is done to its response ---- */

static struct {
    size_t at;
    size_t width;
    uint64_t value;
    int grow; /* bytes more than there are, also in msg_size */
    size_t good_size;
} wrong;

static size_t distort(struct backend *b, uint8_t *bytes, size_t size)
{
    (void)b;
    if (!(bytes[0] & MSG_TYPE_RESPONSE))
        return size;
    wrong.good_size = size;
    for (size_t i = 0; i < wrong.width; i++)
        bytes[wrong.at + i] = (uint8_t)(wrong.value >> 8 * i);
    if (wrong.grow) {
        size = (size_t)((int)size + wrong.grow);
        le16_put(bytes + 4, (uint16_t)size);
    }
    return size;
}

static void start(void)
{
    memset(&wrong, 0, sizeof(wrong));
    bystander_start(&s);
    s.t.b->distort = distort;
}

/* Asks, and lets time pass when there is no answer; how did it end? */
static enum xvmsg_status outcome(unsigned which)
{
    ends = 0;
    CU_ASSERT_EQUAL_FATAL(ask(which), 0);
    backend_settle(s.t.b);
    if (!ends)
        scene_wait(&s, TIMEOUT_NS);
    CU_ASSERT_EQUAL(ends, 1);
    return ended_with;
}

/* The same with one field of the response another. */
static enum xvmsg_status outcome_with(unsigned which, size_t at, size_t width, uint64_t value)
{
    wrong.at = at;
    wrong.width = width;
    wrong.value = value;
    return outcome(which);
}

static void expect_good(unsigned which)
{
    memset(&wrong, 0, sizeof(wrong));
    CU_ASSERT_EQUAL(outcome(which), XVMSG_OK);
}

/* ---- responses ---- */

static void responses_of_every_size(void)
{
    start();
    for (unsigned which = 0; which < REQUESTS; which++) {
        enum xvmsg_status status;
        size_t good;

        expect_good(which);
        good = wrong.good_size;
        for (size_t size = 16; size <= good + 8; size++) {
            wrong.grow = (int)size - (int)good;
            status = outcome(which);
            if (which == SET_CONFIG && size > good) /* which may bring data, or not */
                CU_ASSERT(status == XVMSG_OK || status == XVMSG_MALFORMED_RESPONSE)
            else
                CU_ASSERT_EQUAL(status, size < good ? XVMSG_MALFORMED_RESPONSE : XVMSG_OK);
        }
        expect_good(which);
    }
    bystander_end(&s);
}

/* Below the header nothing on the ring can be told from anything: the bus closes, and
 * starts anew. */
static void records_below_the_header(void)
{
    for (unsigned size = 0; size < 16; size++) {
        scene_start(&s);
        wrong.grow = 0;
        wrong.at = 4;
        wrong.width = 2;
        wrong.value = size;
        s.t.b->distort = distort;
        CU_ASSERT_EQUAL(outcome(size % REQUESTS), XVMSG_BUS_CLOSED);
        CU_ASSERT_EQUAL(s.t.b->connections, 2);
        s.t.b->distort = NULL;
        CU_ASSERT_TRUE(scene_bus_works(&s));
        scene_end(&s);
    }
}

static void responses_of_every_type_and_id(void)
{
    start();
    for (unsigned which = 0; which < REQUESTS; which += 5) {
        for (unsigned id = 0; id < 256; id += id < 16 ? 1 : 5) {
            enum xvmsg_status status = outcome_with(which, 1, 1, id);

            CU_ASSERT(status == XVMSG_OK || status == XVMSG_MALFORMED_RESPONSE ||
                      status == XVMSG_TIMEOUT);
        }
        for (unsigned type = 0; type < 4; type++) {
            enum xvmsg_status status = outcome_with(which, 0, 1, type);

            CU_ASSERT_EQUAL(status == XVMSG_OK, type == (which < 10 ? 1 : 3));
        }
        expect_good(which);
    }
    CU_ASSERT_EQUAL(s.t.broken_count, 0);
    bystander_end(&s);
}

static void responses_of_others(void)
{
    static const uint64_t devices[] = {0, 2, 4, 99, (UINT64_C(1) << 32) + 3, UINT64_MAX};

    start();
    for (unsigned which = 0; which < REQUESTS; which++) {
        for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
            enum xvmsg_status status = outcome_with(which, 8, 8, devices[i]);

            CU_ASSERT(status == (which >= 10 && !devices[i] ? XVMSG_OK : XVMSG_TIMEOUT) ||
                      (which >= 10 && status == XVMSG_MALFORMED_RESPONSE));
        }
        CU_ASSERT_EQUAL(outcome_with(which, 2, 2, 0), XVMSG_TIMEOUT);      /* the token of events */
        CU_ASSERT_EQUAL(outcome_with(which, 2, 2, 0xfff0), XVMSG_TIMEOUT); /* nobody's */
        expect_good(which);
    }
    bystander_end(&s);
}

static bool answer_twice(struct backend *b, const struct msg *m)
{
    if (m->dev_num == 3)
        backend_answer(b, m);
    return false;
}

static void responses_that_come_twice(void)
{
    start();
    s.t.b->script = answer_twice;
    for (unsigned round = 0; round < 3; round++)
        for (unsigned which = 0; which < 10; which++)
            CU_ASSERT_EQUAL(outcome(which), XVMSG_OK);
    CU_ASSERT_EQUAL(ends, 1);
    bystander_end(&s);
}

static struct msg held;

static bool hold(struct backend *b, const struct msg *m)
{
    (void)b;
    held = *m;
    return m->kind == MSG_get_device_status_request;
}

static void a_response_that_comes_too_late(void)
{
    start();
    s.t.b->script = hold;
    CU_ASSERT_EQUAL(outcome(5), XVMSG_TIMEOUT);
    ends = 0;
    CU_ASSERT_EQUAL(ask(5), 0); /* the same request, with a response of its own */
    backend_settle(s.t.b);

    struct msg second = held;
    struct msg late = backend_response(&held);

    late.token = (uint16_t)(held.token - 1);
    late.get_device_status_response.status = 0x55;
    backend_send(s.t.b, &late);
    backend_settle(s.t.b);
    CU_ASSERT_EQUAL(ends, 0);
    s.t.b->script = NULL;
    backend_answer(s.t.b, &second);
    backend_settle(s.t.b);
    CU_ASSERT_EQUAL(ends, 1);
    CU_ASSERT_EQUAL(ended_with, XVMSG_OK);
    bystander_end(&s);
}

/* ---- counts ---- */

static void counts_that_disagree(void)
{
    static const struct {
        unsigned which;
        size_t at;
        size_t width;
        uint64_t good;
    } counts[] = {
        {1, 20, 4, 2}, /* GET_DEVICE_FEATURES num_blocks */
        {3, 24, 4, 8}, /* GET_CONFIG length */
        {4, 24, 4, 8}, /* SET_CONFIG length */
        {10, 32, 2, 8}, /* GET_DEVICES count */
    };
    static const uint64_t values[] = {
        0, 1, 2, 3, 4, 7, 8, 9, 16, 0x3fffffff, 0x40000000, 0x40000002, 0x80000000, 0xfffffff0,
        0xffffffff};

    start();
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        for (size_t j = 0; j < sizeof(values) / sizeof(values[0]); j++) {
            enum xvmsg_status status =
                outcome_with(counts[i].which, counts[i].at, counts[i].width, values[j]);
            uint64_t value = counts[i].width == 2 ? (uint16_t)values[j] : values[j];

            if (value > counts[i].good)
                CU_ASSERT_EQUAL(status, XVMSG_MALFORMED_RESPONSE);
            if (value == counts[i].good)
                CU_ASSERT_EQUAL(status, XVMSG_OK);
            CU_ASSERT(status == XVMSG_OK || status == XVMSG_REFUSED ||
                      status == XVMSG_MALFORMED_RESPONSE);
        }
    for (unsigned which = 0; which < REQUESTS; which++)
        expect_good(which);
    bystander_end(&s);
}

static uint64_t window[3]; /* offset, next_offset, count */
static uint8_t window_bytes;
static uint8_t window_bits;

static bool answer_window(struct backend *b, const struct msg *m)
{
    uint8_t bytes[64] = {MSG_TYPE_RESPONSE | MSG_TYPE_BUS, 2};

    if (m->kind != MSG_get_devices_request)
        return false;
    le16_put(bytes + 2, m->token);
    le16_put(bytes + 4, (uint16_t)(34 + window_bytes));
    le64_put(bytes + 16, window[0]);
    le64_put(bytes + 24, window[1]);
    le16_put(bytes + 32, (uint16_t)window[2]);
    memset(bytes + 34, window_bits, window_bytes);
    backend_send_bytes(b, bytes, 34u + window_bytes);
    return true;
}

static void windows_that_do_not_fit(void)
{
    static const struct {
        uint64_t window[3];
        uint8_t bytes;
        uint8_t bits;
        enum xvmsg_status expected;
    } windows[] = {
        {{100, 0, 16}, 2, 0xff, XVMSG_OK},
        {{100, 116, 16}, 2, 0xff, XVMSG_OK},
        {{100, UINT64_MAX, 16}, 2, 0xff, XVMSG_OK},
        {{100, 0, 0}, 0, 0, XVMSG_OK},
        {{100, 100, 16}, 2, 0xff, XVMSG_MALFORMED_RESPONSE}, /* it would never end */
        {{100, 99, 16}, 2, 0xff, XVMSG_MALFORMED_RESPONSE},
        {{100, 1, 16}, 2, 0xff, XVMSG_MALFORMED_RESPONSE},
        {{101, 0, 16}, 2, 0xff, XVMSG_MALFORMED_RESPONSE}, /* another window */
        {{100, 0, 17}, 3, 0x01, XVMSG_MALFORMED_RESPONSE}, /* more than asked */
        {{100, 0, 65535}, 2, 0xff, XVMSG_MALFORMED_RESPONSE},
        {{100, 0, 16}, 1, 0xff, XVMSG_MALFORMED_RESPONSE}, /* a bitmap too short */
        {{100, 0, 16}, 0, 0, XVMSG_MALFORMED_RESPONSE},
        {{100, 0, 9}, 1, 0xff, XVMSG_MALFORMED_RESPONSE},
        {{100, 0, 13}, 2, 0x1f, XVMSG_OK},
    };

    start();
    s.t.b->script = answer_window;
    for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
        uint8_t bitmap[8];

        memset(bitmap, 0xee, sizeof(bitmap));
        memcpy(window, windows[i].window, sizeof(window));
        window_bytes = windows[i].bytes;
        window_bits = windows[i].bits;
        ends = 0;
        CU_ASSERT_EQUAL(xvmsg_get_devices(s.t.b->h, 100, 16, bitmap, on_end, NULL), 0);
        backend_settle(s.t.b);
        CU_ASSERT_EQUAL(ends, 1);
        CU_ASSERT_EQUAL(ended_with, windows[i].expected);
        for (size_t j = 2; j < sizeof(bitmap); j++)
            CU_ASSERT_EQUAL(bitmap[j], 0xee);
    }
    bystander_end(&s);
}

/* ---- events ---- */

static void events_of_wrong_shape(void)
{
    static const struct {
        uint32_t offset;
        uint32_t length;
        unsigned data;
    } shapes[] = {
        {0, 0, 1}, {0, 0, 8}, {0, 4, 3}, {0, 4, 5}, {0, 4, 1}, {58, 4, 4}, {60, 1, 1}, {60, 1, 0},
        {61, 0, 0}, {59, 0, 0}, {UINT32_MAX, 4, 4}, {UINT32_MAX, 1, 0}, {4, UINT32_MAX, 0},
        {4, UINT32_MAX, 4}, {UINT32_MAX, UINT32_MAX, 0}, {0, 61, 0}, {0, 0x80000000, 8},
    };
    uint8_t before[60];

    start();
    scene_ready(&s);
    memcpy(before, xvmsg_device_config(s.t.device), sizeof(before));
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        uint8_t bytes[48] = {0, 0x40};

        le16_put(bytes + 4, (uint16_t)(32 + shapes[i].data));
        le64_put(bytes + 8, 3);
        le32_put(bytes + 16, s.t.disk->status);
        le32_put(bytes + 24, shapes[i].offset);
        le32_put(bytes + 28, shapes[i].length);
        memset(bytes + 32, 0xee, shapes[i].data);
        backend_send_bytes(s.t.b, bytes, 32 + shapes[i].data);
        backend_settle(s.t.b);
        CU_ASSERT_EQUAL(memcmp(before, xvmsg_device_config(s.t.device), sizeof(before)), 0);
    }
    CU_ASSERT_EQUAL(s.t.broken_count, 0);
    bystander_end(&s);
}

/* EVENT_USED, EVENT_CONFIG and EVENT_DEVICE of each size but their own. */
static void events_of_wrong_size(void)
{
    static const struct {
        uint8_t type;
        uint8_t id;
        unsigned size;
    } events[] = {{0, 0x42, 20}, {0, 0x40, 32}, {MSG_TYPE_BUS, 0x40, 26}, {0, 0x41, 24}};

    start();
    scene_ready(&s);
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
        for (unsigned size = 16; size <= events[i].size + 8; size++) {
            uint8_t bytes[48] = {events[i].type, events[i].id};

            if (size == events[i].size)
                continue;
            le16_put(bytes + 4, (uint16_t)size);
            bytes[8] = events[i].type ? 0 : 3;
            backend_send_bytes(s.t.b, bytes, size);
            backend_settle(s.t.b);
        }
    CU_ASSERT_EQUAL(s.t.used_count, 0);
    CU_ASSERT_EQUAL(s.t.config_count, 0);
    CU_ASSERT_EQUAL(s.t.broken_count, 0);
    bystander_end(&s);
}

static void events_for_nobody(void)
{
    static const uint32_t queues[] = {2, 3, 63, 64, 65, 0x80000000, UINT32_MAX};
    static const uint64_t numbers[] = {0, 2, 5, 99, UINT64_MAX};

    start();
    scene_ready(&s);
    for (size_t i = 0; i < sizeof(queues) / sizeof(queues[0]); i++) {
        struct msg m = {.kind = MSG_event_used, .dev_num = 3, .event_used.vq_index = queues[i]};

        backend_send(s.t.b, &m);
    }
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct msg m = {.kind = MSG_event_used, .dev_num = numbers[i]};

        backend_send(s.t.b, &m);
        m = (struct msg){.kind = MSG_event_config, .dev_num = numbers[i]};
        m.event_config.device_status = 0x40;
        backend_send(s.t.b, &m);
    }
    backend_settle(s.t.b);
    CU_ASSERT_EQUAL(s.t.used_count, 0);
    CU_ASSERT_EQUAL(s.t.broken_count, 0);
    bystander_end(&s);
}

/* ---- the used ring ---- */

static void take_used(struct xvmsg_device *device, unsigned index, void *user)
{
    struct driven *t = user;

    t->used_count++;
    while (xvmsg_queue_pop(xvmsg_device_queue(device, index), NULL))
        ;
}

static void used_rings_of_nonsense(void)
{
    static const struct {
        uint16_t idx;
        uint32_t id;
        uint32_t len;
    } rings[] = {{2, 0, 0}, {1000, 0, 0}, {0xffff, 0, 0}, {1, 1, 0}, {1, 64, 0}, {1, UINT32_MAX, 0},
                 {1, 0, 2}, {1, 0, UINT32_MAX}};

    for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
        struct msg event = {.kind = MSG_event_used, .dev_num = 3};
        struct xvmsg_buffer buffer;
        struct vring_used *used;

        start();
        s.t.driver.used = take_used;
        scene_ready(&s);
        s.t.disk->idle = true;
        buffer = (struct xvmsg_buffer){
            xvmsg_area_address(xvmsg_device_buffers(s.t.device),
                               xvmsg_area_memory(xvmsg_device_buffers(s.t.device))), 1};
        CU_ASSERT_EQUAL(xvmsg_queue_push(xvmsg_device_queue(s.t.device, 0), &buffer, 0, 1, &s), 0);
        backend_settle(s.t.b);
        used = backend_memory(s.t.b, s.t.disk->queues[0].set.device_addr, 6 + 8 * 64);
        CU_ASSERT_PTR_NOT_NULL_FATAL(used);
        used->ring[0].id = rings[i].id;
        used->ring[0].len = rings[i].len;
        used->idx = rings[i].idx;
        backend_send(s.t.b, &event);
        backend_settle(s.t.b);
        CU_ASSERT_EQUAL(s.t.broken_count, 1);
        CU_ASSERT_EQUAL(s.t.broke, XVMSG_MALFORMED_RESPONSE);
        CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(s.t.b->h), "device 3"));
        bystander_check(&s);
        xvmsg_device_close(s.t.device);
        backend_settle(s.t.b);
        CU_ASSERT_EQUAL(s.t.disk->status, 0);
        bystander_end(&s);
    }
}

static const struct test_case cases[] = {
    {"DRV-09 DRV-15 REC-02: responses of every size", responses_of_every_size},
    {"REC-02: records below the header close the bus, which starts anew", records_below_the_header},
    {"DRV-04 DRV-63 REC-02: responses of every type and id", responses_of_every_type_and_id},
    {"DRV-10 DRV-12 REC-02: responses of other devices and tokens", responses_of_others},
    {"DRV-15 REC-02: responses that come twice", responses_that_come_twice},
    {"DRV-12 REC-02: a response that comes after the timeout", a_response_that_comes_too_late},
    {"DRV-04 DRV-21 DRV-26 REC-02: counts that disagree with what is there",
     counts_that_disagree},
    {"DRV-68: windows of GET_DEVICES that cannot be", windows_that_do_not_fit},
    {"DRV-04 DRV-60 DRV-61: EVENT_CONFIG of wrong shape", events_of_wrong_shape},
    {"DRV-04 DRV-16: events of wrong size", events_of_wrong_size},
    {"DRV-04 DRV-62: events for queues and devices there are not", events_for_nobody},
    {"DRV-62: used rings that cannot be", used_rings_of_nonsense},
    {NULL, NULL},
};

int main(void)
{
    return test_main("driver-hostile", cases);
}
