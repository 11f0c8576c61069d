/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/aio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "backend/aio-files.h"
#include "backend/errands.h"
#include "backend/log.h"

/* Operations the kernel has at a time; the completion queue holds twice as
 * many, so it never overflows. The rest waits in a list of ours. */
#define ENTRIES 256u

/* Operations handed over at a time, and bytes of those before the last one. Many are done when
 * the call returns: the guest goes on with the first of a long row while we go on with the
 * next, and has not gone to sleep over a long copy. */
#define SLICE 16u
#define SLICE_BYTES (128u << 10)

struct aio {
    struct io_uring ring;
    struct aio_files files;
    struct event *readable;
    struct event *submit; /* at the end of this turn, or after a pause */
    struct aio_op *waiting;
    struct aio_op **waiting_end;
    uint32_t in_flight;
    /* See submit_for_a_moment(). */
    uint32_t quick;    /* handed over and not waited for yet */
    uint32_t distrust; /* batches that nobody waits for */
    uint32_t distrust_next; /* how many it will be, should the next one be late */

    struct errands *errands; /* NULL: everything is the kernel's to do */
    struct errand lone;
    struct aio_op *lone_op;
    int lone_result;
};

/* How long the loop may wait for writes to the page cache, and for how many batches it does not
 * after this was not enough; twice as many each time. Longer than from one tick of the
 * kernel's to the next: a shorter wait has it set a timer, which can cost more than all of
 * the writes. */
#define MOMENT_NS 10000000
#define DISTRUST_LEAST 16u
#define DISTRUST_MOST 1024u

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
    io_uring_prep_fallocate(sqe, op->file->fd, mode | FALLOC_FL_KEEP_SIZE, op->offset, op->length);
}

/* A piece alone spares the kernel fetching a list of them. */
static void prepare_transfer(struct io_uring_sqe *sqe, const struct aio_op *op)
{
    const struct iovec *pieces = op->iov.pieces;
    unsigned count = op->iov.count < IOV_MAX ? op->iov.count : IOV_MAX;
    bool reads = op->kind == AIO_READ, alone = count == 1 && pieces->iov_len <= UINT32_MAX;
    int fd = op->file->fd;

    if (reads && alone)
        io_uring_prep_read(sqe, fd, pieces->iov_base, (unsigned)pieces->iov_len, op->offset);
    else if (reads)
        io_uring_prep_readv(sqe, fd, pieces, count, op->offset);
    else if (alone)
        io_uring_prep_write(sqe, fd, pieces->iov_base, (unsigned)pieces->iov_len, op->offset);
    else
        io_uring_prep_writev(sqe, fd, pieces, count, op->offset);
    if (op->durable && !reads)
        sqe->rw_flags = RWF_DSYNC;
}

static void prepare(struct io_uring_sqe *sqe, struct aio_op *op)
{
    switch (op->kind) {
    case AIO_READ:
    case AIO_WRITE:
        prepare_transfer(sqe, op);
        break;
    case AIO_SYNC:
        io_uring_prep_fsync(sqe, op->file->fd, IORING_FSYNC_DATASYNC);
        break;
    case AIO_PUNCH:
        prepare_range(sqe, op, FALLOC_FL_PUNCH_HOLE);
        break;
    case AIO_ZERO:
        prepare_range(sqe, op, FALLOC_FL_ZERO_RANGE);
        break;
    }
    if (op->file->slot >= 0) {
        sqe->fd = op->file->slot;
        sqe->flags |= IOSQE_FIXED_FILE;
    }
    io_uring_sqe_set_data(sqe, op);
}

static bool may_start(const struct aio *aio)
{
    return aio->waiting && aio->in_flight < ENTRIES;
}

/* Does it end in the page cache? */
static bool is_quick(const struct aio_op *op)
{
    return op->kind == AIO_WRITE && op->file->quick && !op->durable;
}

/*
 * Prepares waiting operations for the kernel, as many as it may have. Most file systems
 * write to the page cache only where they may sleep: threads of the kernel's do it. A
 * thread that is woken for each of them costs more than the writing. To a regular file one
 * of them does one after the other; to a block device, if they are linked.
 */
static void prepare_waiting(struct aio *aio)
{
    const struct aio_file *file = NULL; /* of the last one, if that was quick */
    struct io_uring_sqe *sqe, *last = NULL;
    uint64_t bytes = 0;

    for (unsigned n = 0; n < SLICE && bytes < SLICE_BYTES && may_start(aio) &&
                         (sqe = io_uring_get_sqe(&aio->ring));
         n++) {
        struct aio_op *op = dequeue(aio);

        prepare(sqe, op);
        aio->in_flight++;
        bytes += iov_size(&op->iov);
        if (is_quick(op)) {
            aio->quick++;
            if (file == op->file && !file->regular)
                last->flags |= IOSQE_IO_LINK;
        }
        file = is_quick(op) ? op->file : NULL;
        last = sqe;
    }
}

void aio_open(struct aio *aio, struct aio_file *file, int fd)
{
    struct stat st;

    file->fd = fd;
    file->regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    file->slot = aio ? aio_files_add(&aio->files, fd) : -1;
}

void aio_close(struct aio *aio, struct aio_file *file)
{
    if (file->slot >= 0)
        aio_files_remove(&aio->files, file->slot);
    close(file->fd);
}

void aio_start(struct aio *aio, struct aio_op *op)
{
    enqueue(aio, op);
    event_active(aio->submit, 0, 0);
}

