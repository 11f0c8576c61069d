/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The handle: errors, making and freeing it, and the loop. */

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/pace.h"
#include "frontend/internal.h"

#define DEFAULT_RING_ORDER 2
#define DEFAULT_TIMEOUT_MS 5000
#define DEFAULT_SPIN 2000
/* Ns; a clock that was stopped says more. */
#define SLEEP_MOST (2 * NS_PER_MS)
#define NS_PER_SECOND UINT64_C(1000000000)

/* Per turn, so that a peer that never stops does not keep us from the rest; the
 * descriptors stay readable. */
#define MAX_PORTS_A_TURN 16
#define MAX_WATCHES_A_TURN 256

enum source { SOURCE_EVTCHN, SOURCE_XENSTORE, SOURCE_TIMER, NUM_SOURCES };

/* The longest time poll() is asked for at once. */
#define MAX_NAP_MS 1000000000u

/* ---- errors ---- */

int handle_fail(struct xvmsg *h, int error, const char *format, ...)
{
    char text[sizeof(h->error)]; /* the arguments may point into h->error */
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    /* Some of it came from xenstore and will go to somebody's terminal. */
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
            *c = '?';
    memcpy(h->error, text, sizeof(text));
    errno = error;
    return -1;
}

const char *xvmsg_error(const struct xvmsg *h)
{
    return h->error[0] ? h->error : "no error";
}

const char *xvmsg_status_text(enum xvmsg_status status)
{
    switch (status) {
    case XVMSG_OK:
        return "done";
    case XVMSG_TIMEOUT:
        return "timeout";
    case XVMSG_BUS_CLOSED:
        return "the bus was closed";
    case XVMSG_DEVICE_REMOVED:
        return "the device was removed";
    case XVMSG_MALFORMED_RESPONSE:
        return "malformed response";
    case XVMSG_REFUSED:
        return "refused";
    case XVMSG_IO_ERROR:
        return "I/O error";
    case XVMSG_UNSUPPORTED:
        return "not supported by the device";
    case XVMSG_NO_MEMORY:
        return "out of memory or grants";
    case XVMSG_CANCELLED:
        return "cancelled";
    case XVMSG_NEEDS_RESET:
        return "the device reports an error and wants a reset";
    case XVMSG_CONFIG_UNSTABLE:
        return "the configuration changed each time it was read";
    }
    return "unknown status";
}

/* ---- a handle ---- */

static int poll_source(struct xvmsg *h, int fd, enum source source)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = source};

    return epoll_ctl(h->fd, EPOLL_CTL_ADD, fd, &event);
}

struct xvmsg *xvmsg_new_on(struct platform *p)
{
    struct xvmsg *h = calloc(1, sizeof(*h));
    int saved;

    if (!h)
        return NULL;
    TAILQ_INIT(&h->requests.all);
    TAILQ_INIT(&h->requests.ready);
    TAILQ_INIT(&h->hotplug.known);
    TAILQ_INIT(&h->devices.all);
    TAILQ_INIT(&h->devices.attended);
    h->platform = p;
    h->ring_order = DEFAULT_RING_ORDER;
    h->timeout = DEFAULT_TIMEOUT_MS * NS_PER_MS;
    h->max_spin = DEFAULT_SPIN;
    h->spin = DEFAULT_SPIN;
    h->alarm = NEVER;
    h->bus.port = -1;
    h->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (h->timer_fd < 0)
        goto free_handle;
    h->fd = epoll_create1(EPOLL_CLOEXEC);
    if (h->fd < 0)
        goto close_timer;
    if (poll_source(h, p->ops->evtchn_fd(p), SOURCE_EVTCHN) < 0 ||
        poll_source(h, p->ops->xs_fd(p), SOURCE_XENSTORE) < 0 ||
        poll_source(h, h->timer_fd, SOURCE_TIMER) < 0)
        goto close_epoll;
    return h;

close_epoll:
    saved = errno;
    close(h->fd);
    errno = saved;
close_timer:
    saved = errno;
    close(h->timer_fd);
    errno = saved;
free_handle:
    free(h);
    return NULL;
}

struct xvmsg *xvmsg_new(const char **why)
{
    const char *reason = "out of memory";
    struct platform *p =
        platform_open_xen(PLATFORM_XENSTORE | PLATFORM_EVTCHN | PLATFORM_GNTSHR, &reason);
    struct xvmsg *h = NULL;

