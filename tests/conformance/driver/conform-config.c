/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The configuration: both profiles, generations, writes, and EVENT_CONFIG. */

#include <errno.h>
#include <string.h>

#include "common/le.h"
#include "tests/conformance/driver/scene.h"
#include "tests/harness.h"
#include "xenstore-schema/schema.h"

static struct scene s;

/* ---- devices ---- */

static unsigned refusals;
static uint32_t set_generations[16];
static unsigned num_sets;

/* A strict device: a write with another generation than the current is refused, and
 * so are the next `refusals`, each of which comes with a change. */
static bool judge_generation(struct backend *b, const struct msg *m)
{
    struct backend_device *d = &b->devices[0];
    struct msg r = backend_response(m);
    bool take;

    if (m->kind != MSG_set_config_request)
        return false;
    take = m->set_config_request.generation == d->generation && !refusals;
    if (num_sets < 16)
        set_generations[num_sets++] = m->set_config_request.generation;
    if (refusals) {
        refusals--;
        d->generation += 3;
    }
    if (take)
        memcpy(d->config + m->set_config_request.offset, m->set_config_request.data.bytes,
               m->set_config_request.length);
    r.set_config_response.generation = d->generation;
    r.set_config_response.offset = m->set_config_request.offset;
    r.set_config_response.length = take ? m->set_config_request.length : 0;
    backend_send(b, &r);
    return true;
}

static void start_strict(void)
{
    num_sets = 0;
    refusals = 0;
    scene_start_as(&s, MSG_WIDE, 0, true);
    s.t.b->script = judge_generation;
    s.t.disk->generation = 4;
    scene_ready(&s);
}

static void send_event(uint32_t offset, uint32_t length, const void *data, uint32_t size)
{
    struct msg event = {
        .kind = MSG_event_config,
        .dev_num = 3,
        .event_config = {s.t.disk->status, s.t.disk->generation, offset, length, {data, size}},
    };

    backend_send(s.t.b, &event);
    backend_settle(s.t.b);
}

static enum xvmsg_status write_config(uint32_t offset, const void *data, uint32_t length)
{
    unsigned before = s.t.done_count;

    CU_ASSERT_EQUAL(xvmsg_device_write_config(s.t.device, offset, data, length, driven_done, &s.t),
                    0);
    backend_settle(s.t.b);
    CU_ASSERT_EQUAL(s.t.done_count, before + 1);
    return s.t.done_status;
}

static const uint8_t *config(void)
{
    return xvmsg_device_config(s.t.device);
}

static uint32_t sent_generation(unsigned nth)
{
    const struct recorded *e = recording_find(&s.tape, MSG_set_config_request, nth);

    return e ? e->m.set_config_request.generation : UINT32_MAX;
}

/* ---- the profile ---- */

static void the_mask_decides(void)
{
    scene_start(&s); /* neither wanted nor offered */
    CU_ASSERT_TRUE(backend_front_is(s.t.b, XS_TRANSPORT_FEATURES, "0"));
    s.t.disk->generation = 7;
    scene_ready(&s);
    CU_ASSERT_EQUAL(write_config(8, "abcd", 4), XVMSG_OK);
    CU_ASSERT_EQUAL(sent_generation(0), 0);
    scene_end(&s);

    start_strict(); /* both */
    CU_ASSERT_TRUE(backend_front_is(s.t.b, XS_TRANSPORT_FEATURES, "1"));
    CU_ASSERT_EQUAL(write_config(8, "abcd", 4), XVMSG_OK);
    CU_ASSERT_EQUAL(sent_generation(0), 4);
    backend_advertise(s.t.b); /* a backend that is anew, and no longer offers it */
    backend_settle(s.t.b);
    CU_ASSERT_TRUE_FATAL(xvmsg_is_connected(s.t.b->h));
    CU_ASSERT_FALSE(xvmsg_is_strict(s.t.b->h));
    CU_ASSERT_TRUE(backend_front_is(s.t.b, XS_TRANSPORT_FEATURES, "0"));
    xvmsg_device_close(s.t.device);
    s.t.ready = false;
    s.t.b->script = NULL;
    scene_ready(&s);
    CU_ASSERT_EQUAL(write_config(8, "abcd", 4), XVMSG_OK);
    CU_ASSERT_EQUAL(sent_generation(1), 0);
    scene_end(&s);
}

