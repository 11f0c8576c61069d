/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* xvmsg trace, with its daemon and a worker, good or taken over, played here. */

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/control-protocol.h"
#include "backend/trace-protocol.h"
#include "tests/fake/fake-xen.h"
#include "tests/harness.h"
#include "tests/unit/complaint.h"
#include "tools/xvmsg/admin.h"
#include "tools/xvmsg/pcapng-reader.h"

/* ---- dom0 with a guest, a daemon that listens, and the tool in a thread ---- */

static struct fake_xen *fx;
static struct platform *dom0, *daemon_xen;
static char directory[32];
static char socket_path[64];
static char output[64];
static int listener;
static struct trace_order order;
static pthread_t tool;
static int status;

static void listen_at_path(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    strcpy(address.sun_path, socket_path);
    listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    CU_ASSERT_FATAL(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0);
    CU_ASSERT_FATAL(listen(listener, 1) == 0);
}

static void open_stage(void)
{
    test_alarm(TEST_PATIENCE);
    complaint_clear();
    fx = fake_xen_new();
    fake_xen_create_domain(fx, 5, "web");
    dom0 = fake_xen_domain(fx, 0);
    daemon_xen = fake_xen_domain(fx, 0);
    CU_ASSERT_EQUAL(daemon_xen->ops->lock(daemon_xen, "xvmsgd"), 0);
    strcpy(directory, "/tmp/xvmsg-trace-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
    snprintf(socket_path, sizeof(socket_path), "%s/socket", directory);
    snprintf(output, sizeof(output), "%s/out", directory);
    order = (struct trace_order){.domain = "web", .output = output, .socket = socket_path};
    listen_at_path();
}

static void close_stage(void)
{
    close(listener);
    unlink(socket_path);
    unlink(output);
    rmdir(directory);
    platform_close(dom0);
    platform_close(daemon_xen);
    CU_ASSERT_EQUAL(fake_xen_free(fx), 0);
    test_alarm(0);
}

static void *run_tool(void *unused)
{
    status = trace_run(dom0, &order);
    return unused;
}

/* The tool's request has come; our end of its socket. */
static int start_tool(void)
{
    struct control_request request;
    int fd;

    CU_ASSERT_FATAL(pthread_create(&tool, NULL, run_tool, NULL) == 0);
    fd = accept(listener, NULL, NULL);
    CU_ASSERT_EQUAL_FATAL(recv(fd, &request, sizeof(request), MSG_TRUNC), sizeof(request));
    CU_ASSERT_EQUAL(request.version, CONTROL_VERSION);
    CU_ASSERT_EQUAL(request.frontend, 5);
    CU_ASSERT_EQUAL(request.bus, order.bus);
    return fd;
}

static int end_tool(void)
{
    pthread_join(tool, NULL);
    return status;
}

static void answer(int fd, bool accepted, const char *why)
{
    struct control_answer a = {.accepted = accepted};

    snprintf(a.why, sizeof(a.why), "%s", why);
    CU_ASSERT(send(fd, &a, sizeof(a), 0) == sizeof(a));
}

static int start_accepted(void)
{
    int fd = start_tool();

    answer(fd, true, "");
    return fd;
}

/* ---- records ---- */

struct record {
    struct trace_record head;
    uint8_t bytes[8];
};

static struct record a_record(void)
{
    return (struct record){
        .head = {.time = 1, .size = 8, .form = MSG_COMPACT, .from_guest = 1},
        .bytes = {0, 2, 1, 0, 0, 0, 8, 0},
    };
}

static void send_record(int fd, const struct record *r)
{
    CU_ASSERT(send(fd, r, sizeof(*r), 0) == sizeof(*r));
}

/* The messages in the file, -1 when it is damaged; and what they say was lost. */
static int recorded(uint64_t *lost)
{
    FILE *in = fopen(output, "r");
    char magic[4], why[PCAPNG_WHY_SIZE];
    struct pcapng_reader *reader;
    struct pcapng_message m;
    const char *bus;
    int rc, count = 0;

    CU_ASSERT_PTR_NOT_NULL_FATAL(in);
    CU_ASSERT(fread(magic, 1, 4, in) == 4 && memcmp(magic, PCAPNG_MAGIC, 4) == 0);
    reader = pcapng_reader_new(in);
    *lost = 0;
    while ((rc = pcapng_reader_next(reader, &m, &bus, why)) > 0) {
        CU_ASSERT_STRING_EQUAL(bus, "dom5 bus 0");
        CU_ASSERT(m.form == MSG_COMPACT && m.direction == PCAPNG_FROM_GUEST && m.size == 8);
        *lost += m.lost;
        count++;
    }
    pcapng_reader_free(reader);
    fclose(in);
    return rc < 0 ? -1 : count;
}

/* Looks each time something was written; begins to watch before the first look. */
static void await_first_record(void)
{
    char event[sizeof(struct inotify_event) + NAME_MAX + 1];
    int writes = inotify_init1(IN_CLOEXEC);
    struct stat st = {0};
    uint64_t lost;

    CU_ASSERT_FATAL(inotify_add_watch(writes, directory, IN_CREATE | IN_MODIFY) >= 0);
    while (stat(output, &st) < 0 || !st.st_size || recorded(&lost) != 1)
        CU_ASSERT_FATAL(read(writes, event, sizeof(event)) > 0);
    close(writes);
}

/* ---- cases ---- */

static void a_signal_ends_it_after_the_last_message(void)
{
    struct record r = a_record();
    uint64_t lost;
    char byte;
    int fd;

    open_stage();
    fd = start_accepted();
    send_record(fd, &r);
    pthread_kill(tool, SIGTERM);
    CU_ASSERT_EQUAL(recv(fd, &byte, 1, 0), 0);
    r.head.lost = 4;
    send_record(fd, &r);
    close(fd);
    CU_ASSERT_EQUAL(end_tool(), EXIT_SUCCESS);
    CU_ASSERT_EQUAL(recorded(&lost), 2);
    CU_ASSERT_EQUAL(lost, 4);
    close_stage();
}

/* Two records come in one packet, and as many are recorded as were ordered. */
static void order_of_two(uint32_t count)
{
    struct record two[2] = {a_record(), a_record()};
    uint64_t lost;
    int fd;

    open_stage();
    order.count = count;
    fd = start_accepted();
    CU_ASSERT(send(fd, two, sizeof(two), 0) == sizeof(two));
    CU_ASSERT_EQUAL(end_tool(), EXIT_SUCCESS);
    CU_ASSERT_EQUAL(recorded(&lost), (int)count);
    close(fd);
    close_stage();
}

static void many_records_come_in_one_packet(void)
{
    order_of_two(2);
}

static void ends_after_so_many(void)
{
    order_of_two(1);
}

static void ends_after_so_long(void)
{
    uint64_t lost;
    char byte;
    int fd;

    open_stage();
    fake_xen_real_clock(fx);
    order.seconds = 1;
    fd = start_accepted();
    CU_ASSERT_EQUAL(recv(fd, &byte, 1, 0), 0);
    close(fd);
    CU_ASSERT_EQUAL(end_tool(), EXIT_SUCCESS);
    CU_ASSERT_EQUAL(recorded(&lost), 0);
    close_stage();
}

/* Time is up although there is always something to read. */
static void ends_after_so_long_on_a_busy_bus(void)
{
    struct record r = a_record();
    uint64_t lost;
    int fd;

    open_stage();
    order.seconds = 600;
    fd = start_accepted();
    send_record(fd, &r);
    await_first_record();
    fake_xen_advance(fx, UINT64_C(600000000000));
    close(fd);
    CU_ASSERT_EQUAL(end_tool(), EXIT_SUCCESS);
    CU_ASSERT_EQUAL(recorded(&lost), 1);
    close_stage();
}

static void leaves_a_worker_that_sends_on_and_on(void)
{
    struct record r = a_record();
    uint64_t lost;
    char byte;
    int fd;

    open_stage();
    fd = start_accepted();
    pthread_kill(tool, SIGTERM);
    CU_ASSERT_EQUAL(recv(fd, &byte, 1, 0), 0);
    fake_xen_advance(fx, UINT64_C(6000000000));
    send_record(fd, &r);
    CU_ASSERT_EQUAL(end_tool(), EXIT_FAILURE);
    CU_ASSERT(strstr(complaint, "does not end the trace") != NULL);
    CU_ASSERT_EQUAL(recorded(&lost), 0);
    close(fd);
    close_stage();
}

static void keeps_what_came_when_the_worker_dies(void)
{
    struct record r = a_record();
    uint64_t lost;
    int fd;

    open_stage();
    fd = start_accepted();
    send_record(fd, &r);
    close(fd);
    CU_ASSERT_EQUAL(end_tool(), EXIT_FAILURE);
    CU_ASSERT(complaint_has("came to its end"));
    CU_ASSERT_EQUAL(recorded(&lost), 1);
    close_stage();
}

static void expect_nonsense(const void *packet, size_t size)
{
    struct record r = a_record();
    uint64_t lost;
    int fd;

    open_stage();
    fd = start_accepted();
    r.head.lost = 2;
    send_record(fd, &r);
    CU_ASSERT(send(fd, packet, size, 0) == (ssize_t)size);
    CU_ASSERT_EQUAL(end_tool(), EXIT_FAILURE);
    if (!complaint_has("no record") && !complaint_has("too long"))
        CU_FAIL("not noticed");
    CU_ASSERT_EQUAL(recorded(&lost), 1);
    close(fd);
    close_stage();
}

static void believes_no_worker(void)
{
    static uint8_t long_packet[TRACE_PACKET_MAX + 8];
    struct record r = a_record();

    expect_nonsense(&r, sizeof(r)); /* fewer lost than before */
    r.head.lost = 2;
    expect_nonsense(&r, sizeof(r) - 1);
    expect_nonsense(&r, sizeof(r.head) - 1);
    r.head.size = 9;
    expect_nonsense(&r, sizeof(r));
    r.head.size = UINT32_MAX;
    expect_nonsense(&r, sizeof(r));
    r.head.size = 8;
    r.head.form = 2;
    expect_nonsense(&r, sizeof(r));
    expect_nonsense(long_packet, sizeof(long_packet));
}

static void passes_a_refusal_on_and_keeps_the_old_file(void)
{
    FILE *old;
    int fd;

    open_stage();
    old = fopen(output, "w");
    fputs("old", old);
    fclose(old);
    fd = start_tool();
    answer(fd, false, "somebody else traces this bus");
    CU_ASSERT_EQUAL(end_tool(), EXIT_FAILURE);
    CU_ASSERT_STRING_EQUAL(complaint, "somebody else traces this bus");
    old = fopen(output, "r");
    CU_ASSERT_EQUAL(fgetc(old), 'o');
    fclose(old);
    close(fd);
    close_stage();
}

/* It may be a worker that says so, and its guest's words. */
static void a_refusal_is_no_command_to_the_terminal(void)
{
    int fd;

    open_stage();
    fd = start_tool();
    answer(fd, false, "\033]0;owned\007\ngone\x9b");
    CU_ASSERT_EQUAL(end_tool(), EXIT_FAILURE);
    CU_ASSERT_STRING_EQUAL(complaint, "?]0;owned??gone?");
    close(fd);
    close_stage();
}

static void says_that_an_answer_did_not_come(void)
{
    int fd;

    open_stage();
    fd = start_tool();
    close(fd);
    CU_ASSERT_EQUAL(end_tool(), EXIT_FAILURE);
    CU_ASSERT(complaint_has("before it answered"));
    fd = start_tool();
    CU_ASSERT(send(fd, "?", 1, 0) == 1);
    CU_ASSERT_EQUAL(end_tool(), EXIT_FAILURE);
    CU_ASSERT(complaint_has("does not understand"));
    close(fd);
    close_stage();
}

static void names_what_lacks(void)
{
    open_stage();
    order.socket = "/nonexistent/socket";
    CU_ASSERT_EQUAL(trace_run(dom0, &order), EXIT_FAILURE);
    CU_ASSERT(complaint_has("cannot reach xvmsgd on /nonexistent/socket"));
    order.domain = "nobody";
    CU_ASSERT_EQUAL(trace_run(dom0, &order), EXIT_FAILURE);
    CU_ASSERT(complaint_has("there is no domain 'nobody'"));
    platform_close(daemon_xen);
    daemon_xen = NULL;
    CU_ASSERT_EQUAL(trace_run(dom0, &order), EXIT_FAILURE);
    CU_ASSERT(complaint_has("xvmsgd is not running"));
    close_stage();
}

static void an_output_that_cannot_be_written_is_named(void)
{
    int fd;

    open_stage();
    order.output = "/nonexistent/out";
    fd = start_accepted();
    CU_ASSERT_EQUAL(end_tool(), EXIT_FAILURE);
    CU_ASSERT(complaint_has("cannot write /nonexistent/out"));
    close(fd);
    close_stage();
}

static const struct test_case cases[] = {
    TEST(a_signal_ends_it_after_the_last_message),
    TEST(many_records_come_in_one_packet),
    TEST(ends_after_so_many),
    TEST(ends_after_so_long),
    TEST(ends_after_so_long_on_a_busy_bus),
    TEST(leaves_a_worker_that_sends_on_and_on),
    TEST(keeps_what_came_when_the_worker_dies),
    TEST(believes_no_worker),
    TEST(passes_a_refusal_on_and_keeps_the_old_file),
    TEST(a_refusal_is_no_command_to_the_terminal),
    TEST(says_that_an_answer_did_not_come),
    TEST(names_what_lacks),
    TEST(an_output_that_cannot_be_written_is_named),
    {NULL, NULL},
};

int main(void)
{
    return test_main("xvmsg trace", cases);
}
