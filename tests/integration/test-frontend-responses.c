/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What the backend says that it should not: responses that are none, events, requests. */

#include <string.h>

#include "common/le.h"
#include "tests/harness.h"
#include "tests/integration/scripted-backend.h"

static struct backend *start(void)
{
    struct backend *b = backend_connected();

    backend_add_disk(b, 3, "disk0");
    backend_add_disk(b, 4, "disk1");
    backend_settle(b);
    return b;
}

/* ---- malformed responses ---- */

static bool answer_wrongly(struct backend *b, const struct msg *m)
{
    struct msg r = backend_response(m);
    uint8_t junk[64] = {0};

    switch (m->kind) {
    case MSG_get_device_info_request: /* a response of another kind */
        r.kind = MSG_get_device_status_response;
        break;
    case MSG_get_device_features_request: /* more blocks than asked for */
        r.get_device_features_response.num_blocks = 3;
        r.get_device_features_response.features = (struct msg_tail){junk, 12};
        break;
    case MSG_get_config_request: /* shorter than asked for */
        r.get_config_response.offset = m->get_config_request.offset;
        r.get_config_response.length = 4;
        r.get_config_response.data = (struct msg_tail){junk, 4};
        break;
    case MSG_set_config_request: /* elsewhere */
        r.set_config_response.offset = 40;
        r.set_config_response.length = 4;
        break;
    case MSG_get_vqueue_request:
        r.get_vqueue_response.index = 1;
        break;
    case MSG_get_shm_request:
        r.get_shm_response.index = 1;
        break;
    case MSG_get_devices_request: /* an offset that does not grow */
        r.get_devices_response.offset = m->get_devices_request.offset;
        r.get_devices_response.next_offset = m->get_devices_request.offset;
        break;
    case MSG_ping_request:
        r.ping_response.data = ~m->ping_request.data;
        break;
    default:
        return false;
    }
    backend_send(b, &r);
    return true;
}

static void wrong_responses_end_their_request_alone(void)
{
    struct backend *b = start();
    struct xvmsg_waiter w[8] = {0};
    struct xvmsg_waiter after = {0};
    uint32_t features[4] = {1, 2, 3, 4};
    uint8_t buffer[64];
    uint8_t bitmap[8];

    b->script = answer_wrongly;
    CU_ASSERT_EQUAL(xvmsg_get_device_info(b->h, 3, xvmsg_wake, &w[0]), 0);
    CU_ASSERT_EQUAL(xvmsg_get_device_features(b->h, 3, 0, 2, features, xvmsg_wake, &w[1]), 0);
    CU_ASSERT_EQUAL(xvmsg_get_config(b->h, 3, 0, 8, buffer, xvmsg_wake, &w[2]), 0);
    CU_ASSERT_EQUAL(xvmsg_set_config(b->h, 3, 0, 0, 4, buffer, xvmsg_wake, &w[3]), 0);
    CU_ASSERT_EQUAL(xvmsg_get_vqueue(b->h, 3, 0, xvmsg_wake, &w[4]), 0);
    CU_ASSERT_EQUAL(xvmsg_get_shm(b->h, 3, 0, xvmsg_wake, &w[5]), 0);
    CU_ASSERT_EQUAL(xvmsg_get_devices(b->h, 8, 8, bitmap, xvmsg_wake, &w[6]), 0);
    CU_ASSERT_EQUAL(xvmsg_ping(b->h, 7, xvmsg_wake, &w[7]), 0);
    CU_ASSERT_EQUAL(xvmsg_get_device_status(b->h, 3, xvmsg_wake, &after), 0);
    backend_settle(b);
    for (int i = 0; i < 8; i++) {
        CU_ASSERT_TRUE(w[i].done);
        CU_ASSERT_EQUAL(w[i].reply.status, XVMSG_MALFORMED_RESPONSE);
    }
    CU_ASSERT_EQUAL(features[2], 3);
    CU_ASSERT_TRUE(after.done);
    CU_ASSERT_EQUAL(after.reply.status, XVMSG_OK);
    backend_free(b);
}

