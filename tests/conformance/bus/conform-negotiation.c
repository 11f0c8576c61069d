/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What the two ends agree on before the first message, and what they cannot agree on. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/le.h"
#include "common/store.h"
#include "tests/conformance/bus/ends.h"
#include "tests/harness.h"

/* GET_DEVICE_FEATURES and SET_DRIVER_FEATURES with so many blocks are 65,532 bytes. */
#define MOST_BLOCKS 16377u

struct node {
    const char *key;
    const char *value;
};

/* What a good backend advertises. */
static const struct node offered[] = {
    {"versions", "1"},           {"max-message-size", "65535"}, {"max-ring-page-order", "6"},
    {"transport-revision", "1"}, {"transport-features", "0"},   {"feature-wire-compact", "1"},
};

/* What a good frontend chooses. */
static const struct node chosen[] = {
    {"version", "1"},           {"message-size", "272"}, {"ring-page-order", "0"},
    {"ring-ref-0", "4000000"},  {"event-channel", "5"},  {"wire-form", "wide"},
    {"transport-features", "0"},
};

static const struct ends_setup wide = {.alone = true};
static const struct ends_setup compact = {.form = XVMSG_COMPACT, .alone = true};

/* All of them, one with another value. */
static void write_nodes(struct platform *who, const char *home, const struct node *nodes,
                        size_t count, const struct node *other)
{
    for (size_t i = 0; i < count; i++) {
        bool same = strcmp(nodes[i].key, other->key) != 0;

        stage_write(who, store_path("%s/%s", home, nodes[i].key).text,
                    same ? nodes[i].value : other->value);
    }
}

/* A library that meets such a backend. */
static struct ends *meet_backend(const struct ends_setup *setup, const char *key,
                                 const char *value)
{
    struct ends *e = ends_new(setup);

    write_nodes(e->s.toolstack, B7, offered, 6, &(struct node){key, value});
    stage_write(e->s.toolstack, B7 "/state", "2");
    CU_ASSERT_EQUAL(xvmsg_connect(e->h), 0);
    ends_settle(e);
    return e;
}

static bool has(struct ends *e, const char *path, const char *value)
{
    return stage_is(&e->s, path, value);
}

static void library_refuses(const struct ends_setup *setup, const char *key, const char *value,
                            const char *words)
{
    struct ends *e = meet_backend(setup, key, value);

    CU_ASSERT(has(e, F7 "/state", "6"));
    CU_ASSERT(ends_node_says(e, F7 "/error", words));
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(e->h), words));
    CU_ASSERT(has(e, F7 "/message-size", NULL));
    CU_ASSERT_EQUAL(fake_xen_counters(e->s.fx).shared_pages, 0);
    ends_free(e);
}

static void library_chooses(const struct ends_setup *setup, const char *key, const char *value,
                            const char *node, const char *choice)
{
    struct ends *e = meet_backend(setup, key, value);

    CU_ASSERT(has(e, F7 "/state", "3"));
    CU_ASSERT(has(e, store_path(F7 "/%s", node).text, choice));
    ends_free(e);
}

static void backend_refuses(const char *key, const char *value, const char *words)
{
    struct ends *e = ends_new(&(struct ends_setup){.apart = true});

    ends_run_until_node(e, B7 "/state", "2");
    write_nodes(e->s.guest, F7, chosen, 7, &(struct node){key, value});
    stage_write(e->s.guest, F7 "/state", "3");
    ends_run_until_node(e, B7 "/state", "5");
    CU_ASSERT(ends_node_says(e, B7 "/error", words));
    CU_ASSERT(ends_node_says(e, B7 "/error", key));
    ends_free(e);
}

/* ---- before the first message ---- */

