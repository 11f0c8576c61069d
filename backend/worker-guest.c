/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The guest that a worker serves: its messages, doorbells and memory. */

#include "backend/bus-messages.h"
#include "backend/doorbells.h"
#include "backend/threads.h"
#include "backend/transport.h"
#include "backend/worker-state.h"

/* ---- messages ---- */

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

void worker_guest_wake(void *user)
{
    struct worker *worker = user;

    if (worker->channel)
        channel_wake(worker->channel);
}

/* ---- coming and going ---- */

/* Of the guest that is connected. */
static void add_memory_stats(struct memory_stats *sum, const struct device_host *host)
{
    if (host->lane.memory)
        memory_stats_add(sum, memory_stats(host->lane.memory));
    threads_add_stats(host->threads, sum);
}

void worker_guest_count(void *user, struct stats_bus *bus)
{
    const struct worker *worker = user;

    bus->channel = worker->channel_stats;
    bus->memory = worker->memory_stats;
    add_memory_stats(&bus->memory, &worker->host);
    bus->connected = worker->channel != NULL;
}

void worker_guest_forget(struct worker *worker)
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

/* Only a new connection helps, so the ring is served no longer either. */
void worker_guest_doorbell_failed(void *user, const char *why)
{
    struct worker *worker = user;

    if (worker->channel)
        channel_stop(worker->channel);
    worker_tell_failed(worker, why);
}

void worker_guest_connect(struct worker *worker, const struct ipc_message *message)
{
    const struct ipc_connect *connect = &message->connect;
    const uint64_t max_look = message->poll_us * UINT64_C(1000);
    const struct channel_owner owner = {
        .serve = serve,
        .build_event = build_event,
        .rang = on_rang,
        .look = look_elsewhere,
        .failed = worker_tell_failed,
        .drop_limit = &worker->drop_limit,
        .trace = &worker->trace,
        .stats = &worker->channel_stats,
        .max_look = max_look,
        .user = worker,
    };
    /* Work that came by a doorbell is done: the channel looks for more. */
    const struct doorbells_owner bells = {
        .rung = worker_guest_wake,
        .failed = worker_guest_doorbell_failed,
        .user = worker,
    };
    struct lane *lane = &worker->host.lane;
    char why[CHANNEL_WHY_MAX] = "out of memory";

    if (worker->channel) {
        worker_tell_failed(worker, "asked to connect while connected");
        return;
    }
    worker->host.strict = connect->transport_features & MSG_F_STRICT_CONFIG_GENERATION;
    worker->host.resume = connect->queue_resume;
    lane->memory = memory_new(lane->platform, connect->frontend_domid, message->max_shared_pages,
                              &lane->memory_log);
    if (connect->queue_doorbells)
        lane->doorbells =
            doorbells_new(lane->base, lane->platform, connect->frontend_domid, &bells);
    if (lane->memory && (lane->doorbells || !connect->queue_doorbells) &&
        threads_connect(worker->host.threads, lane->memory, connect, max_look))
        worker->channel = channel_new(lane->base, lane->platform, connect,
                                      &worker->host.pending, &owner, worker->label, why);
    if (!worker->channel) {
        worker_guest_forget(worker);
        worker_tell_failed(worker, why);
        return;
    }
    worker_tell(worker, &(struct ipc_message){.kind = IPC_CONNECTED});
}