    if (p) {
        reason = "this process has no descriptors or memory left";
        h = xvmsg_new_on(p);
        if (!h) {
            int saved = errno;

            platform_close(p);
            errno = saved;
        }
    }
    if (h)
        xvmsg_set_spin(h, pace_looks(pace_sleep(0, SLEEP_MOST), DEFAULT_SPIN));
    if (!h && why)
        *why = reason;
    return h;
}

void handle_leave(struct xvmsg *h)
{
    if (h->conn.left)
        return;
    connect_leave(h);
    request_end_all(h, XVMSG_CANCELLED);
    handle_fail(h, ECANCELED, "the handle was closed");
    held_free_all(h);
    device_free_all(h);
}

void xvmsg_free(struct xvmsg *h)
{
    if (!h)
        return;
    handle_leave(h);
    area_free_all(h);
    bus_close(h);
    hotplug_free(h);
    close(h->fd);
    close(h->timer_fd);
    platform_close(h->platform);
    free(h);
}

/* ---- the loop ---- */

uint64_t handle_now(struct xvmsg *h)
{
    h->now = h->platform->ops->now(h->platform);
    return h->now;
}

uint64_t handle_lately(struct xvmsg *h)
{
    return h->now ? h->now : handle_now(h);
}

bool handle_is_past(struct xvmsg *h, uint64_t when)
{
    return h->platform->ops->soon(h->platform) >= when && handle_now(h) >= when;
}

int xvmsg_fd(const struct xvmsg *h)
{
    return h->fd;
}

/* In ns. A moment for what is late by the clock and not by the kernel's ticks, as it is where
 * the processor that counts them has to wait: handle_is_past() goes by both. */
static uint64_t time_until(struct xvmsg *h, uint64_t when, uint64_t now)
{
    if (now < when)
        return when - now;
    return h->platform->ops->soon(h->platform) < when ? NS_PER_MS : 0;
}

void handle_alarm(struct xvmsg *h, uint64_t when)
{
    if (when >= h->alarm)
        return;

    /* The platform's clock decides what is due, and it need not be the kernel's;
     * the timer only wakes, so it is set relative, and 0 would disarm it. */
    uint64_t wait = when ? time_until(h, when, handle_now(h)) : 0;
    struct itimerspec setting = {
        .it_value = {.tv_sec = (time_t)(wait / NS_PER_SECOND),
                     .tv_nsec = (long)(wait % NS_PER_SECOND)},
    };

    if (!wait)
        setting.it_value.tv_nsec = 1;
    timerfd_settime(h->timer_fd, 0, &setting, NULL);
    h->alarm = when;
}

void handle_turn(struct xvmsg *h)
{
    h->turn = true;
    handle_alarm(h, 0);
}

/* An alarm that has fired stays so until somebody wants to sleep: the blocking
 * calls need no system call for it. */
static void stop_alarm(struct xvmsg *h)
{
    uint64_t expirations;

    if (h->alarm == 0 && read(h->timer_fd, &expirations, sizeof(expirations)) < 0 &&
        errno == EAGAIN) {
        /* Set for "at once" and not there yet: taking it back. */
        timerfd_settime(h->timer_fd, 0, &(struct itimerspec){0}, NULL);
    }
    if (h->alarm == 0)
        h->alarm = NEVER;
}

/* The ring's only says "look at the ring", which every turn does anyway. */
static int take_doorbells(struct xvmsg *h)
{
    struct platform *p = h->platform;

    for (int i = 0; i < MAX_PORTS_A_TURN; i++) {
        int port = p->ops->evtchn_next(p);

        if (port < 0 && errno == EAGAIN)
            return 0;
        if (port < 0 || p->ops->evtchn_unmask(p, (uint32_t)port) < 0)
            return handle_fail(h, errno, "event channels cannot be read: %s", strerror(errno));
        if (port != h->bus.port && !h->conn.left)
            doorbell_fired(h, (uint32_t)port);
    }
    return 0;
}

static int take_watches(struct xvmsg *h)
{
    struct platform *p = h->platform;

    for (int i = 0; i < MAX_WATCHES_A_TURN; i++) {
        struct platform_watch *watch = p->ops->xs_next_watch(p);

        if (!watch && errno == EAGAIN)
            return 0;
        if (!watch)
            return handle_fail(h, errno, "xenstore cannot be read: %s", strerror(errno));

        int rc = connect_watch_fired(h, watch);

        free(watch);
        if (rc < 0)
            return -1;
    }
    return 0;
}

/* Which descriptors are ready: one system call for all of them. */
void handle_look(struct xvmsg *h)
{
    struct epoll_event events[NUM_SOURCES];
    int count = epoll_wait(h->fd, events, NUM_SOURCES, 0);

    h->now = 0;
    h->blind = 0;
    for (int i = 0; i < count; i++)
        h->ready |= 1u << events[i].data.u32;
}

