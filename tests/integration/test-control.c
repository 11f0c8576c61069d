/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The daemon's control socket, as tools and others knock on it. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/control-protocol.h"
#include "backend/log.h"
#include "tests/harness.h"
#include "tests/integration/stage.h"

#define RETRY_US 20000
#define CROWD 8 /* tools that the daemon listens to at once */

static struct stage s;
static char path[64];

static const struct control_request good = {
    .version = CONTROL_VERSION, .kind = CONTROL_TRACE, .frontend = 7};

static void start(void)
{
    stage_open(&s, 0);
    snprintf(path, sizeof(path), "%s/control", s.directory);
    s.daemon.control_path = path;
    s.daemon.retry_delay.tv_usec = RETRY_US;
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
    struct control_answer answer = {.accepted = 1};
    int fd = ask(request, size);

    CU_ASSERT_EQUAL(recv(fd, &answer, sizeof(answer), 0), sizeof(answer));
    CU_ASSERT_EQUAL(answer.accepted, 0);
    if (!strstr(answer.why, words))
        CU_FAIL(words);
    CU_ASSERT_EQUAL(recv(fd, &answer, sizeof(answer), 0), 0);
    close(fd);
}

static void stop_loop(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what;
    event_base_loopbreak(user);
}

/* ---- cases ---- */

static void hands_a_reader_of_counters_on_as_such(void)
{
    struct control_request request = good;
    int fd;

    start();
    request.kind = CONTROL_STATS;
    fd = ask(&request, sizeof(request));
    CU_ASSERT_EQUAL(stage_worker(&s, "dom 7 bus 0")->got[IPC_STATS], 1);
    CU_ASSERT_EQUAL(stage_worker(&s, "dom 7 bus 0")->got[IPC_TRACE], 0);
    close(fd);
    request.kind = CONTROL_STATS + 1;
    expect_refusal(&request, sizeof(request), "does not know what is asked");
    stop();
}

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
    struct control_request request = good;

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
    struct control_request request = good;

    start();
    expect_refusal(bytes, 1, "not a request");
    expect_refusal(bytes, sizeof(bytes), "not a request");
    request.version = 9;
    expect_refusal(&request, sizeof(request), "not 9");
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

#define DESCRIPTORS 256u

static int taken[DESCRIPTORS];
static unsigned num_taken;
static struct rlimit limit_before;

static void take_all_descriptors(void)
{
    struct rlimit few;

    getrlimit(RLIMIT_NOFILE, &limit_before);
    few = limit_before;
    few.rlim_cur = DESCRIPTORS;
    setrlimit(RLIMIT_NOFILE, &few);
    for (num_taken = 0; (taken[num_taken] = dup(STDERR_FILENO)) >= 0; num_taken++)
        ;
    CU_ASSERT_EQUAL(errno, EMFILE);
}

static void give_descriptors_back(void)
{
    while (num_taken)
        close(taken[--num_taken]);
    setrlimit(RLIMIT_NOFILE, &limit_before);
}

/* Turns of the loop until a timer ends it, which runs as long as five pauses. */
static unsigned count_turns(void)
{
    const struct timeval soon = {.tv_usec = 5 * RETRY_US};
    struct event *end = evtimer_new(s.base, stop_loop, s.base);
    unsigned turns = 0;

    evtimer_add(end, &soon);
    for (; !event_base_got_break(s.base); turns++)
        event_base_loop(s.base, EVLOOP_ONCE);
    event_free(end);
    return turns;
}

/* The tool waits, and so does the daemon, which does not ask again without end. */
static void a_daemon_out_of_descriptors_does_not_spin(void)
{
    int fd;

    if (test_skip_under_valgrind("what it cannot take it closes before it says so"))
        return;
    start();
    fd = connect_tool();
    CU_ASSERT(send(fd, &good, sizeof(good), MSG_NOSIGNAL) == sizeof(good));
    take_all_descriptors();
    log_set_level(LOG_LEVEL_ERROR);
    CU_ASSERT(count_turns() < 50);
    CU_ASSERT_EQUAL(stage_worker(&s, "dom 7 bus 0")->got[IPC_TRACE], 0);
    give_descriptors_back();
    while (!stage_worker(&s, "dom 7 bus 0")->got[IPC_TRACE])
        event_base_loop(s.base, EVLOOP_ONCE);
    close(fd);
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
    TEST(hands_a_reader_of_counters_on_as_such),
    TEST(refuses_by_name_what_is_not_there),
    TEST(refuses_what_is_no_request),
    TEST(a_bus_without_a_worker_is_told),
    TEST(serves_every_one_of_many),
    TEST(a_daemon_out_of_descriptors_does_not_spin),
    TEST(only_root_may_connect),
    TEST(takes_the_place_of_one_that_was_killed),
    TEST(guests_are_served_where_nobody_can_listen),
    {NULL, NULL},
};

int main(void)
{
    return test_main("control", cases);
}
