/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* xvmsg attach, detach and list, over a fake Xen. */

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/store.h"
#include "tests/fake/fake-xen.h"
#include "tests/harness.h"
#include "tests/unit/admin-daemon.h"
#include "tests/unit/complaint.h"
#include "tools/xvmsg/admin.h"
#include "tools/xvmsg/xvmsg.h"
#include "xenstore-schema/schema.h"

#define B "/local/domain/0/backend/virtio-msg/5/0"
#define F "/local/domain/5/device/virtio-msg/0"
#define UUID "7d444840-9dc0-11d1-b245-5ffdce74fad2"

/* ---- what the tool says ---- */

static char *output;

static FILE *new_output(void)
{
    static size_t size;

    free(output);
    output = NULL;
    complaint_clear();
    return open_memstream(&output, &size);
}

/* ---- dom0, a guest called "web", and a daemon ---- */

struct machine {
    struct fake_xen *fx;
    struct platform *dom0;
    struct admin_daemon *daemon;
};

static struct machine start_without_daemon(void)
{
    struct machine m = {.fx = fake_xen_new()};

    fake_xen_create_domain(m.fx, 5, "web");
    m.dom0 = fake_xen_domain(m.fx, 0);
    return m;
}

static struct machine start(enum admin_manner manner)
{
    struct machine m = start_without_daemon();

    m.daemon = admin_daemon_start(m.fx, manner);
    return m;
}

/* A daemon that holds its lock and never answers. */
static struct machine start_silent(struct platform **silent)
{
    struct machine m = start_without_daemon();

    *silent = fake_xen_domain(m.fx, 0);
    CU_ASSERT_EQUAL((*silent)->ops->lock(*silent, "xvmsgd"), 0);
    return m;
}

static void stop(struct machine *m)
{
    if (m->daemon)
        admin_daemon_stop(m->daemon);
    platform_close(m->dom0);
    CU_ASSERT_EQUAL(fake_xen_counters(m->fx).watches, 0);
    CU_ASSERT_EQUAL(fake_xen_counters(m->fx).transactions, 0);
    CU_ASSERT_EQUAL(fake_xen_free(m->fx), 0);
    free(output);
    output = NULL;
}

static bool holds(struct machine *m, const char *dir, const char *key, const char *expected)
{
    char *value = store_read_text(m->dom0, PLATFORM_NO_TX, dir, key);
    bool same = value && strcmp(value, expected) == 0;

    free(value);
    return same;
}

static bool exists(struct machine *m, const char *path)
{
    return store_exists(m->dom0, PLATFORM_NO_TX, path);
}

/* With the daemon answering a change, no wait comes near this. */
#define LONG_ENOUGH 60

static int attach(struct machine *m, struct attach_request request)
{
    FILE *out = new_output();
    int status;

    request.type = request.type ? request.type : "blk";
    request.domain = request.domain ? request.domain : "web";
    if (!request.target && strcmp(request.type, "blk") == 0)
        request.target = "/srv/disk.img";
    status = attach_run(m->dom0, &request, out);
    fclose(out);
    return status;
}

static int attach_one(struct machine *m)
{
    return attach(m, (struct attach_request){.timeout = LONG_ENOUGH});
}

static int detach(struct machine *m, struct detach_request request)
{
    complaint_clear();
    request.domain = request.domain ? request.domain : "5";
    return detach_run(m->dom0, &request);
}

static int list(struct machine *m, struct list_request request)
{
    FILE *out = new_output();
    int status = list_run(m->dom0, &request, out);

    fclose(out);
    return status;
}

/* ---- attach ---- */

static void print_finding(const char *path, const char *why, void *user)
{
    (void)user;
    printf("# %s %s\n", path, why);
}