/* ---- baseline ---- */

static void baseline_sends_generation_zero(void)
{
    scene_start(&s);
    s.t.disk->generation = 7;
    scene_ready(&s);
    send_event(0, 0, NULL, 0);
    CU_ASSERT_EQUAL(write_config(8, "abcd", 4), XVMSG_OK);
    CU_ASSERT_EQUAL(xvmsg_set_config(s.t.b->h, 3, 99, 8, 4, "efgh", NULL, NULL), 0);
    backend_settle(s.t.b);
    CU_ASSERT_EQUAL(recording_count(&s.tape, MSG_set_config_request), 2);
    CU_ASSERT_EQUAL(sent_generation(0), 0);
    CU_ASSERT_EQUAL(sent_generation(1), 0);
    scene_end(&s);
}

/* Every generation that the device sends is another one. */
static size_t any_generation(struct backend *b, uint8_t *bytes, size_t size)
{
    static uint32_t number;
    bool response = bytes[0] & MSG_TYPE_RESPONSE;

    (void)b;
    if (response && (bytes[1] == 5 || bytes[1] == 6))
        le32_put(bytes + 16, number += 0x9e3779b9);
    else if (!response && bytes[1] == 0x40)
        le32_put(bytes + 20, number += 0x9e3779b9);
    return size;
}

static void baseline_ignores_generations(void)
{
    scene_start(&s);
    s.t.b->distort = any_generation;
    scene_ready(&s);
    CU_ASSERT_EQUAL(recording_count(&s.tape, MSG_get_config_request), 1);
    CU_ASSERT_EQUAL(write_config(8, "abcd", 4), XVMSG_OK);
    s.t.disk->config[20] = 0x77;
    send_event(20, 1, s.t.disk->config + 20, 1);
    CU_ASSERT_EQUAL(config()[20], 0x77);
    s.t.disk->config[20] = 0x78;
    send_event(0, 0, NULL, 0);
    CU_ASSERT_EQUAL(config()[20], 0x78);
    CU_ASSERT_EQUAL(s.t.broken_count, 0);
    scene_end(&s);
}

/* ---- strict ---- */

static void strict_sends_the_latest_generation(void)
{
    start_strict();
    CU_ASSERT_EQUAL(write_config(8, "abcd", 4), XVMSG_OK); /* as read */
    s.t.disk->generation = 7;
    send_event(8, 4, s.t.disk->config + 8, 4); /* by an event with data */
    CU_ASSERT_EQUAL(write_config(8, "abce", 4), XVMSG_OK);
    s.t.disk->generation = 8;
    send_event(8, 4, NULL, 0); /* by what is read after an event */
    CU_ASSERT_EQUAL(write_config(8, "abcf", 4), XVMSG_OK);
    s.t.disk->generation = 9;
    send_event(0, 0, NULL, 0);
    CU_ASSERT_EQUAL(write_config(8, "abcg", 4), XVMSG_OK);
    CU_ASSERT_EQUAL(num_sets, 4);
    CU_ASSERT_EQUAL(set_generations[0], 4);
    CU_ASSERT_EQUAL(set_generations[1], 7);
    CU_ASSERT_EQUAL(set_generations[2], 8);
    CU_ASSERT_EQUAL(set_generations[3], 9);
    CU_ASSERT_EQUAL(memcmp(s.t.disk->config + 8, "abcg", 4), 0);
    scene_end(&s);
}

static void strict_reads_again_before_it_retries(void)
{
    long refused, set;

    start_strict();
    refusals = 1;
    CU_ASSERT_EQUAL(write_config(8, "abcd", 4), XVMSG_OK);
    CU_ASSERT_EQUAL(num_sets, 2);
    CU_ASSERT_EQUAL(set_generations[0], 4);
    CU_ASSERT_EQUAL(set_generations[1], 7);
    refused = recording_place(&s.tape, MSG_set_config_response, 0);
    set = recording_place(&s.tape, MSG_set_config_request, 1);
    CU_ASSERT(recording_place(&s.tape, MSG_get_config_request, 1) > refused);
    CU_ASSERT(recording_place(&s.tape, MSG_get_config_request, 1) < set);
    CU_ASSERT_EQUAL(memcmp(s.t.disk->config + 8, "abcd", 4), 0);

    refusals = UINT32_MAX; /* for another reason, then */
    CU_ASSERT_EQUAL(write_config(8, "wxyz", 4), XVMSG_REFUSED);
    CU_ASSERT(num_sets < 12);
    CU_ASSERT_EQUAL(memcmp(s.t.disk->config + 8, "abcd", 4), 0);
    CU_ASSERT_EQUAL(memcmp(config() + 8, "abcd", 4), 0);
    refusals = 0;
    CU_ASSERT_EQUAL(write_config(8, "efgh", 4), XVMSG_OK);
    scene_end(&s);
}

