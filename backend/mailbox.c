/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/mailbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

/* Letters read before the rest of the loop has its turn. */
#define LETTERS_A_TURN 64u

static void note_letters(struct mailbox *mailbox)
{
    __atomic_store_n(&mailbox->has_letters, !STAILQ_EMPTY(&mailbox->letters), __ATOMIC_RELAXED);
}

bool mailbox_has_letters(const struct mailbox *mailbox)
{
    return __atomic_load_n(&mailbox->has_letters, __ATOMIC_RELAXED);
}

static struct letter *take(struct mailbox *mailbox, uint64_t *bits)
{
    struct letter *letter;

    pthread_mutex_lock(&mailbox->mutex);
    letter = STAILQ_FIRST(&mailbox->letters);
    if (letter) {
        STAILQ_REMOVE_HEAD(&mailbox->letters, in_box);
        note_letters(mailbox);
        *bits = letter->bits;
        letter->bits = 0;
    }
    pthread_mutex_unlock(&mailbox->mutex);
    return letter;
}

/* The count is emptied first: who posts when the last letter has been taken wakes us
 * again. Others post to a box that is not empty without a word. */
static void on_readable(evutil_socket_t fd, short what, void *user)
{
    struct mailbox *mailbox = user;
    struct letter *letter;
    eventfd_t count;
    uint64_t bits;

    (void)what;
    eventfd_read(fd, &count);
    for (unsigned n = 0; n < LETTERS_A_TURN; n++) {
        letter = take(mailbox, &bits);
        if (!letter)
            return;
        letter->read(letter, bits);
    }
    eventfd_write(fd, 1);
}

bool mailbox_open(struct mailbox *mailbox, struct event_base *base)
{
    *mailbox = (struct mailbox){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (mailbox->fd < 0)
        return false;
    STAILQ_INIT(&mailbox->letters);
    mailbox->readable =
        event_new(base, mailbox->fd, EV_READ | EV_PERSIST, on_readable, mailbox);
    if (mailbox->readable && event_add(mailbox->readable, NULL) == 0) {
        pthread_mutex_init(&mailbox->mutex, NULL);
        return true;
    }
    if (mailbox->readable)
        event_free(mailbox->readable);
    mailbox->readable = NULL;
    close(mailbox->fd);
    return false;
}

void mailbox_close(struct mailbox *mailbox)
{
    if (!mailbox->readable)
        return;
    event_free(mailbox->readable);
    mailbox->readable = NULL;
    close(mailbox->fd);
    pthread_mutex_destroy(&mailbox->mutex);
}

void mailbox_post(struct mailbox *mailbox, struct letter *letter, uint64_t bits)
{
    bool wake;

    pthread_mutex_lock(&mailbox->mutex);
    wake = STAILQ_EMPTY(&mailbox->letters);
    if (!letter->bits)
        STAILQ_INSERT_TAIL(&mailbox->letters, letter, in_box);
    letter->bits |= bits;
    note_letters(mailbox);
    pthread_mutex_unlock(&mailbox->mutex);
    if (wake)
        eventfd_write(mailbox->fd, 1);
}

void mailbox_withdraw(struct mailbox *mailbox, struct letter *letter)
{
    pthread_mutex_lock(&mailbox->mutex);
    if (letter->bits)
        STAILQ_REMOVE(&mailbox->letters, letter, letter, in_box);
    letter->bits = 0;
    note_letters(mailbox);
    pthread_mutex_unlock(&mailbox->mutex);
}