static void attach_makes_the_bus_and_prints_the_number(void)
{
    struct machine m = start(ADMIN_GRANTS);

    CU_ASSERT_EQUAL(attach_one(&m), 0);
    CU_ASSERT_STRING_EQUAL(output, "1\n");
    CU_ASSERT_STRING_EQUAL(complaint, "");
    CU_ASSERT(holds(&m, B, "frontend", F));
    CU_ASSERT(holds(&m, B, "frontend-id", "5"));
    CU_ASSERT(holds(&m, B, "online", "1"));
    CU_ASSERT(holds(&m, B, "state", "1"));
    CU_ASSERT(holds(&m, F, "backend", B));
    CU_ASSERT(holds(&m, F, "backend-id", "0"));
    CU_ASSERT(holds(&m, F, "state", "1"));
    CU_ASSERT(holds(&m, B "/request/blk0", "type", "blk"));
    CU_ASSERT(holds(&m, B "/request/blk0", "target", "/srv/disk.img"));
    CU_ASSERT(holds(&m, B "/request/blk0", "mode", "w"));
    CU_ASSERT(!exists(&m, B "/request/blk0/uuid"));
    stop(&m);
}

static void attach_makes_what_the_schema_says(void)
{
    struct machine m = start(ADMIN_GRANTS);
    struct platform *guest = fake_xen_domain(m.fx, 5);
    size_t size;

    CU_ASSERT_EQUAL(attach(&m, (struct attach_request){
        .timeout = LONG_ENOUGH, .uuid = UUID, .choices = {"mode=r"}}), 0);
    /* The number's counter is the scripted daemon's, which cares for no permissions. */
    store_remove(m.dom0, PLATFORM_NO_TX, B, XS_DEVICE_NUMBER_NEXT);
    CU_ASSERT_EQUAL(schema_check_bus(m.dom0, 0, 5, 0, print_finding, NULL), 0);
    CU_ASSERT_EQUAL(guest->ops->xs_write(guest, PLATFORM_NO_TX, F "/state", "3"), 0);
    CU_ASSERT_PTR_NULL(guest->ops->xs_read(guest, PLATFORM_NO_TX, B "/request/blk0/target", &size));
    CU_ASSERT_EQUAL(errno, EACCES);
    platform_close(guest);
    stop(&m);
}

static void attach_writes_every_option(void)
{
    struct machine m = start(ADMIN_GRANTS);

    CU_ASSERT_EQUAL(attach(&m, (struct attach_request){
        .domain = "5", .bus = 3, .name = "data", .uuid = UUID, .choices = {"mode=r"},
        .target = "/dev/vg/data", .timeout = 0}), 1); /* nobody answers on bus 3 */
    CU_ASSERT(exists(&m, "/local/domain/5/device/virtio-msg/3/state"));
    CU_ASSERT_EQUAL(attach(&m, (struct attach_request){
        .domain = "5", .name = "data", .uuid = UUID, .choices = {"mode=r"},
        .target = "/dev/vg/data", .timeout = LONG_ENOUGH}), 0);
    CU_ASSERT(holds(&m, B "/request/data", "target", "/dev/vg/data"));
    CU_ASSERT(holds(&m, B "/request/data", "mode", "r"));
    CU_ASSERT(holds(&m, B "/request/data", "uuid", UUID));
    stop(&m);
}

static void attach_writes_what_the_type_has(void)
{
    struct machine m = start(ADMIN_GRANTS);

    CU_ASSERT_EQUAL(attach(&m, (struct attach_request){
        .type = "rng", .timeout = LONG_ENOUGH}), 0);
    CU_ASSERT(holds(&m, B "/request/rng0", "type", "rng"));
    CU_ASSERT(!exists(&m, B "/request/rng0/target"));
    CU_ASSERT(!exists(&m, B "/request/rng0/mode"));
    CU_ASSERT(!exists(&m, B "/request/rng0/rate"));
    CU_ASSERT_EQUAL(attach(&m, (struct attach_request){
        .type = "rng", .choices = {"rate=4294967295"}, .timeout = LONG_ENOUGH}), 0);
    CU_ASSERT(holds(&m, B "/request/rng1", "rate", "4294967295"));
    store_remove(m.dom0, PLATFORM_NO_TX, B, XS_DEVICE_NUMBER_NEXT);
    CU_ASSERT_EQUAL(schema_check_bus(m.dom0, 0, 5, 0, print_finding, NULL), 0);
    CU_ASSERT_EQUAL(list(&m, (struct list_request){0}), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "  -\n"));
    stop(&m);
}