static void strict_shows_no_torn_configuration(void)
{
    scene_start_as(&s, MSG_WIDE, 60, true); /* two pieces of 32 bytes */
    s.t.b->distort = any_generation;
    driven_open(&s.t);
    CU_ASSERT_TRUE(s.t.ready);
    CU_ASSERT_NOT_EQUAL(s.t.status, XVMSG_OK);
    CU_ASSERT(recording_count(&s.tape, MSG_get_config_request) < 100);
    CU_ASSERT_EQUAL(recording_count(&s.tape, MSG_set_vqueue_request), 0);
    CU_ASSERT_TRUE(scene_bus_works(&s));
    scene_end(&s);
}

static void generations_go_back(void)
{
    for (int strict = 0; strict < 2; strict++) {
        if (strict) {
            start_strict();
        } else {
            scene_start(&s);
            scene_ready(&s);
        }
        s.t.disk->generation = 9;
        send_event(0, 0, NULL, 0);
        s.t.disk->generation = 2;
        s.t.disk->config[20] = 0x42;
        send_event(0, 0, NULL, 0);
        CU_ASSERT_EQUAL(config()[20], 0x42);
        CU_ASSERT_EQUAL(write_config(8, "abcd", 4), XVMSG_OK);
        s.t.disk->generation = 9;
        send_event(8, 4, NULL, 0);
        xvmsg_device_close(s.t.device);
        backend_settle(s.t.b);
        s.t.disk->generation = 0; /* a reset may do that */
        s.t.ready = false;
        scene_ready(&s);
        CU_ASSERT_EQUAL(write_config(8, "efgh", 4), XVMSG_OK);
        CU_ASSERT_EQUAL(sent_generation(0), strict ? 2 : 0);
        CU_ASSERT_EQUAL(sent_generation(1), 0);
        scene_end(&s);
    }
}

/* ---- writes ---- */

static void length_zero_is_a_refusal(void)
{
    struct xvmsg_waiter w = {0};
    uint8_t before;

    scene_open(&s);
    s.t.b->script = backend_refuse_writes;
    before = config()[8];
    CU_ASSERT_EQUAL(write_config(8, "abcd", 4), XVMSG_REFUSED);
    CU_ASSERT_EQUAL(config()[8], before);
    CU_ASSERT_EQUAL(xvmsg_set_config(s.t.b->h, 3, 0, 8, 4, "abcd", xvmsg_wake, &w), 0);
    backend_settle(s.t.b);
    CU_ASSERT_EQUAL(w.reply.status, XVMSG_REFUSED);
    CU_ASSERT_EQUAL(s.t.broken_count, 0);
    scene_end(&s);
}

static void long_writes_go_in_pieces(void)
{
    uint8_t data[100];

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i + 1);
    scene_start_as(&s, MSG_WIDE, 60, false);
    s.t.disk->config_size = 200;
    scene_ready(&s);
    CU_ASSERT_EQUAL(write_config(50, data, sizeof(data)), XVMSG_OK);
    CU_ASSERT_EQUAL(recording_count(&s.tape, MSG_set_config_request), 4);
    CU_ASSERT_EQUAL(memcmp(s.t.disk->config + 50, data, sizeof(data)), 0);
    CU_ASSERT_EQUAL(memcmp(config() + 50, data, sizeof(data)), 0);
    scene_end(&s);
}

