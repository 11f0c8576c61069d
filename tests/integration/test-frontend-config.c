/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The configuration a driver sees: changes, torn reads, and both profiles. */

#include <errno.h>
#include <string.h>

#include "tests/harness.h"
#include "tests/integration/driven.h"

#define SMALL 60u /* messages of so many bytes carry 32 of configuration */

static struct driven t;
static const uint8_t bytes[64] = {9, 8, 7, 6};

static const uint8_t *view(void)
{
    return xvmsg_device_config(t.device);
}

static void send_event(uint32_t offset, uint32_t length, bool with_data)
{
    struct msg m = {
        .kind = MSG_event_config,
        .dev_num = 3,
        .event_config = {.device_status = 0x0f,
                         .generation = t.disk->generation,
                         .offset = offset,
                         .length = length},
    };

    if (with_data)
        m.event_config.data = (struct msg_tail){bytes, length};
    backend_send(t.b, &m);
}

/* ---- events ---- */

static void data_in_an_event_is_taken_over(void)
{
    driven_start_ready(&t);
    send_event(20, 4, true);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(t.config_count, 1);
    CU_ASSERT_EQUAL(t.driver_config_count, 1);
    CU_ASSERT_EQUAL(t.config_offset, 20);
    CU_ASSERT_EQUAL(t.config_length, 4);
    CU_ASSERT_EQUAL(memcmp(view() + 20, bytes, 4), 0);
    CU_ASSERT_EQUAL(view()[19], 0);
    CU_ASSERT_EQUAL(view()[24], 0);
    CU_ASSERT_EQUAL(t.b->seen[MSG_get_config_request], 1); /* the one of the beginning */
    backend_free(t.b);
}

static void a_range_without_data_is_read(void)
{
    driven_start_ready(&t);
    memset(t.disk->config + 16, 0x42, 16);
    send_event(20, 4, false);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(t.b->seen[MSG_get_config_request], 2);
    CU_ASSERT_EQUAL(t.b->last.get_config_request.offset, 20);
    CU_ASSERT_EQUAL(t.b->last.get_config_request.length, 4);
    CU_ASSERT_EQUAL(t.config_count, 1);
    CU_ASSERT_EQUAL(t.config_offset, 20);
    CU_ASSERT_EQUAL(t.config_length, 4);
    CU_ASSERT_EQUAL(view()[20], 0x42);
    CU_ASSERT_EQUAL(view()[19], 0); /* nobody told of it */
    backend_free(t.b);
}

static void an_event_without_a_range_means_anything(void)
{
    driven_start_ready(&t);
    t.disk->config[59] = 0x42;
    send_event(0, 0, false);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(t.b->seen[MSG_get_config_request], 2);
    CU_ASSERT_EQUAL(t.b->last.get_config_request.length, 60);
    CU_ASSERT_EQUAL(t.config_count, 1);
    CU_ASSERT_EQUAL(t.config_offset, 0);
    CU_ASSERT_EQUAL(t.config_length, 0);
    CU_ASSERT_EQUAL(view()[59], 0x42);
    backend_free(t.b);
}

static void a_device_without_configuration_only_tells(void)
{
    driven_start(&t);
    t.disk->config_size = 0;
    driven_open(&t);
    send_event(0, 0, false);
    send_event(0, 4, false);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(t.config_count, 1);
    CU_ASSERT_EQUAL(t.b->seen[MSG_get_config_request], 0);
    backend_free(t.b);
}

static void ranges_that_cannot_be_do_nothing(void)
{
    static const struct {
        uint32_t offset;
        uint32_t length;
    } ranges[] = {{59, 2}, {60, 1}, {UINT32_MAX, 4}, {4, UINT32_MAX}, {8, 0}, {61, 0}};
    uint8_t raw[36] = {0, 0x40, 0, 0, 36, 0, 0, 0, 3};
    uint8_t before[60];

    driven_start_ready(&t);
    memcpy(before, view(), sizeof(before));
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        send_event(ranges[i].offset, ranges[i].length, false);
        if (ranges[i].length && ranges[i].length <= 4)
            send_event(ranges[i].offset, ranges[i].length, true);
    }
    raw[28] = 8; /* says 8 bytes, brings 4 */
    backend_send_bytes(t.b, raw, sizeof(raw));
    backend_settle(t.b);
    CU_ASSERT_EQUAL(memcmp(view(), before, sizeof(before)), 0);
    CU_ASSERT_EQUAL(t.config_count, 0);
    CU_ASSERT_EQUAL(t.broken_count, 0);
    CU_ASSERT_EQUAL(t.b->seen[MSG_get_config_request], 1);
    CU_ASSERT_TRUE(xvmsg_is_connected(t.b->h));
    backend_free(t.b);
}

