/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A device's initialization, with devices that answer now one way, now another. */

#include <linux/virtio_config.h>
#include <string.h>

#include "common/le.h"
#include "tests/conformance/driver/scene.h"
#include "tests/harness.h"

#define VERSION_1 FEATURE(VIRTIO_F_VERSION_1)
#define ACCESS_PLATFORM FEATURE(VIRTIO_F_ACCESS_PLATFORM)

static struct scene s;

/* ---- a field that the device answers otherwise ---- */

static struct {
    enum msg_kind kind;
    size_t offset;
    size_t width;
    uint64_t value;
    unsigned skip; /* good answers before */
} lie;

static size_t tell_lie(struct backend *b, uint8_t *bytes, size_t size)
{
    const struct msg_description *what = msg_describe(lie.kind);

    (void)b;
    if (bytes[1] != what->msg_id || !(bytes[0] & MSG_TYPE_RESPONSE) || bytes[0] & MSG_TYPE_BUS)
        return size;
    if (lie.skip) {
        lie.skip--;
        return size;
    }
    for (size_t i = 0; i < lie.width; i++)
        bytes[lie.offset + i] = (uint8_t)(lie.value >> 8 * i);
    return size;
}

/* Opens a device of whose answers one has another value at this offset. */
static void open_with(enum msg_kind kind, size_t offset, size_t width, uint64_t value,
                      unsigned skip)
{
    scene_start(&s);
    lie.kind = kind;
    lie.offset = offset;
    lie.width = width;
    lie.value = value;
    lie.skip = skip;
    s.t.b->distort = tell_lie;
    driven_open(&s.t);
}

/* The driver gave up before `kind`, and said so to the device. */
static void expect_given_up_before(enum msg_kind kind)
{
    const struct recorded *e;
    unsigned last = recording_count(&s.tape, MSG_set_device_status_request) - 1;

    CU_ASSERT_TRUE(s.t.ready);
    CU_ASSERT_EQUAL(s.t.status, XVMSG_REFUSED);
    CU_ASSERT_EQUAL(recording_count(&s.tape, kind), 0);
    e = recording_find(&s.tape, MSG_set_device_status_request, last);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    CU_ASSERT_TRUE(e->m.set_device_status_request.status & VIRTIO_CONFIG_S_FAILED);
    CU_ASSERT_FALSE(e->m.set_device_status_request.status & VIRTIO_CONFIG_S_DRIVER_OK);
    CU_ASSERT_EQUAL(recording_count(&s.tape, MSG_event_avail), 0);
    CU_ASSERT_TRUE(scene_bus_works(&s));
}

/* ---- information ---- */

static void info_first(void)
{
    long info;

    scene_open(&s);
    info = recording_place(&s.tape, MSG_get_device_info_response, 0);
    CU_ASSERT(info > 0);
    CU_ASSERT(info < recording_place(&s.tape, MSG_get_device_features_request, 0));
    CU_ASSERT(info < recording_place(&s.tape, MSG_get_vqueue_request, 0));
    scene_end(&s);

    open_with(MSG_get_device_info_response, 16, 4, 0, 0); /* no device */
    expect_given_up_before(MSG_get_device_features_request);
    CU_ASSERT_EQUAL(recording_count(&s.tape, MSG_get_vqueue_request), 0);
    scene_end(&s);
}

static void config_size_is_followed(void)
{
    for (uint32_t size = 0; size <= 60; size += 20) {
        uint32_t read = 0;

        scene_start(&s);
        s.t.disk->config_size = size;
        scene_ready(&s);
        for (unsigned i = 0; i < recording_count(&s.tape, MSG_get_config_request); i++)
            read += recording_find(&s.tape, MSG_get_config_request, i)->m.get_config_request.length;
        CU_ASSERT_EQUAL(read, size);
        CU_ASSERT_EQUAL(xvmsg_device_get_info(s.t.device)->config_size, size);
        scene_end(&s);
    }
}

