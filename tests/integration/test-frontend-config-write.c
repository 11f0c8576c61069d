/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The configuration a driver writes, in both profiles. */

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

static unsigned changes_left;
static unsigned reads_until_done;

/* The configuration changes once more each time it is read. */
static bool change_always(struct backend *b, const struct msg *m)
{
    (void)b;
    if (m->kind != MSG_get_config_request || !changes_left)
        return false;
    changes_left--;
    reads_until_done += t.done_count == 0;
    driven_config_event(&t, 0, 0, NULL);
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
    driven_config_event(&t, 0, 4, bytes);
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

static void a_write_that_is_always_refused_ends(void)
{
    for (int strict = 0; strict < 2; strict++) {
        driven_start_in(&t, strict, SMALL);
        driven_open(&t);
        t.b->script = backend_refuse_writes;
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
    return backend_refuse_writes(b, m) || m->kind == MSG_get_config_request;
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
    driven_config_event(&t, 0, 0, NULL);
    xvmsg_process(t.b->h); /* the first piece is on its way */
    write_config(2, 4);
    CU_ASSERT_EQUAL(t.done_status, XVMSG_OK);
    CU_ASSERT_EQUAL(memcmp(view(), t.disk->config, 60), 0);
    backend_free(t.b);
}

static const struct test_case cases[] = {
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
    return test_main("frontend-config writes", cases);
}
