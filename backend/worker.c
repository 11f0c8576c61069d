/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/worker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/bus-messages.h"
#include "backend/channel.h"
#include "backend/devices/table.h"
#include "backend/doorbells.h"
#include "backend/ipc.h"
#include "backend/log.h"
#include "backend/roster.h"
#include "backend/stats-reader.h"
#include "backend/threads.h"
#include "backend/trace.h"
#include "backend/transport.h"

#define LABEL_MAX 64

struct worker {
    char label[LABEL_MAX];
    int socket;
    struct event *readable; /* the supervisor speaks */
    struct event *settle;   /* a reset is complete: see who waited for it */
    struct device_host host;
    struct roster roster;
    struct device *leaving;   /* those of the roster that go when they are quiet */
    struct channel *channel; /* NULL while no guest is connected */
    bool disconnecting;
    struct trace trace;
    struct channel_stats channel_stats; /* of all channels there were */
    struct memory_stats memory_stats;   /* of the memory that is let go of */
    struct stats_readers *readers;
    /* Here, so that a guest does not get new lines by connecting anew. */
    struct log_limit failed_limit;
    struct log_limit drop_limit;
};

/* ---- to the supervisor ---- */

static void tell(struct worker *worker, const struct ipc_message *message)
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
    tell(worker, &message);
}

static void tell_failed(void *user, const char *why)
{
    struct worker *worker = user;
    struct ipc_message message = {.kind = IPC_BUS_FAILED};
    struct platform *platform = worker->host.lane.platform;

    if (log_limit_passes(&worker->failed_limit, platform->ops->now(platform)))
        log_error("%s: %s", worker->label, why);
    snprintf(message.failed.text, sizeof(message.failed.text), "%s", why);
    tell(worker, &message);
}

/* ---- from and to the guest ---- */

static enum answer_when serve_bus(struct worker *worker, const struct msg *message,
                                  struct answer *answer)
{
    struct threads *concerned = bus_messages_harmless(message) ? NULL : worker->host.threads;
    enum answer_when when;

    threads_hold(concerned);
    when = bus_messages_serve(&worker->roster, &worker->host, message, answer);
    threads_release(concerned);
    return when;
}

static enum answer_when serve(void *user, const struct msg *message, struct answer *answer)
{
    struct worker *worker = user;
    struct device *device;

    if (msg_describe(message->kind)->name_space == MSG_BUS)
        return serve_bus(worker, message, answer);
    device = roster_find(&worker->roster, message->dev_num);
    if (!device || device->leaving)
        return ANSWER_DROP;
    return transport_serve(device, message, answer);
}

static void build_event(void *user, struct pending_source *source, uint32_t bit,
                        struct answer *answer)
{
    (void)user;
    device_build_event(device_of_source(source), bit, answer);
}

/* A doorbell is an EVENT_AVAIL that came another way (BUS-39). */
static void on_rang(void *user, uint32_t port)
{
    struct worker *worker = user;

    if (worker->host.lane.doorbells)
        doorbells_rang(worker->host.lane.doorbells, port);
}

static bool look_elsewhere(void *user)
{
    struct worker *worker = user;

    if (aio_ended(worker->host.lane.aio)) {
        aio_finish(worker->host.lane.aio);
        return true;
    }
    return worker->host.lane.doorbells && doorbells_look(worker->host.lane.doorbells);
}

static void on_event_waits(void *user)
{
    struct worker *worker = user;

    if (worker->channel)
        channel_wake(worker->channel);
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

/* Of the guest that is connected. */
static void add_memory_stats(struct memory_stats *sum, const struct device_host *host)
{
    if (host->lane.memory)
        memory_stats_add(sum, memory_stats(host->lane.memory));
    threads_add_stats(host->threads, sum);
}

static void tell_bus(void *user, struct stats_bus *bus)
{
    const struct worker *worker = user;

    bus->channel = worker->channel_stats;
    bus->memory = worker->memory_stats;
    add_memory_stats(&bus->memory, &worker->host);
    bus->connected = worker->channel != NULL;
}

static void unmap_everything(struct worker *worker)
{
    struct lane *lane = &worker->host.lane;

    add_memory_stats(&worker->memory_stats, &worker->host);
    worker->memory_stats.mapped_pages = 0;
    threads_disconnect(worker->host.threads);
    channel_free(worker->channel);
    worker->channel = NULL;
    doorbells_free(lane->doorbells);
    lane->doorbells = NULL;
    memory_free(lane->memory);
    lane->memory = NULL;
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
        unmap_everything(worker);
        tell(worker, &(struct ipc_message){.kind = IPC_DISCONNECTED});
    }
    threads_release(worker->host.threads);
}