static void queue_limit_is_followed(void)
{
    open_with(MSG_get_device_info_response, 48, 4, 1, 0); /* one queue, the driver needs two */
    expect_given_up_before(MSG_get_vqueue_request);
    scene_end(&s);

    scene_start(&s);
    s.t.driver.num_queues = 1;
    scene_ready(&s);
    CU_ASSERT_PTR_NULL(xvmsg_device_queue(s.t.device, 1));
    for (unsigned i = 0; i < recording_count(&s.tape, MSG_get_vqueue_request); i++)
        CU_ASSERT_EQUAL(
            recording_find(&s.tape, MSG_get_vqueue_request, i)->m.get_vqueue_request.index, 0);
    CU_ASSERT_EQUAL(recording_count(&s.tape, MSG_set_vqueue_request), 1);
    scene_end(&s);
}

static void uuid_or_none(void)
{
    static const uint8_t none[16];

    scene_open(&s);
    CU_ASSERT_EQUAL(memcmp(xvmsg_device_get_info(s.t.device)->uuid, none, 16), 0);
    scene_end(&s);

    open_with(MSG_get_device_info_response, 24, 8, UINT64_C(0x0807060504030201), 0);
    CU_ASSERT_EQUAL(s.t.status, XVMSG_OK);
    CU_ASSERT_EQUAL(memcmp(xvmsg_device_get_info(s.t.device)->uuid,
                           "\1\2\3\4\5\6\7\10\0\0\0\0\0\0\0", 16),
                    0);
    scene_end(&s);
}

/* ---- features ---- */

static void blocks_are_counted_in_words(void)
{
    static const uint32_t numbers[] = {2, 3, 5, 64, UINT32_MAX};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        uint64_t asked = 0;

        open_with(MSG_get_device_info_response, 40, 4, numbers[i], 0);
        CU_ASSERT_TRUE(s.t.ready);
        for (unsigned j = 0; j < recording_count(&s.tape, MSG_get_device_features_request); j++) {
            const struct msg *m = &recording_find(&s.tape, MSG_get_device_features_request, j)->m;

            asked += m->get_device_features_request.num_blocks;
        }
        CU_ASSERT(asked >= 2 && asked <= numbers[i] && asked <= 4);
        scene_end(&s);
    }
    /* One block, or none, has no place for VERSION_1. */
    for (uint32_t number = 0; number < 2; number++) {
        open_with(MSG_get_device_info_response, 40, 4, number, 0);
        expect_given_up_before(MSG_set_driver_features_request);
        scene_end(&s);
    }
}

static void only_the_offered_is_written(void)
{
    const struct recorded *e;

    scene_start(&s);
    s.t.disk->offered = VERSION_1 | ACCESS_PLATFORM | FEATURE(1) | FEATURE(9) | FEATURE(63);
    s.t.driver.features = FEATURE(2) | FEATURE(9) | FEATURE(62);
    scene_ready(&s);
    e = recording_find(&s.tape, MSG_set_driver_features_request, 0);
    CU_ASSERT_EQUAL(e->m.set_driver_features_request.block_index, 0);
    CU_ASSERT_EQUAL(e->m.set_driver_features_request.num_blocks, 2);
    CU_ASSERT_EQUAL(le64_get(e->m.set_driver_features_request.features.bytes),
                    VERSION_1 | ACCESS_PLATFORM | FEATURE(9));
    CU_ASSERT_EQUAL(recording_count(&s.tape, MSG_set_driver_features_request), 1);
    CU_ASSERT_EQUAL(xvmsg_device_features(s.t.device), VERSION_1 | ACCESS_PLATFORM | FEATURE(9));
    scene_end(&s);
}

/* num_blocks 1 where two were asked: the second is as good as zero. */
static bool answer_one_block(struct backend *b, const struct msg *m)
{
    static const uint8_t word[4] = {0xff, 0xff, 0xff, 0xff};
    struct msg r = backend_response(m);

    if (m->kind != MSG_get_device_features_request)
        return false;
    r.get_device_features_response.num_blocks = 1;
    r.get_device_features_response.features = (struct msg_tail){word, 4};
    backend_send(b, &r);
    return true;
}

