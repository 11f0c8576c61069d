/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* xvmsg list: device numbers, and why a bus is closed, over a fake Xen. */

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/store.h"
#include "tests/fake/fake-xen.h"
#include "tests/harness.h"
#include "tests/unit/complaint.h"
#include "tools/xvmsg/admin.h"

#define B "/local/domain/0/backend/virtio-msg/5/0"
#define F "/local/domain/5/device/virtio-msg/0"
#define B12 "/local/domain/0/backend/virtio-msg/12/3"
#define SECOND UINT64_C(1000000000)
#define HEADING "ID  DOMAIN  BUS  NUMBER  NAME  TYPE  STATE  BUS-STATE  TARGET\n"

static struct fake_xen *fx;
static struct platform *dom0;
static char *output;

static void put(const char *path, const char *value)
{
    CU_ASSERT_EQUAL(dom0->ops->xs_write(dom0, PLATFORM_NO_TX, path, value), 0);
}

static void set_up(void)
{
    fx = fake_xen_new();
    fake_xen_create_domain(fx, 5, "web");
    dom0 = fake_xen_domain(fx, 0);
}

static void tear_down(void)
{
    platform_close(dom0);
    CU_ASSERT_EQUAL(fake_xen_free(fx), 0);
    free(output);
    output = NULL;
}

static int list(struct list_request request)
{
    static size_t size;
    FILE *out;
    int status;

    free(output);
    output = NULL;
    complaint_clear();
    out = open_memstream(&output, &size);
    status = list_run(dom0, &request, out);
    fclose(out);
    return status;
}

static bool printed(const char *expected)
{
    if (strcmp(output, expected) != 0)
        printf("# printed: %s", output);
    return strcmp(output, expected) == 0;
}

static void names_nobody_answers_are_passed_by(void)
{
    char path[512];

    snprintf(path, sizeof(path), B "/request/%0300d/type", 1);
    set_up();
    put(path, "rng");
    CU_ASSERT_EQUAL(list((struct list_request){0}), 0);
    CU_ASSERT(printed(HEADING));
    tear_down();
}

/* ---- numbers ---- */

static void put_numbers(void)
{
    fake_xen_advance(fx, 1000 * SECOND);
    put(B "/device-number-next", "65541");
    put(B "/device-number-form", "compact");
    put(B "/quarantine-count", "2");
    put(B "/quarantine-seconds", "60");
    put(B "/device/4/name", "data");
    put(B "/device/65535/name", "root");
    put(B "/taken/5", "swap");
    /* 4 was given again. */
    put(B "/released/0", "4 100,2 200");
    put(B "/released/2", "3 900,1 990");
}

static void numbers_of_a_bus_are_shown(void)
{
    set_up();
    put_numbers();
    CU_ASSERT_EQUAL(list((struct list_request){.domain = "web", .numbers = true}), 0);
    CU_ASSERT(printed("domain 5 (web) bus 0: compact form, next number 6, quarantine of 2 "
                      "releases and 60 s\n"
                      "      4  in use by data\n"
                      "  65535  in use by root\n"
                      "      5  taken for swap\n"
                      "      2  released 801 s ago\n"
                      "      3  released 101 s ago, in quarantine\n"
                      "      1  released 11 s ago, in quarantine\n"));
    tear_down();
}

static void every_bus_has_its_numbers_in_order(void)
{
    set_up();
    put(B12 "/frontend-id", "12");
    put("/local/domain/0/backend/virtio-msg/5/10/device-number-next", "70000");
    put("/local/domain/0/backend/virtio-msg/5/9/device-number-next", "3");
    put("/local/domain/0/backend/virtio-msg/nonsense/9/device-number-next", "3");
    put("/local/domain/0/backend/virtio-msg/5/65536/device-number-next", "3");
    CU_ASSERT_EQUAL(list((struct list_request){.numbers = true}), 0);
    CU_ASSERT(printed("domain 5 (web) bus 9: wide form, next number 3\n"
                      "domain 5 (web) bus 10: wide form, next number 70000\n"
                      "domain 12 (-) bus 3: wide form, next number 1\n"));
    tear_down();
}

static void no_bus_has_no_numbers(void)
{
    set_up();
    CU_ASSERT_EQUAL(list((struct list_request){.numbers = true}), 0);
    CU_ASSERT(printed(""));
    CU_ASSERT_EQUAL(list((struct list_request){.numbers = true, .domain = "mail"}), 1);
    CU_ASSERT_STRING_EQUAL(complaint, "there is no domain 'mail'");
    tear_down();
}