static unsigned changes_left;

/* Changes the configuration, with an event that overtakes the answer: it was made
 * before, and shows the old bytes. */
static bool change_meanwhile(struct backend *b, const struct msg *m)
{
    struct msg r = backend_response(m);
    uint8_t old[64];

    if (m->kind != MSG_get_config_request || !changes_left)
        return false;
    changes_left--;
    memcpy(old, t.disk->config, sizeof(old));
    r.get_config_response = (struct msg_get_config_response){
        t.disk->generation,
        m->get_config_request.offset,
        m->get_config_request.length,
        {old + m->get_config_request.offset, m->get_config_request.length}};
    if (xvmsg_is_strict(b->h))
        t.disk->generation++; /* in the baseline it need not mean anything */
    memcpy(t.disk->config + 40, bytes, 4);
    send_event(40, 4, changes_left % 2 == 0);
    backend_send(b, &r);
    return true;
}

static void an_event_that_overtakes_a_read_is_not_lost(void)
{
    for (int i = 0; i < 4; i++) {
        driven_start_in(&t, i & 1, i & 2 ? SMALL : 272);
        t.b->script = change_meanwhile;
        changes_left = 2; /* while the device is opened ... */
        driven_open(&t);
        CU_ASSERT_EQUAL_FATAL(t.status, XVMSG_OK);
        CU_ASSERT_EQUAL(changes_left, 0);
        CU_ASSERT_EQUAL(memcmp(view(), t.disk->config, 60), 0);
        CU_ASSERT_EQUAL(t.driver_config_count, 0); /* it was right when the device was ready */
        memset(t.disk->config + 40, 0, 4);
        t.config_count = 0;
        changes_left = 3; /* ... and while it runs */
        send_event(0, 0, false);
        backend_settle(t.b);
        CU_ASSERT_EQUAL(changes_left, 0);
        CU_ASSERT_EQUAL(memcmp(view(), t.disk->config, 60), 0);
        CU_ASSERT_EQUAL(t.config_count, 1); /* once, when it is all there */
        backend_free(t.b);
    }
}

static void data_between_reading_and_ready_is_taken_over_too(void)
{
    driven_start(&t);
    changes_left = 0;
    driven_try(&t, &t.driver);
    xvmsg_process(t.b->h);
    for (int i = 0; i < 100 && !t.b->seen[MSG_get_vqueue_request]; i++) {
        backend_step(t.b);
        xvmsg_process(t.b->h);
    }
    CU_ASSERT_FALSE_FATAL(t.ready);
    memset(t.disk->config + 8, 0x42, 8);
    send_event(40, 4, true);
    send_event(8, 8, false);
    backend_settle(t.b);
    CU_ASSERT_TRUE_FATAL(t.ready);
    CU_ASSERT_EQUAL(memcmp(view() + 40, bytes, 4), 0);
    CU_ASSERT_EQUAL(view()[8], 0x42);
    backend_free(t.b);
}

static bool refuse_reading(struct backend *b, const struct msg *m)
{
    struct msg r = backend_response(m);

    if (m->kind != MSG_get_config_request)
        return false;
    r.get_config_response.offset = m->get_config_request.offset;
    backend_send(b, &r);
    return true;
}

static void a_configuration_that_cannot_be_read_again_breaks_the_device(void)
{
    driven_start_ready(&t);
    t.b->script = refuse_reading;
    send_event(8, 8, false);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(t.broken_count, 1);
    CU_ASSERT_EQUAL(t.broke, XVMSG_REFUSED);
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(t.b->h), "configuration cannot be read"));
    CU_ASSERT_EQUAL(t.config_count, 0);
    backend_free(t.b);
}

