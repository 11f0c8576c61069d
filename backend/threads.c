/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/threads.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/device.h"
#include "backend/doorbells.h"
#include "backend/log.h"
#include "backend/mailbox.h"
#include "backend/poller.h"
#include "common/thread.h"

struct thread {
    struct lane lane;
    struct threads *threads;
    struct mailbox inbox;
    struct letter failed; /* to the own loop */
    char why[DEVICE_WHY_MAX];
    bool runs;
    pthread_t id;
    struct poller poller;
    bool expects; /* something of the guest, soon: it has rung for it, or just found work */

    /* Standing still. */
    struct letter hold;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool wanted;
    bool stands;
};

struct threads {
    struct threads_owner owner;
    struct mailbox news;
    unsigned holds;
    unsigned count;
    struct thread *list[THREADS_MAX];
};

/* ---- standing still ---- */

static void on_hold(struct letter *letter, uint64_t bits)
{
    struct thread *thread = (struct thread *)((char *)letter - offsetof(struct thread, hold));

    (void)bits;
    pthread_mutex_lock(&thread->mutex);
    thread->stands = thread->wanted;
    pthread_cond_signal(&thread->changed);
    while (thread->wanted)
        pthread_cond_wait(&thread->changed, &thread->mutex);
    thread->stands = false;
    pthread_mutex_unlock(&thread->mutex);
}

static void ask_to_stand(struct thread *thread)
{
    pthread_mutex_lock(&thread->mutex);
    thread->wanted = true;
    pthread_mutex_unlock(&thread->mutex);
    mailbox_post(&thread->inbox, &thread->hold, 1);
}

static void await_standing(struct thread *thread)
{
    pthread_mutex_lock(&thread->mutex);
    while (!thread->stands)
        pthread_cond_wait(&thread->changed, &thread->mutex);
    pthread_mutex_unlock(&thread->mutex);
}

static void let_go(struct thread *thread)
{
    pthread_mutex_lock(&thread->mutex);
    thread->wanted = false;
    pthread_cond_signal(&thread->changed);
    pthread_mutex_unlock(&thread->mutex);
}

void threads_hold(struct threads *threads)
{
    if (!threads || threads->holds++)
        return;
    for (unsigned i = 0; i < threads->count; i++) {
        if (threads->list[i]->runs)
            ask_to_stand(threads->list[i]);
    }
    for (unsigned i = 0; i < threads->count; i++) {
        if (threads->list[i]->runs)
            await_standing(threads->list[i]);
    }
}

void threads_release(struct threads *threads)
{
    if (!threads || --threads->holds)
        return;
    for (unsigned i = 0; i < threads->count; i++) {
        if (threads->list[i]->runs)
            let_go(threads->list[i]);
    }
}

/* ---- a guest ---- */

static void on_doorbell_failed(void *user, const char *why)
{
    struct thread *thread = user;

    if (!thread->why[0])
        snprintf(thread->why, sizeof(thread->why), "%s", why);
    mailbox_post(thread->lane.outbox, &thread->failed, 1);
}

static void on_failed(struct letter *letter, uint64_t bits)
{
    struct thread *thread = (struct thread *)((char *)letter - offsetof(struct thread, failed));
    struct threads *threads = thread->threads;

    (void)bits;
    threads_hold(threads);
    threads->owner.failed(threads->owner.user, thread->why);
    threads_release(threads);
}

static void on_rung(void *user)
{
    struct thread *thread = user;

    thread->expects = true;
}

static bool connect_lane(struct thread *thread, struct memory *memory,
                         const struct ipc_connect *connect)
{
    const struct doorbells_owner owner = {
        .rung = on_rung, .failed = on_doorbell_failed, .user = thread};
    struct lane *lane = &thread->lane;

    lane->memory = memory_view(memory, lane->platform, &lane->memory_log);
    if (!lane->memory || !connect->queue_doorbells)
        return lane->memory;
    lane->doorbells =
        doorbells_new(lane->base, lane->platform, connect->frontend_domid, &owner);
    return lane->doorbells && doorbells_listen(lane->doorbells);
}

bool threads_connect(struct threads *threads, struct memory *memory,
                     const struct ipc_connect *connect, uint64_t max_look)
{
    for (unsigned i = 0; threads && i < threads->count; i++) {
        poller_init(&threads->list[i]->poller, max_look);
        if (!connect_lane(threads->list[i], memory, connect))
            return false;
    }
    return true;
}

void threads_disconnect(struct threads *threads)
{
    for (unsigned i = 0; threads && i < threads->count; i++) {
        struct thread *thread = threads->list[i];

        doorbells_free(thread->lane.doorbells);
        memory_free(thread->lane.memory);
        thread->lane.doorbells = NULL;
        thread->lane.memory = NULL;
        mailbox_withdraw(&threads->news, &thread->failed);
        thread->why[0] = '\0';
    }
}

