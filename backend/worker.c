/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/worker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/devices/table.h"
#include "backend/errands.h"
#include "backend/ipc.h"
#include "backend/threads.h"
#include "backend/worker-state.h"

/* ---- to the supervisor ---- */

void worker_tell(struct worker *worker, const struct ipc_message *message)
{
    if (ipc_send(worker->socket, message, NULL) == 0)
        return;
    log_error("%s: cannot speak to the supervisor: %s", worker->label, strerror(errno));
    event_base_loopbreak(worker->host.lane.base);
}

static void tell_about_device(struct worker *worker, enum ipc_kind kind, uint64_t number,
                              const char *text)
{
    struct ipc_message message = {.kind = kind, .answer.number = number};

    snprintf(message.answer.text, sizeof(message.answer.text), "%s", text);
    worker_tell(worker, &message);
}

void worker_tell_failed(void *user, const char *why)
{
    struct worker *worker = user;
    struct ipc_message message = {.kind = IPC_BUS_FAILED};
    struct platform *platform = worker->host.lane.platform;

    if (log_limit_passes(&worker->failed_limit, platform->ops->now(platform)))
        log_error("%s: %s", worker->label, why);
    snprintf(message.failed.text, sizeof(message.failed.text), "%s", why);
    worker_tell(worker, &message);
}

/* ---- what waits for devices to be quiet ---- */

static void on_settled(void *user)
{
    struct worker *worker = user;

    event_active(worker->settle, 0, 0);
}

static bool all_settled(const struct worker *worker)
{
    for (size_t i = 0; i < worker->roster.count; i++) {
        if (worker->roster.devices[i]->resetting)
            return false;
    }
    return true;
}

static void remove_device(struct worker *worker, struct device *device)
{
    uint64_t number = device->number;

    roster_remove(&worker->roster, device);
    device_free(device);
    tell_about_device(worker, IPC_DEVICE_REMOVED, number, "");
}

/* Not done where a reset ends, but at the turn's end: the call that ended it may
 * come from the very device that goes away. */
static void on_settle(evutil_socket_t fd, short what, void *user)
{
    struct worker *worker = user;
    struct device **link = &worker->leaving;

    (void)fd, (void)what;
    threads_hold(worker->host.threads);
    while (*link) {
        struct device *device = *link;

        if (device->resetting) {
            link = &device->next_leaving;
        } else {
            *link = device->next_leaving;
            remove_device(worker, device);
        }
    }
    if (worker->disconnecting && all_settled(worker)) {
        worker->disconnecting = false;
        worker_guest_forget(worker);
        worker_tell(worker, &(struct ipc_message){.kind = IPC_DISCONNECTED});
    }
    threads_release(worker->host.threads);
}

/* ---- from the supervisor ---- */

static void reset_all(struct worker *worker)
{
    for (size_t i = 0; i < worker->roster.count; i++)
        device_reset(worker->roster.devices[i]);
}

static void do_disconnect(struct worker *worker)
{
    if (worker->channel)
        channel_stop(worker->channel);
    worker->disconnecting = true;
    reset_all(worker);
    on_settled(worker);
}

static struct device *make_device(struct worker *worker, const struct ipc_device *what, const struct fds *fds,
                                  char *why)
{
    const struct device_class *class = table_find(what->type);

    if (!class) {
        snprintf(why, DEVICE_WHY_MAX, "%s: there is no device type \"%s\"", what->name,
                 what->type);
        return NULL;
    }
    if (class->no_target && fds->count) {
        snprintf(why, DEVICE_WHY_MAX, "%s: a device of type %s stands on no target", what->name,
                 class->name);
        return NULL;
    }
    if (!class->no_target && !fds->count) {
        snprintf(why, DEVICE_WHY_MAX, "%s: too many open files to take another", what->name);
        return NULL;
    }
    if (roster_find(&worker->roster, what->number)) {
        snprintf(why, DEVICE_WHY_MAX, "%s: number %" PRIu64 " is in use", what->name,
                 what->number);
        return NULL;
    }
    if (!roster_reserve(&worker->roster)) {
        snprintf(why, DEVICE_WHY_MAX, "%s: out of memory", what->name);
        return NULL;
    }
    return device_new(&worker->host, class, what, fds, why);
}

static void add_device(struct worker *worker, const struct ipc_device *what, struct fds *fds)
{
    char why[DEVICE_WHY_MAX];
    struct device *device = make_device(worker, what, fds, why);

    if (!device) {
        fds_close(fds);
        tell_about_device(worker, IPC_DEVICE_REFUSED, what->number, why);
        return;
    }
    roster_insert(&worker->roster, device);
    tell_about_device(worker, IPC_DEVICE_ADDED, what->number, "");
}

/* From here on the guest gets no answer from it; a device that is gone already
 * is as removed as can be. */
static void start_removal(struct worker *worker, uint64_t number)
{
    struct device *device = roster_find(&worker->roster, number);

    if (!device) {
        tell_about_device(worker, IPC_DEVICE_REMOVED, number, "");
        return;
    }
    if (!device->leaving) {
        device->leaving = true;
        device->next_leaving = worker->leaving;
        worker->leaving = device;
    }
    device_reset(device);
    on_settled(worker);
    /* A message kept for it can be dropped now. */
    worker_guest_wake(worker);
}

