/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* GET_DEVICE_INFO, GET_SHM, and being found. */

#include <string.h>

#include "common/le.h"
#include "tests/conformance/device/conform.h"
#include "tests/conformance/device/probe.h"
#include "tests/conformance/device/raw.h"
#include "tests/harness.h"

#define INFO_SIZE 44u

static void read_info(struct driver *d, uint8_t *payload)
{
    driver_call(d, driver_message(d, MSG_get_device_info_request));
    CU_ASSERT_EQUAL_FATAL(raw_received(d).size, raw_header_size(d) + INFO_SIZE);
    memcpy(payload, raw_payload(d), INFO_SIZE);
}

static void same_at_any_time(struct driver *d)
{
    static const uint32_t steps[] = {1, 3, 11, 15, 0x8f, 0};
    uint8_t first[INFO_SIZE], again[INFO_SIZE];

    read_info(d, first);
    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (steps[i] == 11)
            driver_accept(d, VERSION_1);
        CU_ASSERT_EQUAL(driver_set_status(d, steps[i]), steps[i]);
        read_info(d, again);
        CU_ASSERT(memcmp(first, again, INFO_SIZE) == 0);
    }
}

static void consistent(struct driver *d)
{
    const struct msg_get_device_info_response *info = &d->info;
    uint8_t config[DRIVER_CONFIG_MAX];

    CU_ASSERT(info->device_id != 0);
    /* Reads all of it: nothing inside is refused. */
    driver_whole_config(d, config);
    CU_ASSERT_EQUAL(driver_read_config(d, info->config_size, 1).get_config_response.length, 0);
    for (uint32_t q = 0; q < info->max_virtqueues; q++)
        CU_ASSERT(driver_get_queue(d, q).max_size > 0);
    CU_ASSERT_EQUAL(driver_get_queue(d, info->max_virtqueues).max_size, 0);
    CU_ASSERT((uint64_t)info->admin_vq_start + info->admin_vq_count <= info->max_virtqueues);
    CU_ASSERT(info->admin_vq_count || !info->admin_vq_start);
}

static void capacity_in_blocks(struct driver *d)
{
    struct msg m = driver_message(d, MSG_get_device_features_request);
    uint32_t highest = 0;

    m.get_device_features_request.num_blocks = 8;
    m = driver_call(d, m);
    CU_ASSERT_EQUAL_FATAL(m.get_device_features_response.num_blocks, 8);
    for (uint32_t i = 0; i < 8; i++) {
        if (le32_get(m.get_device_features_response.features.bytes + 4 * i))
            highest = i;
    }
    CU_ASSERT(highest < d->info.num_feature_blocks);
    CU_ASSERT(d->info.num_feature_blocks >= 2 && d->info.num_feature_blocks <= 4);
}

static void uuid_of_its_own(struct driver *d)
{
    for (unsigned i = 0; i < 16; i++)
        CU_ASSERT_EQUAL(d->info.device_uuid.bytes[i], 0xa0 + i);
}

static void admin_queues(struct driver *d)
{
    CU_ASSERT_EQUAL(d->info.admin_vq_count, PROBE_ADMIN_QUEUES);
    CU_ASSERT_EQUAL(d->info.admin_vq_start, PROBE_QUEUES - PROBE_ADMIN_QUEUES);
    driver_start(d, VERSION_1);
    driver_enable_queue(d, d->info.admin_vq_start);
    driver_do_one(d, d->info.admin_vq_start);
}

static void no_uuid(struct driver *d)
{
    static const struct msg_uuid nil;
    struct msg m = driver_message(d, MSG_get_device_info_request);

    m.dev_num = d->device + 1;
    d->control->add(d->g, m.dev_num, false);
    m = driver_call(d, m);
    CU_ASSERT(memcmp(&m.get_device_info_response.device_uuid, &nil, sizeof(nil)) == 0);
}

/* ---- shared memory ---- */

static struct msg_get_shm_response get_shm(struct driver *d, uint32_t index)
{
    struct msg m = driver_message(d, MSG_get_shm_request);

    m.get_shm_request.index = index;
    m = driver_call(d, m);
    CU_ASSERT_EQUAL(m.get_shm_response.index, index);
    CU_ASSERT_EQUAL(m.get_shm_response.reserved, 0);
    return m.get_shm_response;
}

static void unknown_regions(struct driver *d)
{
    static const uint32_t indices[] = {1, 3, 4, 255, 256, 0x80000000, UINT32_MAX};

    for (unsigned i = 0; i < sizeof(indices) / sizeof(indices[0]); i++) {
        struct msg_get_shm_response shm = get_shm(d, indices[i]);

        CU_ASSERT_EQUAL(shm.length, 0);
        CU_ASSERT_EQUAL(shm.address, 0);
    }
}

