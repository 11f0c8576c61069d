/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Requests: one lane per device and one for the bus. The first of each lane is
 * on its way, the others wait for its response. Lanes whose first request is yet
 * to be sent take turns. All requests have the same time to live, so the list of
 * all by age is also the list by deadline.
 */

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "common/le.h"
#include "frontend/internal.h"

/* ---- lanes ---- */

/* Requests to one device, or to the bus, in order; the first may be sent. */
struct lane {
    bool bus;
    uint64_t device;
    struct request *first;
    struct request *last;
    struct lane *next_ready; /* the next whose first request may be sent */
    struct lane *prev_ready;
    bool ready;
};

static int compare_lanes(const void *a, const void *b)
{
    const struct lane *x = a, *y = b;

    if (x->bus != y->bus)
        return x->bus ? 1 : -1;
    return (x->device > y->device) - (x->device < y->device);
}

static struct lane *lane_find(const struct xvmsg *h, bool bus, uint64_t device)
{
    const struct lane key = {.bus = bus, .device = device};
    struct lane **found = tfind(&key, &h->requests.lanes, compare_lanes);

    return found ? *found : NULL;
}

static struct lane *lane_get(struct xvmsg *h, bool bus, uint64_t device)
{
    struct lane *lane = lane_find(h, bus, device);

    if (lane)
        return lane;
    lane = calloc(1, sizeof(*lane));
    if (!lane)
        return NULL;
    lane->bus = bus;
    lane->device = device;
    if (tsearch(lane, &h->requests.lanes, compare_lanes))
        return lane;
    free(lane);
    return NULL;
}

static void ready_append(struct requests *all, struct lane *lane)
{
    lane->ready = true;
    lane->next_ready = NULL;
    lane->prev_ready = all->last_ready;
    if (all->last_ready)
        all->last_ready->next_ready = lane;
    else
        all->first_ready = lane;
    all->last_ready = lane;
}

static void ready_remove(struct requests *all, struct lane *lane)
{
    lane->ready = false;
    if (lane->prev_ready)
        lane->prev_ready->next_ready = lane->next_ready;
    else
        all->first_ready = lane->next_ready;
    if (lane->next_ready)
        lane->next_ready->prev_ready = lane->prev_ready;
    else
        all->last_ready = lane->prev_ready;
}

static void lane_append(struct xvmsg *h, struct lane *lane, struct request *r)
{
    r->lane = lane;
    r->ahead = lane->last;
    if (lane->last)
        lane->last->behind = r;
    else
        lane->first = r;
    lane->last = r;
    if (!lane->ready && !lane->first->sent)
        ready_append(&h->requests, lane);
}

/* A lane without requests is no more. */
static void lane_remove(struct xvmsg *h, struct lane *lane, struct request *r)
{
    if (r->ahead)
        r->ahead->behind = r->behind;
    else
        lane->first = r->behind;
    if (r->behind)
        r->behind->ahead = r->ahead;
    else
        lane->last = r->ahead;
    if (lane->first && !lane->ready && !lane->first->sent)
        ready_append(&h->requests, lane);
    if (lane->first)
        return;
    if (lane->ready)
        ready_remove(&h->requests, lane);
    tdelete(lane, &h->requests.lanes, compare_lanes);
    free(lane);
}

/* ---- the list by age ---- */

static void age_append(struct requests *all, struct request *r)
{
    r->older = all->newest;
    if (all->newest)
        all->newest->newer = r;
    else
        all->oldest = r;
    all->newest = r;
}

static void age_remove(struct requests *all, struct request *r)
{
    if (r->older)
        r->older->newer = r->newer;
    else
        all->oldest = r->newer;
    if (r->newer)
        r->newer->older = r->older;
    else
        all->newest = r->older;
}

/* ---- a request's life ---- */

uint8_t *request_words(struct xvmsg *h, const uint32_t *values, size_t count)
{
    uint8_t *words = malloc(4 * count);

    if (!words)
        handle_fail(h, ENOMEM, "out of memory for a message");
    for (size_t i = 0; words && i < count; i++)
        le32_put(words + 4 * i, values[i]);
    return words;
}