static void blocks_are_extended_with_zeros(void)
{
    struct xvmsg_waiter w = {0};
    uint32_t words[2] = {7, 7};

    scene_start(&s);
    s.t.b->script = answer_one_block;
    CU_ASSERT_EQUAL(xvmsg_get_device_features(s.t.b->h, 3, 0, 2, words, xvmsg_wake, &w), 0);
    backend_settle(s.t.b);
    CU_ASSERT_EQUAL(w.reply.status, XVMSG_OK);
    CU_ASSERT_EQUAL(w.reply.u.num_blocks, 1);
    CU_ASSERT_EQUAL(words[0], UINT32_MAX);
    CU_ASSERT_EQUAL(words[1], 0);
    driven_open(&s.t); /* without VERSION_1, then */
    expect_given_up_before(MSG_set_driver_features_request);
    scene_end(&s);

    scene_open(&s); /* bits 32 and 33 arrive where they belong */
    CU_ASSERT_EQUAL(xvmsg_device_features(s.t.device) >> 32, 3);
    scene_end(&s);
}

static void features_ok_is_checked(void)
{
    open_with(MSG_set_device_status_response, 16, 4, 3, 3); /* after 0, 1 and 3 */
    expect_given_up_before(MSG_set_vqueue_request);
    CU_ASSERT_EQUAL(recording_count(&s.tape, MSG_set_driver_features_request), 1);
    CU_ASSERT(recording_place(&s.tape, MSG_set_device_status_request, 3) >
              recording_place(&s.tape, MSG_set_driver_features_response, 0));
    CU_ASSERT_EQUAL(recording_find(&s.tape, MSG_set_device_status_request, 3)
                        ->m.set_device_status_request.status, 11);
    scene_end(&s);
}

/* ---- queues ---- */

static void sizes_within_the_device(void)
{
    static const uint32_t maxima[] = {1, 2, 8, 24, 63, 64, 100, 32768, 65536, UINT32_C(1) << 31,
                                      UINT32_MAX};

    for (size_t i = 0; i < sizeof(maxima) / sizeof(maxima[0]); i++) {
        const struct msg *m;

        scene_start(&s);
        s.t.disk->queues[0].max_size = maxima[i];
        s.t.disk->queues[1].max_size = maxima[i];
        scene_ready(&s);
        m = &recording_find(&s.tape, MSG_set_vqueue_request, 0)->m;
        CU_ASSERT(m->set_vqueue_request.size <= maxima[i]);
        CU_ASSERT(m->set_vqueue_request.size <= 64);
        CU_ASSERT(m->set_vqueue_request.size > 0);
        scene_end(&s);
    }
    open_with(MSG_get_vqueue_response, 20, 4, 0, 0);
    expect_given_up_before(MSG_set_vqueue_request);
    scene_end(&s);
}

static void queues_as_they_must_be_set(void)
{
    scene_open(&s);
    CU_ASSERT_EQUAL(recording_count(&s.tape, MSG_set_vqueue_request), 2);
    for (unsigned i = 0; i < 2; i++) {
        const struct msg *m = &recording_find(&s.tape, MSG_set_vqueue_request, i)->m;

        CU_ASSERT_EQUAL(m->set_vqueue_request.index, i);
        CU_ASSERT_EQUAL(m->set_vqueue_request.flags, SET_VQUEUE_ENABLE);
        CU_ASSERT_EQUAL(m->set_vqueue_request.reserved, 0);
        CU_ASSERT_EQUAL(m->set_vqueue_request.desc_addr % 16, 0);
        CU_ASSERT_EQUAL(m->set_vqueue_request.driver_addr % 2, 0);
        CU_ASSERT_EQUAL(m->set_vqueue_request.device_addr % 4, 0);
        CU_ASSERT(recording_place(&s.tape, MSG_get_vqueue_response, i) <
                  recording_place(&s.tape, MSG_set_vqueue_request, i));
    }
    CU_ASSERT_PTR_NOT_NULL(backend_memory(s.t.b, s.t.disk->queues[1].set.desc_addr, 64 * 16));
    scene_end(&s);
}

