/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The checker itself: it finds nothing in a good session, and each wrong in a
 * session that is good but for that.
 */

#include <linux/virtio_config.h>
#include <string.h>

#include "common/le.h"
#include "tests/conformance/driver/tap-check.h"
#include "tests/harness.h"

#define DEVICE 7u
#define MAX_LINES 64
#define SECOND UINT64_C(1000000000)
#define RING_RESET (1u << (40 - 32))
#define NOTIFICATION_DATA (1u << (38 - 32))

/* The lines of the session that have a name. */
enum line {
    RESET,
    RESET_ANSWER,
    ACKNOWLEDGE,
    DRIVER,
    INFO,
    INFO_ANSWER,
    OFFERED,
    WRITTEN,
    FEATURES_OK,
    FEATURES_OK_ANSWER,
    LOOK,
    LOOK_ANSWER,
    SET,
    ASK,
    ASK_ANSWER,
    DRIVER_OK,
    DRIVER_OK_ANSWER,
    AVAIL,
    READ,
    READ_ANSWER,
    WRITE,
    AGAIN_RESET,
    AGAIN_RESET_ANSWER,
    AGAIN_LOOK,
    AGAIN_LOOK_ANSWER,
    AGAIN_SET,
    AGAIN_ASK,
    AGAIN_ASK_ANSWER,
    PING,
    NAMES
};

static struct {
    bool from_driver;
    uint64_t time;
    uint8_t bytes[80];
    size_t size;
} lines[MAX_LINES];
static unsigned num_lines;
static unsigned at[NAMES];
static struct tap_bus bus;
static uint8_t feature_words[8];
static struct tap_result results[TAP_CLAUSES];

/* ---- a good session ---- */

static unsigned say(bool from_driver, struct msg m)
{
    m.token = (uint16_t)(num_lines & ~1u); /* a response follows its request */
    if (msg_describe(m.kind)->name_space == MSG_TRANSPORT)
        m.dev_num = DEVICE;
    memset(&lines[num_lines], 0, sizeof(lines[0]));
    lines[num_lines].from_driver = from_driver;
    lines[num_lines].time = num_lines * SECOND / 100;
    lines[num_lines].size = msg_encode(bus.form, &m, lines[num_lines].bytes,
                                       sizeof(lines[0].bytes), NULL);
    CU_ASSERT_FATAL(lines[num_lines].size > 0);
    return num_lines++;
}

