/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Both ends at native speed, joined by the fake Xen: libxvmsg and the admin tool
 * on this thread, supervisor and worker on another, a temporary file as the
 * disk. What is missing is what Xen itself costs. Prints, judges nothing.
 */
#include <err.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/daemon.h"
#include "backend/devices/table.h"
#include "backend/log.h"
#include "backend/supervisor.h"
#include "backend/worker.h"
#include "tests/bench/bus-load.h"
#include "tests/bench/figures.h"
#include "tests/bench/file-load.h"
#include "tests/fake/fake-xen.h"
#include "tools/xvmsg/admin.h"
#include "tools/xvmsg/xvmsg.h"

#define GUEST 1
#define GUEST_TEXT "1"
#define DISK_BYTES (64u << 20)
#define SHARED_BYTES (32u << 20)
#define PING_COUNT 100000
#define ATTACH_COUNT 100
#define SCALE 16
#define PATIENCE_SECONDS 30

/* The library's constructor for a platform of any kind. */
struct xvmsg *xvmsg_new_on(struct platform *p);

struct machine {
    struct fake_xen *fx;
    struct platform *toolstack;
    struct xvmsg *h;
    char target[32];
    FILE *file; /* the target; gone when closed */
    /* The backend's. The worker shares the supervisor's loop, which is idle
     * while requests run. */
    struct daemon daemon;
    struct supervisor *supervisor;
    struct platform *worker_xen;
    struct worker *worker;
    pthread_t thread;
    int stop_fd;
    struct event *stop;
};

