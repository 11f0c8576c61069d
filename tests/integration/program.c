/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/integration/program.h"

#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backend/worker.h"
#include "frontend/xvmsg.h"
#include "tests/harness.h"
#include "tests/integration/stage.h"
#include "xenstore-schema/schema.h"

/* The library's constructor for a platform of any kind. */
struct xvmsg *xvmsg_new_on(struct platform *p);

static struct stage s;
static struct platform *worker_xen;
static struct worker *worker;
static pthread_t thread;
static int stop_fd;
static struct event *stop;

char program_said[512];
char program_tty[64];

/* In place of the library's, which wants a true Xen. */
struct xvmsg *xvmsg_new(const char **why)
{
    (void)why;
    return xvmsg_new_on(fake_xen_domain(s.fx, 7));
}

/* ---- the backend ---- */

static int spawn(void *user, const char *label, pid_t *pid)
{
    (void)user;
    *pid = 0;
    return stage_true_worker(&s, worker_xen, label, &worker);
}

static void on_stop(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what, (void)user;
    event_base_loopbreak(s.base);
}

static void *run(void *user)
{
    (void)user;
    event_base_loop(s.base, EVLOOP_NO_EXIT_ON_EMPTY);
    return NULL;
}

/* Signals are for the program. */
static void start_thread(void)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, run, NULL), 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void read_tty(void)
{
    char *tty = store_read_text(s.toolstack, PLATFORM_NO_TX, B7 "/request/own", XS_TTY);

    snprintf(program_tty, sizeof(program_tty), "%s", tty ? tty : "");
    free(tty);
}

static void run_backend(void)
{
    stop_fd = eventfd(0, EFD_CLOEXEC);
    stop = event_new(s.base, stop_fd, EV_READ, on_stop, NULL);
    CU_ASSERT_FATAL(stop && event_add(stop, NULL) == 0);
    start_thread();
}

static void halt_backend(void)
{
    CU_ASSERT_EQUAL(eventfd_write(stop_fd, 1), 0);
    pthread_join(thread, NULL);
    event_free(stop);
    close(stop_fd);
}

static void begin(void)
{
    stage_open(&s, 0);
    fake_xen_real_clock(s.fx);
    s.daemon.spawn = spawn;
    worker_xen = fake_xen_domain(s.fx, 0);
    stage_start_daemon(&s);
    stage_make_bus(&s, 7);
}

/* The type comes last: with it, the request is complete. */
static void request_alone(const char *type)
{
    stage_write(s.toolstack, B7 "/request/own/type", type);
    stage_wait(&s, B7 "/device/1/state", "added");
    read_tty();
}

static void go(void)
{
    run_backend();
    test_alarm(TEST_PATIENCE);
}

static void request(const char *type)
{
    request_alone(type);
    go();
}

void program_begin_beside_disk(const char *type)
{
    begin();
    if (strcmp(type, "console") == 0)
        stage_write(s.toolstack, B7 "/request/own/" XS_PORTS, "2");
    request_alone(type);
    stage_request(&s, "beside", stage_target(&s, "beside", 65536));
    stage_wait(&s, B7 "/device/2/state", "added");
    go();
}

void program_begin(const char *type, const char *rate)
{
    begin();
    if (rate)
        stage_write(s.toolstack, B7 "/request/own/rate", rate);
    request(type);
}

void program_begin_two(const char *type, const char *second)
{
    begin();
    request_alone(type);
    stage_write(s.toolstack, B7 "/request/second/type", second);
    stage_wait(&s, B7 "/device/2/state", "added");
    go();
}

const char *program_begin_disk(long size, const char *mode)
{
    const char *path;

    begin();
    path = stage_target(&s, "disk", size);
    stage_write(s.toolstack, B7 "/request/own/target", path);
    stage_write(s.toolstack, B7 "/request/own/mode", mode);
    request("blk");
    return path;
}

void program_end(void)
{
    halt_backend();
    test_alarm(0);
    stage_settle(&s);
    stage_stop_daemon(&s);
    worker_free(worker);
    CU_ASSERT_EQUAL(fake_xen_counters(s.fx).mapped_pages, 0);
    platform_close(worker_xen);
    stage_close(&s);
}

void program_resize_device(void)
{
    stage_write(s.toolstack, B7 "/request/own/resize", "1");
}

void program_remove_device(void)
{
    stage_write(s.toolstack, B7 "/request/own/remove", "orderly");
}

void program_remove_second(void)
{
    stage_write(s.toolstack, B7 "/request/second/remove", "orderly");
}

void program_restart_backend(void)
{
    halt_backend();
    supervisor_free(s.supervisor);
    worker_free(worker);
    worker = NULL;
    platform_close(s.daemon.platform);
    stage_start_daemon(&s);
    run_backend();
}

/* ---- programs ---- */

static int split(char *line, char *argv[32])
{
    int argc = 0;
    char *word;

    while ((word = strsep(&line, " ")) && argc < 31)
        argv[argc++] = word;
    argv[argc] = NULL;
    return argc;
}

/* Puts `fd` in place of `target`; what was there. */
static int replace(int target, int fd)
{
    int before = dup(target);

    CU_ASSERT_FATAL(before >= 0 && dup2(fd, target) == target);
    return before;
}

static void put_back(int target, int before)
{
    dup2(before, target);
    close(before);
}

static size_t read_back(FILE *file, char *text, size_t size)
{
    size_t length;

    rewind(file);
    length = fread(text, 1, size - 1, file);
    text[length] = '\0';
    fclose(file);
    return length;
}

/* Those that ended the program are pending still. */
static void drop_signals(void)
{
    const struct timespec now = {0};
    sigset_t ends;

    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    while (sigtimedwait(&ends, NULL, &now) > 0)
        ;
}

int program_run(int (*program)(int argc, char **argv), const char *line, int out)
{
    FILE *errors = tmpfile();
    char *copy = strdup(line), *argv[32];
    int argc = split(copy, argv), status, before_out, before_err;
    sigset_t mask;

    CU_ASSERT_PTR_NOT_NULL_FATAL(errors);
    fflush(stdout);
    before_out = replace(STDOUT_FILENO, out);
    before_err = replace(STDERR_FILENO, fileno(errors));
    sigprocmask(SIG_SETMASK, NULL, &mask);
    optind = 0;
    status = program(argc, argv);
    fflush(stdout);
    drop_signals();
    sigprocmask(SIG_SETMASK, &mask, NULL);
    put_back(STDERR_FILENO, before_err);
    put_back(STDOUT_FILENO, before_out);
    read_back(errors, program_said, sizeof(program_said));
    free(copy);
    return status;
}

int program_output(int (*program)(int argc, char **argv), const char *line, char *output,
                   size_t size, size_t *length)
{
    FILE *out = tmpfile();
    int status;

    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    status = program_run(program, line, fileno(out));
    *length = read_back(out, output, size);
    return status;
}