static void writes_stay_inside(void)
{
    static const struct {
        uint32_t offset;
        uint32_t length;
    } wrong[] = {{60, 1}, {57, 4}, {0, 61}, {UINT32_MAX, 4}, {4, UINT32_MAX}, {0, 0}};
    uint8_t data[64] = {0};

    scene_open(&s);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CU_ASSERT_EQUAL(xvmsg_device_write_config(s.t.device, wrong[i].offset, data,
                                                  wrong[i].length, driven_done, &s.t), -1);
        CU_ASSERT_EQUAL(errno, EINVAL);
    }
    backend_settle(s.t.b);
    CU_ASSERT_EQUAL(recording_count(&s.tape, MSG_set_config_request), 0);
    CU_ASSERT_EQUAL(s.t.done_count, 0);
    CU_ASSERT_EQUAL(write_config(56, "abcd", 4), XVMSG_OK);
    scene_end(&s);
}

/* ---- events ---- */

static void data_is_applied(void)
{
    uint8_t before[60];

    scene_open(&s);
    memcpy(before, config(), sizeof(before));
    send_event(12, 3, "xyz", 3);
    CU_ASSERT_EQUAL(memcmp(config() + 12, "xyz", 3), 0);
    CU_ASSERT_EQUAL(memcmp(config(), before, 12), 0);
    CU_ASSERT_EQUAL(memcmp(config() + 15, before + 15, 45), 0);
    CU_ASSERT_EQUAL(s.t.config_count, 1);
    CU_ASSERT_EQUAL(s.t.config_offset, 12);
    CU_ASSERT_EQUAL(recording_count(&s.tape, MSG_get_config_request), 1);
    scene_end(&s);
}

static void a_range_without_data_is_read(void)
{
    const struct recorded *e;

    scene_open(&s);
    memcpy(s.t.disk->config + 12, "xyz", 3);
    s.t.disk->config[30] = 0x55; /* nobody told of this one */
    send_event(12, 3, NULL, 0);
    e = recording_find(&s.tape, MSG_get_config_request, 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    CU_ASSERT(e->m.get_config_request.offset <= 12);
    CU_ASSERT(e->m.get_config_request.offset + e->m.get_config_request.length >= 15);
    CU_ASSERT_EQUAL(memcmp(config() + 12, "xyz", 3), 0);
    CU_ASSERT_EQUAL(s.t.config_count, 1);
    scene_end(&s);
}

static void a_generic_change_is_read(void)
{
    scene_open(&s);
    memcpy(s.t.disk->config, "abcdefgh", 8);
    s.t.disk->config[59] = 0x55;
    send_event(0, 0, NULL, 0);
    CU_ASSERT_EQUAL(recording_count(&s.tape, MSG_get_config_request), 2);
    CU_ASSERT_EQUAL(memcmp(config(), "abcdefgh", 8), 0);
    CU_ASSERT_EQUAL(config()[59], 0x55);
    CU_ASSERT_EQUAL(s.t.config_count, 1);
    scene_end(&s);
}

static const struct test_case cases[] = {
    {"DRV-05: the effective mask of transport features decides the profile", the_mask_decides},
    {"DRV-29: baseline: SET_CONFIG has generation 0 whatever was seen",
     baseline_sends_generation_zero},
    {"DRV-30: baseline: no generation is judged", baseline_ignores_generations},
    {"DRV-31: strict: SET_CONFIG has the latest generation", strict_sends_the_latest_generation},
    {"DRV-32: strict: a refused write is repeated after GET_CONFIG, a few times",
     strict_reads_again_before_it_retries},
    {"DRV-05 DRV-31: strict: a configuration that is never whole is not used",
     strict_shows_no_torn_configuration},
    {"DRV-33: generations may go back, and start anew with a reset", generations_go_back},
    {"DRV-34: a SET_CONFIG response of length 0 is a refusal", length_zero_is_a_refusal},
    {"DRV-01 DRV-35: a long write goes in pieces that fit", long_writes_go_in_pieces},
    {"DRV-21 DRV-35: no write leaves the configuration", writes_stay_inside},
    {"DRV-59 DRV-60: EVENT_CONFIG with data is applied", data_is_applied},
    {"DRV-59 DRV-60: EVENT_CONFIG with a range alone has the range read",
     a_range_without_data_is_read},
    {"DRV-59 DRV-61: EVENT_CONFIG of 0, 0 has all read", a_generic_change_is_read},
    {NULL, NULL},
};

int main(void)
{
    return test_main("driver-config", cases);
}
