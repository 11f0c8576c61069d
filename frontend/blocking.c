/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The blocking calls: the same loop, run until something is done; and the look before a
 * caller's own sleep.
 *
 * Waking up costs much more than looking at the ring, so while answers come
 * quickly this looks for a while before it sleeps; how long adapts.
 */

#include <errno.h>
#include <linux/virtio_blk.h>
#include <string.h>

#include "common/relax.h"
#include "frontend/blk.h"

/* After so many turns without sleep xenstore and the doorbells are looked at. */
#define MAX_BLIND 256

/* Fewer looks than this part of the most are none; after so many sleeps without any it
 * is tried again whether they help. */
#define LEAST 16
#define TRY_AFTER 64

/* One transfer of the blocking calls; longer ones are cut. */
#define MAX_TRANSFER (UINT64_C(1) << 30)

/* ---- the loop ---- */

/* How often to look before this sleep. Counted, not timed: a clock read is a system
 * call in many guests, and would cost more than the looks. */
static unsigned looks(struct xvmsg *h)
{
    if (!h->spin && ++h->unspun >= TRY_AFTER)
        h->spin = h->max_spin;
    if (h->spin)
        h->unspun = 0;
    return h->spin;
}

/* Looks at the rings until something came; false when it was for nothing. */
static bool spin(struct xvmsg *h)
{
    unsigned count = h->conn.up ? looks(h) : 0;

    if (!count)
        return false;
    for (unsigned i = 0; i < count; i++) {
        if (bus_receive(h) || doorbell_look(h)) {
            handle_work_ring(h);
            h->spin = smaller(2 * (uint64_t)count, h->max_spin);
            return true;
        }
        relax();
    }
    h->spin = count / 2 > h->max_spin / LEAST ? count / 2 : 0;
    return false;
}

/* Sleeps, if there is time left, which it may not be although there is work: a backend
 * can see to it that there always is. 0, or -1 with ETIMEDOUT. */
static int doze(struct xvmsg *h, uint64_t end)
{
    if (end != NEVER && handle_now(h) >= end)
        return handle_fail(h, ETIMEDOUT, "not done within the time given");
    handle_nap(h, end);
    return 0;
}

int xvmsg_run(struct xvmsg *h, const bool *done, int milliseconds)
{
    uint64_t end = milliseconds < 0 ? NEVER : handle_now(h) + (uint64_t)milliseconds * NS_PER_MS;
    int rc = 0;

    /* Whoever has time to wait sees the descriptors when it sleeps. */
    if (milliseconds == 0 || h->blind >= MAX_BLIND)
        handle_look(h);
    while (rc == 0) {
        if (handle_work(h) < 0)
            return -1;
        while (!*done && h->blind < MAX_BLIND && spin(h))
            h->blind++;
        if (*done)
            break;
        rc = doze(h, end);
    }
    h->now = 0;
    /* Nobody asked for a doorbell yet; a caller who polls next gets one turn of
     * the loop at once, and one who calls again has saved asking. */
    handle_alarm(h, 0);
    return rc;
}

int xvmsg_look(struct xvmsg *h, bool at_once)
{
    if (at_once) {
        handle_look(h);
        return handle_work(h) < 0 ? -1 : 1;
    }
    if (!h->dead)
        bus_send(h);
    if (!h->dead && h->blind < MAX_BLIND && spin(h)) {
        h->blind++;
        return 1;
    }
    /* Whoever sleeps now sees the descriptors when it does. */
    h->blind = 0;
    return xvmsg_flush(h);
}

int xvmsg_connect_wait(struct xvmsg *h, int milliseconds)
{
    if (xvmsg_connect(h) < 0)
        return -1;
    if (xvmsg_run(h, &h->conn.up, milliseconds) == 0)
        return 0;
    if (errno == ETIMEDOUT) {
        connect_explain(h);
        errno = ETIMEDOUT;
    }
    return -1;
}

int xvmsg_leave_wait(struct xvmsg *h, int milliseconds)
{
    handle_leave(h);
    if (h->conn.let_go || xvmsg_run(h, &h->conn.let_go, milliseconds) == 0)
        return 0;
    if (errno == ETIMEDOUT)
        handle_fail(h, ETIMEDOUT, "the backend in domain %u has not let go of our memory yet",
                    h->conn.backend_domid);
    return -1;
}

/* ---- requests ---- */

