/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Word from other threads to a loop. A letter names things by bits; what is said twice
 * before it is read is said once. Whoever posts several in a row wakes the loop once.
 */
#ifndef XVMSG_MAILBOX_H
#define XVMSG_MAILBOX_H

#include <event2/event.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/* Zeroed but for read(), which the loop calls with all that was posted since it last did. */
struct letter {
    void (*read)(struct letter *letter, uint64_t bits);

    /* The mailbox's. */
    uint64_t bits;
    STAILQ_ENTRY(letter) in_box;
};

struct mailbox {
    pthread_mutex_t mutex;
    STAILQ_HEAD(, letter) letters;
    bool has_letters; /* so are there any? */
    int fd;
    struct event *readable; /* NULL: closed */
};

/* False with errno, closed. */
bool mailbox_open(struct mailbox *mailbox, struct event_base *base);

/* Nobody posts any more. A zeroed one is fine. */
void mailbox_close(struct mailbox *mailbox);

/* From any thread; `bits` is not 0. A letter is of one mailbox. */
void mailbox_post(struct mailbox *mailbox, struct letter *letter, uint64_t bits);

/* Is there something to be read? From any thread, and without waiting for any: whoever asks
 * again and again learns of it. */
bool mailbox_has_letters(const struct mailbox *mailbox);

/* What has not been read is not going to be. */
void mailbox_withdraw(struct mailbox *mailbox, struct letter *letter);

#endif