static void known_regions(struct driver *d)
{
    for (uint32_t index = 0; index <= 2; index += 2) {
        struct msg_get_shm_response shm = get_shm(d, index);

        CU_ASSERT_EQUAL(shm.length, PROBE_SHM_LENGTH(index));
        CU_ASSERT_EQUAL(shm.address, PROBE_SHM_ADDRESS(index));
        CU_ASSERT_EQUAL(raw_received(d).size, raw_header_size(d) + 24);
    }
}

/* ---- being found ---- */

/* Is that number in the answer to GET_DEVICES? */
static bool listed(struct driver *d, uint64_t number)
{
    struct msg m = {.kind = MSG_get_devices_request};

    m.get_devices_request.offset = number;
    m.get_devices_request.count = 1;
    m = driver_call(d, m);
    return m.get_devices_response.count && m.get_devices_response.bitmap.bytes[0] & 1;
}

#define WINDOW 64u

/* Asks every device that a window of numbers lists; is ours among them? */
static bool ask_listed(struct driver *d, const struct msg_get_devices_response *window)
{
    uint8_t bitmap[WINDOW / 8] = {0};
    struct msg info = {.kind = MSG_get_device_info_request};
    bool found = false;

    CU_ASSERT_FATAL(window->bitmap.size <= sizeof(bitmap));
    if (window->bitmap.size)
        memcpy(bitmap, window->bitmap.bytes, window->bitmap.size);
    for (uint32_t slot = 0; slot < window->count; slot++) {
        if (!(bitmap[slot / 8] >> slot % 8 & 1))
            continue;
        info.dev_num = window->offset + slot;
        CU_ASSERT(driver_call(d, info).get_device_info_response.device_id != 0);
        found |= info.dev_num == d->device;
    }
    return found;
}

static void listed_ones_answer(struct driver *d)
{
    struct msg m = {.kind = MSG_get_devices_request, .get_devices_request.count = WINDOW};
    bool found = false;

    do {
        struct msg answer = driver_call(d, m);

        m.get_devices_request.offset = answer.get_devices_response.next_offset;
        found |= ask_listed(d, &answer.get_devices_response);
    } while (m.get_devices_request.offset);
    CU_ASSERT(found);
    CU_ASSERT(!listed(d, d->device + 1));
}

static void one_that_leaves(struct driver *d)
{
    struct msg m = driver_message(d, MSG_get_device_info_request);

    driver_start(d, VERSION_1);
    d->control->hold();
    driver_offer(d, 0, 0);
    driver_kick(d, 0);
    guest_settle(d->g);
    CU_ASSERT_EQUAL(d->control->held(), 1);
    d->control->begin_removal(d->g, d->device);
    for (unsigned i = 0; i < DRIVER_MAX_POLLS && listed(d, d->device); i++)
        continue;
    CU_ASSERT_FATAL(!listed(d, d->device));
    /* Its request is still out, and it answers nothing. */
    guest_send(d->g, &m);
    guest_settle(d->g);
    CU_ASSERT_EQUAL(d->control->held(), 1);
    d->control->give_back();
    d->control->finish_removal(d->g, d->device);
    CU_ASSERT_EQUAL(d->g->used_events, 0);
    d->control->add(d->g, d->device, true);
    CU_ASSERT(listed(d, d->device));
}

const struct conform_case information_cases[] = {
    {"DEV-17: GET_DEVICE_INFO is the same in every state", same_at_any_time, 0},
    {"DEV-17: configuration, queues and admin range are as it says", consistent, 0},
    {"DEV-18 REC-07: capacity counts 32-bit blocks and covers what is offered",
     capacity_in_blocks, 0},
    {"DEV-17: its last queues are admin queues", admin_queues, NEEDS_CONTROL},
    {"DEV-19: the UUID it was given", uuid_of_its_own, NEEDS_CONTROL},
    {"DEV-20: without one, all zeros", no_uuid, NEEDS_CONTROL},
    {"DEV-68 DEV-69: unknown shared memory has length 0", unknown_regions, 0},
    {"DEV-68 DEV-69: a known one has its length and address", known_regions, NEEDS_CONTROL},
    {"REC-14: whatever GET_DEVICES lists answers", listed_ones_answer, 0},
    {"REC-14: a device that leaves is no longer listed", one_that_leaves, NEEDS_CONTROL},
    {NULL, NULL, 0},
};
