/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Requests for devices that stand on no file, and what a type's requests may have. */

#include <string.h>

#include "backend/devices/table.h"
#include "tests/harness.h"
#include "tests/integration/stage.h"
#include "xenstore-schema/schema.h"

#define R B7 "/request/rng"

static struct stage s;

static void open_bus(void)
{
    stage_open_connected(&s);
}

static const char *chosen(const char *key)
{
    const char *value = choices_get(&stage_worker_7(&s)->last_add.device.choices, key);

    return value ? value : "";
}

static void a_device_without_a_target_is_served(void)
{
    open_bus();
    stage_write(s.toolstack, R "/type", "rng");
    stage_wait(&s, R "/number", "1");
    CU_ASSERT(stage_is(&s, B7 "/device/1/type", "rng"));
    CU_ASSERT_STRING_EQUAL(stage_worker_7(&s)->last_add.device.type, "rng");
    CU_ASSERT_EQUAL(choices_size(&stage_worker_7(&s)->last_add.device.choices), 1);
    CU_ASSERT_STRING_EQUAL(stage_worker_7(&s)->target, ""); /* no descriptor came */
    /* As a disk, it is resized without effect and removed. */
    stage_write(s.toolstack, R "/resize", "1");
    stage_wait(&s, R "/resize", NULL);
    stage_write(s.toolstack, R "/remove", "orderly");
    stage_wait(&s, R, NULL);
    CU_ASSERT(stage_is(&s, B7 "/device/1", NULL));
    stage_close(&s);
}

static void its_rate_reaches_the_worker(void)
{
    open_bus();
    stage_write(s.toolstack, R "/rate", "4294967295");
    stage_write(s.toolstack, R "/type", "rng");
    stage_wait(&s, R "/number", "1");
    CU_ASSERT_STRING_EQUAL(chosen(XS_RATE), "4294967295");
    stage_close(&s);
}

static void a_worker_that_dies_is_replaced_with_it(void)
{
    open_bus();
    stage_write(s.toolstack, R "/rate", "77");
    stage_write(s.toolstack, R "/type", "rng");
    stage_wait(&s, R "/number", "1");
    stage_worker_dies(stage_worker_7(&s));
    stage_wait(&s, B7 "/state", "5");
    stage_settle(&s);
    CU_ASSERT_EQUAL(stage_worker_7(&s)->last_add.device.number, 1);
    CU_ASSERT_STRING_EQUAL(chosen(XS_RATE), "77");
    stage_close(&s);
}

static void what_a_type_does_not_have_is_refused(void)
{
    static const struct {
        const char *type;
        const char *key;
        const char *value;
        const char *words;
    } bad[] = {
        {"rng", "target", "/dev/random", "target: this type of device has none"},
        {"rng", "target", "", "target: this type of device has none"},
        {"rng", "mode", "r", "mode: this type of device has none"},
        {"rng", "rate", "0", "rate: 0 is not a number from 1 to 4294967295"},
        {"rng", "rate", "4294967296", "rate: 4294967296 is not a number"},
        {"rng", "rate", "-1", "rate: -1 is not a number"},
        {"rng", "rate", "", "rate:  is not a number"},
        {"rng", "uuid", "1234", "uuid: 1234 is not a UUID"},
        {"blk", "rate", "5", "rate: this type of device has none"},
    };

    open_bus();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (strcmp(bad[i].type, "blk") == 0)
            stage_request(&s, "rng", stage_target(&s, "disk", 512));
        stage_write(s.toolstack, R "/type", bad[i].type);
        stage_write(s.toolstack, store_path(R "/%s", bad[i].key).text, bad[i].value);
        stage_settle(&s);
        CU_ASSERT(stage_says(&s, R "/error", bad[i].words));
        CU_ASSERT(stage_is(&s, R "/number", NULL));
        stage_remove(s.toolstack, R);
    }
    CU_ASSERT_EQUAL(stage_worker_7(&s)->got[IPC_DEVICE_ADD], 0);
    stage_close(&s);
}

/* Another request takes the name while the worker makes the device of the first. */
static void one_that_is_replaced_is_not_taken_for_the_other(void)
{
    static const char *const changes[][2] = {{"rate", "6"}, {"rate", NULL}, {"type", "blk"}};

    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        stage_open(&s, 0);
        stage_start_daemon(&s);
        stage_make_bus(&s, 7);
        stage_wait(&s, B7 "/state", "2");
        s.mute = true;
        stage_write(s.toolstack, R "/rate", "5");
        stage_write(s.toolstack, R "/type", "rng");
        stage_settle(&s);
        if (changes[i][1])
            stage_write(s.toolstack, store_path(R "/%s", changes[i][0]).text, changes[i][1]);
        else
            stage_remove(s.toolstack, store_path(R "/%s", changes[i][0]).text);
        s.mute = false;
        stage_worker_says(stage_worker_7(&s), IPC_DEVICE_ADDED, 1, "");
        stage_settle(&s);
        CU_ASSERT_EQUAL(stage_worker_7(&s)->got[IPC_DEVICE_REMOVE], 1);
        CU_ASSERT(stage_is(&s, B7 "/device/1", NULL));
        stage_close(&s);
    }
}

/* The schema and the classes say the same of what there is. */
static void each_type_of_the_schema_has_its_class(void)
{
    char words[] = XS_TYPES;
    char *save = NULL;

    for (char *word = strtok_r(words, "|", &save); word; word = strtok_r(NULL, "|", &save)) {
        const struct device_class *class = table_find(word);

        CU_ASSERT_PTR_NOT_NULL_FATAL(class);
        CU_ASSERT(schema_use(word, XS_TARGET) == SCHEMA_UNFIT || !class->no_target);
    }
    CU_ASSERT_PTR_NULL(table_find(XS_TYPES));
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(a_device_without_a_target_is_served),
        TEST(its_rate_reaches_the_worker),
        TEST(a_worker_that_dies_is_replaced_with_it),
        TEST(what_a_type_does_not_have_is_refused),
        TEST(one_that_is_replaced_is_not_taken_for_the_other),
        TEST(each_type_of_the_schema_has_its_class),
        {NULL, NULL},
    };

    return test_main("supervisor-types", cases);
}