static void a_queue_that_is_enabled_already(void)
{
    open_with(MSG_get_vqueue_response, 28, 4, GET_VQUEUE_ENABLED, 1);
    expect_given_up_before(MSG_set_vqueue_request);
    scene_end(&s);
}

/* Each field of GET_VQUEUE but max_size and index is another than was set. */
static void a_queue_that_is_not_as_it_was_set(void)
{
    static const struct {
        size_t offset;
        size_t width;
        uint64_t value;
    } wrongs[] = {{24, 4, 32}, {24, 4, 0}, {28, 4, 0}, {32, 8, 16}, {40, 8, 2}, {48, 8, 0}};

    for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++)
        for (unsigned queue = 0; queue < 2; queue++) {
            open_with(MSG_get_vqueue_response, wrongs[i].offset, wrongs[i].width, wrongs[i].value,
                      2 + queue);
            expect_given_up_before(MSG_event_avail);
            for (unsigned j = 0; j < recording_count(&s.tape, MSG_set_device_status_request); j++)
                CU_ASSERT_FALSE(recording_find(&s.tape, MSG_set_device_status_request, j)
                                    ->m.set_device_status_request.status &
                                VIRTIO_CONFIG_S_DRIVER_OK);
            scene_end(&s);
        }
}

static bool ignore_set_vqueue(struct backend *b, const struct msg *m)
{
    struct msg r = backend_response(m);

    if (m->kind == MSG_set_vqueue_request)
        backend_send(b, &r);
    return m->kind == MSG_set_vqueue_request;
}

static void a_queue_that_was_not_taken(void)
{
    scene_start(&s);
    s.t.b->script = ignore_set_vqueue;
    driven_open(&s.t);
    expect_given_up_before(MSG_event_avail);
    scene_end(&s);
}

/* ---- status ---- */

static void status_rises_in_order(void)
{
    static const uint32_t order[] = {0, 1, 3, 11, 15};

    scene_open(&s);
    CU_ASSERT_EQUAL(recording_count(&s.tape, MSG_set_device_status_request), 5);
    for (unsigned i = 0; i < 5; i++)
        CU_ASSERT_EQUAL(recording_find(&s.tape, MSG_set_device_status_request, i)
                            ->m.set_device_status_request.status, order[i]);
    CU_ASSERT(recording_place(&s.tape, MSG_set_device_status_request, 4) >
              recording_place(&s.tape, MSG_get_vqueue_response, 3));
    CU_ASSERT(recording_place(&s.tape, MSG_set_device_status_request, 3) <
              recording_place(&s.tape, MSG_set_vqueue_request, 0));
    scene_end(&s);
}

static void driver_ok_is_checked(void)
{
    open_with(MSG_set_device_status_response, 16, 4, 11, 4);
    CU_ASSERT_TRUE(s.t.ready);
    CU_ASSERT_EQUAL(s.t.status, XVMSG_REFUSED);
    CU_ASSERT_EQUAL(recording_count(&s.tape, MSG_event_avail), 0);
    CU_ASSERT_TRUE(scene_bus_works(&s));
    scene_end(&s);
}

static unsigned polls;

static bool reset_slowly(struct backend *b, const struct msg *m)
{
    struct msg r = backend_response(m);

    if (m->kind == MSG_set_device_status_request && m->set_device_status_request.status == 0) {
        r.set_device_status_response.status = 0x0f;
    } else if (m->kind == MSG_get_device_status_request && polls) {
        polls--;
        r.get_device_status_response.status = 0x0f;
    } else {
        return false;
    }
    backend_send(b, &r);
    return true;
}

