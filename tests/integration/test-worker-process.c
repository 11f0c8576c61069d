/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Workers as processes of their own: this program is its own worker, and what
 * it does is told by its label. */

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/ipc.h"
#include "backend/process.h"
#include "backend/spawn.h"
#include "tests/harness.h"

/* ---- the worker ---- */

static int count_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = -1; /* the directory's own */

    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count - 2; /* . and .. */
}

static int wait_for_close(int socket)
{
    char byte;

    while (recv(socket, &byte, 1, 0) > 0)
        ;
    return EXIT_SUCCESS;
}

static int play_worker(int socket, const char *part)
{
    struct ipc_message message = {.kind = IPC_DEVICE_REFUSED};

    test_alarm(TEST_PATIENCE);
    if (strcmp(part, "killed") == 0)
        raise(SIGKILL);
    if (strcmp(part, "exits") == 0)
        return 3;
    if (strcmp(part, "hangs") == 0) {
        close(socket);
        for (;;)
            pause();
    }
    message.answer.number = (uint64_t)count_descriptors();
    if (ipc_send(socket, &message, NULL) < 0)
        return EXIT_FAILURE;
    if (strcmp(part, "stubborn") == 0)
        for (;;)
            pause();
    return wait_for_close(socket);
}

/* ---- its owner ---- */

static struct event_base *base;
static struct event *child;
static struct daemon daemon_of_test;
static char death[64];
static unsigned deaths;
static uint64_t descriptors;
static unsigned messages;

static void on_child(evutil_socket_t number, short what, void *user)
{
    (void)number;
    (void)what;
    process_reap(user);
}

static void on_message(void *user, const struct ipc_message *message)
{
    (void)user;
    descriptors = message->answer.number;
    messages++;
}

static void on_death(void *user, const char *how)
{
    (void)user;
    snprintf(death, sizeof(death), "%s", how);
    deaths++;
}

static const struct process_events events = {.message = on_message, .death = on_death};

static void set_up(void)
{
    base = event_base_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(base);
    daemon_of_test = (struct daemon){
        .base = base,
        .spawn = spawn_worker,
        .answer_timeout = {.tv_usec = 1000},
    };
    child = evsignal_new(base, SIGCHLD, on_child, &daemon_of_test);
    event_add(child, NULL);
    deaths = messages = 0;
    death[0] = '\0';
    test_alarm(TEST_PATIENCE);
}

static void tear_down(void)
{
    CU_ASSERT_PTR_NULL(daemon_of_test.processes);
    CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
    event_free(child);
    event_base_free(base);
    test_alarm(0);
}

static struct process *start(const char *part)
{
    struct process *process = process_start(&daemon_of_test, part, &events, NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(process);
    return process;
}

static void run_until(const unsigned *count)
{
    while (*count == 0)
        event_base_loop(base, EVLOOP_ONCE);
}

static void run_until_reaped(void)
{
    while (daemon_of_test.processes)
        event_base_loop(base, EVLOOP_ONCE);
}

static void a_signal_is_told_by_its_number(void)
{
    set_up();
    start("killed");
    run_until(&deaths);
    CU_ASSERT_STRING_EQUAL(death, "died (signal 9)");
    tear_down();
}

static void an_exit_is_told_by_its_status(void)
{
    set_up();
    start("exits");
    run_until(&deaths);
    CU_ASSERT_STRING_EQUAL(death, "died (exit status 3)");
    tear_down();
}

static void one_that_closed_its_socket_is_killed(void)
{
    set_up();
    start("hangs");
    run_until(&deaths);
    CU_ASSERT_STRING_EQUAL(death, "died (signal 9)");
    tear_down();
}

static void a_worker_inherits_nothing(void)
{
    int secret = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */
    struct process *process;

    set_up();
    process = start("counts");
    run_until(&messages);
    CU_ASSERT_EQUAL(descriptors, 4);
    process_release(process);
    run_until_reaped();
    CU_ASSERT_EQUAL(deaths, 0);
    tear_down();
    close(secret);
}

static void a_released_worker_that_stays_is_killed(void)
{
    set_up();
    struct process *process = start("stubborn");

    run_until(&messages);
    process_release(process);
    run_until_reaped();
    CU_ASSERT_EQUAL(deaths, 0);
    tear_down();
}

static void a_broken_worker_reports_its_death_once(void)
{
    struct ipc_message message = {.kind = IPC_DISCONNECT};

    set_up();
    struct process *process = start("stubborn");

    run_until(&messages);
    process_break(process);
    process_break(process);
    CU_ASSERT_EQUAL(process_send(process, &message, NULL), -1);
    run_until(&deaths);
    CU_ASSERT_EQUAL(deaths, 1);
    CU_ASSERT_STRING_EQUAL(death, "died (signal 9)");
    tear_down();
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        TEST(a_signal_is_told_by_its_number),
        TEST(an_exit_is_told_by_its_status),
        TEST(one_that_closed_its_socket_is_killed),
        TEST(a_worker_inherits_nothing),
        TEST(a_released_worker_that_stays_is_killed),
        TEST(a_broken_worker_reports_its_death_once),
        {NULL, NULL},
    };
    const char *preload = getenv("LD_PRELOAD");

    if (argc == SPAWN_ARGC && strcmp(argv[1], SPAWN_ARGUMENT) == 0)
        return play_worker(atoi(argv[2]), argv[5]);
    if (preload && strstr(preload, "vgpreload")) {
        printf("1..0 # SKIP under valgrind this program cannot start itself\n");
        return EXIT_SUCCESS;
    }
    return test_main("worker processes", cases);
}
