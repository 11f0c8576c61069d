/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What the two ends agree on before the first message, and what they cannot agree on. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/log.h"
#include "common/le.h"
#include "common/store.h"
#include "tests/conformance/bus/negotiation.h"
#include "tests/harness.h"

/* GET_DEVICE_FEATURES and SET_DRIVER_FEATURES with so many blocks are 65,532 bytes. */
#define MOST_BLOCKS 16377u

/* ---- before the first message ---- */

static void told_before_messages(void)
{
    struct ends *e = ends_new(&(struct ends_setup){.apart = true});
    struct ends_call call = {0};

    ends_run_until_node(e, B7 "/state", "2");
    CU_ASSERT(stage_is(&e->s, B7 "/transport-revision", "1"));
    CU_ASSERT(stage_is(&e->s, B7 "/max-message-size", "65535"));
    CU_ASSERT(store_exists(e->s.toolstack, PLATFORM_NO_TX, B7 "/transport-features"));
    CU_ASSERT_EQUAL(xvmsg_connect(e->h), 0);
    ends_run_until_node(e, F7 "/state", "3");
    CU_ASSERT(stage_is(&e->s, F7 "/message-size", "272"));
    CU_ASSERT(stage_is(&e->s, F7 "/wire-form", "wide"));
    CU_ASSERT(stage_is(&e->s, F7 "/transport-features", "0"));
    CU_ASSERT_EQUAL(xvmsg_ping(e->h, 1, ends_answered, &call), -1);
    CU_ASSERT_EQUAL(errno, ENOTCONN);
    ends_run(e, &e->connected);
    CU_ASSERT_EQUAL(relay_count(e->relay), 0);
    CU_ASSERT_EQUAL(ends_ping(e, 1), XVMSG_OK);
    ends_free(e);
}

static void default_size(void)
{
    negotiation_library_chooses(&negotiation_wide, "", "", "message-size", "272");
    negotiation_library_chooses(&negotiation_compact, "", "", "message-size", "264");
}

static void smaller_size(void)
{
    struct ends_setup large = negotiation_wide;

    negotiation_library_chooses(&negotiation_wide, "max-message-size", "100", "message-size", "100");
    large.message_size = 4000;
    negotiation_library_chooses(&large, "max-message-size", "3000", "message-size", "3000");
    negotiation_library_chooses(&large, "max-message-size", "65535", "message-size", "4000");
}

