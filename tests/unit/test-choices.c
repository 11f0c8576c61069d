/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The keys and values of a request travel as one block. */

#include <string.h>

#include "tests/harness.h"
#include "xenstore-schema/choices.h"

static void what_was_added_is_found(void)
{
    struct choices c = {0};

    CU_ASSERT_PTR_NULL(choices_get(&c, "rate"));
    CU_ASSERT(choices_add(&c, "rate", "77"));
    CU_ASSERT(choices_add(&c, "bridge", ""));
    CU_ASSERT(choices_add(&c, "script", "a=b"));
    CU_ASSERT_STRING_EQUAL(choices_get(&c, "rate"), "77");
    CU_ASSERT_STRING_EQUAL(choices_get(&c, "bridge"), "");
    CU_ASSERT_STRING_EQUAL(choices_get(&c, "script"), "a=b");
    CU_ASSERT_PTR_NULL(choices_get(&c, "rat"));
    CU_ASSERT_PTR_NULL(choices_get(&c, "rates"));
}

static void numbers_have_a_default(void)
{
    struct choices c = {"rate=5"};

    CU_ASSERT_EQUAL(choices_number(&c, "rate", 7), 5);
    CU_ASSERT_EQUAL(choices_number(&c, "mtu", 7), 7);
}

static void all_are_walked_in_order(void)
{
    struct choices c = {0};
    const char *entry;

    CU_ASSERT_PTR_NULL(choices_next(&c, NULL));
    choices_add(&c, "b", "1");
    choices_add(&c, "a", "2");
    entry = choices_next(&c, NULL);
    CU_ASSERT_STRING_EQUAL(entry, "b=1");
    entry = choices_next(&c, entry);
    CU_ASSERT_STRING_EQUAL(entry, "a=2");
    CU_ASSERT_PTR_NULL(choices_next(&c, entry));
}

/* The block is full to its last byte, and ends. */
static void no_more_goes_in_than_there_is_room_for(void)
{
    struct choices c = {0};
    char value[CHOICES_SIZE] = {0};

    memset(value, 'x', CHOICES_SIZE - strlen("k=") - 1);
    CU_ASSERT(!choices_add(&c, "k", value));
    CU_ASSERT_EQUAL(choices_size(&c), 1);
    value[CHOICES_SIZE - strlen("k=") - 2] = '\0';
    CU_ASSERT(choices_add(&c, "k", value));
    CU_ASSERT_EQUAL(choices_size(&c), CHOICES_SIZE);
    CU_ASSERT(!choices_add(&c, "l", ""));
    CU_ASSERT_STRING_EQUAL(choices_get(&c, "k"), value);
}

static void a_block_from_elsewhere_ends(void)
{
    struct choices c;

    memset(&c, 'a', sizeof(c));
    choices_terminate(&c);
    CU_ASSERT_EQUAL(choices_size(&c), CHOICES_SIZE);
    CU_ASSERT_PTR_NULL(choices_get(&c, "a"));
}

static const struct test_case cases[] = {
    TEST(what_was_added_is_found),
    TEST(numbers_have_a_default),
    TEST(all_are_walked_in_order),
    TEST(no_more_goes_in_than_there_is_room_for),
    TEST(a_block_from_elsewhere_ends),
    {NULL, NULL},
};

int main(void)
{
    return test_main("choices", cases);
}