/* ---- from the supervisor ---- */

/* Only a new connection helps, so the ring is served no longer either. */
static void on_doorbell_failed(void *user, const char *why)
{
    struct worker *worker = user;

    if (worker->channel)
        channel_stop(worker->channel);
    tell_failed(worker, why);
}

static void do_connect(struct worker *worker, const struct ipc_message *message)
{
    const struct ipc_connect *connect = &message->connect;
    const struct channel_owner owner = {
        .serve = serve,
        .build_event = build_event,
        .rang = on_rang,
        .look = look_elsewhere,
        .failed = tell_failed,
        .drop_limit = &worker->drop_limit,
        .trace = &worker->trace,
        .stats = &worker->channel_stats,
        .max_look = message->poll_us * UINT64_C(1000),
        .user = worker,
    };
    /* Work that came by a doorbell is done: the channel looks for more. */
    const struct doorbells_owner bells = {
        .rung = on_event_waits,
        .failed = on_doorbell_failed,
        .user = worker,
    };
    struct lane *lane = &worker->host.lane;
    char why[CHANNEL_WHY_MAX] = "out of memory";

    if (worker->channel) {
        tell_failed(worker, "asked to connect while connected");
        return;
    }
    worker->host.strict = connect->transport_features & MSG_F_STRICT_CONFIG_GENERATION;
    worker->host.resume = connect->queue_resume;
    lane->memory = memory_new(lane->platform, connect->frontend_domid, message->max_shared_pages);
    if (connect->queue_doorbells)
        lane->doorbells =
            doorbells_new(lane->base, lane->platform, connect->frontend_domid, &bells);
    if (lane->memory && (lane->doorbells || !connect->queue_doorbells) &&
        threads_connect(worker->host.threads, lane->memory, connect->frontend_domid,
                        connect->queue_doorbells))
        worker->channel = channel_new(lane->base, lane->platform, connect,
                                      &worker->host.pending, &owner, worker->label, why);
    if (!worker->channel) {
        unmap_everything(worker);
        tell_failed(worker, why);
        return;
    }
    tell(worker, &(struct ipc_message){.kind = IPC_CONNECTED});
}

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
    on_event_waits(worker);
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
        do_connect(worker, message);
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
        .event_waits = on_event_waits,
        .settled = on_settled,
        .user = worker,
    };
    if (!lane_open(&worker->host.lane, base, platform, &why)) {
        log_error("%s: %s: %s", label, why, strerror(errno));
        goto fail;
    }
    worker->host.threads =
        threads_new(base, &(struct threads_owner){on_doorbell_failed, worker});
    worker->readers = stats_readers_new(
        base, &(struct stats_source){&worker->roster, worker->host.threads, tell_bus, worker});
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
    unmap_everything(worker);
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

/* Now, because later a worker might not be allowed to. Fewer are no reason not to serve. */
static unsigned open_threads(struct worker *worker, struct platform **platforms, unsigned wanted)
{
    const char *why;
    unsigned count = 0;

    while (count < wanted && count < THREADS_MAX) {
        platforms[count] = platform_open_xen(PLATFORM_EVTCHN | PLATFORM_GNTTAB, &why);
        if (!platforms[count]) {
            log_warning("%s: a queue thread less: %s: %s", worker->label, why, strerror(errno));
            break;
        }
        if (!worker_add_thread(worker, platforms[count++]))
            break;
    }
    return count;
}

int worker_main(int socket, const char *label, unsigned queue_threads)
{
    const char *why = "libevent cannot be set up";
    struct event_base *base = lane_base_new();
    struct platform *threads[THREADS_MAX];
    struct platform *platform = NULL;
    struct worker *worker = NULL;
    int status = EXIT_FAILURE;
    unsigned count = 0;

    if (base)
        platform = platform_open_xen(PLATFORM_EVTCHN | PLATFORM_GNTTAB, &why);
    if (platform) {
        why = "the worker cannot run";
        worker = worker_new(base, platform, socket, label);
    }
    if (worker)
        count = open_threads(worker, threads, queue_threads);
    if (worker && event_base_dispatch(base) == 0)
        status = EXIT_SUCCESS;
    else
        log_error("%s: %s: %s", label, why, strerror(errno));
    worker_free(worker);
    while (count)
        platform_close(threads[--count]);
    platform_close(platform);
    if (base)
        event_base_free(base);
    return status;
}
