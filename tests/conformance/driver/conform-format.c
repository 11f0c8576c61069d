/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Messages as such: their bytes, what of them is ignored, and what may come between. */

#include <errno.h>
#include <string.h>

#include "common/le.h"
#include "tests/conformance/driver/scene.h"
#include "tests/harness.h"

#define FAR_DEVICE ((UINT64_C(1) << 32) + 5)

static struct scene s;

/* ---- sent ---- */

/* The bytes of the nth message of a kind but for its token, which is the bus's. */
static void expect_bytes(enum msg_kind kind, unsigned nth, const uint8_t *bytes, size_t size)
{
    const struct recorded *e = recording_find(&s.tape, kind, nth);
    uint8_t copy[128] = {0};

    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    CU_ASSERT_EQUAL_FATAL(e->tap.size, (size + 7) / 8 * 8);
    memcpy(copy, e->tap.bytes, e->tap.size);
    copy[2] = copy[3] = 0;
    CU_ASSERT_EQUAL(memcmp(copy, bytes, size), 0);
    for (size_t i = size; i < e->tap.size; i++)
        CU_ASSERT_EQUAL(copy[i], 0);
}

#define EXPECT_BYTES(kind, nth, ...)                                          \
    expect_bytes(kind, nth, (const uint8_t[]){__VA_ARGS__},                   \
                 sizeof((const uint8_t[]){__VA_ARGS__}))

static void sent_bytes(void)
{
    struct xvmsg_vqueue vqueue = {
        .index = 1,
        .flags = SET_VQUEUE_ENABLE,
        .size = 256,
        .desc_addr = UINT64_C(0x0807060504030210),
        .driver_addr = UINT64_C(0x1817161514131211),
        .device_addr = UINT64_C(0x2827262524232221),
    };
    uint32_t features[2] = {0x04030201, 0x14131211};
    uint8_t data[4] = {0xa1, 0xa2, 0xa3, 0xa4};
    struct tap_result sent[TAP_CLAUSES] = {0};

    scene_start(&s);
    s.t.b->mute = true;
    scene_add_disk(&s, FAR_DEVICE);
    CU_ASSERT_EQUAL(xvmsg_get_device_info(s.t.b->h, FAR_DEVICE, NULL, NULL), 0);
    CU_ASSERT_EQUAL(xvmsg_get_config(s.t.b->h, 0x0102, 0x11223344, 4, data, NULL, NULL), 0);
    CU_ASSERT_EQUAL(xvmsg_set_config(s.t.b->h, 0x0304, 0, 0x11223344, 4, data, NULL, NULL), 0);
    CU_ASSERT_EQUAL(xvmsg_set_device_status(s.t.b->h, 0x0506, 0x0b, NULL, NULL), 0);
    CU_ASSERT_EQUAL(xvmsg_set_driver_features(s.t.b->h, 0x0708, 1, 2, features, NULL, NULL), 0);
    CU_ASSERT_EQUAL(xvmsg_set_vqueue(s.t.b->h, 3, &vqueue, NULL, NULL), 0);
    CU_ASSERT_EQUAL(xvmsg_get_vqueue(s.t.b->h, 0, 0x01020304, NULL, NULL), 0);
    backend_settle(s.t.b);
    EXPECT_BYTES(MSG_get_device_info_request, 0,
                 0, 2, 0, 0, 16, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0);
    EXPECT_BYTES(MSG_get_config_request, 0,
                 0, 5, 0, 0, 24, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0,
                 0x44, 0x33, 0x22, 0x11, 4, 0, 0, 0);
    EXPECT_BYTES(MSG_set_config_request, 0,
                 0, 6, 0, 0, 32, 0, 0, 0, 4, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                 0x44, 0x33, 0x22, 0x11, 4, 0, 0, 0, 0xa1, 0xa2, 0xa3, 0xa4);
    EXPECT_BYTES(MSG_set_device_status_request, 0,
                 0, 8, 0, 0, 20, 0, 0, 0, 6, 5, 0, 0, 0, 0, 0, 0, 0x0b, 0, 0, 0);
    EXPECT_BYTES(MSG_set_driver_features_request, 0,
                 0, 4, 0, 0, 32, 0, 0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0,
                 1, 2, 3, 4, 0x11, 0x12, 0x13, 0x14);
    EXPECT_BYTES(MSG_set_vqueue_request, 0,
                 0, 10, 0, 0, 56, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0,
                 0, 1, 0, 0, 0, 0, 0, 0, 0x10, 2, 3, 4, 5, 6, 7, 8,
                 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18,
                 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28);
    EXPECT_BYTES(MSG_get_vqueue_request, 0,
                 0, 9, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 3, 2, 1);
    scene_end_into(&s, sent); /* these requests are no driver's */
}

