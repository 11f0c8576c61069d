/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Every message that a driver may send, in every length it may not have. */

#include <string.h>

#include "common/le.h"
#include "tests/conformance/device/conform.h"
#include "tests/conformance/device/raw.h"
#include "tests/harness.h"

#define BEYOND 8u /* bytes more than there should be */

/* With values that would be seen to have worked. */
static const struct msg samples[] = {
    {.kind = MSG_get_device_info_request},
    {.kind = MSG_get_device_features_request, .get_device_features_request = {0, 1}},
    {.kind = MSG_set_driver_features_request,
     .set_driver_features_request = {1, 1, {(const uint8_t *)"\xff\xff\xff\xff", 4}}},
    {.kind = MSG_get_config_request, .get_config_request = {0, 4}},
    {.kind = MSG_set_config_request,
     .set_config_request = {0, 0, 4, {(const uint8_t *)"\xee\xee\xee\xee", 4}}},
    {.kind = MSG_get_device_status_request},
    {.kind = MSG_set_device_status_request, .set_device_status_request = {0x8f}},
    {.kind = MSG_get_vqueue_request},
    {.kind = MSG_set_vqueue_request},
    {.kind = MSG_reset_vqueue_request},
    {.kind = MSG_get_shm_request},
    {.kind = MSG_event_avail},
    {.kind = MSG_get_devices_request, .get_devices_request = {0, 8}},
    {.kind = MSG_ping_request, .ping_request = {0x12345678}},
    {.kind = MSG_area_share_request,
     .area_share_request = {2, 0, 1, 1, {(const uint8_t *)"\xff\xff\xff\x7f", 4}}},
    {.kind = MSG_area_unshare_request, .area_unshare_request = {GUEST_AREA, 0}},
    {.kind = MSG_queue_doorbell_request},
};
#define SAMPLES (sizeof(samples) / sizeof(samples[0]))

/* The bytes of a sample, and BEYOND more behind it; returns its size. */
static size_t make(const struct driver *d, unsigned i, uint8_t *bytes)
{
    struct msg m = samples[i];
    size_t size;

    memset(bytes, 0xff, RAW_MAX);
    if (msg_describe(m.kind)->name_space == MSG_TRANSPORT)
        m.dev_num = d->device;
    if (m.kind == MSG_set_vqueue_request) {
        m.set_vqueue_request = driver_good_queue(0);
        m.set_vqueue_request.size = 4;
    }
    size = msg_encode(d->g->ring.form, &m, bytes, RAW_MAX, NULL);
    CU_ASSERT_FATAL(size > 0);
    return size;
}

static void set_size(const struct driver *d, uint8_t *bytes, size_t size)
{
    le16_put(bytes + (d->g->ring.form == MSG_WIDE ? 4 : 6), (uint16_t)size);
}

/* Each prefix of each message, and the device is as it was. */
static void expect_all_dropped(struct driver *d)
{
    uint8_t bytes[RAW_MAX];
    struct driver_view before;

    driver_look(d, &before);
    for (unsigned i = 0; i < SAMPLES; i++) {
        size_t whole = make(d, i, bytes);

        for (size_t size = raw_header_size(d); size < whole; size++) {
            set_size(d, bytes, size);
            guest_send_bytes(d->g, bytes, size);
        }
        guest_settle(d->g);
        CU_ASSERT(driver_sees(d, &before));
    }
}

static void short_while_inactive(struct driver *d)
{
    expect_all_dropped(d);
    driver_start(d, VERSION_1);
    driver_do_one(d, 0);
}

static void short_while_set_up(struct driver *d)
{
    driver_set_status(d, 3);
    driver_accept(d, VERSION_1);
    expect_all_dropped(d);
    CU_ASSERT_EQUAL(driver_set_status(d, 11), 11);
    expect_all_dropped(d);
    driver_enable_queue(d, 0);
    CU_ASSERT_EQUAL(driver_set_status(d, 15), 15);
    driver_do_one(d, 0);
}

static void short_while_running(struct driver *d)
{
    driver_start(d, VERSION_1 | RING_RESET);
    expect_all_dropped(d);
    driver_do_one(d, 0);
}