/* What the admin tool says when it fails. */
void complain(const char *name, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "xvmsg %s: ", name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

/* ---- the backend ---- */

static int spawn(void *user, const char *label, pid_t *pid)
{
    struct machine *m = user;
    int ends[2];

    *pid = 0;
    if (m->worker)
        errx(1, "the worker ended");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        err(1, "socketpair");
    m->worker = worker_new(m->daemon.base, m->worker_xen, ends[1], label);
    if (!m->worker)
        err(1, "worker");
    return ends[0];
}

static bool type_known(const char *type)
{
    return table_find(type) != NULL;
}

static void on_stop(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what;
    event_base_loopbreak(user);
}

static void *run_backend(void *user)
{
    struct machine *m = user;

    event_base_dispatch(m->daemon.base);
    return NULL;
}

static void start_backend(struct machine *m)
{
    char why[WHY_SIZE];

    log_set_level(LOG_LEVEL_ERROR);
    m->worker_xen = fake_xen_domain(m->fx, 0);
    m->daemon = (struct daemon){
        .base = event_base_new(),
        .platform = fake_xen_domain(m->fx, 0),
        .spawn = spawn,
        .spawn_user = m,
        .type_known = type_known,
        .max_shared_pages = SHARED_BYTES / PLATFORM_PAGE_SIZE,
        .remove_timeout = {.tv_sec = PATIENCE_SECONDS},
        .answer_timeout = {.tv_sec = PATIENCE_SECONDS},
        .retry_delay = {.tv_sec = 1},
    };
    m->supervisor = supervisor_new(&m->daemon, why);
    if (!m->supervisor)
        errx(1, "%s", why);
    m->stop_fd = eventfd(0, EFD_CLOEXEC);
    m->stop = event_new(m->daemon.base, m->stop_fd, EV_READ, on_stop, m->daemon.base);
    if (!m->stop || event_add(m->stop, NULL) < 0 ||
        pthread_create(&m->thread, NULL, run_backend, m) != 0)
        errx(1, "the backend cannot start");
}

static void stop_backend(struct machine *m)
{
    eventfd_write(m->stop_fd, 1);
    pthread_join(m->thread, NULL);
    supervisor_free(m->supervisor);
    worker_free(m->worker);
    event_free(m->stop);
    close(m->stop_fd);
    event_base_free(m->daemon.base);
    platform_close(m->worker_xen);
    platform_close(m->daemon.platform);
}

/* ---- the machine ---- */

/* Written once, so that no figure is of a hole. */
static void make_target(struct machine *m)
{
    static const char zeros[1 << 20];

    m->file = tmpfile();
    if (!m->file)
        err(1, "temporary file");
    for (unsigned i = 0; i < DISK_BYTES / sizeof(zeros); i++)
        if (fwrite(zeros, sizeof(zeros), 1, m->file) != 1)
            err(1, "temporary file");
    if (fflush(m->file) != 0)
        err(1, "temporary file");
    snprintf(m->target, sizeof(m->target), "/proc/self/fd/%d", fileno(m->file));
}

static void start(struct machine *m)
{
    m->fx = fake_xen_new();
    fake_xen_real_clock(m->fx);
    fake_xen_create_domain(m->fx, GUEST, "guest");
    m->toolstack = fake_xen_domain(m->fx, 0);
    make_target(m);
    start_backend(m);
    m->h = xvmsg_new_on(fake_xen_domain(m->fx, GUEST));
    if (!m->h)
        err(1, "libxvmsg");
}

static void stop(struct machine *m)
{
    xvmsg_free(m->h);
    stop_backend(m);
    platform_close(m->toolstack);
    fake_xen_free(m->fx);
    fclose(m->file);
}

/* ---- attaching ---- */

/* As `xvmsg attach`. Returns the number, 0 when it failed. */
static uint64_t attach(struct machine *m)
{
    struct attach_request request = {
        .domain = GUEST_TEXT,
        .type = "blk",
        .target = m->target,
        .timeout = PATIENCE_SECONDS,
    };
    char number[24] = "";
    FILE *out = fmemopen(number, sizeof(number), "w");
    int status = out ? attach_run(m->toolstack, &request, out) : EXIT_FAILURE;

    if (out)
        fclose(out);
    return status == EXIT_SUCCESS ? strtoull(number, NULL, 10) : 0;
}

/* As `xvmsg detach --force`. */
static int detach(struct machine *m, uint64_t number)
{
    char text[24];
    struct detach_request request = {
        .domain = GUEST_TEXT,
        .device = text,
        .force = true,
        .timeout = PATIENCE_SECONDS,
    };

    snprintf(text, sizeof(text), "%" PRIu64, number);
    return detach_run(m->toolstack, &request) == EXIT_SUCCESS ? 0 : -1;
}

/* From the request for the disk to its first block in the guest. */
static int attach_and_use(struct machine *m, uint64_t *taken)
{
    static char block[4096];
    uint64_t begun = figures_now();
    uint64_t number = attach(m);
    struct xvmsg_blk *blk = NULL;
    int rc = -1;

    /* The first of them also makes the bus. */
    if (number && !xvmsg_is_connected(m->h))
        xvmsg_connect_wait(m->h, PATIENCE_SECONDS * 1000);
    if (number && xvmsg_is_connected(m->h))
        blk = xvmsg_blk_open_wait(m->h, number);
    if (blk)
        rc = xvmsg_blk_pread(blk, block, sizeof(block), 0);
    *taken = figures_now() - begun;
    if (number && rc < 0)
        fprintf(stderr, "xen-virtio-msg: %s\n", xvmsg_error(m->h));
    xvmsg_blk_close(blk);
    return number && detach(m, number) == 0 ? rc : -1;
}

static int measure_attaching(struct machine *m)
{
    static uint64_t samples[ATTACH_COUNT];
    uint64_t first;

    if (attach_and_use(m, &first) < 0)
        return -1;
    figures_latency("attach to first read, bus and all", &first, 1);
    for (unsigned i = 0; i < ATTACH_COUNT; i++)
        if (attach_and_use(m, &samples[i]) < 0)
            return -1;
    figures_latency("attach to first read, bus connected", samples, ATTACH_COUNT);
    return 0;
}

static int measure(struct machine *m)
{
    uint64_t number;

    if (measure_attaching(m) < 0 || bus_load_ping(m->h, PING_COUNT) < 0)
        return -1;
    number = attach(m);
    if (!number || bus_load_blk(m->h, number, SCALE) < 0)
        return -1;
    return file_load("same file, io_uring", m->target, 0, SCALE);
}

int main(void)
{
    static struct machine machine;
    int rc;

    start(&machine);
    rc = measure(&machine);
    stop(&machine);
    return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