void xvmsg_wake(struct xvmsg *h, const struct xvmsg_reply *reply, void *user)
{
    struct xvmsg_waiter *w = user;

    (void)h;
    w->reply = *reply;
    w->done = true;
}

int xvmsg_wait(struct xvmsg *h, struct xvmsg_waiter *w)
{
    if (!w->done && xvmsg_run(h, &w->done, -1) < 0)
        return -1;
    if (w->reply.status == XVMSG_OK)
        return 0;
    return handle_fail(h, EIO, "the request failed: %s", xvmsg_status_text(w->reply.status));
}

/* ---- disks ---- */

static void note(struct xvmsg_blk *blk, enum xvmsg_status status, void *user)
{
    struct held_outcome *outcome = user;

    (void)blk;
    *outcome = (struct held_outcome){true, status, 0};
}

struct xvmsg_blk *xvmsg_blk_open_wait(struct xvmsg *h, uint64_t number)
{
    struct held_outcome outcome = {0};
    struct xvmsg_blk *blk = xvmsg_blk_open(h, number, note, &outcome);

    return blk ? held_await(&blk->held, h, &outcome) : NULL;
}

/* An operation of any kind, tried again for as long as there is no room for it. The
 * caller holds the disk: callbacks that run meanwhile may close it. */
static int transfer(struct xvmsg_blk *blk, struct blk_op op)
{
    struct xvmsg *h = blk->h;
    struct held_outcome outcome = {0};

    op.done = note;
    op.user = &outcome;
    for (;;) {
        blk->completed = false;
        if (blk_io_submit(blk, &op) == 0)
            break;
        if (errno != EAGAIN || xvmsg_run(h, &blk->completed, -1) < 0)
            return -1;
    }
    if (xvmsg_run(h, &outcome.done, -1) < 0) {
        /* The handle is dead; what is under way ends when it is freed. */
        blk_io_forget(blk, &outcome);
        return -1;
    }
    if (outcome.status == XVMSG_OK)
        return 0;
    return handle_fail(h, outcome.status == XVMSG_UNSUPPORTED ? ENOTSUP : EIO,
                       "the disk failed at byte %llu: %s", (unsigned long long)op.offset,
                       xvmsg_status_text(outcome.status));
}

static int transfer_all(struct xvmsg_blk *blk, uint32_t type, uint64_t offset, uint8_t *buffer,
                        size_t length)
{
    int rc = 0;

    held_hold(&blk->held);
    while (rc == 0 && length) {
        size_t now = length < MAX_TRANSFER ? length : MAX_TRANSFER;

        rc = transfer(blk, (struct blk_op){
                               .type = type, .offset = offset, .buffer = buffer, .length = now});
        offset += now;
        buffer += now;
        length -= now;
    }
    held_release(&blk->held);
    return rc;
}

int xvmsg_blk_pread(struct xvmsg_blk *blk, void *buffer, size_t length, uint64_t offset)
{
    return transfer_all(blk, VIRTIO_BLK_T_IN, offset, buffer, length);
}

int xvmsg_blk_pwrite(struct xvmsg_blk *blk, const void *buffer, size_t length, uint64_t offset)
{
    return transfer_all(blk, VIRTIO_BLK_T_OUT, offset, (uint8_t *)buffer, length);
}

/* Whatever its length, it is one operation. */
static int transfer_once(struct xvmsg_blk *blk, const struct blk_op *op)
{
    held_hold(&blk->held);

    int rc = transfer(blk, *op);

    held_release(&blk->held);
    return rc;
}

int xvmsg_blk_sync(struct xvmsg_blk *blk)
{
    return transfer_once(blk, &(struct blk_op){.type = VIRTIO_BLK_T_FLUSH});
}

int xvmsg_blk_discard_wait(struct xvmsg_blk *blk, uint64_t offset, uint64_t length)
{
    return length == 0 ? 0
                       : transfer_once(blk, &(struct blk_op){.type = VIRTIO_BLK_T_DISCARD,
                                                             .offset = offset,
                                                             .length = length});
}

int xvmsg_blk_write_zeroes_wait(struct xvmsg_blk *blk, uint64_t offset, uint64_t length,
                                bool unmap)
{
    return length == 0 ? 0
                       : transfer_once(blk, &(struct blk_op){.type = VIRTIO_BLK_T_WRITE_ZEROES,
                                                             .offset = offset,
                                                             .length = length,
                                                             .unmap = unmap});
}