static void names_are_the_first_free_ones(void)
{
    struct machine m = start(ADMIN_GRANTS);

    CU_ASSERT_EQUAL(attach_one(&m), 0);
    CU_ASSERT_EQUAL(attach_one(&m), 0);
    CU_ASSERT_STRING_EQUAL(output, "2\n");
    CU_ASSERT(exists(&m, B "/request/blk1"));
    CU_ASSERT_EQUAL(detach(&m, (struct detach_request){.device = "blk0", .timeout = LONG_ENOUGH}),
                    0);
    CU_ASSERT_EQUAL(attach_one(&m), 0);
    CU_ASSERT_STRING_EQUAL(output, "3\n");
    CU_ASSERT(holds(&m, B "/request/blk0", "number", "3"));
    stop(&m);
}

static void a_name_is_given_once(void)
{
    struct machine m = start(ADMIN_GRANTS);
    struct attach_request request = {.name = "data", .timeout = LONG_ENOUGH};

    CU_ASSERT_EQUAL(attach(&m, request), 0);
    request.target = "/srv/other.img";
    CU_ASSERT_EQUAL(attach(&m, request), 1);
    CU_ASSERT_STRING_EQUAL(complaint, "domain web already has a device named data");
    CU_ASSERT(holds(&m, B "/request/data", "target", "/srv/disk.img"));
    stop(&m);
}

static void unknown_domains_are_refused(void)
{
    struct machine m = start(ADMIN_GRANTS);

    CU_ASSERT_EQUAL(attach(&m, (struct attach_request){.domain = "mail"}), 1);
    CU_ASSERT_STRING_EQUAL(complaint, "there is no domain 'mail'");
    CU_ASSERT_EQUAL(attach(&m, (struct attach_request){.domain = "17"}), 1);
    CU_ASSERT_STRING_EQUAL(complaint, "there is no domain '17'");
    CU_ASSERT_EQUAL(attach(&m, (struct attach_request){.domain = "99999999999"}), 1);
    CU_ASSERT(complaint_has("there is no domain"));
    CU_ASSERT_EQUAL(detach(&m, (struct detach_request){.domain = "mail", .device = "1"}), 1);
    CU_ASSERT_STRING_EQUAL(complaint, "there is no domain 'mail'");
    CU_ASSERT_EQUAL(list(&m, (struct list_request){.domain = "mail"}), 1);
    CU_ASSERT_STRING_EQUAL(complaint, "there is no domain 'mail'");
    CU_ASSERT(!exists(&m, "/local/domain/17"));
    stop(&m);
}

static void numbers_no_bus_has_are_refused(void)
{
    struct machine m = start(ADMIN_GRANTS);

    CU_ASSERT_EQUAL(attach(&m, (struct attach_request){.domain = "web", .bus = 65536}), 1);
    CU_ASSERT_STRING_EQUAL(complaint, "there is no bus 65536: a guest has buses 0 to 65535");
    CU_ASSERT(!exists(&m, "/local/domain/5/device/virtio-msg/65536"));
    stop(&m);
}

static void a_missing_daemon_is_told(void)
{
    struct machine m = start_without_daemon();

    CU_ASSERT_EQUAL(attach_one(&m), 1);
    CU_ASSERT(complaint_has("xvmsgd is not running in this domain: start it with"));
    CU_ASSERT(!exists(&m, B));
    CU_ASSERT_EQUAL(detach(&m, (struct detach_request){.device = "0"}), 1);
    CU_ASSERT(complaint_has("xvmsgd is not running"));
    stop(&m);
}

