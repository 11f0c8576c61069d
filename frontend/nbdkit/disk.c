/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "frontend/nbdkit/disk.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "common/thread.h"

TAILQ_HEAD(request_list, disk_request);

struct disk {
    struct disk_settings settings;
    pthread_t thread;
    int bell; /* something was posted, or it is time to stop */

    pthread_mutex_t lock; /* for the next four */
    pthread_cond_t learnt; /* something of the facts */
    struct request_list posted;
    bool stopping;
    struct disk_facts facts;

    /* The thread's own. */
    struct attachment attachment;
    struct request_list waiting; /* for room */
    unsigned in_flight;
    bool writeback;
};

/* ---- what is known ---- */

static void learn(void *user)
{
    struct disk *d = user;
    const struct attachment *a = &d->attachment;

    pthread_mutex_lock(&d->lock);
    d->facts.usable = a->usable;
    d->facts.over = attachment_is_over(a);
    if (a->usable) {
        d->facts.size = xvmsg_blk_size(a->blk);
        d->facts.readonly = xvmsg_blk_is_readonly(a->blk);
        xvmsg_blk_get_properties(a->blk, &d->facts.properties);
        d->writeback = d->facts.properties.writeback;
    } else {
        memcpy(d->facts.why, a->why, sizeof(d->facts.why));
    }
    pthread_cond_broadcast(&d->learnt);
    pthread_mutex_unlock(&d->lock);
}

void disk_get_facts(struct disk *d, struct disk_facts *facts)
{
    pthread_mutex_lock(&d->lock);
    *facts = d->facts;
    pthread_mutex_unlock(&d->lock);
}

bool disk_wait(struct disk *d, struct disk_facts *facts)
{
    struct timespec until;
    int error = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += d->settings.timeout;
    pthread_mutex_lock(&d->lock);
    while (!d->facts.usable && !d->facts.over && !error)
        error = pthread_cond_timedwait(&d->learnt, &d->lock, &until);
    *facts = d->facts;
    pthread_mutex_unlock(&d->lock);
    return facts->usable;
}

/* ---- requests, in the thread ---- */

/* Without a lock: whoever waits for this may run at once, in place of this thread, and
 * would only wait for that. */
static void end(struct disk_request *r, int error, const char *why)
{
    r->error = error;
    if (error)
        snprintf(r->why, sizeof(r->why), "%s", why);
    sem_post(&r->ended); /* it is gone then */
}

static int error_of(enum xvmsg_status status)
{
    switch (status) {
    case XVMSG_OK:
        return 0;
    case XVMSG_UNSUPPORTED:
        return EOPNOTSUPP;
    case XVMSG_NO_MEMORY:
        return ENOMEM;
    default:
        return EIO;
    }
}

static void answered(struct xvmsg_blk *blk, enum xvmsg_status status, void *user)
{
    struct disk_request *r = user;
    struct disk *d = r->disk;

    (void)blk;
    d->in_flight--;
    if (status == XVMSG_OK && r->stable && d->writeback && r->kind != DISK_FLUSH) {
        r->kind = DISK_FLUSH;
        TAILQ_INSERT_HEAD(&d->waiting, r, link);
        return;
    }
    end(r, error_of(status), d->attachment.removing ? d->attachment.why : xvmsg_status_text(status));
}

static int begin(struct disk *d, struct disk_request *r)
{
    struct xvmsg_blk *blk = d->attachment.blk;

    switch (r->kind) {
    case DISK_READ:
        return xvmsg_blk_read(blk, r->offset, r->buffer, r->length, answered, r);
    case DISK_WRITE:
        return xvmsg_blk_write(blk, r->offset, r->buffer, r->length, answered, r);
    case DISK_DISCARD:
        return xvmsg_blk_discard(blk, r->offset, r->length, answered, r);
    case DISK_ZERO:
        return xvmsg_blk_write_zeroes(blk, r->offset, r->length, r->unmap, answered, r);
    default:
        return xvmsg_blk_flush(blk, answered, r);
    }
}

/* False when there is no room for it now. */
static bool submit(struct disk *d, struct disk_request *r)
{
    struct attachment *a = &d->attachment;

    if (!a->usable) {
        end(r, EIO, a->why);
    } else if (r->kind == DISK_FLUSH && !d->writeback) {
        end(r, 0, NULL); /* what is done is on stable storage */
    } else if (begin(d, r) == 0) {
        d->in_flight++;
    } else if (errno == EAGAIN) {
        return false;
    } else {
        end(r, errno, xvmsg_error(a->h));
    }
    return true;
}

