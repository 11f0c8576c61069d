/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The schema for programs, the schema for people, and a live store agree. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/store.h"
#include "tests/fake/fake-xen.h"
#include "tests/harness.h"
#include "xenstore-schema/schema.h"

#define B "/local/domain/0/backend/virtio-msg/5/0"
#define F "/local/domain/5/device/virtio-msg/0"
#define README "xenstore-schema/README.md"

/* ---- keys and values ---- */

static bool valid(const char *path, const char *value)
{
    const struct schema_node *node = schema_find(path);
    char why[SCHEMA_WHY_SIZE] = "";
    bool result = node && schema_value_valid(node, value, why);

    CU_ASSERT_PTR_NOT_NULL(node);
    CU_ASSERT(result || *why);
    return result;
}

static void paths_find_their_node(void)
{
    CU_ASSERT_STRING_EQUAL(schema_find("B")->path, "B");
    CU_ASSERT_STRING_EQUAL(schema_find("F/state")->path, "F/state");
    CU_ASSERT_STRING_EQUAL(schema_find("F/ring-ref-63")->path, "F/ring-ref-INDEX");
    CU_ASSERT_STRING_EQUAL(schema_find("B/request/disk_2/uuid")->path, "B/request/NAME/uuid");
    CU_ASSERT_STRING_EQUAL(schema_find("B/device/18446744073709551615/type")->path,
                           "B/device/NUMBER/type");
}