static int take_ready(struct xvmsg *h)
{
    unsigned ready = h->ready;

    h->ready = 0;
    if (ready & 1u << SOURCE_TIMER)
        h->alarm = 0;
    if (ready & 1u << SOURCE_EVTCHN && take_doorbells(h) < 0)
        return -1;
    return ready & 1u << SOURCE_XENSTORE ? take_watches(h) : 0;
}

void handle_work_ring(struct xvmsg *h)
{
    bus_receive(h);
    request_expire(h);
    area_tick(h);
    device_tick(h);
    bus_send(h);
}

static int work(struct xvmsg *h)
{
    h->turn = false;
    h->blind++;
    if (take_ready(h) < 0 || connect_step(h) < 0)
        return -1;
    if (h->conn.left)
        return 0;
    if (hotplug_step(h) < 0)
        return -1;
    handle_work_ring(h);
    heartbeat_tick(h);
    if (h->conn.up && h->bus.ring.fault)
        return connect_break(h, ring_fault_text(h->bus.ring.fault));
    if (h->conn.up && h->bus.mute)
        return connect_break(h, "the backend cannot be notified");
    return 0;
}

int handle_work(struct xvmsg *h)
{
    if (!h->dead && work(h) == 0)
        return 0;
    if (!h->dead) {
        h->dead = true;
        if (!h->conn.left) {
            connect_lost(h, h->error);
            device_tick(h);
        }
    }
    errno = EIO;
    return -1;
}

static uint64_t deadline(const struct xvmsg *h)
{
    if (h->conn.left)
        return NEVER;

    uint64_t all[] = {request_deadline(h), device_deadline(h), heartbeat_deadline(h),
                      hotplug_deadline(h)};
    uint64_t soonest = NEVER;

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (all[i] < soonest)
            soonest = all[i];
    return soonest;
}

/* Asks for the doorbell. False: there is work, do not sleep. */
static bool may_sleep(struct xvmsg *h)
{
    return !h->turn && bus_sleep(h);
}

/* For poll(): until `when`, rounded up. */
static int milliseconds_until(struct xvmsg *h, uint64_t when)
{
    if (when == NEVER)
        return -1;

    uint64_t wait = time_until(h, when, handle_lately(h));

    return (int)smaller((wait + NS_PER_MS - 1) / NS_PER_MS, MAX_NAP_MS);
}

/* Whoever waits for an answer need not wait for it being read who fired as well, which takes
 * two system calls: the descriptor stays readable, and that is done before the next sleep. */
static void put_off_doorbells(struct xvmsg *h)
{
    h->ahead = !h->ahead && h->conn.up && (bus_receive(h) || doorbell_look(h));
    if (h->ahead)
        h->ready &= ~(1u << SOURCE_EVTCHN);
}

void handle_nap(struct xvmsg *h, uint64_t end)
{
    const struct platform_ops *ops = h->platform->ops;
    struct pollfd fds[] = {
        [SOURCE_EVTCHN] = {.fd = ops->evtchn_fd(h->platform), .events = POLLIN},
        [SOURCE_XENSTORE] = {.fd = ops->xs_fd(h->platform), .events = POLLIN},
    };
    uint64_t soonest = deadline(h);
    int timeout = may_sleep(h) ? milliseconds_until(h, end < soonest ? end : soonest) : 0;

    /* A signal is no reason to stop: the caller comes back. */
    if (poll(fds, sizeof(fds) / sizeof(fds[0]), timeout) > 0)
        for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
            h->ready |= fds[i].revents ? 1u << i : 0;
    if (h->ready & 1u << SOURCE_EVTCHN)
        put_off_doorbells(h);
    h->now = 0;
    h->blind = 0;
}

/* As handle_nap(), for whoever waits on the descriptor. */
static void arm(struct xvmsg *h)
{
    if (!may_sleep(h)) {
        handle_alarm(h, 0);
        return;
    }
    stop_alarm(h);
    handle_alarm(h, deadline(h));
}

int xvmsg_process(struct xvmsg *h)
{
    handle_look(h);
    if (handle_work(h) < 0)
        return -1;
    arm(h);
    return 0;
}

int xvmsg_flush(struct xvmsg *h)
{
    if (h->dead) {
        errno = EIO;
        return -1;
    }
    bus_send(h);
    /* Whoever called the callback that we are in goes on. */
    if (!h->bus.receiving)
        arm(h);
    return 0;
}