static void a_refusal_is_told_and_leaves_no_request(void)
{
    struct machine m = start(ADMIN_REFUSES);

    CU_ASSERT_EQUAL(attach_one(&m), 1);
    CU_ASSERT_STRING_EQUAL(complaint, "target: no such file");
    CU_ASSERT_STRING_EQUAL(output, "");
    CU_ASSERT(!exists(&m, B "/request/blk0"));
    stop(&m);
}

static void a_silent_daemon_is_not_waited_for_for_ever(void)
{
    struct platform *silent;
    struct machine m = start_silent(&silent);

    CU_ASSERT_EQUAL(attach(&m, (struct attach_request){.timeout = 0}), 1);
    CU_ASSERT_STRING_EQUAL(complaint, "xvmsgd did not answer within 0 s");
    CU_ASSERT(!exists(&m, B "/request/blk0"));
    platform_close(silent);
    stop(&m);
}

static void a_request_taken_away_ends_the_wait(void)
{
    struct machine m = start(ADMIN_DROPS);

    CU_ASSERT_EQUAL(attach_one(&m), 1);
    CU_ASSERT(complaint_has("the request was removed before"));
    stop(&m);
}

static void a_bus_that_was_left_is_wanted_again(void)
{
    struct machine m = start(ADMIN_GRANTS);

    CU_ASSERT_EQUAL(attach_one(&m), 0);
    store_write_u64(m.dom0, PLATFORM_NO_TX, B, XS_ONLINE, 0);
    store_write_u64(m.dom0, PLATFORM_NO_TX, B, XS_STATE, 6);
    CU_ASSERT_EQUAL(attach_one(&m), 0);
    CU_ASSERT(holds(&m, B, XS_ONLINE, "1"));
    CU_ASSERT(holds(&m, B, XS_STATE, "6"));
    stop(&m);
}

/* Whichever call to Xen fails: a complaint, status 1, and nothing half done. */
static void every_failing_call_is_told(void)
{
    bool failed = true;

    for (unsigned n = 1; failed; n++) {
        struct platform *silent;
        struct machine m = start_silent(&silent);

        fake_xen_fail(m.fx, 0, NULL, n, EIO);
        CU_ASSERT_EQUAL(attach(&m, (struct attach_request){.timeout = 0}), 1);
        CU_ASSERT_NOT_EQUAL(complaint[0], '\0');
        failed = fake_xen_failed(m.fx);
        platform_close(silent);
        platform_close(m.dom0);
        CU_ASSERT_EQUAL(fake_xen_free(m.fx), 0);
        CU_ASSERT(n < 200);
    }
    free(output);
    output = NULL;
}

/* ---- detach ---- */

static void detach_takes_numbers_and_names(void)
{
    struct machine m = start(ADMIN_GRANTS);

    CU_ASSERT_EQUAL(attach_one(&m), 0);
    CU_ASSERT_EQUAL(attach_one(&m), 0);
    CU_ASSERT_EQUAL(detach(&m, (struct detach_request){.device = "2", .timeout = LONG_ENOUGH}), 0);
    CU_ASSERT(!exists(&m, B "/request/blk1"));
    CU_ASSERT(!exists(&m, B "/device/2"));
    CU_ASSERT(exists(&m, B "/request/blk0"));
    CU_ASSERT_EQUAL(detach(&m, (struct detach_request){
        .domain = "web", .device = "blk0", .timeout = LONG_ENOUGH}), 0);
    CU_ASSERT(!exists(&m, B "/request/blk0"));
    CU_ASSERT_STRING_EQUAL(complaint, "");
    stop(&m);
}

