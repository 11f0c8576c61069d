/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Strict parsing, names, UUIDs, and typed access to xenstore. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/store.h"
#include "tests/fake/fake-xen.h"
#include "tests/harness.h"

static bool parses(const char *text, uint64_t min, uint64_t max, uint64_t expected)
{
    uint64_t value = 0;

    return parse_u64(text, min, max, &value) == 0 && value == expected;
}

/* Fails so, and leaves the value alone. */
static bool refuses(const char *text, uint64_t min, uint64_t max, int error)
{
    uint64_t value = 77;

    errno = 0;
    return parse_u64(text, min, max, &value) == -1 && errno == error && value == 77;
}

static void numbers_in_range_are_taken(void)
{
    CU_ASSERT(parses("0", 0, 0, 0));
    CU_ASSERT(parses("42", 1, 42, 42));
    CU_ASSERT(parses("007", 0, 10, 7));
    CU_ASSERT(parses("18446744073709551615", 0, UINT64_MAX, UINT64_MAX));
}

static void other_text_is_no_number(void)
{
    static const char *const texts[] = {"",   " 1",  "1 ",  "+1",   "-1",  "0x10", "1e3",
                                        "1.0", "1\n", "one", "1,2", "\xd9\xa1", "--"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        CU_ASSERT(refuses(texts[i], 0, UINT64_MAX, EINVAL));
}

static void numbers_out_of_range_are_refused(void)
{
    CU_ASSERT(refuses("4", 5, 9, ERANGE));
    CU_ASSERT(refuses("10", 5, 9, ERANGE));
    CU_ASSERT(refuses("18446744073709551616", 0, UINT64_MAX, ERANGE));
    CU_ASSERT(refuses("99999999999999999999999999999999", 0, UINT64_MAX, ERANGE));
}

static void names_are_checked(void)
{
    CU_ASSERT(name_valid("a"));
    CU_ASSERT(name_valid("blk0"));
    CU_ASSERT(name_valid("Data_disk-2"));
    CU_ASSERT(name_valid("abcdefghijklmnopqrst"));
    CU_ASSERT(!name_valid("abcdefghijklmnopqrstu"));
    CU_ASSERT(!name_valid(""));
    CU_ASSERT(!name_valid("0"));
    CU_ASSERT(!name_valid("-a"));
    CU_ASSERT(!name_valid("_a"));
    CU_ASSERT(!name_valid("a.b"));
    CU_ASSERT(!name_valid("a/b"));
    CU_ASSERT(!name_valid("a b"));
    CU_ASSERT(!name_valid("\xc3\xa4"));
}

static void uuids_go_both_ways(void)
{
    static const char text[] = "00112233-4455-6677-8899-aabbccddeeff";
    char back[UUID_TEXT_SIZE];
    uint8_t uuid[16];

    CU_ASSERT_EQUAL(uuid_parse_text(text, uuid), 0);
    for (unsigned i = 0; i < 16; i++)
        CU_ASSERT_EQUAL(uuid[i], i * 0x11);
    uuid_format_text(uuid, back);
    CU_ASSERT_STRING_EQUAL(back, text);
    CU_ASSERT_EQUAL(uuid_parse_text("00112233-4455-6677-8899-AABBCCDDEEFF", uuid), 0);
    uuid_format_text(uuid, back);
    CU_ASSERT_STRING_EQUAL(back, text);
}

static void broken_uuids_are_refused(void)
{
    static const char *const texts[] = {
        "",
        "00112233-4455-6677-8899-aabbccddeef",
        "00112233-4455-6677-8899-aabbccddeeff0",
        "00112233-4455-6677-8899-aabbccddeefg",
        "001122334455-6677-8899-aabbccddeeff--",
        "0011223-34455-6677-8899-aabbccddeeff",
        "{0112233-4455-6677-8899-aabbccddeef}",
        "------------------------------------",
    };
    uint8_t uuid[16] = {1};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        errno = 0;
        CU_ASSERT(uuid_parse_text(texts[i], uuid) == -1 && errno == EINVAL);
    }
    CU_ASSERT_EQUAL(uuid[0], 1);
}

