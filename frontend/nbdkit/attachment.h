/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * One disk of the bus, kept open: after the bus was lost and came back, or the disk
 * broke, it is opened again. For one thread, which polls attachment_fd().
 */
#ifndef XVMSG_NBDKIT_ATTACHMENT_H
#define XVMSG_NBDKIT_ATTACHMENT_H

#include <xvmsg-blk.h>

#define WHY_SIZE 200u

struct disk_settings {
    unsigned bus;
    uint64_t number;    /* of the device */
    unsigned timeout;   /* seconds to wait for a disk that is not there */
    unsigned heartbeat; /* seconds of silence after which it is asked; 0: never */
};

struct attachment {
    const struct disk_settings *settings;
    struct xvmsg *h;
    struct xvmsg_blk *blk; /* NULL: closed */
    bool usable;           /* open, and not wanted back */
    bool removing;         /* the backend wants it back, or has it */
    uint64_t retry_at;     /* milliseconds, when it is closed */
    char why[WHY_SIZE];    /* it is not usable */
    void (*changed)(void *user);
    void *user;
};

/* Is there such a disk? Nothing stays open. False with the reason. */
bool attachment_check(const struct disk_settings *settings, char why[WHY_SIZE]);

/*
 * Starts to connect; the disk is opened when that has worked. changed() runs when the disk
 * is usable, or no longer is, or has another size. False with the reason in a->why, when
 * nothing needs to be ended.
 */
bool attachment_begin(struct attachment *a, const struct disk_settings *settings,
                      void (*changed)(void *user), void *user);

/* Requests in flight end before it returns. */
void attachment_end(struct attachment *a);

/* The disk will not come back. */
bool attachment_is_over(const struct attachment *a);

/* To poll for POLLIN, for at most so many milliseconds (-1: for ever). */
int attachment_fd(const struct attachment *a);
int attachment_timeout(const struct attachment *a);

/* Does what is due. False when the handle can no longer work, and `why` says why. */
bool attachment_work(struct attachment *a);

/* Sends what was submitted. False as above. */
bool attachment_flush(struct attachment *a);

/* No request is in flight: a disk that is wanted back can be given back. */
void attachment_idle(struct attachment *a);

#endif
