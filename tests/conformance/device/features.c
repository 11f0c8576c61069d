/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Feature blocks and what comes of accepting them. */

#include "common/le.h"
#include "tests/conformance/device/conform.h"
#include "tests/harness.h"

/* The response to "from this block, so many". */
static struct msg_get_device_features_response ask(struct driver *d, uint32_t block,
                                                   uint32_t count)
{
    struct msg m = driver_message(d, MSG_get_device_features_request);

    m.get_device_features_request.block_index = block;
    m.get_device_features_request.num_blocks = count;
    m = driver_call(d, m);
    CU_ASSERT_EQUAL(m.get_device_features_response.block_index, block);
    CU_ASSERT_EQUAL(m.get_device_features_response.features.size,
                    4 * m.get_device_features_response.num_blocks);
    return m.get_device_features_response;
}

static uint32_t block_of(struct driver *d, uint32_t block)
{
    return le32_get(ask(d, block, 1).features.bytes);
}

static void zero_beyond(struct driver *d)
{
    static const uint32_t far[] = {2,          3,          8,              255,
                                   0x7fffffff, 0x80000000, UINT32_MAX - 1, UINT32_MAX};
    struct msg_get_device_features_response all = ask(d, 0, 8);

    CU_ASSERT_EQUAL_FATAL(all.num_blocks, 8);
    CU_ASSERT_EQUAL(le64_get(all.features.bytes), d->offered);
    for (uint32_t i = d->info.num_feature_blocks; i < 8; i++)
        CU_ASSERT_EQUAL(le32_get(all.features.bytes + 4 * i), 0);
    for (unsigned i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
        /* The numbers of blocks do not wrap to the first. */
        struct msg_get_device_features_response some = ask(d, far[i], 6);

        CU_ASSERT_EQUAL_FATAL(some.num_blocks, 6);
        for (uint32_t at = 0; at < 6; at++)
            CU_ASSERT_EQUAL(le32_get(some.features.bytes + 4 * at), 0);
    }
    CU_ASSERT_EQUAL(ask(d, 0, 0).num_blocks, 0);
}

static void offers(struct driver *d)
{
    CU_ASSERT_EQUAL(d->offered & (VERSION_1 | RING_RESET | BIT(39)), VERSION_1 | RING_RESET);
}

static void refuses_unoffered(struct driver *d)
{
    for (uint32_t bit = 0; bit < 96; bit++) {
        bool known = bit < 64 && d->offered >> bit & 1;

        if (known)
            continue;
        driver_reset(d);
        driver_set_status(d, 3);
        driver_accept(d, VERSION_1);
        driver_accept_block(d, bit / 32,
                            1u << bit % 32 | (bit / 32 == 1 ? (uint32_t)(VERSION_1 >> 32) : 0));
        CU_ASSERT_EQUAL(driver_set_status(d, 11), 3);
        CU_ASSERT_EQUAL(driver_status(d), 3);
    }
}

static void accepts_each_offered(struct driver *d)
{
    for (uint32_t bit = 0; bit < 64; bit++) {
        if (!(d->offered >> bit & 1))
            continue;
        driver_reset(d);
        driver_set_status(d, 3);
        driver_accept(d, VERSION_1 | BIT(bit));
        CU_ASSERT_EQUAL(driver_set_status(d, 11), 11);
        CU_ASSERT_EQUAL(driver_status(d), 11);
    }
}

static void refusal_can_be_mended(struct driver *d)
{
    driver_set_status(d, 3);
    driver_accept(d, VERSION_1 | BIT(63));
    CU_ASSERT_EQUAL(driver_set_status(d, 11), 3);
    driver_accept(d, VERSION_1);
    CU_ASSERT_EQUAL(driver_set_status(d, 11), 11);
}

static void needs_version_1(struct driver *d)
{
    driver_set_status(d, 3);
    driver_accept(d, d->offered & ~VERSION_1);
    CU_ASSERT_EQUAL(driver_set_status(d, 11), 3);
}