static bool answer_cut_off(struct backend *b, const struct msg *m)
{
    struct msg r = backend_response(m);
    uint8_t bytes[64];

    if (m->kind != MSG_get_device_info_request)
        return false;
    msg_encode(b->form, &r, bytes, sizeof(bytes), NULL);
    le16_put(bytes + 4, 40); /* msg_size */
    backend_send_bytes(b, bytes, 40);
    return true;
}

static bool answer_with_zeros(struct backend *b, const struct msg *m)
{
    struct msg r = backend_response(m);

    r.get_config_response.offset = m->get_config_request.offset;
    backend_send(b, &r);
    return true;
}

static void a_short_response_is_malformed_and_an_empty_one_refuses(void)
{
    struct backend *b = start();
    struct xvmsg_waiter w = {0};
    uint8_t buffer[8];

    b->script = answer_cut_off;
    CU_ASSERT_EQUAL(xvmsg_get_device_info(b->h, 3, xvmsg_wake, &w), 0);
    backend_settle(b);
    CU_ASSERT_EQUAL(w.reply.status, XVMSG_MALFORMED_RESPONSE);
    b->script = answer_with_zeros;
    CU_ASSERT_EQUAL(xvmsg_get_config(b->h, 3, 1000, 8, buffer, xvmsg_wake, &w), 0);
    backend_settle(b);
    CU_ASSERT_EQUAL(w.reply.status, XVMSG_REFUSED);
    CU_ASSERT_TRUE(xvmsg_is_connected(b->h));
    backend_free(b);
}

static void what_nobody_asked_for_is_ignored(void)
{
    struct backend *b = start();
    struct xvmsg_waiter w = {0};
    struct msg m = {.kind = MSG_get_device_status_response, .dev_num = 3, .token = 99};
    uint8_t unknown[24] = {0, 0x7f, 0, 0, 24};
    uint8_t request[24] = {0, 0x02, 1, 0, 24};

    backend_send(b, &m);
    backend_send_bytes(b, unknown, sizeof(unknown));
    backend_send_bytes(b, request, sizeof(request));
    m = (struct msg){.kind = MSG_event_used, .dev_num = 77, .event_used.vq_index = 99};
    backend_send(b, &m);
    m = (struct msg){.kind = MSG_event_device, .event_device = {3, 2}};
    backend_send(b, &m);
    CU_ASSERT_EQUAL(xvmsg_ping(b->h, 5, xvmsg_wake, &w), 0);
    backend_settle(b);
    CU_ASSERT_TRUE(w.done);
    CU_ASSERT_EQUAL(w.reply.status, XVMSG_OK);
    CU_ASSERT_TRUE(xvmsg_is_connected(b->h));
    backend_free(b);
}

static void answers_a_ping(void)
{
    struct backend *b = start();
    struct msg m = {.kind = MSG_ping_request, .token = 0x1234, .ping_request.data = 0xdeadbeef};

    backend_send(b, &m);
    backend_settle(b);
    CU_ASSERT_EQUAL(b->seen[MSG_ping_response], 1);
    CU_ASSERT_EQUAL(b->last.token, 0x1234);
    CU_ASSERT_EQUAL(b->last.ping_response.data, 0xdeadbeef);
    backend_free(b);
}

static struct msg reply_with;

static bool answer_as_told(struct backend *b, const struct msg *m)
{
    struct msg r = reply_with;

    if (r.kind != m->kind + 1)
        return false;
    r.token = m->token;
    r.dev_num = m->dev_num;
    backend_send(b, &r);
    return true;
}

static enum xvmsg_status get_info(struct backend *b, uint32_t queues, uint32_t first,
                                  uint32_t count)
{
    struct xvmsg_waiter w = {0};

    reply_with = (struct msg){
        .kind = MSG_get_device_info_response,
        .get_device_info_response = {.device_id = 2,
                                     .max_virtqueues = queues,
                                     .admin_vq_start = first,
                                     .admin_vq_count = count}};
    CU_ASSERT_EQUAL(xvmsg_get_device_info(b->h, 3, xvmsg_wake, &w), 0);
    backend_settle(b);
    CU_ASSERT_TRUE(w.done);
    return w.reply.status;
}