/* ---- torn reads ---- */

/* Every piece comes from another configuration. */
static bool never_still(struct backend *b, const struct msg *m)
{
    (void)b;
    if (m->kind != MSG_get_config_request)
        return false;
    t.disk->generation++;
    memset(t.disk->config, (int)t.disk->generation, 60);
    return false;
}

static void the_strict_profile_never_shows_a_mixed_configuration(void)
{
    driven_start_in(&t, true, SMALL);
    t.b->script = never_still;
    driven_open(&t);
    CU_ASSERT_TRUE(t.ready);
    CU_ASSERT_EQUAL(t.status, XVMSG_CONFIG_UNSTABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(t.b->h), "GET_CONFIG: the configuration changed"));
    CU_ASSERT_TRUE(t.disk->status & 0x80);
    CU_ASSERT(t.b->seen[MSG_get_config_request] < 50);
    backend_free(t.b);

    driven_start_in(&t, true, SMALL);
    memset(t.disk->config, 1, 60);
    driven_open(&t);
    CU_ASSERT_EQUAL(t.status, XVMSG_OK);
    t.b->script = never_still;
    send_event(0, 0, false);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(t.broke, XVMSG_CONFIG_UNSTABLE);
    for (int i = 0; i < 60; i++)
        CU_ASSERT_EQUAL(view()[i], 1);
    backend_free(t.b);
}

static void the_baseline_believes_it_in_the_end(void)
{
    driven_start_in(&t, false, SMALL);
    t.b->script = never_still;
    driven_open(&t);
    CU_ASSERT_EQUAL(t.status, XVMSG_OK);
    CU_ASSERT(t.b->seen[MSG_get_config_request] < 50);
    backend_free(t.b);
}

static void a_range_of_another_generation_makes_it_read_all(void)
{
    driven_start_in(&t, true, SMALL);
    t.disk->generation = 9;
    driven_open(&t);
    memset(t.disk->config, 0x42, 60);
    t.disk->generation = 2; /* may go back (DRV-33) */
    send_event(8, 8, false);
    t.disk->generation = 7; /* and changed once more, of which the event will come */
    backend_settle(t.b);
    CU_ASSERT_EQUAL(memcmp(view(), t.disk->config, 60), 0);
    /* One that agrees is read alone. */
    t.b->seen[MSG_get_config_request] = 0;
    t.disk->config[9] = 5;
    send_event(8, 8, false);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(t.b->seen[MSG_get_config_request], 1);
    CU_ASSERT_EQUAL(view()[9], 5);
    backend_free(t.b);
}

/* ---- writing ---- */

static void write_config(uint32_t offset, uint32_t length)
{
    CU_ASSERT_EQUAL_FATAL(
        xvmsg_device_write_config(t.device, offset, bytes, length, driven_done, &t), 0);
    CU_ASSERT_EQUAL(xvmsg_device_write_config(t.device, offset, bytes, 1, driven_done, &t), -1);
    CU_ASSERT_EQUAL(errno, EBUSY);
    CU_ASSERT_EQUAL(t.done_count, 0);
    backend_settle(t.b);
}

static uint32_t sent_generation;

static bool note_generation(struct backend *b, const struct msg *m)
{
    (void)b;
    if (m->kind == MSG_set_config_request)
        sent_generation |= m->set_config_request.generation;
    return false;
}

static void a_write_changes_device_and_view(void)
{
    driven_start_in(&t, false, SMALL);
    t.disk->generation = 9;
    driven_open(&t);
    t.b->script = note_generation;
    sent_generation = 0;
    write_config(10, 40); /* two pieces */
    CU_ASSERT_EQUAL(t.done_count, 1);
    CU_ASSERT_EQUAL(t.done_status, XVMSG_OK);
    CU_ASSERT_EQUAL(t.b->seen[MSG_set_config_request], 2);
    CU_ASSERT_EQUAL(sent_generation, 0); /* in the baseline (DRV-29) */
    CU_ASSERT_EQUAL(memcmp(t.disk->config + 10, bytes, 40), 0);
    CU_ASSERT_EQUAL(memcmp(view(), t.disk->config, 60), 0);
    CU_ASSERT_EQUAL(t.b->seen[MSG_get_config_request], 4); /* two in the beginning */
    backend_free(t.b);
}