static void a_pending_reset_is_polled(void)
{
    scene_start(&s);
    s.t.b->script = reset_slowly;
    polls = 10;
    driven_open(&s.t);
    CU_ASSERT_FALSE(s.t.ready);
    scene_wait(&s, SECOND);
    CU_ASSERT_TRUE(s.t.ready);
    CU_ASSERT_EQUAL(s.t.status, XVMSG_OK);
    CU_ASSERT_EQUAL(recording_count(&s.tape, MSG_get_device_status_request), 11);
    CU_ASSERT(recording_place(&s.tape, MSG_get_device_status_response, 10) <
              recording_place(&s.tape, MSG_set_device_status_request, 1));
    scene_end(&s);
}

static void an_endless_reset_is_given_up(void)
{
    scene_start(&s);
    s.t.b->script = reset_slowly;
    polls = UINT32_MAX;
    driven_open(&s.t);
    scene_wait(&s, 6 * SECOND);
    CU_ASSERT_TRUE(s.t.ready);
    CU_ASSERT_EQUAL(s.t.status, XVMSG_TIMEOUT);
    CU_ASSERT_EQUAL(recording_count(&s.tape, MSG_get_device_info_request), 0);
    CU_ASSERT_TRUE(scene_bus_works(&s));
    scene_end(&s);
}

static void a_device_is_reset_and_used_again(void)
{
    scene_open(&s);
    for (unsigned i = 0; i < 3; i++) {
        unsigned before = recording_count(&s.tape, MSG_set_device_status_request);

        xvmsg_device_close(s.t.device);
        backend_settle(s.t.b);
        CU_ASSERT_EQUAL(s.t.disk->status, 0);
        CU_ASSERT_EQUAL(recording_find(&s.tape, MSG_set_device_status_request, before)
                            ->m.set_device_status_request.status, 0);
        s.t.ready = false;
        scene_ready(&s);
    }
    scene_end(&s);
}

static const struct test_case cases[] = {
    {"DRV-17: GET_DEVICE_INFO is answered before anything is negotiated or set up", info_first},
    {"DRV-21 DRV-22: config_size of the information is what is read", config_size_is_followed},
    {"DRV-22: max_virtqueues of the information is the limit", queue_limit_is_followed},
    {"DRV-23: a nil device_uuid is none, another is told as it is", uuid_or_none},
    {"DRV-22 DRV-24: num_feature_blocks counts 32-bit blocks", blocks_are_counted_in_words},
    {"DRV-25 DRV-27: only offered and wanted features are written", only_the_offered_is_written},
    {"DRV-26: features are blocks from the index on, extended with zeros",
     blocks_are_extended_with_zeros},
    {"DRV-18 DRV-28: FEATURES_OK is set after the features, and checked", features_ok_is_checked},
    {"DRV-22 DRV-37: queues are no larger than the device's maximum", sizes_within_the_device},
    {"DRV-36 DRV-38 DRV-39 DRV-40 DRV-41: SET_VQUEUE as it must be", queues_as_they_must_be_set},
    {"DRV-36: a queue that is enabled already is not set", a_queue_that_is_enabled_already},
    {"DRV-19 DRV-45: a queue that is not as it was set is not used",
     a_queue_that_is_not_as_it_was_set},
    {"DRV-45: a device that ignores SET_VQUEUE is noticed", a_queue_that_was_not_taken},
    {"DRV-18 DRV-20 DRV-49 DRV-53: status rises in order", status_rises_in_order},
    {"DRV-20 DRV-53: a device that does not take DRIVER_OK is not used", driver_ok_is_checked},
    {"DRV-48 DRV-50: a pending reset is polled until status is 0", a_pending_reset_is_polled},
    {"DRV-50: an endless reset is given up", an_endless_reset_is_given_up},
    {"DRV-49 DRV-51: a device is reset and initialized again", a_device_is_reset_and_used_again},
    {NULL, NULL},
};

int main(void)
{
    return test_main("driver-init", cases);
}