/* -ECANCELED: what it was linked to failed, or was short; it did not begin. */
static bool is_to_be_repeated(int result)
{
    return result == -EINTR || result == -EAGAIN || result == -ECANCELED;
}

/* A part was moved: the rest is a new operation. */
static void finish(struct aio *aio, struct aio_op *op, int result)
{
    if ((op->kind != AIO_READ && op->kind != AIO_WRITE) || result < 0) {
        if (is_to_be_repeated(result))
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
        op->done(op, op->kind == AIO_READ ? -ENODATA : -EIO);
    else
        aio_start(aio, op);
}

/* What waited for a slice of its own, or for room. */
static void start_more(struct aio *aio)
{
    if (may_start(aio))
        event_active(aio->submit, 0, 0);
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
    start_more(aio);
}

static void note_time(struct aio *aio, bool late)
{
    if (!late) {
        aio->distrust_next = DISTRUST_LEAST;
        return;
    }
    aio->distrust = aio->distrust_next;
    if (aio->distrust_next < DISTRUST_MOST)
        aio->distrust_next *= 2;
}

/*
 * Hands them over, and waits until the writes to the page cache among them are done, which
 * is a moment: being woken for each costs more. If it is not, the file system is writing to
 * its disk, and has the loop go on for a while.
 */
static int submit_for_a_moment(struct aio *aio)
{
    uint32_t quick = aio->quick;
    struct __kernel_timespec limit = {.tv_nsec = MOMENT_NS};
    struct io_uring_cqe *cqe;
    int result;

    aio->quick = 0;
    if (quick && aio->distrust) {
        aio->distrust--;
        quick = 0;
    }
    if (!quick || !(aio->ring.features & IORING_FEAT_EXT_ARG))
        return io_uring_submit(&aio->ring);
    result = io_uring_submit_and_wait_timeout(&aio->ring, &cqe, quick, &limit, NULL);
    note_time(aio, io_uring_cq_ready(&aio->ring) < quick);
    return result;
}

/* ---- a lone write ---- */

/*
 * The kernel's threads are woken for a write to the page cache, and wake us: that takes
 * several times what a short one does, and as much as a large one, which goes alone although
 * others wait. Requests under way may need this thread to end, so there are none when it
 * begins; if it takes long the other thread goes on with those that wait.
 */
static bool is_lone(const struct aio *aio)
{
    const struct aio_op *op = aio->waiting;

    return op && !aio->in_flight && !aio->distrust && is_quick(op) && op->iov.count <= IOV_MAX &&
           (!op->next || iov_size(&op->iov) >= SLICE_BYTES);
}

static void run_lone(struct errand *errand)
{
    struct aio *aio = (struct aio *)((char *)errand - offsetof(struct aio, lone));
    const struct aio_op *op = aio->lone_op;
    ssize_t written = pwritev(op->file->fd, op->iov.pieces, (int)op->iov.count, (off_t)op->offset);

    aio->lone_result = written < 0 ? -errno : (int)written;
}

/* What came with it, or meanwhile, need not wait for it any longer. */
static void pass_lone(struct errand *errand)
{
    start_more((struct aio *)((char *)errand - offsetof(struct aio, lone)));
}

static void end_lone(struct errand *errand)
{
    struct aio *aio = (struct aio *)((char *)errand - offsetof(struct aio, lone));

    aio->in_flight--;
    note_time(aio, errand->late);
    finish(aio, aio->lone_op, aio->lone_result);
    start_more(aio);
}

static bool start_lone(struct aio *aio)
{
    if (!aio->errands || !is_lone(aio) || !errands_start(aio->errands, &aio->lone))
        return false;
    aio->lone_op = dequeue(aio);
    aio->in_flight++;
    return true;
}

void aio_use_errands(struct aio *aio, struct errands *errands)
{
    aio->errands = errands;
}

/* A kernel short of memory takes none or some, and no completion need follow
 * that would have us ask it again: soon, then. */
static void on_submit(evutil_socket_t fd, short what, void *user)
{
    struct aio *aio = user;
    int result;

    (void)fd, (void)what;
    if (start_lone(aio))
        return;
    prepare_waiting(aio);
    result = submit_for_a_moment(aio);
    /* What the page cache holds is done by now: the guest need not wait for the loop
     * to look at the ring. */
    complete_all(aio);
    if (result >= 0 && !io_uring_sq_ready(&aio->ring))
        return;
    if (result < 0 && result != -EAGAIN && result != -EBUSY && result != -EINTR)
        log_error("io_uring_submit: %s; trying again", strerror(-result));
    event_add(aio->submit, &retry_pause);
}

/* The ring itself is polled: readable as long as there is a completion. */
static void on_readable(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what;
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
        prepare_waiting(aio);
        if (io_uring_submit(&aio->ring) >= 0)
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
    aio->distrust_next = DISTRUST_LEAST;
    aio->lone = (struct errand){.run = run_lone, .overtaken = pass_lone, .ended = end_lone};
    *why = "io_uring cannot be set up (Linux 5.6 or newer, kernel.io_uring_disabled=0?)";
    result = io_uring_queue_init(ENTRIES, &aio->ring, IORING_SETUP_CLAMP);
    if (result < 0) {
        errno = -result;
        goto free_aio;
    }
    aio_files_init(&aio->files, &aio->ring);
    *why = "libevent refuses an event";
    aio->readable = event_new(base, aio->ring.ring_fd, EV_READ | EV_PERSIST, on_readable, aio);
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
    free(aio);
}