/* Counts as written what only it may change. */
static bool keep_its_own(struct backend *b, const struct msg *m)
{
    struct msg r = backend_response(m);

    if (m->kind != MSG_set_config_request)
        return false;
    r.set_config_response.offset = m->set_config_request.offset;
    r.set_config_response.length = m->set_config_request.length;
    backend_send(b, &r);
    return true;
}

static void the_view_shows_what_the_device_made_of_a_write(void)
{
    driven_start_ready(&t);
    t.b->script = keep_its_own;
    write_config(0, 16);
    CU_ASSERT_EQUAL(t.done_status, XVMSG_OK);
    CU_ASSERT_EQUAL(memcmp(view(), t.disk->config, 60), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(view(), bytes, 16), 0);
    backend_free(t.b);
}

static unsigned pieces_to_take;

static bool refuse_the_rest(struct backend *b, const struct msg *m)
{
    struct msg r = backend_response(m);

    if (m->kind != MSG_set_config_request || pieces_to_take-- > 0)
        return false;
    r.set_config_response.offset = m->set_config_request.offset;
    backend_send(b, &r);
    return true;
}

static void what_was_applied_of_a_failed_write_is_shown(void)
{
    driven_start_in(&t, false, SMALL);
    driven_open(&t);
    t.b->script = refuse_the_rest;
    pieces_to_take = 1;
    write_config(10, 40);
    CU_ASSERT_EQUAL(t.done_count, 1);
    CU_ASSERT_EQUAL(t.done_status, XVMSG_REFUSED);
    CU_ASSERT_EQUAL(t.disk->config[10], 9);
    CU_ASSERT_EQUAL(memcmp(view(), t.disk->config, 60), 0);
    backend_free(t.b);
}

static bool apply_without_a_word(struct backend *b, const struct msg *m)
{
    (void)b;
    if (m->kind != MSG_set_config_request)
        return false;
    memcpy(t.disk->config + m->set_config_request.offset, m->set_config_request.data.bytes,
           m->set_config_request.length);
    return true;
}

static void what_a_write_without_an_answer_did_is_shown(void)
{
    driven_start_ready(&t);
    t.b->script = apply_without_a_word;
    write_config(10, 4);
    fake_xen_advance(t.b->fx, UINT64_C(5000000000));
    xvmsg_process(t.b->h);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(t.done_count, 1);
    CU_ASSERT_EQUAL(t.done_status, XVMSG_TIMEOUT);
    CU_ASSERT_EQUAL(t.disk->config[10], 9);
    CU_ASSERT_EQUAL(memcmp(view(), t.disk->config, 60), 0);
    backend_free(t.b);
}

static unsigned reads_until_done;

/* The configuration changes once more each time it is read. */
static bool change_always(struct backend *b, const struct msg *m)
{
    (void)b;
    if (m->kind != MSG_get_config_request || !changes_left)
        return false;
    changes_left--;
    reads_until_done += t.done_count == 0;
    send_event(0, 0, false);
    return false;
}

static void a_write_ends_although_the_configuration_changes_always(void)
{
    driven_start_ready(&t);
    changes_left = 500;
    reads_until_done = 0;
    t.b->script = change_always;
    write_config(10, 4);
    for (int i = 0; i < 100 && changes_left; i++)
        backend_settle(t.b);
    CU_ASSERT_EQUAL(t.done_count, 1);
    CU_ASSERT_EQUAL(t.done_status, XVMSG_OK);
    CU_ASSERT(reads_until_done < 50);
    CU_ASSERT_EQUAL(changes_left, 0);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(memcmp(view(), t.disk->config, 60), 0);
    backend_free(t.b);
}

