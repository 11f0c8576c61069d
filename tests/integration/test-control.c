/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The daemon's control socket, as tools and others knock on it. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/trace-protocol.h"
#include "tests/harness.h"
#include "tests/integration/stage.h"

#define CROWD 8 /* tools that the daemon listens to at once */

static struct stage s;
static char path[64];

static const struct trace_request good = {.version = TRACE_VERSION, .frontend = 7};

static void start(void)
{
    stage_open(&s, 0);
    snprintf(path, sizeof(path), "%s/control", s.directory);
    s.daemon.control_path = path;
    stage_start_daemon(&s);
    stage_make_bus(&s, 7);
    stage_wait(&s, B7 "/state", "2");
}

static void stop(void)
{
    stage_stop_daemon(&s);
    CU_ASSERT(access(path, F_OK) < 0);
    stage_close(&s);
}

static int connect_tool(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    strcpy(address.sun_path, path);
    CU_ASSERT_FATAL(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    return fd;
}

static int ask(const void *request, size_t size)
{
    int fd = connect_tool();

    CU_ASSERT(send(fd, request, size, MSG_NOSIGNAL) == (ssize_t)size);
    stage_settle(&s);
    return fd;
}

static void expect_refusal(const void *request, size_t size, const char *words)
{
    struct trace_answer answer = {.accepted = 1};
    int fd = ask(request, size);

    CU_ASSERT_EQUAL(recv(fd, &answer, sizeof(answer), 0), sizeof(answer));
    CU_ASSERT_EQUAL(answer.accepted, 0);
    if (!strstr(answer.why, words))
        CU_FAIL(words);
    CU_ASSERT_EQUAL(recv(fd, &answer, sizeof(answer), 0), 0);
    close(fd);
}

/* ---- cases ---- */

static void hands_the_tool_to_the_worker_of_its_bus(void)
{
    char byte = 0;
    int fd;

    start();
    stage_make_bus(&s, 8);
    stage_wait(&s, B8 "/state", "2");
    fd = ask(&good, sizeof(good));

    struct stage_worker *w = stage_worker(&s, "dom 7 bus 0");

    CU_ASSERT_EQUAL(w->got[IPC_TRACE], 1);
    CU_ASSERT_EQUAL(stage_worker(&s, "dom 8 bus 0")->got[IPC_TRACE], 0);
    CU_ASSERT_FATAL(w->tool >= 0);
    CU_ASSERT(send(w->tool, "x", 1, 0) == 1);
    CU_ASSERT(recv(fd, &byte, 1, 0) == 1 && byte == 'x');
    /* The daemon kept no copy: the tool sees its worker's end. */
    stage_worker_dies(w);
    CU_ASSERT_EQUAL(recv(fd, &byte, 1, 0), 0);
    close(fd);
    stop();
}

static void refuses_by_name_what_is_not_there(void)
{
    struct trace_request request = good;

    start();
    request.bus = 3;
    expect_refusal(&request, sizeof(request), "domain 7 has no bus 3");
    request = good;
    request.frontend = UINT32_MAX;
    expect_refusal(&request, sizeof(request), "domain 4294967295 has no bus 0");
    stop();
}

static void refuses_what_is_no_request(void)
{
    char bytes[sizeof(good) + 1] = {0};
    struct trace_request request = good;

    start();
    expect_refusal(bytes, 1, "not a request");
    expect_refusal(bytes, sizeof(bytes), "not a request");
    request.version = 2;
    expect_refusal(&request, sizeof(request), "not 2");
    CU_ASSERT_EQUAL(stage_worker(&s, "dom 7 bus 0")->got[IPC_TRACE], 0);
    stop();
}

static void a_bus_without_a_worker_is_told(void)
{
    start();
    for (unsigned i = 0; i < 5; i++) {
        stage_worker_dies(stage_worker(&s, "dom 7 bus 0"));
        stage_settle(&s);
    }
    CU_ASSERT_PTR_NULL(stage_worker(&s, "dom 7 bus 0"));
    expect_refusal(&good, sizeof(good), "has no worker");
    stop();
}

static void serves_every_one_of_many(void)
{
    int fds[2 * CROWD];
    int last;

    start();
    for (unsigned i = 0; i < 2 * CROWD; i++) {
        fds[i] = connect_tool();
        if (i == CROWD - 1)
            stage_settle(&s);
    }
    last = ask(&good, sizeof(good));
    CU_ASSERT_EQUAL(stage_worker(&s, "dom 7 bus 0")->got[IPC_TRACE], 0);
    for (unsigned i = 0; i < 2 * CROWD; i++)
        close(fds[i]);
    stage_settle(&s);
    CU_ASSERT_EQUAL(stage_worker(&s, "dom 7 bus 0")->got[IPC_TRACE], 1);
    close(last);
    stop();
}

static void only_root_may_connect(void)
{
    struct stat status;

    start();
    CU_ASSERT(stat(path, &status) == 0);
    CU_ASSERT_EQUAL(status.st_mode & 07777, 0600);
    stop();
}

static void takes_the_place_of_one_that_was_killed(void)
{
    struct stat status;
    FILE *left;

    stage_open(&s, 0);
    snprintf(path, sizeof(path), "%s/control", s.directory);
    left = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(left);
    fclose(left);
    s.daemon.control_path = path;
    stage_start_daemon(&s);
    CU_ASSERT(stat(path, &status) == 0 && S_ISSOCK(status.st_mode));
    stop();
}

static void guests_are_served_where_nobody_can_listen(void)
{
    stage_open(&s, 0);
    s.daemon.control_path = "/nonexistent/control";
    stage_start_daemon(&s);
    stage_connect(&s, s.guest, 7);
    stage_close(&s);
}

static const struct test_case cases[] = {
    TEST(hands_the_tool_to_the_worker_of_its_bus),
    TEST(refuses_by_name_what_is_not_there),
    TEST(refuses_what_is_no_request),
    TEST(a_bus_without_a_worker_is_told),
    TEST(serves_every_one_of_many),
    TEST(only_root_may_connect),
    TEST(takes_the_place_of_one_that_was_killed),
    TEST(guests_are_served_where_nobody_can_listen),
    {NULL, NULL},
};

int main(void)
{
    return test_main("control", cases);
}
