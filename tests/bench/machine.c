/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/bench/machine.h"

#include <err.h>
#include <malloc.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/devices/table.h"
#include "backend/log.h"
#include "tools/xvmsg/xvmsg.h"

#define SHARED_BYTES (32u << 20)

/* The library's constructor for a platform of any kind. */
struct xvmsg *xvmsg_new_on(struct platform *p);

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
        .remove_timeout = {.tv_sec = MACHINE_PATIENCE_SECONDS},
        .answer_timeout = {.tv_sec = MACHINE_PATIENCE_SECONDS},
        .retry_delay = {.tv_sec = 1},
        .poll_us = m->poll_us,
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

/* In all arenas; what the allocator keeps for the next one counts as free. */
static size_t in_use(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

static void stop_backend(struct machine *m, struct machine_memory *memory)
{
    size_t before, between;

    eventfd_write(m->stop_fd, 1);
    pthread_join(m->thread, NULL);
    before = in_use();
    supervisor_free(m->supervisor);
    between = in_use();
    worker_free(m->worker);
    if (memory) {
        memory->supervisor = before - between;
        memory->worker = between - in_use();
    }
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
    for (unsigned i = 0; i < MACHINE_DISK_BYTES / sizeof(zeros); i++)
        if (fwrite(zeros, sizeof(zeros), 1, m->file) != 1)
            err(1, "temporary file");
    if (fflush(m->file) != 0)
        err(1, "temporary file");
    snprintf(m->target, sizeof(m->target), "/proc/self/fd/%d", fileno(m->file));
}

void machine_start(struct machine *m)
{
    m->fx = fake_xen_new();
    fake_xen_real_clock(m->fx);
    fake_xen_create_domain(m->fx, MACHINE_GUEST, "guest");
    m->toolstack = fake_xen_domain(m->fx, 0);
    make_target(m);
    start_backend(m);
    m->h = xvmsg_new_on(fake_xen_domain(m->fx, MACHINE_GUEST));
    if (!m->h)
        err(1, "libxvmsg");
}

void machine_stop(struct machine *m, struct machine_memory *memory)
{
    size_t before = in_use();

    xvmsg_free(m->h);
    if (memory)
        memory->library = before - in_use();
    stop_backend(m, memory);
    platform_close(m->toolstack);
    fake_xen_free(m->fx);
    fclose(m->file);
}