/* RING_RESET is the one whose effect every device shows. */
static bool resets_a_queue(struct driver *d, uint64_t features)
{
    driver_negotiate(d, features);
    driver_enable_queue(d, 0);
    driver_reset_queue(d, 0);
    return !driver_get_queue(d, 0).flags;
}

static void takes_effect(struct driver *d)
{
    CU_ASSERT(!resets_a_queue(d, VERSION_1));
    CU_ASSERT(resets_a_queue(d, VERSION_1 | RING_RESET));
    CU_ASSERT(!resets_a_queue(d, VERSION_1));
}

static void only_the_blocks_named(struct driver *d)
{
    driver_set_status(d, 3);
    driver_accept(d, VERSION_1 | RING_RESET);
    /* Block 0 anew leaves block 1, and a far one leaves both. */
    driver_accept_block(d, 0, (uint32_t)d->offered);
    driver_accept_block(d, 7, 0);
    driver_accept_block(d, UINT32_MAX, 0);
    CU_ASSERT_EQUAL(driver_set_status(d, 11), 11);
    driver_enable_queue(d, 0);
    driver_reset_queue(d, 0);
    CU_ASSERT_EQUAL(driver_get_queue(d, 0).flags, 0);
    /* Block 1 anew replaces all of it. */
    driver_reset(d);
    driver_set_status(d, 3);
    driver_accept(d, VERSION_1 | RING_RESET);
    driver_accept_block(d, 1, 0);
    CU_ASSERT_EQUAL(driver_set_status(d, 11), 3);
}

static void fixed_by_features_ok(struct driver *d)
{
    driver_negotiate(d, VERSION_1);
    driver_accept(d, d->offered);
    driver_enable_queue(d, 0);
    driver_reset_queue(d, 0);
    CU_ASSERT_EQUAL(driver_get_queue(d, 0).flags, GET_VQUEUE_ENABLED);
    driver_accept(d, 0);
    CU_ASSERT_EQUAL(driver_set_status(d, 15), 15);
}

static void not_before_driver(struct driver *d)
{
    driver_accept(d, VERSION_1);
    driver_set_status(d, 1);
    driver_accept(d, VERSION_1);
    driver_set_status(d, 3);
    CU_ASSERT_EQUAL(driver_set_status(d, 11), 3);
}

/* Our reading: the offer stays the offer. */
static void offer_stays(struct driver *d)
{
    driver_start(d, VERSION_1);
    CU_ASSERT_EQUAL(block_of(d, 0), (uint32_t)d->offered);
    CU_ASSERT_EQUAL(block_of(d, 1), (uint32_t)(d->offered >> 32));
}

const struct conform_case feature_cases[] = {
    {"DEV-21: feature blocks beyond the known ones are zero", zero_beyond, 0},
    {"REC-11 REC-13: offers VERSION_1 and RING_RESET, never bit 39", offers, 0},
    {"DEV-23: FEATURES_OK stays clear for each bit that was not offered", refuses_unoffered, 0},
    {"DEV-23: FEATURES_OK is set for each bit that was", accepts_each_offered, 0},
    {"DEV-23: a refused set can be replaced", refusal_can_be_mended, 0},
    {"DEV-23: VERSION_1 is needed", needs_version_1, 0},
    {"DEV-22: an accepted feature has its effect, one left out has not", takes_effect, 0},
    {"DEV-22: blocks outside the request stay, those inside are replaced",
     only_the_blocks_named, 0},
    {"DEV-22: FEATURES_OK fixes the set", fixed_by_features_ok, 0},
    {"DEV-22: nothing is accepted before DRIVER", not_before_driver, 0},
    {"DEV-24: GET_DEVICE_FEATURES tells the offer also after negotiation", offer_stays, 0},
    {NULL, NULL, 0},
};