static void writes_stay_inside(void)
{
    driven_start_ready(&t);
    CU_ASSERT_EQUAL(xvmsg_device_write_config(t.device, 59, bytes, 2, NULL, NULL), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(xvmsg_device_write_config(t.device, UINT32_MAX, bytes, 2, NULL, NULL), -1);
    CU_ASSERT_EQUAL(xvmsg_device_write_config(t.device, 0, bytes, 0, NULL, NULL), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(t.b->seen[MSG_set_config_request], 0);
    backend_free(t.b);
}

/* As a strict device: the generation must be its own, and a write moves it. */
static bool be_strict(struct backend *b, const struct msg *m)
{
    struct msg r = backend_response(m);
    bool current = m->set_config_request.generation == t.disk->generation;

    if (m->kind != MSG_set_config_request)
        return false;
    if (current) {
        memcpy(t.disk->config + m->set_config_request.offset, m->set_config_request.data.bytes,
               m->set_config_request.length);
        t.disk->generation += 3;
        r.set_config_response.length = m->set_config_request.length;
    }
    r.set_config_response.offset = m->set_config_request.offset;
    r.set_config_response.generation = t.disk->generation;
    backend_send(b, &r);
    return true;
}

static void strict_writes_carry_the_latest_generation(void)
{
    driven_start_in(&t, true, SMALL);
    t.disk->generation = 9;
    driven_open(&t);
    t.b->script = be_strict;
    write_config(10, 40);
    CU_ASSERT_EQUAL(t.done_status, XVMSG_OK);
    CU_ASSERT_EQUAL(t.b->seen[MSG_set_config_request], 2);
    t.disk->generation = 2;
    send_event(0, 4, true);
    backend_settle(t.b);
    t.done_count = 0;
    write_config(20, 4);
    CU_ASSERT_EQUAL(t.b->seen[MSG_set_config_request], 3);
    CU_ASSERT_EQUAL(t.done_status, XVMSG_OK);
    CU_ASSERT_EQUAL(memcmp(view() + 20, bytes, 4), 0);
    backend_free(t.b);
}

static void a_strict_write_that_was_too_late_is_tried_again(void)
{
    driven_start_in(&t, true, SMALL);
    driven_open(&t);
    t.b->script = be_strict;
    t.disk->generation = 77; /* changed, and the event is not there yet */
    t.disk->config[59] = 0x55;
    t.b->num_seen = 0;
    write_config(10, 4);
    CU_ASSERT_EQUAL(t.done_count, 1);
    CU_ASSERT_EQUAL(t.done_status, XVMSG_OK);
    CU_ASSERT_EQUAL(t.b->order[0], MSG_set_config_request);
    CU_ASSERT_EQUAL(t.b->order[1], MSG_get_config_request);
    CU_ASSERT_EQUAL(t.b->order[2], MSG_get_config_request);
    CU_ASSERT_EQUAL(t.b->order[3], MSG_set_config_request);
    CU_ASSERT_EQUAL(t.b->order[4], MSG_get_config_request);
    CU_ASSERT_EQUAL(t.b->num_seen, 5);
    CU_ASSERT_EQUAL(memcmp(view(), t.disk->config, 60), 0);
    CU_ASSERT_EQUAL(t.config_count, 2); /* what somebody else changed, and we */
    backend_free(t.b);
}

static bool refuse_writes(struct backend *b, const struct msg *m)
{
    struct msg r = backend_response(m);

    if (m->kind != MSG_set_config_request)
        return false;
    r.set_config_response.offset = m->set_config_request.offset;
    backend_send(b, &r);
    return true;
}

static void a_write_that_is_always_refused_ends(void)
{
    for (int strict = 0; strict < 2; strict++) {
        driven_start_in(&t, strict, SMALL);
        driven_open(&t);
        t.b->script = refuse_writes;
        write_config(10, 4);
        CU_ASSERT_EQUAL(t.done_count, 1);
        CU_ASSERT_EQUAL(t.done_status, XVMSG_REFUSED);
        CU_ASSERT_EQUAL(view()[10], 0);
        CU_ASSERT(t.b->seen[MSG_set_config_request] <= (strict ? 5 : 1));
        CU_ASSERT_EQUAL(t.broken_count, 0);
        backend_free(t.b);
    }
}

static bool drop_writes(struct backend *b, const struct msg *m)
{
    (void)b;
    return m->kind == MSG_set_config_request;
}

static bool refuse_writes_and_be_silent(struct backend *b, const struct msg *m)
{
    return refuse_writes(b, m) || m->kind == MSG_get_config_request;
}

static void a_write_ends_with_its_device(void)
{
    static const enum xvmsg_status ends[] = {
        XVMSG_DEVICE_REMOVED, XVMSG_BUS_CLOSED, XVMSG_NEEDS_RESET, XVMSG_TIMEOUT, XVMSG_CANCELLED,
    };

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct msg m = {.kind = MSG_event_config, .dev_num = 3, .event_config.device_status = 0x4f};

        driven_start_ready(&t);
        t.b->script = drop_writes;
        write_config(10, 4);
        CU_ASSERT_EQUAL(t.done_count, 0);
        if (ends[i] == XVMSG_DEVICE_REMOVED)
            backend_vanish(t.b, 3);
        else if (ends[i] == XVMSG_BUS_CLOSED)
            backend_advertise(t.b);
        else if (ends[i] == XVMSG_NEEDS_RESET)
            backend_send(t.b, &m);
        else if (ends[i] == XVMSG_TIMEOUT)
            fake_xen_advance(t.b->fx, UINT64_C(5000000000));
        xvmsg_process(t.b->h);
        backend_settle(t.b);
        backend_free(t.b);
        CU_ASSERT_EQUAL(t.done_count, 1);
        CU_ASSERT_EQUAL(t.done_status, ends[i]);
    }
    /* The handle goes while it waits for the configuration. */
    driven_start_in(&t, true, SMALL);
    driven_open(&t);
    t.b->script = refuse_writes_and_be_silent;
    write_config(10, 4);
    backend_free(t.b);
    CU_ASSERT_EQUAL(t.done_count, 1);
    CU_ASSERT_EQUAL(t.done_status, XVMSG_CANCELLED);
    /* Closing tells nobody. */
    driven_start_ready(&t);
    t.b->script = drop_writes;
    write_config(10, 4);
    xvmsg_device_close(t.device);
    backend_free(t.b);
    CU_ASSERT_EQUAL(t.done_count, 0);
}

static void a_write_while_it_is_read_is_seen(void)
{
    driven_start_in(&t, false, SMALL);
    driven_open(&t);
    send_event(0, 0, false);
    xvmsg_process(t.b->h); /* the first piece is on its way */
    write_config(2, 4);
    CU_ASSERT_EQUAL(t.done_status, XVMSG_OK);
    CU_ASSERT_EQUAL(memcmp(view(), t.disk->config, 60), 0);
    backend_free(t.b);
}

static const struct test_case cases[] = {
    TEST(data_in_an_event_is_taken_over),
    TEST(a_range_without_data_is_read),
    TEST(an_event_without_a_range_means_anything),
    TEST(a_device_without_configuration_only_tells),
    TEST(ranges_that_cannot_be_do_nothing),
    TEST(an_event_that_overtakes_a_read_is_not_lost),
    TEST(data_between_reading_and_ready_is_taken_over_too),
    TEST(a_configuration_that_cannot_be_read_again_breaks_the_device),
    TEST(the_strict_profile_never_shows_a_mixed_configuration),
    TEST(the_baseline_believes_it_in_the_end),
    TEST(a_range_of_another_generation_makes_it_read_all),
    TEST(a_write_changes_device_and_view),
    TEST(the_view_shows_what_the_device_made_of_a_write),
    TEST(what_was_applied_of_a_failed_write_is_shown),
    TEST(what_a_write_without_an_answer_did_is_shown),
    TEST(a_write_ends_although_the_configuration_changes_always),
    TEST(writes_stay_inside),
    TEST(strict_writes_carry_the_latest_generation),
    TEST(a_strict_write_that_was_too_late_is_tried_again),
    TEST(a_write_that_is_always_refused_ends),
    TEST(a_write_ends_with_its_device),
    TEST(a_write_while_it_is_read_is_seen),
    {NULL, NULL},
};

int main(void)
{
    return test_main("frontend-config", cases);
}