static void unknown_paths_find_nothing(void)
{
    static const char *const paths[] = {
        "", "C", "B/", "/B", "B/nonsense", "F/ring-ref-", "F/ring-ref-64", "F/ring-ref-01",
        "F/ring-ref-0/x", "B/device/07", "B/device/-1", "B/device/18446744073709551616",
        "B/device/x", "B/request/9", "B/request/a.b", "B/request/x/type/y", "B//state",
        "B/request/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        CU_ASSERT_PTR_NULL(schema_find(paths[i]));
}

static void values_are_held_to_their_type(void)
{
    CU_ASSERT(valid("B", ""));
    CU_ASSERT(!valid("B", "x"));
    CU_ASSERT(valid("B/state", "1"));
    CU_ASSERT(valid("B/state", "6"));
    CU_ASSERT(!valid("B/state", "0"));
    CU_ASSERT(!valid("B/state", "7"));
    CU_ASSERT(!valid("B/state", ""));
    CU_ASSERT(!valid("B/state", "4 "));
    CU_ASSERT(valid("F/message-size", "52"));
    CU_ASSERT(!valid("F/message-size", "51"));
    CU_ASSERT(!valid("F/message-size", "65536"));
    CU_ASSERT(valid("F/transport-features", "18446744073709551615"));
    CU_ASSERT(!valid("F/transport-features", "18446744073709551616"));
    CU_ASSERT(!valid("F/event-channel", "0"));
    CU_ASSERT(valid("F/wire-form", "compact"));
    CU_ASSERT(!valid("F/wire-form", "wide|compact"));
    CU_ASSERT(!valid("F/wire-form", "comp"));
    CU_ASSERT(!valid("F/wire-form", ""));
    CU_ASSERT(valid("B/versions", "1"));
    CU_ASSERT(valid("B/versions", "1,2,10"));
    CU_ASSERT(!valid("B/versions", "1,"));
    CU_ASSERT(!valid("B/versions", "1, 2"));
    CU_ASSERT(!valid("B/versions", ""));
    CU_ASSERT(!valid("B/versions", "99999999999999999999"));
    CU_ASSERT(valid("B/request/x/type", "blk"));
    CU_ASSERT(!valid("B/request/x/type", "floppy"));
    CU_ASSERT(valid("B/request/x/type", "rng"));
    CU_ASSERT(valid("B/request/x/cache", "directsync"));
    CU_ASSERT(!valid("B/request/x/cache", "unsafe"));
    CU_ASSERT(valid("B/request/x/queues", "8"));
    CU_ASSERT(!valid("B/request/x/queues", "0"));
    CU_ASSERT(!valid("B/request/x/queues", "9"));
    CU_ASSERT(!valid("B/request/x/rate", "0"));
    CU_ASSERT(valid("B/request/x/rate", "4294967295"));
    CU_ASSERT(!valid("B/request/x/rate", "4294967296"));
    CU_ASSERT(valid("B/request/x/mode", "r"));
    CU_ASSERT(!valid("B/request/x/mode", "rw"));
    CU_ASSERT(valid("B/request/x/target", "/dev/vg/disk 1"));
    CU_ASSERT(!valid("B/request/x/target", "disk.img"));
    CU_ASSERT(!valid("B/request/x/target", "/"));
    CU_ASSERT(!valid("B/request/x/target", "/a\nb"));
    CU_ASSERT(valid("B/request/x/uuid", "7d444840-9dc0-11d1-b245-5ffdce74fad2"));
    CU_ASSERT(!valid("B/request/x/uuid", "7d444840"));
    CU_ASSERT(valid("B/request/x/mac", "00:16:3e:01:02:03"));
    CU_ASSERT(!valid("B/request/x/mac", "00:16:3e:01:02"));
    CU_ASSERT(valid("B/device/0/name", "blk0"));
    CU_ASSERT(!valid("B/device/0/name", "0"));
    CU_ASSERT(valid("B/device-number-form", "compact"));
    CU_ASSERT(!valid("B/device-number-form", "middle"));
    CU_ASSERT(valid("B/taken/7", "blk0"));
    CU_ASSERT(valid("B/released/32", "2 86400,18446744073709551615 86460"));
    CU_ASSERT(!valid("B/released/32", ""));
    CU_ASSERT(!valid("B/released/32", "2 86400,"));
    CU_ASSERT(!valid("B/released/32", "2"));
    CU_ASSERT(!valid("B/quarantine-count", "32768"));
    CU_ASSERT(!valid("B/quarantine-seconds", "4"));
    CU_ASSERT(valid("B/error", "ring: impossible index"));
    CU_ASSERT(!valid("B/error", "two\nlines"));
}

static void a_type_says_which_keys_its_requests_have(void)
{
    CU_ASSERT_EQUAL(schema_use("blk", "target"), SCHEMA_NEEDED);
    CU_ASSERT_EQUAL(schema_use("blk", "mode"), SCHEMA_NEEDED);
    CU_ASSERT_EQUAL(schema_use("blk", "uuid"), SCHEMA_OPTIONAL);
    CU_ASSERT_EQUAL(schema_use("blk", "rate"), SCHEMA_UNFIT);
    CU_ASSERT_EQUAL(schema_use("blk", "cache"), SCHEMA_OPTIONAL);
    CU_ASSERT_EQUAL(schema_use("blk", "queues"), SCHEMA_OPTIONAL);
    CU_ASSERT_EQUAL(schema_use("rng", "cache"), SCHEMA_UNFIT);
    CU_ASSERT_EQUAL(schema_use("rng", "target"), SCHEMA_UNFIT);
    CU_ASSERT_EQUAL(schema_use("rng", "mode"), SCHEMA_UNFIT);
    CU_ASSERT_EQUAL(schema_use("rng", "rate"), SCHEMA_OPTIONAL);
    CU_ASSERT_EQUAL(schema_use("rng", "uuid"), SCHEMA_OPTIONAL);
    CU_ASSERT_EQUAL(schema_use("rng", ""), SCHEMA_FOREIGN);
    CU_ASSERT_EQUAL(schema_use("rng", "number"), SCHEMA_FOREIGN);
    CU_ASSERT_STRING_EQUAL(schema_needed_key("blk", 0), "target");
    CU_ASSERT_STRING_EQUAL(schema_needed_key("blk", 1), "mode");
    CU_ASSERT_PTR_NULL(schema_needed_key("blk", 2));
    CU_ASSERT_PTR_NULL(schema_needed_key("rng", 0));
    CU_ASSERT(schema_settable("net", "link"));
    CU_ASSERT(!schema_settable("net", "mac"));
    CU_ASSERT(!schema_settable("rng", "link"));
    CU_ASSERT_EQUAL(schema_use("somebody's own", "target"), SCHEMA_OPTIONAL);
}

static void text_has_a_length(void)
{
    char text[258];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    CU_ASSERT(!valid("F/error", text));
    text[256] = '\0';
    CU_ASSERT(valid("F/error", text));
}

/* ---- README.md ---- */

static FILE *open_readme(void)
{
    const char *top = getenv("top_srcdir");
    FILE *readme = fopen(store_path("%s/" README, top ? top : ".").text, "r");

    if (!readme)
        CU_FAIL_FATAL("cannot open " README);
    return readme;
}

static const char *const type_names[] = {
    [SCHEMA_DIR] = "directory",      [SCHEMA_UINT] = "number",
    [SCHEMA_TEXT] = "text",          [SCHEMA_PATH] = "xenstore path",
    [SCHEMA_FILE] = "file name",     [SCHEMA_NAME] = "device name",
    [SCHEMA_UUID] = "UUID",          [SCHEMA_ONE_OF] = "word",
    [SCHEMA_MAC] = "MAC address",
    [SCHEMA_VERSIONS] = "numbers",   [SCHEMA_RELEASES] = "releases",
};

static void format_writers(unsigned writers, char *text, size_t size)
{
    snprintf(text, size, "%s%s%s%s", writers & SCHEMA_TOOLSTACK ? "toolstack" : "",
             writers & SCHEMA_TOOLSTACK && writers != SCHEMA_TOOLSTACK ? ", " : "",
             writers & SCHEMA_BACKEND ? "backend" : "",
             writers & SCHEMA_FRONTEND ? "frontend" : "");
}

static void format_range(const struct schema_node *node, char *text, size_t size)
{
    snprintf(text, size, "-");
    if (node->type == SCHEMA_UINT)
        snprintf(text, size, "%" PRIu64 "..%" PRIu64, node->min, node->max);
    if (node->type == SCHEMA_TEXT)
        snprintf(text, size, "%" PRIu64 " bytes", node->max);
    if (node->type != SCHEMA_ONE_OF)
        return;
    for (const char *word = node->words; *word; word++, text++)
        if (*word == '|') {
            *text++ = ',';
            *text = ' ';
        } else {
            *text = *word;
        }
    *text = '\0';
}

static void format_row(const struct schema_node *node, char *row, size_t size)
{
    char writers[64], range[128];
    bool both = node->path[0] == 'F' || node->frontend_reads;

    format_writers(node->writers, writers, sizeof(writers));
    format_range(node, range, sizeof(range));
    snprintf(row, size, "| %s | %s | %s | %s | %s | %s |\n", node->path, writers,
             both ? "both" : "backend", type_names[node->type], range, node->meaning);
}

/* The line is a row of the table of nodes, not of the others. */
static bool is_node_row(const char *line)
{
    return strncmp(line, "| B", 3) == 0 || strncmp(line, "| F", 3) == 0;
}

static void readme_has_every_node_in_order(void)
{
    FILE *readme = open_readme();
    char line[512], row[512];
    size_t i = 0;

    while (fgets(line, sizeof(line), readme)) {
        if (!is_node_row(line))
            continue;
        CU_ASSERT_FATAL(i < schema_num_nodes);
        format_row(&schema_nodes[i++], row, sizeof(row));
        CU_ASSERT_STRING_EQUAL(line, row);
        if (strcmp(line, row) != 0)
            printf("# README: %s# schema: %s", line, row);
    }
    CU_ASSERT_EQUAL(i, schema_num_nodes);
    fclose(readme);
}

/* ---- a live store ---- */

/* "(n0,r5)" */
static size_t parse_perms(const char *text, struct platform_perm perms[4])
{
    size_t count = 0;
    unsigned domid;
    char letter;

    for (text++; count < 4 && sscanf(text, "%c%u", &letter, &domid) == 2; count++) {
        perms[count] = (struct platform_perm){
            .domid = domid,
            .read = letter == 'r' || letter == 'b',
            .write = letter == 'w' || letter == 'b',
        };
        text += strcspn(text, ",)");
        text += *text == ',';
    }
    return count;
}

/* One line as xenstore-ls -fp prints it. */
static void load_line(struct platform *p, const char *line)
{
    char path[256], value[256] = "", perms_text[64];
    struct platform_perm perms[4];
    int fields = sscanf(line, "%255s = \"\" %63s", path, perms_text);

    if (fields != 2)
        fields = sscanf(line, "%255s = \"%255[^\"]\" %63s", path, value, perms_text);
    CU_ASSERT_FATAL(fields >= 2);

    size_t count = parse_perms(perms_text, perms);

    CU_ASSERT_EQUAL(p->ops->xs_write(p, PLATFORM_NO_TX, path, value), 0);
    CU_ASSERT_EQUAL(p->ops->xs_set_perms(p, PLATFORM_NO_TX, path, perms, count), 0);
}

/* A Xen whose store holds the example of README.md. */
static struct fake_xen *load_example(struct platform **dom0)
{
    struct fake_xen *fx = fake_xen_new();
    FILE *readme = open_readme();
    bool inside = false;
    unsigned lines = 0;
    char line[512];

    fake_xen_create_domain(fx, 5, "guest");
    *dom0 = fake_xen_domain(fx, 0);
    while (fgets(line, sizeof(line), readme))
        if (strcmp(line, "```\n") == 0) {
            inside = !inside;
        } else if (inside) {
            load_line(*dom0, line);
            lines++;
        }
    CU_ASSERT(lines > 30);
    fclose(readme);
    return fx;
}

struct findings {
    char text[1024];
};

static void note(const char *path, const char *why, void *user)
{
    struct findings *f = user;
    size_t used = strlen(f->text);

    snprintf(f->text + used, sizeof(f->text) - used, "%s %s\n", path, why);
}

static void the_example_is_valid(void)
{
    struct platform *dom0;
    struct fake_xen *fx = load_example(&dom0);
    struct findings f = {""};

    CU_ASSERT_EQUAL(schema_check_bus(dom0, 0, 5, 0, note, &f), 0);
    CU_ASSERT_STRING_EQUAL(f.text, "");
    platform_close(dom0);
    CU_ASSERT_EQUAL(fake_xen_free(fx), 0);
}

/* The example with one node changed has this one finding. */
static void check_finding(const char *path, const char *value, const char *expected)
{
    struct platform *dom0;
    struct fake_xen *fx = load_example(&dom0);
    struct findings f = {""};

    CU_ASSERT_EQUAL(dom0->ops->xs_write(dom0, PLATFORM_NO_TX, path, value), 0);
    CU_ASSERT_EQUAL(schema_check_bus(dom0, 0, 5, 0, note, &f), 1);
    CU_ASSERT_STRING_EQUAL(f.text, expected);
    platform_close(dom0);
    CU_ASSERT_EQUAL(fake_xen_free(fx), 0);
}

static void wrong_nodes_are_found(void)
{
    check_finding(F "/state", "40", F "/state is not a number from 1 to 6\n");
    check_finding(F "/colour", "red", F "/colour is not in the schema\n");
    check_finding(F "/deep/er/and/deeper", "", F "/deep is not in the schema\n");
    check_finding(B "/request/blk0/target", "disk",
                  B "/request/blk0/target is not an absolute file name\n");
    check_finding(B "/device/1/state", "lost", 
                  B "/device/1/state is not added or removing\n");
    check_finding(B "/device/1", "x", B "/device/1 is not empty, as a directory is\n");
}

static void hostile_nodes_are_found(void)
{
    struct platform *dom0;
    struct fake_xen *fx = load_example(&dom0);
    struct findings f = {""};
    char path[600] = F "/";

    fake_xen_write_raw(fx, F "/state", "4\0004", 3);
    memset(path + strlen(path), 'x', 500);
    CU_ASSERT_EQUAL(dom0->ops->xs_write(dom0, PLATFORM_NO_TX, path, ""), 0);
    CU_ASSERT_EQUAL(schema_check_bus(dom0, 0, 5, 0, note, &f), 2);
    CU_ASSERT_STRING_EQUAL(f.text, F "/state has a NUL byte in its value\n"
                                   F " has a node below it that is not in the schema\n");
    platform_close(dom0);
    CU_ASSERT_EQUAL(fake_xen_free(fx), 0);
}

static void check_perms(const char *path, const char *perms_text, const char *expected)
{
    struct platform *dom0;
    struct fake_xen *fx = load_example(&dom0);
    struct platform_perm perms[4];
    struct findings f = {""};
    size_t count = parse_perms(perms_text, perms);

    CU_ASSERT_EQUAL(dom0->ops->xs_set_perms(dom0, PLATFORM_NO_TX, path, perms, count), 0);
    CU_ASSERT_EQUAL(schema_check_bus(dom0, 0, 5, 0, note, &f), 1);
    CU_ASSERT_STRING_EQUAL(f.text, expected);
    platform_close(dom0);
    CU_ASSERT_EQUAL(fake_xen_free(fx), 0);
}

static void wide_permissions_are_found(void)
{
    static const char may_read[] = " may be read by a domain that should not\n";
    char expected[256];

    snprintf(expected, sizeof(expected), "%s%s", B "/request/blk0/target", may_read);
    check_perms(B "/request/blk0/target", "(n0,r5)", expected);
    snprintf(expected, sizeof(expected), "%s%s", B "/device/1/state", may_read);
    check_perms(B "/device/1/state", "(n0,r6)", expected);
    check_perms(B "/state", "(n0,w5)", B "/state may be written by another domain\n");
    check_perms(B "/state", "(r0,r5)", B "/state is open to every domain\n");
    check_perms(B "/state", "(n5)", B "/state is owned by the wrong domain\n");
    check_perms(F "/state", "(n0,r0)", F "/state is owned by the wrong domain\n");
    check_perms(F "/state", "(n5,w0)", F "/state may be written by another domain\n");
}

static void a_missing_bus_is_found(void)
{
    struct fake_xen *fx = fake_xen_new();
    struct platform *dom0 = fake_xen_domain(fx, 0);
    struct findings f = {""};

    CU_ASSERT_EQUAL(schema_check_bus(dom0, 0, 5, 0, note, &f), 2);
    CU_ASSERT_STRING_EQUAL(f.text, B " is missing\n" F " is missing\n");
    fake_xen_fail(fx, 0, "xs_list", 1, EIO);
    CU_ASSERT_EQUAL(schema_check_bus(dom0, 0, 5, 0, note, &f), -1);
    CU_ASSERT_EQUAL(errno, EIO);
    platform_close(dom0);
    CU_ASSERT_EQUAL(fake_xen_free(fx), 0);
}

static const struct test_case cases[] = {
    TEST(paths_find_their_node),
    TEST(unknown_paths_find_nothing),
    TEST(values_are_held_to_their_type),
    TEST(a_type_says_which_keys_its_requests_have),
    TEST(text_has_a_length),
    TEST(readme_has_every_node_in_order),
    TEST(the_example_is_valid),
    TEST(wrong_nodes_are_found),
    TEST(hostile_nodes_are_found),
    TEST(wide_permissions_are_found),
    TEST(a_missing_bus_is_found),
    {NULL, NULL},
};

int main(void)
{
    return test_main("schema", cases);
}