static void numbers_can_be_json(void)
{
    set_up();
    put_numbers();
    put(B12 "/frontend-id", "12");
    CU_ASSERT_EQUAL(list((struct list_request){.numbers = true, .json = true}), 0);

    struct json_object *array = json_tokener_parse(output);

    CU_ASSERT_STRING_EQUAL(
        json_object_to_json_string_ext(array, JSON_C_TO_STRING_PLAIN),
        "[{\"domain-id\":5,\"domain\":\"web\",\"bus\":0,\"form\":\"compact\",\"next\":6,"
        "\"quarantine-count\":2,\"quarantine-seconds\":60,"
        "\"in-use\":[{\"number\":4,\"name\":\"data\"},{\"number\":65535,\"name\":\"root\"}],"
        "\"taken\":[{\"number\":5,\"name\":\"swap\"}],"
        "\"released\":[{\"number\":2,\"age\":801,\"quarantine\":false},"
        "{\"number\":3,\"age\":101,\"quarantine\":true},"
        "{\"number\":1,\"age\":11,\"quarantine\":true}]},"
        "{\"domain-id\":12,\"domain\":null,\"bus\":3,\"form\":\"wide\",\"next\":1,"
        "\"quarantine-count\":null,\"quarantine-seconds\":null,\"in-use\":[],\"taken\":[],"
        "\"released\":[]}]");
    json_object_put(array);
    tear_down();
}

static void numbers_that_cannot_be_read_are_told(void)
{
    bool failed = true;

    set_up();
    put_numbers();
    put(B "/device-number-next", "many");
    CU_ASSERT_EQUAL(list((struct list_request){.numbers = true}), 1);
    CU_ASSERT_STRING_EQUAL(complaint,
                           "cannot read the numbers of domain 5 bus 0: Invalid argument");
    put(B "/device-number-next", "7");
    put(B "/released/0", "yesterday");
    CU_ASSERT_EQUAL(list((struct list_request){.numbers = true}), 1);
    put(B "/released/0", "1 100");
    tear_down();

    for (unsigned nth = 1; failed; nth++) {
        int status;

        set_up();
        put_numbers();
        fake_xen_fail(fx, 0, NULL, nth, EIO);
        status = list((struct list_request){.numbers = true});
        failed = fake_xen_failed(fx);
        /* A name or setting that cannot be read is left out. */
        CU_ASSERT(status == 0 || complaint[0]);
        tear_down();
    }
}

/* ---- closed buses ---- */

static void put_device(const char *state)
{
    put(B "/state", state);
    put(B "/request/blk0/type", "blk");
    put(B "/request/blk0/target", "/a");
    put(B "/request/blk0/number", "1");
    put(B "/device/1/state", "added");
}

static void a_bus_closed_by_the_daemon_says_why(void)
{
    set_up();
    put_device("6");
    put(B "/request/blk1/type", "blk");
    put(B "/request/blk1/target", "/b");
    put(B "/error", "worker died, too often: the bus stays closed");
    put(F "/state", "6");
    put(F "/error", "the backend closed the bus");
    CU_ASSERT_EQUAL(list((struct list_request){0}), 0);
    CU_ASSERT(printed("ID  DOMAIN  BUS  NUMBER  NAME  TYPE  STATE    BUS-STATE  TARGET\n"
                      "5   web     0    1       blk0  blk   added    Closed     /a\n"
                      "5   web     0    -       blk1  blk   pending  Closed     /b\n"
                      "domain 5 (web) bus 0: closed by xvmsgd: worker died, too often: the bus "
                      "stays closed\n"));
    CU_ASSERT_EQUAL(list((struct list_request){.json = true}), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\"bus-error\": \"closed by xvmsgd: worker died, "));
    tear_down();
}

static void a_bus_closed_by_the_guest_says_why_in_plain_letters(void)
{
    set_up();
    put_device("2");
    put(F "/state", "6");
    put(F "/error", "\033[31mred\303\244\n");
    CU_ASSERT_EQUAL(list((struct list_request){0}), 0);
    CU_ASSERT(printed(HEADING
                      "5   web     0    1       blk0  blk   added  InitWait   /a\n"
                      "domain 5 (web) bus 0: closed by the guest: ?[31mred???\n"));
    tear_down();
}

static void an_open_bus_has_no_error(void)
{
    set_up();
    put_device("4");
    put(F "/state", "4");
    put(F "/error", "of the last time");
    CU_ASSERT_EQUAL(list((struct list_request){0}), 0);
    CU_ASSERT(printed(HEADING "5   web     0    1       blk0  blk   added  Connected  /a\n"));
    CU_ASSERT_EQUAL(list((struct list_request){.json = true}), 0);
    CU_ASSERT_PTR_NULL(strstr(output, "bus-error"));
    tear_down();
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(numbers_of_a_bus_are_shown),
        TEST(every_bus_has_its_numbers_in_order),
        TEST(no_bus_has_no_numbers),
        TEST(numbers_can_be_json),
        TEST(numbers_that_cannot_be_read_are_told),
        TEST(names_nobody_answers_are_passed_by),
        TEST(a_bus_closed_by_the_daemon_says_why),
        TEST(a_bus_closed_by_the_guest_says_why_in_plain_letters),
        TEST(an_open_bus_has_no_error),
        {NULL, NULL},
    };

    return test_main("list", cases);
}
