/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/aio.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backend/log.h"

/* Operations the kernel has at a time; the completion queue holds twice as
 * many, so it never overflows. The rest waits in a list of ours. */
#define ENTRIES 256u

struct aio {
    struct io_uring ring;
    int eventfd;
    struct event *readable;
    struct event *submit; /* at the end of this turn, or after a pause */
    struct aio_op *waiting;
    struct aio_op **waiting_end;
    uint32_t in_flight;
};

static const struct timeval retry_pause = {.tv_usec = 10000};

static void enqueue(struct aio *aio, struct aio_op *op)
{
    op->next = NULL;
    *aio->waiting_end = op;
    aio->waiting_end = &op->next;
}

static struct aio_op *dequeue(struct aio *aio)
{
    struct aio_op *op = aio->waiting;

    aio->waiting = op->next;
    if (!aio->waiting)
        aio->waiting_end = &aio->waiting;
    return op;
}

/* Never makes the file longer: it may have shrunk meanwhile. */
static void prepare_range(struct io_uring_sqe *sqe, const struct aio_op *op, int mode)
{
    io_uring_prep_fallocate(sqe, op->fd, mode | FALLOC_FL_KEEP_SIZE, op->offset, op->length);
}

static void prepare(struct io_uring_sqe *sqe, struct aio_op *op)
{
    unsigned pieces = op->iov.count < IOV_MAX ? op->iov.count : IOV_MAX;

    switch (op->kind) {
    case AIO_READ:
        io_uring_prep_readv(sqe, op->fd, op->iov.pieces, pieces, op->offset);
        break;
    case AIO_WRITE:
        io_uring_prep_writev2(sqe, op->fd, op->iov.pieces, pieces, op->offset,
                              op->durable ? RWF_DSYNC : 0);
        break;
    case AIO_SYNC:
        io_uring_prep_fsync(sqe, op->fd, IORING_FSYNC_DATASYNC);
        break;
    case AIO_PUNCH:
        prepare_range(sqe, op, FALLOC_FL_PUNCH_HOLE);
        break;
    case AIO_ZERO:
        prepare_range(sqe, op, FALLOC_FL_ZERO_RANGE);
        break;
    }
    io_uring_sqe_set_data(sqe, op);
}

/* Hands waiting operations to the kernel, as many as it may have. */
static int submit_waiting(struct aio *aio)
{
    struct io_uring_sqe *sqe;

    while (aio->waiting && aio->in_flight < ENTRIES && (sqe = io_uring_get_sqe(&aio->ring))) {
        prepare(sqe, dequeue(aio));
        aio->in_flight++;
    }
    return io_uring_submit(&aio->ring);
}

void aio_start(struct aio *aio, struct aio_op *op)
{
    enqueue(aio, op);
    event_active(aio->submit, 0, 0);
}

/* A part was moved: the rest is a new operation. */
static void finish(struct aio *aio, struct aio_op *op, int result)
{
    if ((op->kind != AIO_READ && op->kind != AIO_WRITE) || result < 0) {
        if (result == -EINTR || result == -EAGAIN)
            aio_start(aio, op);
        else
            op->done(op, result);
        return;
    }
    iov_skip(&op->iov, (uint64_t)result);
    op->offset += (uint64_t)result;
    if (!op->iov.count)
        op->done(op, 0);
    else if (!result)
        op->done(op, -EIO);
    else
        aio_start(aio, op);
}

static void complete_all(struct aio *aio)
{
    struct io_uring_cqe *cqe;

    while (io_uring_peek_cqe(&aio->ring, &cqe) == 0) {
        struct aio_op *op = io_uring_cqe_get_data(cqe);
        int result = cqe->res;

        io_uring_cqe_seen(&aio->ring, cqe);
        aio->in_flight--;
        finish(aio, op, result);
    }
    if (aio->waiting)
        event_active(aio->submit, 0, 0);
}

/* A kernel short of memory takes none or some, and no completion need follow
 * that would have us ask it again: soon, then. */
static void on_submit(evutil_socket_t fd, short what, void *user)
{
    struct aio *aio = user;
    int result = submit_waiting(aio);

    (void)fd, (void)what;
    /* What the page cache holds is done by now: the guest need not wait for us
     * to hear of it through the eventfd. */
    complete_all(aio);
    if (result >= 0 && !io_uring_sq_ready(&aio->ring))
        return;
    if (result < 0 && result != -EAGAIN && result != -EBUSY && result != -EINTR)
        log_error("io_uring_submit: %s; trying again", strerror(-result));
    event_add(aio->submit, &retry_pause);
}

static void on_readable(evutil_socket_t fd, short what, void *user)
{
    eventfd_t count;

    (void)what;
    eventfd_read(fd, &count);
    complete_all(user);
}

bool aio_ended(const struct aio *aio)
{
    return io_uring_cq_ready(&aio->ring) > 0;
}

void aio_finish(struct aio *aio)
{
    complete_all(aio);
}

void aio_drain(struct aio *aio)
{
    struct io_uring_cqe *cqe;

    while (aio->in_flight || aio->waiting) {
        if (submit_waiting(aio) >= 0)
            io_uring_wait_cqe(&aio->ring, &cqe);
        complete_all(aio);
    }
}

struct aio *aio_new(struct event_base *base, const char **why)
{
    struct aio *aio = calloc(1, sizeof(*aio));
    int result;

    *why = "out of memory";
    if (!aio)
        return NULL;
    aio->waiting_end = &aio->waiting;
    *why = "io_uring cannot be set up (Linux 5.6 or newer, kernel.io_uring_disabled=0?)";
    result = io_uring_queue_init(ENTRIES, &aio->ring, IORING_SETUP_CLAMP);
    if (result < 0) {
        errno = -result;
        goto free_aio;
    }
    *why = "io_uring cannot signal an eventfd";
    aio->eventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (aio->eventfd < 0)
        goto exit_ring;
    result = io_uring_register_eventfd(&aio->ring, aio->eventfd);
    if (result < 0) {
        errno = -result;
        goto close_eventfd;
    }
    *why = "libevent refuses an event";
    aio->readable = event_new(base, aio->eventfd, EV_READ | EV_PERSIST, on_readable, aio);
    aio->submit = event_new(base, -1, 0, on_submit, aio);
    if (!aio->readable || !aio->submit || event_add(aio->readable, NULL) < 0) {
        errno = ENOMEM;
        goto free_events;
    }
    return aio;

free_events:
    if (aio->submit)
        event_free(aio->submit);
    if (aio->readable)
        event_free(aio->readable);
close_eventfd:
    close(aio->eventfd);
exit_ring:
    io_uring_queue_exit(&aio->ring);
free_aio:
    free(aio);
    return NULL;
}

void aio_free(struct aio *aio)
{
    if (!aio)
        return;
    aio_drain(aio);
    event_free(aio->submit);
    event_free(aio->readable);
    io_uring_queue_exit(&aio->ring);
    close(aio->eventfd);
    free(aio);
}