static void administration_queues_must_be_among_the_queues(void)
{
    struct backend *b = start();

    b->script = answer_as_told;
    CU_ASSERT_EQUAL(get_info(b, 3, 0, 0), XVMSG_OK);
    CU_ASSERT_EQUAL(get_info(b, 3, 1, 2), XVMSG_OK);
    CU_ASSERT_EQUAL(get_info(b, 3, 0, 3), XVMSG_OK);
    CU_ASSERT_EQUAL(get_info(b, 3, 2, 2), XVMSG_MALFORMED_RESPONSE);
    CU_ASSERT_EQUAL(get_info(b, 3, UINT32_MAX, 1), XVMSG_MALFORMED_RESPONSE);
    CU_ASSERT_EQUAL(get_info(b, 3, 1, UINT32_MAX), XVMSG_MALFORMED_RESPONSE);
    CU_ASSERT_EQUAL(get_info(b, 0, 4, 0), XVMSG_MALFORMED_RESPONSE);
    backend_free(b);
}

static enum xvmsg_status get_vqueue(struct backend *b, struct msg_get_vqueue_response response)
{
    struct xvmsg_waiter w = {0};

    reply_with = (struct msg){.kind = MSG_get_vqueue_response, .get_vqueue_response = response};
    CU_ASSERT_EQUAL(xvmsg_get_vqueue(b->h, 3, 5, xvmsg_wake, &w), 0);
    backend_settle(b);
    CU_ASSERT_TRUE(w.done);
    return w.reply.status;
}

static void a_queue_that_is_not_there_has_nothing(void)
{
    static const struct msg_get_vqueue_response good[] = {
        {.index = 5},
        {.index = 5, .max_size = 8, .cur_size = 8, .flags = 1},
        {.index = 5, .max_size = 8, .desc_addr = 16},
    };
    static const struct msg_get_vqueue_response bad[] = {
        {.index = 5, .cur_size = 1},    {.index = 5, .flags = 1},
        {.index = 5, .desc_addr = 1},   {.index = 5, .driver_addr = 1},
        {.index = 5, .device_addr = 1}, {.index = 5, .max_size = 8, .cur_size = 9},
    };
    struct backend *b = start();

    b->script = answer_as_told;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        CU_ASSERT_EQUAL(get_vqueue(b, good[i]), XVMSG_OK);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CU_ASSERT_EQUAL(get_vqueue(b, bad[i]), XVMSG_MALFORMED_RESPONSE);
    backend_free(b);
}

static enum xvmsg_status get_devices(struct backend *b, uint64_t next, uint16_t count, uint8_t bits)
{
    struct xvmsg_waiter w = {0};
    uint8_t bitmap[2] = {0xff, 0xff};

    reply_with = (struct msg){.kind = MSG_get_devices_response,
                              .get_devices_response = {100, next, count, {&bits, count ? 1 : 0}}};
    CU_ASSERT_EQUAL(xvmsg_get_devices(b->h, 100, 13, bitmap, xvmsg_wake, &w), 0);
    backend_settle(b);
    CU_ASSERT_TRUE(w.done);
    if (w.reply.status == XVMSG_OK) {
        CU_ASSERT_EQUAL(bitmap[0], count ? bits : 0);
        CU_ASSERT_EQUAL(bitmap[1], 0);
    }
    return w.reply.status;
}

static bool answer_with_a_spare_bit(struct backend *b, const struct msg *m)
{
    struct msg r = backend_response(m);
    uint8_t bytes[64];
    uint8_t bits = 0x1f;
    size_t size;

    r.get_devices_response = (struct msg_get_devices_response){100, 0, 5, {&bits, 1}};
    size = msg_encode(b->form, &r, bytes, sizeof(bytes), NULL);
    bytes[size - 1] = 0x3f;
    backend_send_bytes(b, bytes, size);
    return true;
}