static void told_before_messages(void)
{
    struct ends *e = ends_new(&(struct ends_setup){.apart = true});
    struct ends_call call = {0};

    ends_run_until_node(e, B7 "/state", "2");
    CU_ASSERT(has(e, B7 "/transport-revision", "1"));
    CU_ASSERT(has(e, B7 "/max-message-size", "65535"));
    CU_ASSERT(store_exists(e->s.toolstack, PLATFORM_NO_TX, B7 "/transport-features"));
    CU_ASSERT_EQUAL(xvmsg_connect(e->h), 0);
    ends_run_until_node(e, F7 "/state", "3");
    CU_ASSERT(has(e, F7 "/message-size", "272"));
    CU_ASSERT(has(e, F7 "/wire-form", "wide"));
    CU_ASSERT(has(e, F7 "/transport-features", "0"));
    CU_ASSERT_EQUAL(xvmsg_ping(e->h, 1, ends_answered, &call), -1);
    CU_ASSERT_EQUAL(errno, ENOTCONN);
    ends_run(e, &e->connected);
    CU_ASSERT_EQUAL(relay_count(e->relay), 0);
    CU_ASSERT_EQUAL(ends_ping(e, 1), XVMSG_OK);
    ends_free(e);
}

static void default_size(void)
{
    library_chooses(&wide, "", "", "message-size", "272");
    library_chooses(&compact, "", "", "message-size", "264");
}

static void smaller_size(void)
{
    struct ends_setup large = wide;

    library_chooses(&wide, "max-message-size", "100", "message-size", "100");
    large.message_size = 4000;
    library_chooses(&large, "max-message-size", "3000", "message-size", "3000");
    library_chooses(&large, "max-message-size", "65535", "message-size", "4000");
}

static void sizes_out_of_range(void)
{
    struct ends_setup small = {.message_size = 59, .alone = true};
    struct ends *e = ends_new(&wide);

    CU_ASSERT_EQUAL(xvmsg_set_message_size(e->h, 51), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(xvmsg_set_message_size(e->h, 65536), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(xvmsg_set_message_size(e->h, 60), 0);
    CU_ASSERT_EQUAL(xvmsg_set_message_size(e->h, 65535), 0);
    ends_free(e);
    library_refuses(&small, "", "", "59 bytes are too small");
    library_refuses(&wide, "max-message-size", "59", "max-message-size");
    library_refuses(&compact, "max-message-size", "51", "max-message-size");
    library_refuses(&wide, "max-message-size", "65536", "max-message-size");
    library_chooses(&wide, "max-message-size", "60", "message-size", "60");
    library_chooses(&compact, "max-message-size", "52", "message-size", "52");
    backend_refuses("message-size", "59", "60 to 65535");
    backend_refuses("message-size", "65536", "60 to 65535");
    backend_refuses("message-size", "0", "60 to 65535");
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
    CU_ASSERT(has(e, F7 "/message-size", "52"));
    CU_ASSERT(has(e, F7 "/wire-form", "compact"));
    CU_ASSERT_EQUAL(relay_count(e->relay), 0);
    ends_use_everything(e);
    for (size_t i = 0; i < relay_count(e->relay); i++)
        CU_ASSERT(relay_nth(e->relay, i)->size <= 52);
    ends_free(e);
}

/* ---- revision, features, wire form ---- */

static void common_features(void)
{
    library_chooses(&wide, "transport-features", "18446744073709551614", "transport-features",
                    "0");
    backend_refuses("transport-features", "2", "is not");
    backend_refuses("transport-features", "18446744073709551615", "is not");
    backend_refuses("transport-features", "x", "is not");
    library_refuses(&wide, "transport-features", "-1", "transport-features");
}

static void revisions(void)
{
    library_refuses(&wide, "transport-revision", "0", "transport-revision");
    library_refuses(&wide, "transport-revision", "one", "transport-revision");
    library_chooses(&wide, "transport-revision", "2", "version", "1");
    library_refuses(&wide, "versions", "2,3", "versions '2,3'");
    library_chooses(&wide, "versions", "3,1", "version", "1");
    backend_refuses("version", "2", "is not");
}

static void wire_forms(void)
{
    library_refuses(&compact, "feature-wire-compact", "0", "compact wire form");
    library_chooses(&wide, "feature-wire-compact", "0", "wire-form", "wide");
    library_chooses(&compact, "feature-wire-compact", "1", "wire-form", "compact");
    backend_refuses("wire-form", "narrow", "wide or compact");
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
        {"BUS-08: features are those of both sides; unknown ones are refused in words",
         common_features},
        {"BUS-13 DRV-02: another revision or version is refused in words, ours is found",
         revisions},
        {"BUS-13: a wire form that the other end does not speak is refused in words",
         wire_forms},
        {NULL, NULL},
    };

    return test_main("bus-negotiation", cases);
}
