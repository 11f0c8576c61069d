/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* conform-capture, over recordings of a scripted bus in the file format of "xvmsg trace". */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/conformance/driver/scene.h"
#include "tests/harness.h"
#include "tools/xvmsg/pcapng-writer.h"

static struct scene s;
static char output[65536];

/* A device opened and closed. */
static void play(enum msg_form form)
{
    scene_start_as(&s, form, 0, false);
    scene_ready(&s);
    xvmsg_device_close(s.t.device);
    backend_settle(s.t.b);
}

/* Without the first `skip` messages, as one that began late, or that lost them. */
static void write_messages(struct pcapng_writer *w, size_t skip, uint64_t lost)
{
    for (size_t i = skip; i < s.tape.count; i++) {
        const struct recorded *e = &s.tape.messages[i];
        struct pcapng_message message = {
            .form = s.tape.buses[e->connection].form,
            .direction = e->tap.from_driver ? PCAPNG_FROM_GUEST : PCAPNG_TO_GUEST,
            .time = e->tap.time,
            .lost = i == skip ? lost : 0,
            .bytes = e->tap.bytes,
            .size = (uint32_t)e->tap.size,
        };

        pcapng_writer_add(w, &message);
    }
}

/* What conform-capture says of a file; its exit status. */
static int run(const char *options, const char *path)
{
    const char *top = getenv("top_builddir");
    char command[512];
    FILE *out;
    size_t size;

    snprintf(command, sizeof(command), "%s/tests/conformance/driver/conform-capture %s %s 2>&1",
             top ? top : ".", options, path);
    out = popen(command, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    size = fread(output, 1, sizeof(output) - 1, out);
    output[size] = '\0';
    return pclose(out);
}

static int judge(const char *options, size_t skip, uint64_t lost)
{
    char path[] = "/tmp/conform-capture-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "wb");
    struct pcapng_writer w;
    int rc;

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    pcapng_writer_begin(&w, file, "dom5 bus 0");
    write_messages(&w, skip, lost);
    pcapng_writer_end(&w);
    fclose(file);
    rc = run(options, path);
    unlink(path);
    return rc;
}

/* The line of a clause begins so, and is skipped or not. */
static void expect_line(const char *id, const char *state, bool skipped)
{
    char words[32], line[256];
    const char *found, *begin;

    snprintf(words, sizeof(words), " - %s:", id);
    found = strstr(output, words);
    CU_ASSERT_PTR_NOT_NULL_FATAL(found);
    for (begin = found; begin > output && begin[-1] != '\n';)
        begin--;
    snprintf(line, sizeof(line), "%.*s", (int)strcspn(begin, "\n"), begin);
    CU_ASSERT_EQUAL(strncmp(line, state, strlen(state)), 0);
    CU_ASSERT_EQUAL(strstr(line, "# SKIP not seen") != NULL, skipped);
}

static void a_good_recording(void)
{
    for (int form = 0; form < 2; form++) {
        play(form ? MSG_COMPACT : MSG_WIDE);
        CU_ASSERT_EQUAL(judge("--max 272", 0, 0), 0);
        CU_ASSERT_PTR_NULL(strstr(output, "not ok"));
        CU_ASSERT_PTR_NOT_NULL(strstr(output, "1..36"));
        expect_line("DRV-01", "ok ", false);
        expect_line("DRV-53", "ok ", false);
        expect_line("DRV-13", "ok ", form == 1);
        expect_line("DRV-31", "ok ", true);
        scene_end(&s);
    }
}

static void a_wrong_is_told(void)
{
    play(MSG_WIDE);
    CU_ASSERT_NOT_EQUAL(judge("--max 52", 0, 0), 0);
    expect_line("DRV-01", "not ok ", false);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "dom5 bus 0, message "));
    ((uint8_t *)recording_find(&s.tape, MSG_get_vqueue_request, 0)->tap.bytes)[6] = 1;
    CU_ASSERT_NOT_EQUAL(judge("", 0, 0), 0);
    expect_line("DRV-13", "not ok ", false);
    expect_line("DRV-01", "ok ", false);
    ((uint8_t *)recording_find(&s.tape, MSG_get_vqueue_request, 0)->tap.bytes)[6] = 0;
    scene_end(&s);
}

static void what_is_missing_is_not_judged(void)
{
    play(MSG_WIDE);
    for (size_t skip = 0; skip < s.tape.count; skip++) {
        CU_ASSERT_EQUAL(judge("", skip, 0), 0);
        CU_ASSERT_EQUAL(judge("", skip, skip), 0);
    }
    CU_ASSERT_EQUAL(judge("", s.tape.count, 0), 0); /* nothing at all */
    expect_line("DRV-01", "ok ", true);
    scene_end(&s);
}

static void what_is_no_recording(void)
{
    CU_ASSERT_NOT_EQUAL(run("", "/dev/null"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "Bail out!"));
    CU_ASSERT_NOT_EQUAL(run("", "/there/is/no/such.pcapng"), 0);
    CU_ASSERT_NOT_EQUAL(run("--max 1", "/dev/null"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "usage:"));
}

static const struct test_case cases[] = {
    TEST(a_good_recording),
    TEST(a_wrong_is_told),
    TEST(what_is_missing_is_not_judged),
    TEST(what_is_no_recording),
    {NULL, NULL},
};

int main(void)
{
    return test_main("conform-capture", cases);
}