static void detach_refuses_what_is_not_there(void)
{
    static const char *const devices[] = {"7", "blk7", "", "../..", "18446744073709551616"};
    struct machine m = start(ADMIN_GRANTS);

    CU_ASSERT_EQUAL(detach(&m, (struct detach_request){.device = "0"}), 1);
    CU_ASSERT_STRING_EQUAL(complaint, "domain 5 has no device 0 on bus 0");
    CU_ASSERT_EQUAL(attach_one(&m), 0);
    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
        CU_ASSERT_EQUAL(detach(&m, (struct detach_request){.device = devices[i]}), 1);
        CU_ASSERT(complaint_has("domain 5 has no device"));
    }
    CU_ASSERT(exists(&m, B "/request/blk0"));
    stop(&m);
}

static void detach_says_how_and_does_not_wait_for_ever(void)
{
    struct platform *silent;
    struct machine m = start_silent(&silent);

    store_write_text(m.dom0, PLATFORM_NO_TX, B "/request/blk0", XS_NUMBER, "3");
    store_write_text(m.dom0, PLATFORM_NO_TX, B "/device/3", XS_NAME, "blk0");
    CU_ASSERT_EQUAL(detach(&m, (struct detach_request){.device = "3"}), 1);
    CU_ASSERT(complaint_has("--force"));
    CU_ASSERT(holds(&m, B "/request/blk0", XS_REMOVE, XS_REMOVE_ORDERLY));
    CU_ASSERT_EQUAL(detach(&m, (struct detach_request){.device = "3", .force = true}), 1);
    CU_ASSERT(!complaint_has("--force"));
    CU_ASSERT(holds(&m, B "/request/blk0", XS_REMOVE, XS_REMOVE_FORCE));
    platform_close(silent);
    stop(&m);
}

static void detach_drops_a_request_without_a_device(void)
{
    struct platform *silent;
    struct machine m = start_silent(&silent);

    store_write_text(m.dom0, PLATFORM_NO_TX, B "/request/blk0", XS_TYPE, "blk");
    CU_ASSERT_EQUAL(detach(&m, (struct detach_request){.device = "blk0"}), 0);
    CU_ASSERT(!exists(&m, B "/request/blk0"));
    platform_close(silent);
    stop(&m);
}

/* ---- list ---- */

static void listing_nothing_is_fine(void)
{
    struct machine m = start_without_daemon();

    CU_ASSERT_EQUAL(list(&m, (struct list_request){0}), 0);
    CU_ASSERT_STRING_EQUAL(output,
                           "ID  DOMAIN  BUS  NUMBER  NAME  TYPE  STATE  BUS-STATE  TARGET\n");
    CU_ASSERT_EQUAL(list(&m, (struct list_request){.domain = "web", .json = true}), 0);

    struct json_object *array = json_tokener_parse(output);

    CU_ASSERT_EQUAL(json_object_array_length(array), 0);
    json_object_put(array);
    stop(&m);
}

/* Of two guests: a device, one being asked for, and one refused. */
static void put_some_devices(struct machine *m)
{
    struct platform *p = m->dom0;
    const char *other = "/local/domain/0/backend/virtio-msg/12/1";

    CU_ASSERT_EQUAL(attach_one(m), 0);
    store_write_u64(p, PLATFORM_NO_TX, B, XS_STATE, 4);
    fake_xen_create_domain(m->fx, 12, "a-longer-name");
    store_write_u64(p, PLATFORM_NO_TX, other, XS_STATE, 2);
    store_write_text(p, PLATFORM_NO_TX, other, "request/bad/type", "blk");
    store_write_text(p, PLATFORM_NO_TX, other, "request/bad/target", "/nowhere");
    store_write_text(p, PLATFORM_NO_TX, other, "request/bad/error", "no such \"file\"");
    store_write_text(p, PLATFORM_NO_TX, other, "request/asked/type", "blk");
    store_write_text(p, PLATFORM_NO_TX, other, "request/asked/target", "/srv/b");
}

