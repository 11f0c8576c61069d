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

/* A time for requests that is short beside a tick that comes late. */
#define SHORT_NS UINT64_C(1000000000)

/* ---- lanes ---- */

/* Requests to one device, or to the bus, in order; the first may be sent. */
struct lane {
    bool bus;
    uint64_t device;
    TAILQ_HEAD(, request) requests;
    TAILQ_ENTRY(lane) in_ready;
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
    TAILQ_INIT(&lane->requests);
    if (tsearch(lane, &h->requests.lanes, compare_lanes))
        return lane;
    free(lane);
    return NULL;
}

/* A lane is ready when its first request is yet to be sent. */
static void ready_check(struct requests *requests, struct lane *lane)
{
    const struct request *first = TAILQ_FIRST(&lane->requests);
    bool ready = first && !first->sent;

    if (ready && !lane->ready)
        TAILQ_INSERT_TAIL(&requests->ready, lane, in_ready);
    if (!ready && lane->ready)
        TAILQ_REMOVE(&requests->ready, lane, in_ready);
    lane->ready = ready;
}

static void insert(struct requests *requests, struct lane *lane, struct request *r)
{
    r->lane = lane;
    TAILQ_INSERT_TAIL(&lane->requests, r, in_lane);
    TAILQ_INSERT_TAIL(&requests->all, r, by_age);
    ready_check(requests, lane);
}

/* A lane without requests is no more. */
static void take_out(struct requests *requests, struct request *r)
{
    struct lane *lane = r->lane;

    TAILQ_REMOVE(&requests->all, r, by_age);
    TAILQ_REMOVE(&lane->requests, r, in_lane);
    ready_check(requests, lane);
    if (!TAILQ_EMPTY(&lane->requests))
        return;
    tdelete(lane, &requests->lanes, compare_lanes);
    free(lane);
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

/* From when on its time counts. */
static uint64_t begin_of(struct xvmsg *h)
{
    return h->timeout < SHORT_NS ? handle_now(h) : h->platform->ops->soon(h->platform);
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
    r->deadline = begin_of(h) + h->timeout;
    r->size = size;
    memcpy(r->bytes, h->bus.outgoing, size);
    insert(&h->requests, lane, r);
    return 0;
}

static void drop(struct xvmsg *h, struct request *r)
{
    take_out(&h->requests, r);
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

    while ((lane = TAILQ_FIRST(&h->requests.ready))) {
        struct request *r = TAILQ_FIRST(&lane->requests);

        if (!ring_put(&h->bus.ring, r->bytes, r->size))
            return r->size;
        r->sent = true;
        ready_check(&h->requests, lane);
    }
    return 0;
}

void request_answer(struct xvmsg *h, const struct msg_header *header, const struct msg *m)
{
    bool bus = header->name_space == MSG_BUS;
    struct lane *lane = lane_find(h, bus, bus ? 0 : header->dev_num);
    struct request *r = lane ? TAILQ_FIRST(&lane->requests) : NULL;

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
    const struct request *oldest = TAILQ_FIRST(&h->requests.all);

    return oldest ? oldest->deadline : NEVER;
}

void request_expire(struct xvmsg *h)
{
    struct request *oldest;

    while ((oldest = TAILQ_FIRST(&h->requests.all)) && handle_is_past(h, oldest->deadline))
        end_with(h, oldest, XVMSG_TIMEOUT);
}

/* As many as there are now: their users may submit new ones meanwhile. */
void request_end_device(struct xvmsg *h, uint64_t device, enum xvmsg_status status)
{
    struct lane *lane = lane_find(h, false, device);
    size_t count = 0;

    for (struct request *r = lane ? TAILQ_FIRST(&lane->requests) : NULL; r;
         r = TAILQ_NEXT(r, in_lane))
        count++;
    for (; count && (lane = lane_find(h, false, device)); count--)
        end_with(h, TAILQ_FIRST(&lane->requests), status);
}

void request_end_all(struct xvmsg *h, enum xvmsg_status status)
{
    while (!TAILQ_EMPTY(&h->requests.all))
        end_with(h, TAILQ_FIRST(&h->requests.all), status);
}

void request_forget(struct xvmsg *h, xvmsg_done *done, const void *user)
{
    struct request *next;

    for (struct request *r = TAILQ_FIRST(&h->requests.all); r; r = next) {
        next = TAILQ_NEXT(r, by_age);
        if (r->call.done != done || r->call.user != user)
            continue;
        r->call.done = NULL;
        r->call.buffer = NULL;
        if (!r->sent)
            drop(h, r);
    }
}