void threads_add_stats(const struct threads *threads, struct memory_stats *sum)
{
    for (unsigned i = 0; threads && i < threads->count; i++) {
        if (threads->list[i]->lane.memory)
            memory_stats_add(sum, memory_stats(threads->list[i]->lane.memory));
    }
}

/* ---- life ---- */

enum looked { FOUND_NOTHING, FOUND_WORK, FOUND_LETTERS };

static unsigned look_once(void *user)
{
    struct thread *thread = user;
    struct lane *lane = &thread->lane;

    if (mailbox_has_letters(&thread->inbox))
        return FOUND_LETTERS;
    if (aio_ended(lane->aio)) {
        aio_finish(lane->aio);
        return FOUND_WORK;
    }
    return lane->doorbells && doorbells_look(lane->doorbells) ? FOUND_WORK : FOUND_NOTHING;
}

/* Where the guest has no doorbells the own loop is between the two, and looks for both. */
static bool may_sleep(struct thread *thread)
{
    struct poller *poller = &thread->poller;

    if (!thread->expects || !poller_wants(poller))
        return true;
    thread->expects =
        poller_look(poller, thread->lane.platform, look_once, thread) == FOUND_WORK;
    return !thread->expects;
}

static void *run(void *user)
{
    struct thread *thread = user;
    struct event_base *base = thread->lane.base;

    lane_enter(&thread->lane);
    while (!event_base_got_break(base)) {
        if (may_sleep(thread) || event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE) > 0)
            event_base_loop(base, EVLOOP_ONCE);
    }
    return NULL;
}

static int start(struct thread *thread)
{
    int error = thread->runs ? 0 : thread_begin(&thread->id, "xvmsgd-queue", run, thread);

    thread->runs |= error == 0;
    return error;
}

unsigned threads_start(struct threads *threads)
{
    int error = 0;

    if (!threads)
        return 0;
    for (unsigned i = 0; i < threads->count && !error; i++)
        error = start(threads->list[i]);
    if (!error)
        return threads->count;
    errno = error;
    log_warning("a queue thread cannot begin: %m; queues are served without");
    return 0;
}

struct lane *threads_lane(struct threads *threads, unsigned index)
{
    return &threads->list[index]->lane;
}

struct threads *threads_new(struct event_base *base, const struct threads_owner *owner)
{
    struct threads *threads = calloc(1, sizeof(*threads));

    if (!threads)
        return NULL;
    threads->owner = *owner;
    if (mailbox_open(&threads->news, base))
        return threads;
    free(threads);
    return NULL;
}

static void free_thread(struct thread *thread)
{
    struct event_base *base = thread->lane.base;

    lane_close(&thread->lane);
    mailbox_close(&thread->inbox);
    if (base)
        event_base_free(base);
    pthread_mutex_destroy(&thread->mutex);
    pthread_cond_destroy(&thread->changed);
    free(thread);
}

bool threads_add(struct threads *threads, struct platform *platform, const char **why)
{
    struct thread *thread = calloc(1, sizeof(*thread));
    struct event_base *base = thread ? lane_base_new() : NULL;
    int error = ENOMEM;

    *why = "out of memory";
    if (!base) {
        free(thread);
        errno = ENOMEM;
        return false;
    }
    thread->threads = threads;
    thread->hold.read = on_hold;
    thread->failed.read = on_failed;
    pthread_mutex_init(&thread->mutex, NULL);
    pthread_cond_init(&thread->changed, NULL);
    if (!lane_open(&thread->lane, base, platform, why) || !mailbox_open(&thread->inbox, base)) {
        error = errno;
        free_thread(thread);
        errno = error;
        return false;
    }
    thread->lane.inbox = &thread->inbox;
    thread->lane.outbox = &threads->news;
    threads->list[threads->count++] = thread;
    return true;
}

void threads_stop(struct threads *threads)
{
    if (!threads)
        return;
    threads_hold(threads);
    for (unsigned i = 0; i < threads->count; i++)
        event_base_loopbreak(threads->list[i]->lane.base);
    threads_release(threads);
    for (unsigned i = 0; i < threads->count; i++) {
        if (threads->list[i]->runs)
            pthread_join(threads->list[i]->id, NULL);
        threads->list[i]->runs = false;
    }
}

void threads_drain(struct threads *threads)
{
    for (unsigned i = 0; threads && i < threads->count; i++)
        aio_drain(threads->list[i]->lane.aio);
}

void threads_free(struct threads *threads)
{
    if (!threads)
        return;
    for (unsigned i = 0; i < threads->count; i++)
        free_thread(threads->list[i]);
    mailbox_close(&threads->news);
    free(threads);
}