static void lists_are_aligned_and_in_order(void)
{
    struct machine m = start(ADMIN_GRANTS);

    put_some_devices(&m);
    CU_ASSERT_EQUAL(list(&m, (struct list_request){0}), 0);
    CU_ASSERT_STRING_EQUAL(
        output,
        "ID  DOMAIN         BUS  NUMBER  NAME   TYPE  STATE    BUS-STATE  TARGET\n"
        "5   web            0    1       blk0   blk   added    Connected  /srv/disk.img\n"
        "12  a-longer-name  1    -       asked  blk   pending  InitWait   /srv/b\n"
        "12  a-longer-name  1    -       bad    blk   failed   InitWait   /nowhere\n");
    CU_ASSERT_EQUAL(list(&m, (struct list_request){.domain = "web"}), 0);
    CU_ASSERT_PTR_NULL(strstr(output, "a-longer-name"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "/srv/disk.img"));
    stop(&m);
}

/* The entry's value of that key, printed as JSON, is this. */
static bool json_holds(struct json_object *array, size_t index, const char *key,
                       const char *expected)
{
    struct json_object *value;

    return json_object_object_get_ex(json_object_array_get_idx(array, index), key, &value) &&
           strcmp(json_object_to_json_string_ext(value, JSON_C_TO_STRING_NOSLASHESCAPE),
                  expected) == 0;
}

static void lists_can_be_json(void)
{
    struct machine m = start(ADMIN_GRANTS);
    struct json_object *array;

    put_some_devices(&m);
    CU_ASSERT_EQUAL(list(&m, (struct list_request){.json = true}), 0);
    array = json_tokener_parse(output);
    CU_ASSERT_EQUAL(json_object_array_length(array), 3);
    CU_ASSERT(json_holds(array, 0, "domain-id", "5"));
    CU_ASSERT(json_holds(array, 0, "domain", "\"web\""));
    CU_ASSERT(json_holds(array, 0, "bus", "0"));
    CU_ASSERT(json_holds(array, 0, "number", "1"));
    CU_ASSERT(json_holds(array, 0, "name", "\"blk0\""));
    CU_ASSERT(json_holds(array, 0, "type", "\"blk\""));
    CU_ASSERT(json_holds(array, 0, "state", "\"added\""));
    CU_ASSERT(json_holds(array, 0, "bus-state", "\"Connected\""));
    CU_ASSERT(json_holds(array, 0, "target", "\"/srv/disk.img\""));
    CU_ASSERT(!json_holds(array, 0, "error", "null"));
    CU_ASSERT(json_holds(array, 2, "number", "null"));
    CU_ASSERT(json_holds(array, 2, "error", "\"no such \\\"file\\\"\""));
    json_object_put(array);
    stop(&m);
}

