/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A disk for many threads. libxvmsg wants one thread at a time: a thread here has the
 * handle, and runs the requests that others leave with it, as many at once as the disk
 * takes. Errors come as errno, and as a sentence in the request.
 */
#ifndef XVMSG_NBDKIT_DISK_H
#define XVMSG_NBDKIT_DISK_H

#include <semaphore.h>
#include <sys/queue.h>

#include "frontend/nbdkit/attachment.h"

enum disk_kind { DISK_READ, DISK_WRITE, DISK_FLUSH, DISK_DISCARD, DISK_ZERO };

struct disk_request {
    enum disk_kind kind;
    void *buffer;
    uint32_t length; /* this and offset: multiples of 512 */
    uint64_t offset;
    bool stable; /* not done before it is on stable storage */
    bool unmap;  /* zeroes: room may be given back */
    char why[WHY_SIZE];

    /* The disk's own. */
    TAILQ_ENTRY(disk_request) link;
    struct disk *disk;
    sem_t ended;
    int error;
};

struct disk_facts {
    bool usable; /* now; else why not */
    bool over;   /* and never will be again */
    char why[WHY_SIZE];
    uint64_t size;
    bool readonly;
    struct xvmsg_blk_properties properties;
};

/* Starts to connect, and the thread. NULL with the reason. */
struct disk *disk_start(const struct disk_settings *settings, char why[WHY_SIZE]);

/* Nobody uses it any more. NULL is fine. */
void disk_stop(struct disk *d);

/* Waits for a disk that is not usable, as long as the settings say; false with facts->why. */
bool disk_wait(struct disk *d, struct disk_facts *facts);

/* What is known of the disk; where it is not usable, what was last. */
void disk_get_facts(struct disk *d, struct disk_facts *facts);

/* Blocks until the request ended: 0, or an errno with request->why. There is no time
 * limit; a disk that is not there ends all requests at once. */
int disk_do(struct disk *d, struct disk_request *request);

#endif