static void sizes_out_of_range(void)
{
    struct ends_setup small = {.message_size = 59, .alone = true};
    struct ends *e = ends_new(&negotiation_wide);

    CU_ASSERT_EQUAL(xvmsg_set_message_size(e->h, 51), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(xvmsg_set_message_size(e->h, 65536), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(xvmsg_set_message_size(e->h, 60), 0);
    CU_ASSERT_EQUAL(xvmsg_set_message_size(e->h, 65535), 0);
    ends_free(e);
    negotiation_library_refuses(&small, "", "", "59 bytes are too small");
    negotiation_library_refuses(&negotiation_wide, "max-message-size", "59", "max-message-size");
    negotiation_library_refuses(&negotiation_compact, "max-message-size", "51", "max-message-size");
    negotiation_library_refuses(&negotiation_wide, "max-message-size", "65536", "max-message-size");
    negotiation_library_chooses(&negotiation_wide, "max-message-size", "60", "message-size", "60");
    negotiation_library_chooses(&negotiation_compact, "max-message-size", "52", "message-size", "52");
    negotiation_backend_refuses("message-size", "59", "60 to 65535");
    negotiation_backend_refuses("message-size", "65536", "60 to 65535");
    negotiation_backend_refuses("message-size", "0", "60 to 65535");
}

/* ---- messages of the sizes agreed on ---- */

static void least_size(enum xvmsg_wire_form form, unsigned size)
{
    struct ends *e = ends_new(&(struct ends_setup){.form = form, .message_size = size});
    size_t largest = 0;

    ends_attach(e, "one");
    ends_use_everything(e);
    for (size_t i = 0; i < relay_count(e->relay); i++)
        if (relay_nth(e->relay, i)->size > largest)
            largest = relay_nth(e->relay, i)->size;
    CU_ASSERT_EQUAL(largest, size); /* GET_DEVICE_INFO's response */
    ends_free(e);
}

static void least_sizes(void)
{
    least_size(XVMSG_WIDE, 60);
    least_size(XVMSG_COMPACT, 52);
}

static void largest_size(void)
{
    struct ends *e = ends_new(&(struct ends_setup){.message_size = 65535});
    uint32_t *words = calloc(MOST_BLOCKS, sizeof(*words));
    struct ends_call get = {0}, set = {0};

    CU_ASSERT_PTR_NOT_NULL_FATAL(words);
    ends_attach(e, "one");
    relay_forget(e->relay);
    CU_ASSERT_EQUAL(ends_finish(e,
                                xvmsg_get_device_features(e->h, 1, 0, MOST_BLOCKS, words,
                                                          ends_answered, &get),
                                &get),
                    XVMSG_OK);
    CU_ASSERT_EQUAL(get.reply.u.num_blocks, MOST_BLOCKS);
    CU_ASSERT_EQUAL(relay_nth(e->relay, 1)->size, 65532);
    CU_ASSERT_EQUAL(ends_finish(e,
                                xvmsg_set_driver_features(e->h, 1, 0, MOST_BLOCKS, words,
                                                          ends_answered, &set),
                                &set),
                    XVMSG_OK);
    CU_ASSERT_EQUAL(relay_nth(e->relay, 2)->size, 65532);
    free(words);
    ends_free(e);
}

/* Whole and of the largest size, known to nobody. */
static void send_large(struct ends *e, enum relay_way way, uint16_t size)
{
    uint8_t bytes[300] = {0x00, 0x3f};

    le16_put(bytes + 4, size);
    relay_send_bytes(e->relay, way, bytes, size);
}

static void same_limit_both_ways(void)
{
    for (enum relay_way way = TO_DEVICE; way <= TO_DRIVER; way++) {
        struct ends *e = ends_disks(XVMSG_WIDE, 1);

        send_large(e, way, 272);
        CU_ASSERT_EQUAL(ends_ping(e, 1), XVMSG_OK);
        relay_set_limit(e->relay, 280);
        send_large(e, way, 273);
        ends_settle(e);
        CU_ASSERT_EQUAL(e->losses, 1);
        CU_ASSERT_PTR_NOT_NULL(strstr(e->why, "record of impossible size"));
        ends_free(e);
    }
}

static void new_values_new_connection(void)
{
    struct ends *e = ends_disks(XVMSG_WIDE, 1);

    ends_use_everything(e);
    xvmsg_free(e->h);
    e->connected = false;
    ends_make_handle(e, &(struct ends_setup){.form = XVMSG_COMPACT, .message_size = 52});
    relay_forget(e->relay);
    CU_ASSERT_EQUAL(xvmsg_connect(e->h), 0);
    ends_run(e, &e->connected);
    CU_ASSERT(stage_is(&e->s, F7 "/message-size", "52"));
    CU_ASSERT(stage_is(&e->s, F7 "/wire-form", "compact"));
    CU_ASSERT_EQUAL(relay_count(e->relay), 0);
    ends_use_everything(e);
    for (size_t i = 0; i < relay_count(e->relay); i++)
        CU_ASSERT(relay_nth(e->relay, i)->size <= 52);
    ends_free(e);
}

/* ---- revision and wire form ---- */

static void revisions(void)
{
    negotiation_library_refuses(&negotiation_wide, "transport-revision", "0", "transport-revision");
    negotiation_library_refuses(&negotiation_wide, "transport-revision", "one", "transport-revision");
    negotiation_library_chooses(&negotiation_wide, "transport-revision", "2", "version", "1");
    negotiation_library_refuses(&negotiation_wide, "versions", "2,3", "versions '2,3'");
    negotiation_library_chooses(&negotiation_wide, "versions", "3,1", "version", "1");
    negotiation_backend_refuses("version", "2", "is not");
}

static void wire_forms(void)
{
    negotiation_library_refuses(&negotiation_compact, "feature-wire-compact", "0", "compact wire form");
    negotiation_library_chooses(&negotiation_wide, "feature-wire-compact", "0", "wire-form", "wide");
    negotiation_library_chooses(&negotiation_compact, "feature-wire-compact", "1", "wire-form", "compact");
    negotiation_backend_refuses("wire-form", "narrow", "wide or compact");
}

/* A library that cannot use what the daemon offers. */
static void meet_and_part(void)
{
    struct ends *e = ends_new(&(struct ends_setup){.message_size = 59, .apart = true});

    log_set_level(LOG_LEVEL_WARNING);
    ends_run_until_node(e, B7 "/state", "2");
    CU_ASSERT_EQUAL(xvmsg_connect(e->h), 0);
    ends_run_until_node(e, F7 "/state", "6");
    ends_settle(e);
    ends_free(e);
}

static void told_in_both_domains(void)
{
    CU_ASSERT_EQUAL(test_count_lines(meet_and_part, "59 bytes are too small"), 1);
}

int main(void)
{
    static const struct test_case cases[] = {
        {"BUS-05 BUS-08: revision, size and features are known before the first message",
         told_before_messages},
        {"BUS-10: the maximum is 272 or 264 when nobody asks otherwise", default_size},
        {"BUS-05 BUS-06: the smaller maximum of the two ends is the bus's", smaller_size},
        {"BUS-09 BUS-11 BUS-13: 59 and 65536 are refused by both ends, in words",
         sizes_out_of_range},
        {"BUS-06 BUS-09 DRV-01 DEV-01: with the least maximum everything works within it",
         least_sizes},
        {"BUS-06 BUS-11: with the largest, messages of 65532 bytes go both ways", largest_size},
        {"BUS-06: beyond the maximum is refused in both directions, in words",
         same_limit_both_ways},
        {"BUS-07: new values come with a new connection, and hold from its first message",
         new_values_new_connection},
        {"BUS-13 DRV-02: another revision or version is refused in words, ours is found",
         revisions},
        {"BUS-13: a wire form that the other end does not speak is refused in words",
         wire_forms},
        {"BUS-13: why the guest closed the bus stands in the daemon's log, once",
         told_in_both_domains},
        {NULL, NULL},
    };

    return test_main("bus-negotiation", cases);
}