/* Longer ones are answered as if they ended where their layout does (O-19). */
static void longer(struct driver *d)
{
    uint8_t bytes[RAW_MAX];

    driver_start(d, VERSION_1);
    for (unsigned i = 0; i < SAMPLES; i++) {
        size_t whole = make(d, i, bytes);

        for (size_t size = whole; size <= whole + BEYOND; size++) {
            if (size > d->g->ring.max_message)
                break;
            set_size(d, bytes, size);
            if (samples[i].kind == MSG_event_avail)
                raw_expect_dropped(d, bytes, size);
            else
                raw_expect_answered(d, bytes, size);
        }
    }
}

/* ---- sizes that no record of the ring can have ---- */

/* A record whose msg_size says `size`, of which one header is there. */
static void put_record(struct driver *d, size_t size)
{
    struct ring *ring = &d->g->ring;
    uint8_t bytes[RAW_MAX];
    uint32_t at = ring->out.prod % ring->size;
    size_t header = raw_build(d, bytes, 0, 0x02, 1, NULL, 0);

    CU_ASSERT_FATAL(ring_put(ring, bytes, header));
    le16_put(ring->out.bytes + at + (ring->form == MSG_WIDE ? 4 : 6), (uint16_t)size);
    if (ring_publish(ring))
        d->g->domu->ops->evtchn_notify(d->g->domu, (uint32_t)d->g->port);
}

/* The bus ends with words about it; a new connection finds the device fresh. */
static void expect_bus_failure(struct driver *d, size_t size)
{
    enum msg_form form = d->g->ring.form;
    uint16_t max = d->g->ring.max_message;

    driver_start(d, VERSION_1);
    put_record(d, size);
    CU_ASSERT_PTR_NOT_NULL(strstr(d->control->bus_failure(d->g), "record"));
    d->control->reconnect(d->g, form, max);
    CU_ASSERT_EQUAL(driver_status(d), 0);
    driver_begin(d);
}

static void impossible_records(struct driver *d)
{
    uint16_t max = d->g->ring.max_message;

    for (size_t size = 0; size < raw_header_size(d); size++)
        expect_bus_failure(d, size);
    /* Announced in part only. */
    expect_bus_failure(d, raw_header_size(d) + 1);
    expect_bus_failure(d, max);
    if (max < MSG_PROTOCOL_MAX) {
        expect_bus_failure(d, max + 1u);
        expect_bus_failure(d, MSG_PROTOCOL_MAX);
    }
    driver_start(d, VERSION_1);
    driver_do_one(d, 0);
}

/* ---- the log ---- */

static struct driver *noisy;

static void make_noise(void)
{
    uint8_t bytes[RAW_MAX];

    for (unsigned i = 0; i < 50; i++)
        guest_send_bytes(noisy->g, bytes, raw_build(noisy, bytes, 0, 0x3f, 0, NULL, 0));
    guest_settle(noisy->g);
}

static void few_lines(struct driver *d)
{
    noisy = d;
    CU_ASSERT_EQUAL(d->control->lines(d->g, make_noise, "dropped a message"), 1);
    CU_ASSERT_EQUAL(d->control->lines(d->g, make_noise, "dropped a message"), 0);
    d->control->let_time_pass(d->g);
    CU_ASSERT_EQUAL(d->control->lines(d->g, make_noise, "101 so far, 99 not logged"), 1);
}

const struct conform_case bad_size_cases[] = {
    {"DEV-12: messages that are too short change nothing on an inactive device",
     short_while_inactive, 0},
    {"DEV-12: messages that are too short change nothing while it is set up", short_while_set_up,
     0},
    {"DEV-12: messages that are too short change nothing while it runs", short_while_running, 0},
    {"DEV-12 REC-09: requests may be longer, events may not", longer, 0},
    {"DEV-12: a record of impossible size ends the bus by name", impossible_records,
     NEEDS_CONTROL},
    {"DEV-12: discarded messages are counted, and logged at a limited rate", few_lines,
     NEEDS_CONTROL},
    {NULL, NULL, 0},
};