int request_submit(struct xvmsg *h, const struct request_call *call)
{
    const struct msg_description *what = msg_describe(call->msg.kind);
    struct msg msg = call->msg;
    struct msg_error error;

    if (!h->conn.up)
        return handle_fail(h, ENOTCONN, "%s: the bus is not connected", what->name);
    /* Responses carry the token back. 0 is what events carry. */
    if (++h->requests.last_token == 0)
        h->requests.last_token = 1;
    msg.token = h->requests.last_token;

    size_t size = msg_encode(h->form, &msg, h->bus.outgoing, h->bus.max_message, &error);

    if (!size)
        return handle_fail(h, EINVAL, "%s: %s%s%s", what->name, msg_fault_text(error.fault),
                           error.field ? ": " : "", error.field ? error.field : "");

    struct request *r = calloc(1, sizeof(*r) + size);
    struct lane *lane = r ? lane_get(h, what->name_space == MSG_BUS, msg.dev_num) : NULL;

    if (!lane) {
        free(r);
        return handle_fail(h, ENOMEM, "%s: out of memory", what->name);
    }
    r->call = *call;
    r->token = msg.token;
    r->deadline = handle_now(h) + h->timeout;
    r->size = size;
    memcpy(r->bytes, h->bus.outgoing, size);
    lane_append(h, lane, r);
    age_append(&h->requests, r);
    return 0;
}

static void drop(struct xvmsg *h, struct request *r)
{
    lane_remove(h, r->lane, r);
    age_remove(&h->requests, r);
    free(r);
}

/* Takes the request out of the lists before its user hears of it, who may submit
 * the next one at once. */
static void end(struct xvmsg *h, struct request *r, const struct xvmsg_reply *reply)
{
    xvmsg_done *done = r->call.done;
    void *user = r->call.user;

    drop(h, r);
    if (done)
        done(h, reply, user);
}

static void end_with(struct xvmsg *h, struct request *r, enum xvmsg_status status)
{
    struct xvmsg_reply reply = {.status = status, .device = r->lane->device};

    end(h, r, &reply);
}

size_t request_send(struct xvmsg *h)
{
    struct lane *lane;

    while ((lane = h->requests.first_ready)) {
        struct request *r = lane->first;

        if (!ring_put(&h->bus.ring, r->bytes, r->size))
            return r->size;
        r->sent = true;
        ready_remove(&h->requests, lane);
    }
    return 0;
}

void request_answer(struct xvmsg *h, const struct msg_header *header, const struct msg *m)
{
    bool bus = header->name_space == MSG_BUS;
    struct lane *lane = lane_find(h, bus, bus ? 0 : header->dev_num);
    struct request *r = lane ? lane->first : NULL;

    /* What nobody waits for is the late answer to a request that has expired. */
    if (!r || !r->sent || r->token != header->token)
        return;

    struct xvmsg_reply reply = {.device = lane->device, .status = XVMSG_OK};

    if (!m || m->kind != r->call.msg.kind + 1)
        reply.status = XVMSG_MALFORMED_RESPONSE;
    else if (r->call.done && r->call.take)
        reply.status = r->call.take(r, m, &reply);
    end(h, r, &reply);
}

uint64_t request_deadline(const struct xvmsg *h)
{
    return h->requests.oldest ? h->requests.oldest->deadline : NEVER;
}

void request_expire(struct xvmsg *h)
{
    if (!h->requests.oldest)
        return;

    uint64_t now = handle_now(h);

    while (h->requests.oldest && h->requests.oldest->deadline <= now)
        end_with(h, h->requests.oldest, XVMSG_TIMEOUT);
}

/* As many as there are now: their users may submit new ones meanwhile. */
void request_end_device(struct xvmsg *h, uint64_t device, enum xvmsg_status status)
{
    struct lane *lane = lane_find(h, false, device);
    size_t count = 0;

    for (struct request *r = lane ? lane->first : NULL; r; r = r->behind)
        count++;
    for (; count && (lane = lane_find(h, false, device)); count--)
        end_with(h, lane->first, status);
}

void request_end_all(struct xvmsg *h, enum xvmsg_status status)
{
    while (h->requests.oldest)
        end_with(h, h->requests.oldest, status);
}

void request_forget(struct xvmsg *h, xvmsg_done *done, const void *user)
{
    struct request *next;

    for (struct request *r = h->requests.oldest; r; r = next) {
        next = r->newer;
        if (r->call.done != done || r->call.user != user)
            continue;
        r->call.done = NULL;
        r->call.buffer = NULL;
        if (!r->sent)
            drop(h, r);
    }
}