static void submit_all(struct disk *d)
{
    struct disk_request *r;

    while ((r = TAILQ_FIRST(&d->waiting))) {
        TAILQ_REMOVE(&d->waiting, r, link);
        if (!submit(d, r)) {
            TAILQ_INSERT_HEAD(&d->waiting, r, link);
            return;
        }
    }
}

/* ---- the thread ---- */

/* Takes what was posted; false when it is time to stop. */
static bool take_posted(struct disk *d)
{
    bool stopping;

    pthread_mutex_lock(&d->lock);
    TAILQ_CONCAT(&d->waiting, &d->posted, link);
    stopping = d->stopping;
    pthread_mutex_unlock(&d->lock);
    return !stopping;
}

/* False: something was posted, and nothing else has happened. */
static bool wait_for_work(struct disk *d)
{
    struct pollfd fds[] = {
        {.fd = attachment_fd(&d->attachment), .events = POLLIN},
        {.fd = d->bell, .events = POLLIN},
    };
    int timeout = attachment_timeout(&d->attachment);
    int ready = poll(fds, 2, timeout);
    eventfd_t count;

    if (ready > 0 && fds[1].revents)
        eventfd_read(d->bell, &count);
    return ready <= 0 || fds[0].revents || timeout == 0;
}

static bool work(struct disk *d, bool look)
{
    struct attachment *a = &d->attachment;

    if (look && !attachment_work(a))
        return false;
    submit_all(d);
    if (!d->in_flight)
        attachment_idle(a);
    return attachment_flush(a);
}

static void *run(void *user)
{
    struct disk *d = user;
    bool look = true;

    while (take_posted(d)) {
        if (d->attachment.h && !work(d, look))
            attachment_end(&d->attachment);
        submit_all(d);
        look = wait_for_work(d);
    }
    if (d->attachment.h)
        attachment_end(&d->attachment);
    submit_all(d);
    return NULL;
}

/* The bell is rung by whoever posts the first that the thread has not taken yet, and behind
 * the lock, which the thread wants as soon as it hears it. */
static void post(struct disk *d, struct disk_request *r)
{
    bool first;

    pthread_mutex_lock(&d->lock);
    first = TAILQ_EMPTY(&d->posted);
    TAILQ_INSERT_TAIL(&d->posted, r, link);
    pthread_mutex_unlock(&d->lock);
    if (first)
        eventfd_write(d->bell, 1);
}

int disk_do(struct disk *d, struct disk_request *r)
{
    r->disk = d;
    sem_init(&r->ended, 0, 0);
    post(d, r);
    while (sem_wait(&r->ended) < 0)
        ;
    sem_destroy(&r->ended);
    return r->error;
}

/* ---- starting and stopping ---- */

static void free_disk(struct disk *d)
{
    if (d->bell >= 0)
        close(d->bell);
    pthread_cond_destroy(&d->learnt);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

static void make_lock(struct disk *d)
{
    pthread_condattr_t monotonic;

    pthread_mutex_init(&d->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&d->learnt, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

struct disk *disk_start(const struct disk_settings *settings, char why[WHY_SIZE])
{
    struct disk *d = calloc(1, sizeof(*d));
    int error;

    if (!d) {
        snprintf(why, WHY_SIZE, "out of memory");
        return NULL;
    }
    d->settings = *settings;
    TAILQ_INIT(&d->posted);
    TAILQ_INIT(&d->waiting);
    make_lock(d);
    d->bell = eventfd(0, EFD_CLOEXEC);
    error = d->bell < 0 ? errno : 0;
    if (!error && !attachment_begin(&d->attachment, &d->settings, learn, d)) {
        memcpy(why, d->attachment.why, WHY_SIZE);
        free_disk(d);
        return NULL;
    }
    memcpy(d->facts.why, d->attachment.why, WHY_SIZE);
    if (!error)
        error = thread_begin(&d->thread, "xvmsg-disk", run, d);
    if (!error)
        return d;
    snprintf(why, WHY_SIZE, "no thread for the disk: %s", strerror(error));
    if (d->attachment.h)
        attachment_end(&d->attachment);
    free_disk(d);
    return NULL;
}

void disk_stop(struct disk *d)
{
    if (!d)
        return;
    pthread_mutex_lock(&d->lock);
    d->stopping = true;
    pthread_mutex_unlock(&d->lock);
    eventfd_write(d->bell, 1);
    pthread_join(d->thread, NULL);
    free_disk(d);
}
