/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/errands.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/log.h"
#include "backend/mailbox.h"
#include "common/thread.h"

/* An errand that is found out twice, so far apart, is a long one. */
#define PATIENCE_NS 10000000
#define NS_PER_SECOND 1000000000

struct errands {
    struct event_base *base;
    /* Of whoever runs the loop. */
    struct errand *errand; /* NULL: none is wanted or out */
    bool wanted;
    bool two; /* threads there are */
    struct mailbox inbox;
    struct letter home;  /* a long one has ended */
    struct event *done;  /* another has */

    atomic_uint turn;    /* odd: whoever runs the loop is out */
    atomic_bool watched; /* by the other thread, which sleeps otherwise */

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool over; /* the loop has ended */
    int result;
};

/* ---- whoever runs the loop ---- */

static void have_watched(struct errands *errands)
{
    pthread_mutex_lock(&errands->mutex);
    atomic_store(&errands->watched, true);
    pthread_cond_signal(&errands->changed);
    pthread_mutex_unlock(&errands->mutex);
}

static void end(struct errands *errands)
{
    struct errand *errand = errands->errand;

    errands->errand = NULL;
    errand->ended(errand);
}

static void on_done(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what;
    end(user);
}

static void on_home(struct letter *letter, uint64_t bits)
{
    struct errands *errands = (struct errands *)((char *)letter - offsetof(struct errands, home));

    (void)bits;
    errands->errand->late = true;
    end(errands);
}

/* False: it took long, and the loop is the other thread's now. */
static bool go_out(struct errands *errands)
{
    struct errand *errand = errands->errand;
    unsigned out = atomic_load(&errands->turn) + 1, expected = out;

    errands->wanted = errand->late = false;
    atomic_store(&errands->turn, out);
    if (!atomic_load(&errands->watched))
        have_watched(errands);
    errand->run(errand);
    if (!atomic_compare_exchange_strong(&errands->turn, &expected, out + 1)) {
        mailbox_post(&errands->inbox, &errands->home, 1);
        return false;
    }
    event_active(errands->done, 0, 0);
    return true;
}

/* False as above. */
static bool run_loop(struct errands *errands)
{
    int result = event_base_dispatch(errands->base);

    while (errands->wanted) {
        if (!go_out(errands))
            return false;
        result = event_base_dispatch(errands->base);
    }
    pthread_mutex_lock(&errands->mutex);
    errands->over = true;
    errands->result = result;
    pthread_cond_signal(&errands->changed);
    pthread_mutex_unlock(&errands->mutex);
    return true;
}

bool errands_start(struct errands *errands, struct errand *errand)
{
    if (!errands->two || errands->errand)
        return false;
    errands->errand = errand;
    errands->wanted = true;
    event_base_loopbreak(errands->base);
    return true;
}

/* ---- the other one ---- */

static void wait_a_while(struct errands *errands)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += PATIENCE_NS;
    until.tv_sec += until.tv_nsec / NS_PER_SECOND;
    until.tv_nsec %= NS_PER_SECOND;
    pthread_cond_timedwait(&errands->changed, &errands->mutex, &until);
}

/* Nobody was out for a while: whoever goes next says so. Looks once more, because they may
 * be gone already. */
static void stop_watching(struct errands *errands, unsigned seen)
{
    atomic_store(&errands->watched, false);
    if (atomic_load(&errands->turn) != seen)
        atomic_store(&errands->watched, true);
}

/* Until whoever runs the loop is out for long, and the loop ours. False: it has ended. */
static bool watch(struct errands *errands)
{
    unsigned seen = atomic_load(&errands->turn);
    bool ours = false;

    pthread_mutex_lock(&errands->mutex);
    while (!ours && !errands->over) {
        unsigned now;

        if (atomic_load(&errands->watched))
            wait_a_while(errands);
        else
            pthread_cond_wait(&errands->changed, &errands->mutex);
        now = atomic_load(&errands->turn);
        if (now != seen)
            seen = now;
        else if (now % 2)
            ours = atomic_compare_exchange_strong(&errands->turn, &now, seen + 1);
        else
            stop_watching(errands, seen);
    }
    pthread_mutex_unlock(&errands->mutex);
    return ours;
}

/* Until the loop is ours again; false as above. */
static bool take_over(struct errands *errands)
{
    if (!watch(errands))
        return false;
    if (errands->errand->overtaken)
        errands->errand->overtaken(errands->errand);
    return true;
}

static void *stand_by(void *user)
{
    struct errands *errands = user;

    while (take_over(errands) && !run_loop(errands))
        ;
    return NULL;
}

/* ---- life ---- */

struct errands *errands_new(struct event_base *base)
{
    struct errands *errands = calloc(1, sizeof(*errands));
    pthread_condattr_t monotonic;

    if (!errands)
        return NULL;
    errands->base = base;
    errands->home.read = on_home;
    errands->done = event_new(base, -1, 0, on_done, errands);
    if (!errands->done || !mailbox_open(&errands->inbox, base))
        goto free_errands;
    pthread_mutex_init(&errands->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&errands->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return errands;

free_errands:
    if (errands->done)
        event_free(errands->done);
    free(errands);
    return NULL;
}

void errands_free(struct errands *errands)
{
    if (!errands)
        return;
    mailbox_close(&errands->inbox);
    event_free(errands->done);
    pthread_cond_destroy(&errands->changed);
    pthread_mutex_destroy(&errands->mutex);
    free(errands);
}

static bool start_other(struct errands *errands, pthread_t *other)
{
    int error = thread_begin(other, "xvmsgd-errands", stand_by, errands);

    if (error)
        log_warning("a second thread cannot begin: %s", strerror(error));
    return !error;
}

int errands_run(struct errands *errands)
{
    pthread_t other;
    bool over;

    errands->over = false;
    errands->two = start_other(errands, &other);
    do
        over = run_loop(errands);
    while (!over && take_over(errands));
    if (errands->two)
        pthread_join(other, NULL);
    errands->two = false;
    if (errands->errand) {
        mailbox_withdraw(&errands->inbox, &errands->home);
        event_del(errands->done);
        end(errands);
    }
    return errands->result;
}