static void look_at_target(struct worker *worker, uint64_t number)
{
    struct device *device = roster_find(&worker->roster, number);

    if (device && !device->leaving && device->class->target_changed)
        device->class->target_changed(device->state);
    tell_about_device(worker, IPC_DEVICE_RESIZED, number, "");
}

/* One that is gone has nothing to be set. */
static void change_setting(struct worker *worker, const struct ipc_message *message)
{
    const struct device *device = roster_find(&worker->roster, message->answer.number);
    const char *setting = message->answer.text;
    size_t length = strcspn(setting, "=");
    char key[IPC_TEXT_MAX];

    if (!device || device->leaving || !device->class->set || !setting[length])
        return;
    snprintf(key, sizeof(key), "%.*s", (int)length, setting);
    device->class->set(device->state, key, setting + length + 1);
}

/* False: not a message that a supervisor sends. */
static bool obey(struct worker *worker, const struct ipc_message *message, struct fds *fds)
{
    if (message->kind != IPC_DEVICE_ADD && message->kind != IPC_TRACE &&
        message->kind != IPC_STATS)
        fds_close(fds);
    switch (message->kind) {
    case IPC_CONNECT:
        worker_guest_connect(worker, message);
        return true;
    case IPC_DISCONNECT:
        do_disconnect(worker);
        return true;
    case IPC_DEVICE_ADD:
        add_device(worker, &message->device, fds);
        return true;
    case IPC_DEVICE_REMOVE:
        start_removal(worker, message->answer.number);
        return true;
    case IPC_DEVICE_RESIZE:
        look_at_target(worker, message->answer.number);
        return true;
    case IPC_DEVICE_SET:
        change_setting(worker, message);
        return true;
    case IPC_TRACE:
        /* None when too many are open: the tool finds its socket closed. */
        if (fds->count)
            trace_start(&worker->trace, worker->host.lane.base, fds->fd[0]);
        return true;
    case IPC_STATS:
        if (fds->count)
            stats_readers_add(worker->readers, fds->fd[0]);
        return true;
    default:
        return false;
    }
}

static void on_readable(evutil_socket_t socket, short what, void *user)
{
    struct worker *worker = user;
    struct ipc_message message;
    struct fds fds;
    int result = ipc_receive(socket, &message, &fds);
    bool good = false;

    (void)what;
    if (result < 0 && errno == EAGAIN)
        return;
    threads_hold(worker->host.threads);
    if (result > 0)
        good = obey(worker, &message, &fds);
    threads_release(worker->host.threads);
    if (!good) {
        if (result != 0)
            log_error("%s: unexpected message from the supervisor", worker->label);
        event_base_loopbreak(worker->host.lane.base);
    }
}

/* ---- life ---- */

struct worker *worker_new(struct event_base *base, struct platform *platform, int socket,
                          const char *label)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    const char *why;
    int error;

    if (!worker) {
        close(socket);
        errno = ENOMEM;
        return NULL;
    }
    snprintf(worker->label, sizeof(worker->label), "%s", label);
    worker->socket = socket;
    worker->host = (struct device_host){
        .label = worker->label,
        .event_waits = worker_guest_wake,
        .settled = on_settled,
        .user = worker,
    };
    if (!lane_open(&worker->host.lane, base, platform, &why)) {
        log_error("%s: %s: %s", label, why, strerror(errno));
        goto fail;
    }
    worker->host.threads =
        threads_new(base, &(struct threads_owner){worker_guest_doorbell_failed, worker});
    worker->readers = stats_readers_new(
        base, &(struct stats_source){&worker->roster, worker->host.threads, worker_guest_count, worker});
    worker->settle = event_new(base, -1, 0, on_settle, worker);
    worker->readable = event_new(base, socket, EV_READ | EV_PERSIST, on_readable, worker);
    if (!worker->host.threads || !worker->readers || !worker->settle ||
        !worker->readable || event_add(worker->readable, NULL) < 0) {
        errno = ENOMEM;
        goto fail;
    }
    return worker;

fail:
    error = errno;
    worker_free(worker);
    errno = error;
    return NULL;
}

bool worker_add_thread(struct worker *worker, struct platform *platform)
{
    const char *why;

    if (threads_add(worker->host.threads, platform, &why))
        return true;
    log_warning("%s: a queue thread less: %s: %s", worker->label, why, strerror(errno));
    return false;
}

int worker_run(struct worker *worker)
{
    const struct lane *lane = &worker->host.lane;
    struct errands *errands = errands_new(lane->base);
    int result;

    if (!errands)
        return -1;
    aio_use_errands(lane->aio, errands);
    result = errands_run(errands);
    aio_use_errands(lane->aio, NULL);
    errands_free(errands);
    return result;
}

void worker_free(struct worker *worker)
{
    if (!worker)
        return;
    if (worker->channel)
        channel_stop(worker->channel);
    threads_stop(worker->host.threads);
    reset_all(worker);
    if (worker->host.lane.aio)
        aio_drain(worker->host.lane.aio);
    threads_drain(worker->host.threads);
    for (size_t i = 0; i < worker->roster.count; i++)
        device_free(worker->roster.devices[i]);
    roster_free(&worker->roster);
    worker_guest_forget(worker);
    trace_stop(&worker->trace);
    stats_readers_free(worker->readers);
    threads_free(worker->host.threads);
    if (worker->readable)
        event_free(worker->readable);
    if (worker->settle)
        event_free(worker->settle);
    lane_close(&worker->host.lane);
    close(worker->socket);
    free(worker);
}
