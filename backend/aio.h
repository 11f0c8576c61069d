/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * File I/O without waiting: io_uring on a loop.
 *
 * A device embeds a struct aio_op in its own request, starts it, and gets a
 * call when it ended. What is started during one turn of the loop goes to the
 * kernel at the turn's end: some at a time, each time in one system call, and what
 * ended of them is told before the next.
 *
 * Files are registered with the ring where the kernel lets go of them as soon as
 * they are closed (see aio-files.c). The guest's memory is not: Linux refuses to
 * register a mapping of grants (EOPNOTSUPP: memory of a file, /dev/xen/gntdev), and
 * a page that stays pinned could not be given back to the guest either. O_DIRECT
 * needs neither: pages are pinned for as long as an operation takes.
 */
#ifndef XVMSG_AIO_H
#define XVMSG_AIO_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "backend/iov.h"

struct aio;
struct errands;

/* A file to do it on. */
struct aio_file {
    int fd;
    bool quick; /* the page cache takes what is written: done in a moment, mostly */
    bool regular; /* private: the kernel does one write to it after the other */
    int slot;   /* private: place among the ring's registered files, -1 for none */
};

enum aio_kind {
    AIO_READ,
    AIO_WRITE,
    AIO_SYNC,
    AIO_PUNCH, /* a range reads as zeros and takes no room */
    AIO_ZERO,  /* a range reads as zeros and keeps its room */
};

/*
 * One operation. Fill in the first part; op, pieces and file stay until done()
 * is called, with 0 or a negative errno. A read or write moves all of its bytes
 * or fails (a read with -ENODATA when the file ends before them); it uses up `iov`. What a file
 * system or block device cannot do with a range is -EOPNOTSUPP.
 */
struct aio_op {
    enum aio_kind kind;
    const struct aio_file *file;
    bool durable; /* writes: on stable storage when done */
    struct iov iov; /* reads and writes */
    uint64_t offset;
    uint64_t length; /* of a range, not 0 */
    void (*done)(struct aio_op *op, int result);

    struct aio_op *next; /* private */
};

/* NULL with errno; *why says in words what this system lacks. */
struct aio *aio_new(struct event_base *base, const char **why);

/* Writes to the page cache that come alone, or are large, are done as errands from now on.
 * NULL: not so. Nothing may be in flight. */
void aio_use_errands(struct aio *aio, struct errands *errands);

/* Waits for what is in flight, as aio_drain(). NULL is fine. */
void aio_free(struct aio *aio);

/* Takes `fd` for operations, and gives it back closed. Nothing may be in flight on it
 * then. `aio` NULL: for operations of several. */
void aio_open(struct aio *aio, struct aio_file *file, int fd);
void aio_close(struct aio *aio, struct aio_file *file);

/* Never blocks and never fails: done() tells. It is not called from in here. */
void aio_start(struct aio *aio, struct aio_op *op);

/* Has something ended that done() is yet to be told? Costs no system call. */
bool aio_ended(const struct aio *aio);

/* Tells it: what the loop would do when it next looks. */
void aio_finish(struct aio *aio);

/* Blocks until nothing is in flight; each op's done() is called. */
void aio_drain(struct aio *aio);

#endif