static void a_dead_domain_has_no_name(void)
{
    struct machine m = start(ADMIN_GRANTS);

    CU_ASSERT_EQUAL(attach_one(&m), 0);
    fake_xen_destroy_domain(m.fx, 5);
    CU_ASSERT_EQUAL(list(&m, (struct list_request){0}), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\n5   -       0    1       blk0"));
    CU_ASSERT_EQUAL(list(&m, (struct list_request){.domain = "web"}), 1);
    CU_ASSERT_STRING_EQUAL(complaint, "there is no domain 'web'");
    stop(&m);
}

/* ---- command lines ---- */

/* Status 2, and Xen is not even looked for. */
static bool wrong_usage(int (*command)(int argc, char **argv), const char *line)
{
    char *argv[16], *copy = strdup(line), *rest = copy, *word;
    int argc = 0;

    while ((word = strsep(&rest, " ")))
        argv[argc++] = word;
    argv[argc] = NULL;

    int status = command(argc, argv);

    free(copy);
    return status == EXIT_USAGE;
}

static void wrong_command_lines_are_refused(void)
{
    CU_ASSERT(wrong_usage(cmd_attach, "attach"));
    CU_ASSERT(wrong_usage(cmd_attach, "attach web"));
    CU_ASSERT(wrong_usage(cmd_attach, "attach web blk"));
    CU_ASSERT(complaint_has("target=PATH is missing"));
    CU_ASSERT(wrong_usage(cmd_attach, "attach web floppy target=/a"));
    CU_ASSERT_STRING_EQUAL(complaint, "no device type 'floppy'; there are: " XS_TYPES);
    CU_ASSERT(wrong_usage(cmd_attach, "attach web net target=/a"));
    CU_ASSERT(wrong_usage(cmd_attach, "attach web blk target=/a rate=5"));
    CU_ASSERT_STRING_EQUAL(complaint, "a device of type blk has no rate");
    CU_ASSERT(wrong_usage(cmd_attach, "attach web rng target=/a"));
    CU_ASSERT_STRING_EQUAL(complaint, "a device of type rng has no target");
    CU_ASSERT(wrong_usage(cmd_attach, "attach web rng rate=5 readonly"));
    CU_ASSERT_STRING_EQUAL(complaint, "a device of type rng has no readonly");
    CU_ASSERT(wrong_usage(cmd_attach, "attach web rng rate=0"));
    CU_ASSERT(complaint_has("rate '0' is not"));
    CU_ASSERT(wrong_usage(cmd_attach, "attach web rng rate=4294967296"));
    CU_ASSERT(wrong_usage(cmd_attach, "attach web rng rate=1k"));
    CU_ASSERT(wrong_usage(cmd_attach, "attach web blk target="));
    CU_ASSERT(wrong_usage(cmd_attach, "attach web blk target=/a writeonly"));
    CU_ASSERT(complaint_has("unknown argument 'writeonly'"));
    CU_ASSERT(wrong_usage(cmd_attach, "attach web blk target=/a name=7"));
    CU_ASSERT(wrong_usage(cmd_attach, "attach web blk target=/a name=a.b"));
    CU_ASSERT(wrong_usage(cmd_attach, "attach web blk target=/a uuid=123"));
    CU_ASSERT(complaint_has("uuid '123'"));
    CU_ASSERT(wrong_usage(cmd_attach, "attach web blk target=/a bus=-1"));
    CU_ASSERT(wrong_usage(cmd_attach, "attach web blk target=/a --timeout=soon"));
    CU_ASSERT(wrong_usage(cmd_attach, "attach web blk target=/a --colour"));
    CU_ASSERT(wrong_usage(cmd_detach, "detach web"));
    CU_ASSERT(wrong_usage(cmd_detach, "detach web 1 2"));
    CU_ASSERT(wrong_usage(cmd_detach, "detach web 1 bus=x"));
    CU_ASSERT(wrong_usage(cmd_detach, "detach web 1 bus=0 more"));
    CU_ASSERT(wrong_usage(cmd_list, "list a b"));
    CU_ASSERT(wrong_usage(cmd_list, "list --xml"));
}

static const struct test_case cases[] = {
    TEST(attach_makes_the_bus_and_prints_the_number),
    TEST(attach_makes_what_the_schema_says),
    TEST(attach_writes_every_option),
    TEST(attach_writes_what_the_type_has),
    TEST(names_are_the_first_free_ones),
    TEST(a_name_is_given_once),
    TEST(unknown_domains_are_refused),
    TEST(numbers_no_bus_has_are_refused),
    TEST(a_missing_daemon_is_told),
    TEST(a_refusal_is_told_and_leaves_no_request),
    TEST(a_silent_daemon_is_not_waited_for_for_ever),
    TEST(a_request_taken_away_ends_the_wait),
    TEST(a_bus_that_was_left_is_wanted_again),
    TEST(every_failing_call_is_told),
    TEST(detach_takes_numbers_and_names),
    TEST(detach_refuses_what_is_not_there),
    TEST(detach_says_how_and_does_not_wait_for_ever),
    TEST(detach_drops_a_request_without_a_device),
    TEST(listing_nothing_is_fine),
    TEST(lists_are_aligned_and_in_order),
    TEST(lists_can_be_json),
    TEST(a_dead_domain_has_no_name),
    TEST(wrong_command_lines_are_refused),
    {NULL, NULL},
};

int main(void)
{
    return test_main("admin", cases);
}