static void nodes_are_read_with_their_type(void)
{
    struct fake_xen *fx = fake_xen_new();
    struct platform *p = fake_xen_domain(fx, 0);
    uint64_t value = 0;

    CU_ASSERT_EQUAL(store_write_u64(p, PLATFORM_NO_TX, "/test", "number", UINT64_MAX), 0);
    CU_ASSERT_EQUAL(store_read_u64(p, PLATFORM_NO_TX, "/test", "number", 0, UINT64_MAX, &value), 0);
    CU_ASSERT_EQUAL(value, UINT64_MAX);
    CU_ASSERT_EQUAL(store_read_u64(p, PLATFORM_NO_TX, "/test", "number", 0, 9, &value), -1);
    CU_ASSERT_EQUAL(errno, ERANGE);
    CU_ASSERT_EQUAL(store_write_text(p, PLATFORM_NO_TX, "/test", "text", "hello"), 0);
    CU_ASSERT_EQUAL(store_read_u64(p, PLATFORM_NO_TX, "/test", "text", 0, 9, &value), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(store_read_u64(p, PLATFORM_NO_TX, "/test", "none", 0, 9, &value), -1);
    CU_ASSERT_EQUAL(errno, ENOENT);

    char *text = store_read_text(p, PLATFORM_NO_TX, "/test", "text");

    CU_ASSERT_STRING_EQUAL(text, "hello");
    free(text);
    platform_close(p);
    CU_ASSERT_EQUAL(fake_xen_free(fx), 0);
}

static void embedded_nuls_are_refused(void)
{
    struct fake_xen *fx = fake_xen_new();
    struct platform *p = fake_xen_domain(fx, 0);
    uint64_t value;

    fake_xen_write_raw(fx, "/test/raw", "1\0002", 3);
    CU_ASSERT_PTR_NULL(store_read_text(p, PLATFORM_NO_TX, "/test", "raw"));
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_EQUAL(store_read_u64(p, PLATFORM_NO_TX, "/test", "raw", 0, 9, &value), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    platform_close(p);
    CU_ASSERT_EQUAL(fake_xen_free(fx), 0);
}

static void removing_twice_is_fine(void)
{
    struct fake_xen *fx = fake_xen_new();
    struct platform *p = fake_xen_domain(fx, 0);

    CU_ASSERT_EQUAL(store_write_text(p, PLATFORM_NO_TX, "/test", "a/b", "x"), 0);
    CU_ASSERT(store_exists(p, PLATFORM_NO_TX, "/test/a"));
    CU_ASSERT_EQUAL(store_remove(p, PLATFORM_NO_TX, "/test", "a"), 0);
    CU_ASSERT(!store_exists(p, PLATFORM_NO_TX, "/test/a"));
    CU_ASSERT_EQUAL(store_remove(p, PLATFORM_NO_TX, "/test", "a"), 0);
    CU_ASSERT_EQUAL(store_remove(p, PLATFORM_NO_TX, "/test/a", "b"), 0);
    platform_close(p);
    CU_ASSERT_EQUAL(fake_xen_free(fx), 0);
}

struct increment {
    struct platform *other; /* interferes the first `disturb` times */
    unsigned disturb;
    unsigned runs;
    int error; /* what the body ends with */
};

static int increment(struct platform *p, platform_tx tx, void *user)
{
    struct increment *i = user;
    uint64_t value;

    if (store_read_u64(p, tx, "/test", "counter", 0, 1000, &value) < 0)
        return -1;
    if (i->runs++ < i->disturb)
        store_write_u64(i->other, PLATFORM_NO_TX, "/test", "counter", value + 100);
    if (store_write_u64(p, tx, "/test", "counter", value + 1) < 0)
        return -1;
    errno = i->error;
    return i->error ? -1 : 0;
}

static void transactions_run_again_until_undisturbed(void)
{
    struct fake_xen *fx = fake_xen_new();
    struct platform *p = fake_xen_domain(fx, 0);
    struct increment i = {.other = fake_xen_domain(fx, 0), .disturb = 3};
    uint64_t value;

    store_write_u64(p, PLATFORM_NO_TX, "/test", "counter", 0);
    CU_ASSERT_EQUAL(store_transaction(p, increment, &i), 0);
    CU_ASSERT_EQUAL(i.runs, 4);
    CU_ASSERT_EQUAL(store_read_u64(p, PLATFORM_NO_TX, "/test", "counter", 0, 1000, &value), 0);
    CU_ASSERT_EQUAL(value, 301);
    CU_ASSERT_EQUAL(fake_xen_counters(fx).transactions, 0);
    platform_close(i.other);
    platform_close(p);
    CU_ASSERT_EQUAL(fake_xen_free(fx), 0);
}

/* Somebody who always interferes must not hold us for ever. */
static void transactions_give_up_at_last(void)
{
    struct fake_xen *fx = fake_xen_new();
    struct platform *p = fake_xen_domain(fx, 0);
    struct increment i = {.other = fake_xen_domain(fx, 0), .disturb = UINT32_MAX};

    fake_xen_write_raw(fx, "/test/counter", "0", 1);
    CU_ASSERT_EQUAL(store_transaction(p, increment, &i), -1);
    CU_ASSERT(i.runs > 1);
    CU_ASSERT_EQUAL(fake_xen_counters(fx).transactions, 0);
    platform_close(i.other);
    platform_close(p);
    CU_ASSERT_EQUAL(fake_xen_free(fx), 0);
}

static void transactions_leave_nothing_of_a_failed_body(void)
{
    struct fake_xen *fx = fake_xen_new();
    struct platform *p = fake_xen_domain(fx, 0);
    struct increment i = {.error = ENOSPC};
    uint64_t value;

    store_write_u64(p, PLATFORM_NO_TX, "/test", "counter", 5);
    CU_ASSERT_EQUAL(store_transaction(p, increment, &i), -1);
    CU_ASSERT_EQUAL(errno, ENOSPC);
    CU_ASSERT_EQUAL(i.runs, 1);
    CU_ASSERT_EQUAL(store_read_u64(p, PLATFORM_NO_TX, "/test", "counter", 0, 1000, &value), 0);
    CU_ASSERT_EQUAL(value, 5);
    platform_close(p);
    CU_ASSERT_EQUAL(fake_xen_free(fx), 0);
}

static const struct test_case cases[] = {
    TEST(numbers_in_range_are_taken),
    TEST(other_text_is_no_number),
    TEST(numbers_out_of_range_are_refused),
    TEST(names_are_checked),
    TEST(uuids_go_both_ways),
    TEST(broken_uuids_are_refused),
    TEST(nodes_are_read_with_their_type),
    TEST(embedded_nuls_are_refused),
    TEST(removing_twice_is_fine),
    TEST(transactions_run_again_until_undisturbed),
    TEST(transactions_give_up_at_last),
    TEST(transactions_leave_nothing_of_a_failed_body),
    {NULL, NULL},
};

int main(void)
{
    return test_main("store", cases);
}