static void windows_of_devices_lead_on_or_end(void)
{
    struct backend *b = start();
    struct xvmsg_waiter w = {0};
    uint8_t bitmap[2];

    b->script = answer_as_told;
    CU_ASSERT_EQUAL(get_devices(b, 0, 8, 0x81), XVMSG_OK);
    CU_ASSERT_EQUAL(get_devices(b, 0, 0, 0), XVMSG_OK);
    CU_ASSERT_EQUAL(get_devices(b, 108, 8, 1), XVMSG_OK);
    CU_ASSERT_EQUAL(get_devices(b, UINT64_MAX, 8, 1), XVMSG_OK); /* jumps to the next there is */
    CU_ASSERT_EQUAL(get_devices(b, 100, 8, 1), XVMSG_MALFORMED_RESPONSE);
    CU_ASSERT_EQUAL(get_devices(b, 7, 8, 1), XVMSG_MALFORMED_RESPONSE);
    b->script = answer_with_a_spare_bit;
    CU_ASSERT_EQUAL(xvmsg_get_devices(b->h, 100, 13, bitmap, xvmsg_wake, &w), 0);
    backend_settle(b);
    CU_ASSERT_EQUAL(w.reply.status, XVMSG_MALFORMED_RESPONSE);
    backend_free(b);
}

/* Spoils what tells whose response it is. */
static bool answer_somebody_else(struct backend *b, const struct msg *m)
{
    struct msg r = backend_response(m);

    if (m->kind != MSG_get_device_status_request)
        return false;
    r.dev_num = 4;
    backend_send(b, &r);
    r.dev_num = 3;
    r.token ^= 0x8000;
    backend_send(b, &r);
    r = (struct msg){.kind = MSG_ping_response, .token = m->token};
    backend_send(b, &r);
    r = backend_response(m);
    r.get_device_status_response.status = 0x0f;
    backend_send(b, &r);
    backend_send(b, &r); /* twice: the second is for nobody */
    return true;
}

static void responses_to_others_end_nothing(void)
{
    struct backend *b = start();
    struct xvmsg_waiter w[3] = {0};

    b->script = answer_somebody_else;
    CU_ASSERT_EQUAL(xvmsg_get_device_status(b->h, 3, xvmsg_wake, &w[0]), 0);
    CU_ASSERT_EQUAL(xvmsg_get_device_info(b->h, 4, xvmsg_wake, &w[1]), 0);
    CU_ASSERT_EQUAL(xvmsg_get_device_info(b->h, 3, xvmsg_wake, &w[2]), 0);
    backend_settle(b);
    CU_ASSERT_TRUE(w[0].done);
    CU_ASSERT_EQUAL(w[0].reply.status, XVMSG_OK);
    CU_ASSERT_EQUAL(w[0].reply.u.device_status, 0x0f);
    for (int i = 1; i < 3; i++) {
        CU_ASSERT_TRUE(w[i].done);
        CU_ASSERT_EQUAL(w[i].reply.status, XVMSG_OK);
        CU_ASSERT_EQUAL(w[i].reply.u.info.device_id, 2);
    }
    backend_free(b);
}

static bool count_answers(struct backend *b, const struct msg *m)
{
    (void)b;
    if (m->kind == MSG_ping_response)
        CU_ASSERT_EQUAL(m->ping_response.data, 100u + m->token);
    return false;
}

static void answers_each_of_many_pings(void)
{
    struct backend *b = start();

    b->script = count_answers;
    for (uint16_t i = 1; i <= 20; i++) {
        struct msg m = {.kind = MSG_ping_request, .token = i, .ping_request.data = 100u + i};

        backend_send(b, &m);
    }
    backend_settle(b);
    CU_ASSERT_EQUAL(b->seen[MSG_ping_response], 20);
    backend_free(b);
}

static const struct test_case cases[] = {
    TEST(wrong_responses_end_their_request_alone),
    TEST(a_short_response_is_malformed_and_an_empty_one_refuses),
    TEST(what_nobody_asked_for_is_ignored),
    TEST(answers_a_ping),
    TEST(administration_queues_must_be_among_the_queues),
    TEST(a_queue_that_is_not_there_has_nothing),
    TEST(windows_of_devices_lead_on_or_end),
    TEST(responses_to_others_end_nothing),
    TEST(answers_each_of_many_pings),
    {NULL, NULL},
};

int main(void)
{
    return test_main("frontend-responses", cases);
}
