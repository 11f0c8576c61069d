/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The configuration a driver sees: changes, torn reads, and both profiles. */

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

/* ---- events ---- */

static void data_in_an_event_is_taken_over(void)
{
    driven_start_ready(&t);
    driven_config_event(&t, 20, 4, bytes);
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
    driven_config_event(&t, 20, 4, NULL);
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
    driven_config_event(&t, 0, 0, NULL);
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
    driven_config_event(&t, 0, 0, NULL);
    driven_config_event(&t, 0, 4, NULL);
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
        driven_config_event(&t, ranges[i].offset, ranges[i].length, NULL);
        if (ranges[i].length && ranges[i].length <= 4)
            driven_config_event(&t, ranges[i].offset, ranges[i].length, bytes);
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
    driven_config_event(&t, 40, 4, changes_left % 2 ? NULL : bytes);
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
        driven_config_event(&t, 0, 0, NULL);
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
    driven_config_event(&t, 40, 4, bytes);
    driven_config_event(&t, 8, 8, NULL);
    backend_settle(t.b);
    CU_ASSERT_TRUE_FATAL(t.ready);
    CU_ASSERT_EQUAL(memcmp(view() + 40, bytes, 4), 0);
    CU_ASSERT_EQUAL(view()[8], 0x42);
    backend_free(t.b);
}

static void a_configuration_that_cannot_be_read_again_breaks_the_device(void)
{
    driven_start_ready(&t);
    t.b->script = backend_refuse_reads;
    driven_config_event(&t, 8, 8, NULL);
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
    driven_config_event(&t, 0, 0, NULL);
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
    driven_config_event(&t, 8, 8, NULL);
    t.disk->generation = 7; /* and changed once more, of which the event will come */
    backend_settle(t.b);
    CU_ASSERT_EQUAL(memcmp(view(), t.disk->config, 60), 0);
    /* One that agrees is read alone. */
    t.b->seen[MSG_get_config_request] = 0;
    t.disk->config[9] = 5;
    driven_config_event(&t, 8, 8, NULL);
    backend_settle(t.b);
    CU_ASSERT_EQUAL(t.b->seen[MSG_get_config_request], 1);
    CU_ASSERT_EQUAL(view()[9], 5);
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
    {NULL, NULL},
};

int main(void)
{
    return test_main("frontend-config", cases);
}