static void sizes_within_the_maximum(void)
{
    uint8_t data[100] = {0};

    scene_start_as(&s, MSG_WIDE, 60, false);
    s.t.disk->config_size = 1000;
    scene_ready(&s);
    CU_ASSERT(recording_count(&s.tape, MSG_get_config_request) >= 1000 / 32);
    CU_ASSERT_EQUAL(xvmsg_set_config(s.t.b->h, 3, 0, 0, 100, data, NULL, NULL), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(xvmsg_set_config(s.t.b->h, 3, 0, 0, 32, data, NULL, NULL), 0);
    CU_ASSERT_EQUAL(xvmsg_get_config(s.t.b->h, 3, 0, 33, data, NULL, NULL), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    backend_settle(s.t.b);
    for (size_t i = 0; i < s.tape.count; i++)
        if (s.tape.messages[i].tap.from_driver)
            CU_ASSERT(le16_get(s.tape.messages[i].tap.bytes + 4) <= 60);
    scene_end(&s);
}

static void one_device_number_each(void)
{
    struct xvmsg_waiter w[2] = {0};

    scene_start(&s);
    scene_add_disk(&s, FAR_DEVICE)->config_size = 44;
    CU_ASSERT_EQUAL(xvmsg_get_device_info(s.t.b->h, FAR_DEVICE, xvmsg_wake, &w[0]), 0);
    CU_ASSERT_EQUAL(xvmsg_get_device_info(s.t.b->h, 3, xvmsg_wake, &w[1]), 0);
    backend_settle(s.t.b);
    CU_ASSERT_EQUAL(w[0].reply.status, XVMSG_OK);
    CU_ASSERT_EQUAL(w[0].reply.u.info.config_size, 44);
    CU_ASSERT_EQUAL(w[1].reply.u.info.config_size, 60);
    CU_ASSERT_EQUAL(recording_sent_to(&s.tape, FAR_DEVICE, 0), 1);
    CU_ASSERT_EQUAL(recording_sent_to(&s.tape, 5, 0), 0);
    scene_end(&s);
}

/* Revision 1 without features is what the scripted backend offers. */
static void revision_one_is_enough(void)
{
    static const enum msg_kind mandatory[] = {
        MSG_get_device_info_request, MSG_get_device_features_request,
        MSG_set_driver_features_request, MSG_get_config_request, MSG_get_device_status_request,
        MSG_set_device_status_request, MSG_get_vqueue_request, MSG_set_vqueue_request,
    };

    scene_open(&s);
    CU_ASSERT_EQUAL(xvmsg_get_device_status(s.t.b->h, 3, NULL, NULL), 0);
    backend_settle(s.t.b);
    for (size_t i = 0; i < sizeof(mandatory) / sizeof(mandatory[0]); i++)
        CU_ASSERT(recording_count(&s.tape, mandatory[i]) > 0);
    scene_end(&s);
}

/* ---- received ---- */

static void received_bytes(void)
{
    static const uint8_t info[60] = {
        1, 2, 0, 0, 60, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0x51, 0x45, 0x4d, 0x55,
        0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e,
        0x1f, 2, 1, 0, 0, 4, 3, 2, 1, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0,
    };
    struct xvmsg_waiter w = {0};
    uint8_t bytes[sizeof(info)];

    scene_start(&s);
    s.t.b->mute = true;
    CU_ASSERT_EQUAL(xvmsg_get_device_info(s.t.b->h, 3, xvmsg_wake, &w), 0);
    backend_settle(s.t.b);
    memcpy(bytes, info, sizeof(bytes));
    le16_put(bytes + 2, s.t.b->last.token);
    backend_send_bytes(s.t.b, bytes, sizeof(bytes));
    backend_settle(s.t.b);
    CU_ASSERT_EQUAL(w.reply.status, XVMSG_OK);
    CU_ASSERT_EQUAL(w.reply.u.info.device_id, 1);
    CU_ASSERT_EQUAL(w.reply.u.info.vendor_id, 0x554d4551);
    CU_ASSERT_EQUAL(memcmp(w.reply.u.info.uuid, info + 24, 16), 0);
    CU_ASSERT_EQUAL(w.reply.u.info.num_feature_blocks, 0x0102);
    CU_ASSERT_EQUAL(w.reply.u.info.config_size, 0x01020304);
    CU_ASSERT_EQUAL(w.reply.u.info.max_virtqueues, 3);
    CU_ASSERT_EQUAL(w.reply.u.info.admin_vq_start, 2);
    CU_ASSERT_EQUAL(w.reply.u.info.admin_vq_count, 1);
    scene_end(&s);
}

static size_t set_type_bits(struct backend *b, uint8_t *bytes, size_t size)
{
    (void)b;
    bytes[0] |= 0xfc;
    return size;
}

static size_t set_reserved(struct backend *b, uint8_t *bytes, size_t size)
{
    (void)b;
    le16_put(bytes + 6, 0xffff);
    return size;
}

static void push(unsigned index)
{
    struct xvmsg_area *area = xvmsg_device_buffers(s.t.device);
    uint8_t *memory = xvmsg_area_memory(area);
    struct xvmsg_buffer buffers[2] = {
        {xvmsg_area_address(area, memory), 16},
        {xvmsg_area_address(area, memory + 16), 1},
    };

    le32_put(memory, 4); /* flush */
    CU_ASSERT_EQUAL(xvmsg_queue_push(xvmsg_device_queue(s.t.device, index), buffers, 1, 1, memory),
                    0);
    backend_settle(s.t.b);
}

/* The device is initialized, used and heard of though all its messages are so. */
static void expect_all_to_work(size_t (*distort)(struct backend *, uint8_t *, size_t))
{
    struct msg event = {.kind = MSG_event_config, .dev_num = 3};

    scene_start(&s);
    s.t.b->distort = distort;
    scene_ready(&s);
    push(0);
    CU_ASSERT_EQUAL(s.t.used_count, 1);
    event.event_config.device_status = s.t.disk->status;
    backend_send(s.t.b, &event);
    backend_settle(s.t.b);
    CU_ASSERT_EQUAL(s.t.config_count, 1);
    scene_end(&s);
}

static void reserved_type_bits(void)
{
    expect_all_to_work(set_type_bits);
}

static void reserved_header_field(void)
{
    expect_all_to_work(set_reserved);
}

static size_t any_event_token(struct backend *b, uint8_t *bytes, size_t size)
{
    (void)b;
    if (bytes[1] & 0x40)
        le16_put(bytes + 2, 0xbeef);
    return size;
}

static void tokens_of_others(void)
{
    struct msg ping = {.kind = MSG_ping_request, .ping_request.data = 9};
    const struct recorded *answer;

    expect_all_to_work(any_event_token);
    scene_open(&s);
    for (unsigned i = 0; i < 3; i++) {
        ping.token = (uint16_t)(i * 0x7fff);
        backend_send(s.t.b, &ping);
        backend_settle(s.t.b);
        answer = recording_find(&s.tape, MSG_ping_response, i);
        CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
        CU_ASSERT_EQUAL(answer->m.token, ping.token);
        CU_ASSERT_EQUAL(answer->m.ping_response.data, 9);
    }
    scene_end(&s);
}

/* Events and requests of later revisions, for the device and for the bus. */
static void unknown_messages(void)
{
    size_t before;

    scene_open(&s);
    before = s.tape.count;
    for (unsigned type = 0; type < 4; type += 2)
        for (unsigned id = 0; id < 256; id++) {
            uint8_t bytes[64] = {(uint8_t)type, (uint8_t)id, 0, 0, 16, 0, 0, 0, type ? 0 : 3};

            if (msg_find(type ? MSG_BUS : MSG_TRANSPORT, false, (uint8_t)id) < MSG_KINDS)
                continue;
            bytes[4] = (uint8_t)(16 + id % 32);
            backend_send_bytes(s.t.b, bytes, bytes[4]);
            backend_settle(s.t.b);
        }
    for (size_t i = before; i < s.tape.count; i++)
        CU_ASSERT_FALSE(s.tape.messages[i].tap.from_driver);
    CU_ASSERT_EQUAL(s.t.broken_count, 0);
    CU_ASSERT_EQUAL(s.t.config_count, 0);
    push(0);
    CU_ASSERT_EQUAL(s.t.used_count, 1);
    CU_ASSERT_TRUE(scene_bus_works(&s));
    scene_end(&s);
}

/* ---- what a response repeats ---- */

/* The first field behind the header; SET_CONFIG and GET_CONFIG have the generation there. */
static size_t wrong_echo(struct backend *b, uint8_t *bytes, size_t size)
{
    size_t at = bytes[1] == 5 || bytes[1] == 6 ? 20 : 16;

    (void)b;
    bytes[at] ^= 1;
    return size;
}

static int ask(unsigned which, xvmsg_done *done, void *user)
{
    static uint32_t words[2];
    static uint8_t data[4];
    struct xvmsg *h = s.t.b->h;

    switch (which) {
    case 0:
        return xvmsg_get_device_features(h, 3, 0, 2, words, done, user);
    case 1:
        return xvmsg_get_config(h, 3, 0, 4, data, done, user);
    case 2:
        return xvmsg_set_config(h, 3, 0, 0, 4, data, done, user);
    case 3:
        return xvmsg_get_vqueue(h, 3, 0, done, user);
    default:
        return xvmsg_get_shm(h, 3, 0, done, user);
    }
}

static void echoes_do_not_pair(void)
{
    scene_start(&s);
    for (unsigned which = 0; which < 5; which++) {
        struct xvmsg_waiter w[2] = {0};

        s.t.b->distort = wrong_echo;
        CU_ASSERT_EQUAL(ask(which, xvmsg_wake, &w[0]), 0);
        backend_settle(s.t.b);
        s.t.b->distort = NULL;
        CU_ASSERT_TRUE(w[0].done);
        CU_ASSERT_EQUAL(w[0].reply.status, XVMSG_MALFORMED_RESPONSE);
        CU_ASSERT_EQUAL(ask(which, xvmsg_wake, &w[1]), 0);
        backend_settle(s.t.b);
        CU_ASSERT_TRUE(w[1].done);
        CU_ASSERT_EQUAL(w[1].reply.status, XVMSG_OK);
    }
    scene_end(&s);
}

/* ---- what may come between a request and its response ---- */

static bool events_first(struct backend *b, const struct msg *m)
{
    struct msg config = {.kind = MSG_event_config, .dev_num = 3};
    struct msg used = {.kind = MSG_event_used, .dev_num = 3, .event_used.vq_index = 1};

    (void)m;
    config.event_config.device_status = b->devices[0].status;
    backend_send(b, &used);
    backend_send(b, &config);
    backend_send(b, &used);
    return false;
}

static void used_anywhere(struct xvmsg_device *device, unsigned index, void *user)
{
    (void)device;
    (void)index;
    (void)user;
}

static void events_between(void)
{
    scene_start(&s);
    s.t.driver.used = used_anywhere;
    s.t.b->script = events_first;
    driven_open(&s.t);
    CU_ASSERT_TRUE(s.t.ready);
    CU_ASSERT_EQUAL(s.t.status, XVMSG_OK);
    CU_ASSERT(s.t.config_count > 0);
    scene_end(&s);
}

static const struct test_case cases[] = {
    {"DRV-06 DRV-07 DRV-09 DRV-10 DRV-11 DRV-13 DRV-41: sent messages byte by byte", sent_bytes},
    {"DRV-06: received messages byte by byte", received_bytes},
    {"DRV-01 DRV-21: with a maximum of 60 bytes all messages have at most 60",
     sizes_within_the_maximum},
    {"DRV-10: devices are told apart by all 64 bits of their numbers", one_device_number_each},
    {"DRV-02 DRV-63: a device of revision 1 is driven with the mandatory messages",
     revision_one_is_enough},
    {"DRV-04: unknown events and requests are ignored without an answer", unknown_messages},
    {"DRV-08: bits 7:2 of type change nothing when received", reserved_type_bits},
    {"DRV-12: tokens of events and of the other side's requests are opaque", tokens_of_others},
    {"DRV-14: the reserved header field changes nothing when received", reserved_header_field},
    {"DRV-15: a wrong echo fails its request and no other", echoes_do_not_pair},
    {"DRV-16: events come between requests and responses", events_between},
    {NULL, NULL},
};

int main(void)
{
    return test_main("driver-format", cases);
}