#define ASK_DEVICE(name, kind_, ...) \
    (at[name] = say(true, (struct msg){.kind = MSG_##kind_##_request, \
                                       .kind_##_request = {__VA_ARGS__}}))
#define ANSWER(name, kind_, ...) \
    (at[name] = say(false, (struct msg){.kind = MSG_##kind_##_response, \
                                        .kind_##_response = {__VA_ARGS__}}))

static void change_status(enum line name, uint32_t status)
{
    ASK_DEVICE(name, set_device_status, status);
    say(false, (struct msg){.kind = MSG_set_device_status_response,
                            .set_device_status_response = {status}});
}

static void set_up_queue(enum line look, enum line look_answer, enum line set, enum line ask,
                         enum line ask_answer)
{
    ASK_DEVICE(look, get_vqueue, 1);
    ANSWER(look_answer, get_vqueue, 1, 64, 0, 0, 0, 0, 0);
    ASK_DEVICE(set, set_vqueue, 1, SET_VQUEUE_ENABLE, 64, 0, 0x1000, 0x2000, 0x3000);
    say(false, (struct msg){.kind = MSG_set_vqueue_response});
    ASK_DEVICE(ask, get_vqueue, 1);
    ANSWER(ask_answer, get_vqueue, 1, 64, 64, GET_VQUEUE_ENABLED, 0x1000, 0x2000, 0x3000);
}

static void initialize(uint32_t high_features)
{
    struct msg_tail words = {feature_words, 8};

    le32_put(feature_words, 1u << 9);
    le32_put(feature_words + 4, high_features);
    change_status(RESET, 0);
    at[RESET_ANSWER] = at[RESET] + 1;
    change_status(ACKNOWLEDGE, 1);
    change_status(DRIVER, 3);
    at[INFO] = say(true, (struct msg){.kind = MSG_get_device_info_request});
    ANSWER(INFO_ANSWER, get_device_info, .device_id = 2, .num_feature_blocks = 2, .config_size = 60,
           .max_virtqueues = 2);
    say(true, (struct msg){.kind = MSG_get_device_features_request,
                           .get_device_features_request = {0, 2}});
    ANSWER(OFFERED, get_device_features, 0, 2, words);
    ASK_DEVICE(WRITTEN, set_driver_features, 0, 2, words);
    say(false, (struct msg){.kind = MSG_set_driver_features_response});
    change_status(FEATURES_OK, 11);
    at[FEATURES_OK_ANSWER] = at[FEATURES_OK] + 1;
}

static void good_session(bool strict, uint32_t high_features)
{
    static const uint8_t data[4];

    num_lines = 0;
    bus = (struct tap_bus){MSG_WIDE, 272, strict, 5 * SECOND};
    initialize(high_features);
    set_up_queue(LOOK, LOOK_ANSWER, SET, ASK, ASK_ANSWER);
    change_status(DRIVER_OK, 15);
    at[DRIVER_OK_ANSWER] = at[DRIVER_OK] + 1;
    at[AVAIL] = say(true, (struct msg){.kind = MSG_event_avail, .event_avail = {1, 0}});
    say(false, (struct msg){.kind = MSG_event_used, .event_used = {1}});
    ASK_DEVICE(READ, get_config, 0, 4);
    ANSWER(READ_ANSWER, get_config, 9, 0, 4, {data, 4});
    ASK_DEVICE(WRITE, set_config, strict ? 9 : 0, 0, 4, {data, 4});
    say(false, (struct msg){.kind = MSG_set_config_response,
                            .set_config_response = {9, 0, 4, {NULL, 0}}});
    ASK_DEVICE(AGAIN_RESET, reset_vqueue, 1);
    at[AGAIN_RESET_ANSWER] = say(false, (struct msg){.kind = MSG_reset_vqueue_response});
    set_up_queue(AGAIN_LOOK, AGAIN_LOOK_ANSWER, AGAIN_SET, AGAIN_ASK,
                 AGAIN_ASK_ANSWER);
    ASK_DEVICE(PING, ping, 5);
    say(false, (struct msg){.kind = MSG_ping_response, .ping_response = {5}});
    /* Padding to eight bytes, as on the ring. */
    lines[at[AVAIL]].size = 32;
}

/* ---- changes ---- */

static uint8_t *bytes_of(enum line name)
{
    return lines[at[name]].bytes;
}

static void put(enum line name, size_t offset, size_t width, uint32_t value)
{
    for (size_t i = 0; i < width; i++)
        bytes_of(name)[offset + i] = (uint8_t)(value >> 8 * i);
}

/* Takes `count` lines out, from this one on. */
static void drop(enum line name, unsigned count)
{
    num_lines -= count;
    memmove(&lines[at[name]], &lines[at[name] + count],
            (num_lines - at[name]) * sizeof(lines[0]));
}

/* Lets the line `what`, and the one behind it, come before `where` instead. */
static void move(enum line what, enum line where)
{
    uint8_t two[2 * sizeof(lines[0])];

    memcpy(two, &lines[at[what]], sizeof(two));
    memmove(&lines[at[where] + 2], &lines[at[where]],
            (at[what] - at[where]) * sizeof(lines[0]));
    memcpy(&lines[at[where]], two, sizeof(two));
}

static void too_large(void)
{
    bus.max_message = 55;
}

static void size_too_long(void)
{
    bytes_of(READ)[4] += 4;
    lines[at[READ]].size += 8;
}

static void features_before_info(void)
{
    drop(INFO, 2);
}

static void features_after_queue(void)
{
    move(SET, WRITTEN);
}

static void used_without_looking(void)
{
    drop(ASK, 2);
}

static void driver_before_acknowledge(void)
{
    drop(ACKNOWLEDGE, 2);
}

static void io_before_driver_ok(void)
{
    move(AVAIL, DRIVER_OK);
}

static void set_without_looking(void)
{
    drop(LOOK, 2);
}

/* The queue is set a second time without the reset between. */
static void changes_enabled(void)
{
    drop(AGAIN_RESET, 4);
}

static void disables_enabled(void)
{
    put(AGAIN_SET, 20, 4, 0x3c);
    drop(AGAIN_RESET, 4);
}

static void set_before_reset_is_done(void)
{
    drop(AGAIN_RESET_ANSWER, 3);
}

static void two_at_once(void)
{
    drop(READ_ANSWER, 1);
}

/* ---- cases ---- */

static void check(void)
{
    struct tap_check *t = tap_check_new();

    tap_check_connect(t, &bus);
    for (unsigned i = 0; i < num_lines; i++) {
        struct tap_message message = {lines[i].time, lines[i].from_driver, lines[i].bytes,
                                      lines[i].size};

        tap_check_message(t, &message);
    }
    tap_check_end(t);
    for (unsigned i = 0; i < TAP_CLAUSES; i++)
        results[i] = *tap_check_result(t, i);
    tap_check_free(t);
}

static void expect_nothing_broken(void)
{
    for (unsigned i = 0; i < TAP_CLAUSES; i++)
        if (results[i].verdict == TAP_BROKEN)
            CU_assertImplementation(CU_FALSE, i, results[i].why, __FILE__, "", CU_FALSE);
}

static void nothing_is_wrong_with_a_good_session(void)
{
    for (int strict = 0; strict < 2; strict++) {
        good_session(strict, RING_RESET);
        check();
        for (unsigned i = 0; i < TAP_CLAUSES; i++) {
            bool other = i == (strict ? TAP_DRV_29 : TAP_DRV_31);

            CU_ASSERT_EQUAL(results[i].verdict, other ? TAP_NOT_SEEN : TAP_KEPT);
        }
        expect_nothing_broken();
    }
}

static void a_position_is_fine_with_notification_data(void)
{
    good_session(false, RING_RESET | NOTIFICATION_DATA);
    put(AVAIL, 20, 4, 0xffff);
    check();
    CU_ASSERT_EQUAL(results[TAP_DRV_58].verdict, TAP_KEPT);
    put(AVAIL, 20, 4, 0x10000);
    check();
    CU_ASSERT_EQUAL(results[TAP_DRV_58].verdict, TAP_BROKEN);
}

static const struct {
    enum tap_clause clause;
    void (*change)(void); /* NULL: one value is another */
    enum line line;
    size_t offset;
    size_t width;
    uint32_t value;
} wrongs[] = {
    {TAP_DRV_01, too_large, 0, 0, 0, 0},
    {TAP_DRV_02, NULL, READ, 1, 1, 0x0d},
    {TAP_DRV_02, NULL, AVAIL, 1, 1, 0x40}, /* an event of the device */
    {TAP_DRV_06, NULL, SET, 4, 2, 56 << 8},
    {TAP_DRV_06, NULL, DRIVER_OK, 16, 4, 15u << 24},
    {TAP_DRV_06, NULL, AVAIL, 16, 4, 1u << 24},
    {TAP_DRV_07, NULL, READ, 0, 1, 0x04},
    {TAP_DRV_09, size_too_long, 0, 0, 0, 0},
    {TAP_DRV_09, NULL, READ, 4, 2, 20},
    {TAP_DRV_10, NULL, READ, 8, 1, DEVICE + 1},
    {TAP_DRV_10, NULL, PING, 8, 1, DEVICE},
    {TAP_DRV_11, NULL, AVAIL, 31, 1, 1},
    {TAP_DRV_13, NULL, READ, 7, 1, 1},
    {TAP_DRV_17, features_before_info, 0, 0, 0, 0},
    {TAP_DRV_18, NULL, FEATURES_OK_ANSWER, 16, 4, 3},
    {TAP_DRV_18, features_after_queue, 0, 0, 0, 0},
    {TAP_DRV_19, NULL, ASK_ANSWER, 24, 4, 32},
    {TAP_DRV_20, driver_before_acknowledge, 0, 0, 0, 0},
    {TAP_DRV_20, io_before_driver_ok, 0, 0, 0, 0},
    {TAP_DRV_21, NULL, READ, 16, 4, 57},
    {TAP_DRV_21, NULL, WRITE, 20, 4, UINT32_MAX},
    {TAP_DRV_25, NULL, WRITTEN, 24, 4, 1u << 9 | 1u << 5},
    {TAP_DRV_27, NULL, INFO_ANSWER, 40, 4, 1},
    {TAP_DRV_29, NULL, WRITE, 16, 4, 9},
    {TAP_DRV_31, NULL, WRITE, 16, 4, 8},
    {TAP_DRV_36, set_without_looking, 0, 0, 0, 0},
    {TAP_DRV_36, NULL, LOOK_ANSWER, 28, 4, GET_VQUEUE_ENABLED},
    {TAP_DRV_37, NULL, LOOK_ANSWER, 20, 4, 32},
    {TAP_DRV_38, NULL, SET, 32, 4, 0x1008},
    {TAP_DRV_38, NULL, SET, 40, 4, 0x2001},
    {TAP_DRV_38, NULL, SET, 48, 4, 0},
    {TAP_DRV_39, NULL, SET, 20, 4, 0x41},
    {TAP_DRV_40, NULL, SET, 20, 4, 3},
    {TAP_DRV_41, NULL, SET, 28, 4, 1},
    {TAP_DRV_42, disables_enabled, 0, 0, 0, 0},
    {TAP_DRV_43, changes_enabled, 0, 0, 0, 0},
    {TAP_DRV_44, set_before_reset_is_done, 0, 0, 0, 0},
    {TAP_DRV_45, used_without_looking, 0, 0, 0, 0},
    {TAP_DRV_46, NULL, WRITTEN, 28, 4, 0},
    {TAP_DRV_49, NULL, DRIVER_OK, 16, 4, 5},
    {TAP_DRV_50, NULL, RESET_ANSWER, 16, 4, 15},
    {TAP_DRV_53, used_without_looking, 0, 0, 0, 0},
    {TAP_DRV_54, NULL, DRIVER_OK_ANSWER, 16, 4, 11},
    {TAP_DRV_55, NULL, AVAIL, 16, 4, 0},
    {TAP_DRV_57, NULL, AVAIL, 16, 4, 2},
    {TAP_DRV_58, NULL, AVAIL, 20, 4, 1},
    {TAP_REC_10, two_at_once, 0, 0, 0, 0},
};

static void each_wrong_is_found(void)
{
    for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
        good_session(wrongs[i].clause == TAP_DRV_31, RING_RESET);
        if (wrongs[i].change)
            wrongs[i].change();
        else
            put(wrongs[i].line, wrongs[i].offset, wrongs[i].width, wrongs[i].value);
        check();
        if (results[wrongs[i].clause].verdict != TAP_BROKEN)
            CU_assertImplementation(CU_FALSE, (unsigned)i, tap_check_id(wrongs[i].clause), __FILE__,
                                    "", CU_FALSE);
    }
}

static void bytes_that_are_no_messages_do_no_harm(void)
{
    for (size_t size = 0; size < 16; size++) {
        good_session(false, RING_RESET);
        lines[at[READ]].size = size;
        lines[at[READ_ANSWER]].size = size;
        check();
        CU_ASSERT_EQUAL(results[TAP_DRV_09].verdict, TAP_BROKEN);
    }
}

/* A recording that starts in the middle shows no reset. */
static void what_was_not_recorded_is_not_judged(void)
{
    good_session(false, RING_RESET);
    num_lines -= at[AVAIL];
    memmove(lines, &lines[at[AVAIL]], num_lines * sizeof(lines[0]));
    check();
    expect_nothing_broken();
    CU_ASSERT_EQUAL(results[TAP_DRV_17].verdict, TAP_NOT_SEEN);
    CU_ASSERT_EQUAL(results[TAP_DRV_54].verdict, TAP_NOT_SEEN);
    CU_ASSERT_EQUAL(results[TAP_DRV_38].verdict, TAP_KEPT);
}

/* A request that its driver has given up does not forbid the next. */
static void an_expired_request_is_not_waited_for(void)
{
    good_session(false, RING_RESET);
    two_at_once();
    for (unsigned i = at[READ_ANSWER]; i < num_lines; i++)
        lines[i].time += 5 * SECOND;
    check();
    CU_ASSERT_EQUAL(results[TAP_REC_10].verdict, TAP_KEPT);
}

static const struct test_case cases[] = {
    TEST(nothing_is_wrong_with_a_good_session),
    TEST(a_position_is_fine_with_notification_data),
    TEST(each_wrong_is_found),
    TEST(bytes_that_are_no_messages_do_no_harm),
    TEST(what_was_not_recorded_is_not_judged),
    TEST(an_expired_request_is_not_waited_for),
    {NULL, NULL},
};

int main(void)
{
    return test_main("tap-check", cases);
}
