/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/channel.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backlog.h"
#include "backend/poller.h"
#include "backend/ports.h"
#include "common/print.h"
#include "common/ring.h"

/* Messages served before the rest of the loop has its turn. */
#define BATCH 64u

/* A message in words, at the debug level; a longer one is cut. */
#define TRACE_MAX 320

static const struct timeval next_turn = {0};

struct channel {
    struct channel_owner owner;
    struct event_base *base;
    struct platform *platform;
    struct pending *pending;
    struct poller poller;
    const char *label;
    void *pages;
    size_t num_pages;
    int port;
    struct ring ring;
    struct event *readable; /* the event channel fired */
    struct event *service;  /* look at the ring: at this turn's end, or in the next */
    uint8_t *message;       /* private copy of what is being served */
    uint8_t *response;      /* encoded */
    struct answer answer;
    struct backlog backlog; /* messages whose devices are busy */
    bool fired; /* the port did, in this turn */
    bool stopped;
};

static void fail(struct channel *channel, const char *why)
{
    if (channel->stopped)
        return;
    channel_stop(channel);
    channel->owner.failed(channel->owner.user, why);
}

static void fail_errno(struct channel *channel, const char *what)
{
    char why[CHANNEL_WHY_MAX];

    snprintf(why, sizeof(why), "%s: %s", what, strerror(errno));
    fail(channel, why);
}

static void fail_ring(struct channel *channel)
{
    char why[CHANNEL_WHY_MAX];

    snprintf(why, sizeof(why), "guest's message ring: %s", ring_fault_text(channel->ring.fault));
    fail(channel, why);
}

/* ---- messages ---- */

/* Clauses DEV-12 and BUS-23: no traffic, only a line in the log. */
static void drop(struct channel *channel, const char *name, const char *why)
{
    uint64_t now = channel->platform->ops->now(channel->platform);
    uint64_t unlogged = channel->owner.drop_limit->suppressed;

    channel->owner.stats->dropped++;
    if (log_limit_passes(channel->owner.drop_limit, now))
        log_warning("%s: dropped a message: %s: %s (%" PRIu64 " so far, %" PRIu64 " not logged)",
                    channel->label, name, why, channel->owner.stats->dropped, unlogged);
}

static void trace(const struct channel *channel, const char *direction, const struct msg *m)
{
    char text[TRACE_MAX];

    if (log_get_level() < LOG_LEVEL_DEBUG)
        return;
    print_message(text, sizeof(text), m);
    log_debug("%s: %s %s", channel->label, direction, text);
}

static void count_sent(struct channel_stats *stats, const struct msg *m)
{
    stats->to_guest++;
    if (msg_describe(m->kind)->class == MSG_EVENT)
        stats->events++;
}

/* Room for it was made sure of before the request was taken. */
static void send_message(struct channel *channel, const struct msg *m)
{
    const struct ring *ring = &channel->ring;
    struct msg_error error;
    size_t size = msg_encode(ring->form, m, channel->response, ring->max_message, &error);

    trace(channel, "to guest:  ", m);
    if (size) {
        ring_put(&channel->ring, channel->response, size);
        count_sent(channel->owner.stats, m);
        trace_message(channel->owner.trace, false, ring->form, channel->response, size);
    } else {
        log_error("%s: cannot send %s: %s: %s", channel->label, msg_describe(m->kind)->name,
                  error.field, msg_fault_text(error.fault));
    }
}

static bool is_for_us(const struct msg *m)
{
    const struct msg_description *description = msg_describe(m->kind);

    return description->class != MSG_RESPONSE && description->sender & MSG_DRIVER;
}

/* Serves channel->message. False when it has to be offered again later. */
static bool serve_message(struct channel *channel, size_t size, bool again)
{
    struct msg_error error;
    struct msg m;

    if (!msg_decode(channel->ring.form, channel->message, size, &m, &error)) {
        drop(channel, error.field, msg_fault_text(error.fault));
        return true;
    }
    if (!again)
        trace(channel, "from guest:", &m);
    if (!is_for_us(&m)) {
        drop(channel, msg_describe(m.kind)->name, "not a driver's message");
        return true;
    }
    switch (channel->owner.serve(channel->owner.user, &m, &channel->answer)) {
    case ANSWER_NOW:
        send_message(channel, &channel->answer.msg);
        break;
    case ANSWER_LATER:
    case ANSWER_NEVER:
        break;
    case ANSWER_RETRY:
        return false;
    case ANSWER_DROP:
        drop(channel, msg_describe(m.kind)->name, "no device takes it");
        break;
    }
    return true;
}

static bool has_room(struct channel *channel)
{
    return ring_has_room(&channel->ring, channel->ring.max_message);
}

/* False when the ring is full. */
static bool send_events(struct channel *channel)
{
    struct pending_source *source;
    uint32_t bit;

    while (pending_next(channel->pending, &source, &bit)) {
        if (!has_room(channel))
            return false;
        channel->owner.build_event(channel->owner.user, source, bit, &channel->answer);
        send_message(channel, &channel->answer.msg);
        pending_done(channel->pending, source, bit);
        backlog_again(&channel->backlog);
    }
    return true;
}

enum progress {
    GO_ON,
    WAIT_FOR_MESSAGE,
    WAIT_FOR_ROOM,
    WAIT_FOR_DEVICE, /* too many messages wait for theirs; a pending event will wake us */
};

/* The next message that was kept; false when there is none to be offered now. */
static bool serve_kept(struct channel *channel)
{
    size_t size = backlog_offer(&channel->backlog, channel->message);

    if (!size)
        return false;
    if (serve_message(channel, size, true))
        backlog_take(&channel->backlog);
    else
        backlog_leave(&channel->backlog);
    return true;
}

static enum progress serve_new(struct channel *channel)
{
    size_t size;

    if (backlog_full(&channel->backlog))
        return WAIT_FOR_DEVICE;
    size = ring_get(&channel->ring, channel->message);
    if (!size)
        return WAIT_FOR_MESSAGE;
    channel->owner.stats->from_guest++;
    trace_message(channel->owner.trace, true, channel->ring.form, channel->message, size);
    if (!serve_message(channel, size, false) &&
        !backlog_append(&channel->backlog, channel->message, size))
        fail(channel, "out of memory for a message that has to wait");
    return GO_ON;
}

/* Events first: a full ring must not keep them behind new requests for ever. */
static enum progress serve_one(struct channel *channel)
{
    if (!send_events(channel) || !has_room(channel))
        return WAIT_FOR_ROOM;
    return serve_kept(channel) ? GO_ON : serve_new(channel);
}

/* Asks to be woken. False: what we would wait for is already there. */
static bool may_sleep(struct channel *channel, enum progress progress)
{
    switch (progress) {
    case GO_ON:
        return false;
    case WAIT_FOR_MESSAGE:
        return ring_await_message(&channel->ring);
    case WAIT_FOR_ROOM:
        return ring_await_room(&channel->ring, channel->ring.max_message);
    case WAIT_FOR_DEVICE:
        return true;
    }
    return true;
}

static void ring_doorbell_if_wanted(struct channel *channel)
{
    bool published = ring_publish(&channel->ring);
    bool released = ring_release(&channel->ring);

    if (!published && !released)
        return;
    channel->owner.stats->notifications++;
    if (channel->platform->ops->evtchn_notify(channel->platform, (uint32_t)channel->port) < 0)
        fail_errno(channel, "cannot signal the guest's event channel");
}

/* ---- looking before sleeping ---- */

enum looked { FOUND_NOTHING, FOUND_MESSAGE, FOUND_WORK };

static unsigned look_once(void *user)
{
    struct channel *channel = user;

    if (ring_has_message(&channel->ring))
        return FOUND_MESSAGE;
    return channel->owner.look(channel->owner.user) ? FOUND_WORK : FOUND_NOTHING;
}

static enum looked look_for_a_while(struct channel *channel)
{
    enum looked looked = poller_look(&channel->poller, channel->platform, look_once, channel);

    channel->owner.stats->polls++;
    channel->owner.stats->polls_found += looked == FOUND_MESSAGE;
    return looked;
}

/* Who else has something to do goes first, and may make more work for us; what the guest
 * sends meanwhile needs no doorbell. */
static enum looked look(struct channel *channel)
{
    if (event_base_get_num_events(channel->base, EVENT_BASE_COUNT_ACTIVE) > 0)
        return FOUND_WORK;
    return poller_wants(&channel->poller) ? look_for_a_while(channel) : FOUND_NOTHING;
}

/* ---- a turn ---- */

static enum progress serve_batch(struct channel *channel, unsigned *left)
{
    enum progress progress = GO_ON;

    while (*left && progress == GO_ON && !channel->answer.heavy && !channel->stopped) {
        progress = serve_one(channel);
        --*left;
    }
    ring_doorbell_if_wanted(channel);
    return progress;
}

static void on_service(evutil_socket_t fd, short what, void *user)
{
    struct channel *channel = user;
    enum looked looked = FOUND_NOTHING;
    enum progress progress;
    unsigned left = BATCH;

    (void)fd, (void)what;
    if (channel->stopped)
        return;
    channel->owner.stats->looks++;
    channel->answer.heavy = false;
    do {
        progress = serve_batch(channel, &left);
        looked = progress == WAIT_FOR_MESSAGE && !channel->stopped ? look(channel) : FOUND_NOTHING;
    } while (looked == FOUND_MESSAGE && left);
    if (looked == FOUND_WORK)
        event_active(channel->service, 0, 0);
    else if (!channel->stopped && !may_sleep(channel, progress))
        event_add(channel->service, &next_turn);
    if (channel->ring.fault)
        fail_ring(channel);
}

/* ---- event channel ---- */

static void on_fired(void *user, uint32_t port)
{
    struct channel *channel = user;

    channel->owner.stats->doorbells++;
    if (port == (uint32_t)channel->port)
        channel->fired = true;
    else
        channel->owner.rang(channel->owner.user, port);
}

static void on_readable(evutil_socket_t fd, short what, void *user)
{
    struct channel *channel = user;
    const char *wrong = ports_read(channel->platform, on_fired, channel);

    (void)fd, (void)what;
    if (wrong) {
        fail_errno(channel, wrong);
    } else if (channel->fired) {
        channel->fired = false;
        on_service(-1, 0, channel);
    }
}

void channel_wake(struct channel *channel)
{
    if (channel->stopped)
        return;
    backlog_again(&channel->backlog);
    event_active(channel->service, 0, 0);
}

void channel_stop(struct channel *channel)
{
    channel->stopped = true;
    event_del(channel->readable);
    event_del(channel->service);
}

/* ---- life ---- */

/* The supervisor has checked the offer; what memory safety hangs on is checked
 * here again. */
static const char *check_offer(const struct ipc_connect *connect)
{
    uint32_t least = connect->wire_form == MSG_WIDE ? MSG_WIDE_MIN_MAX : MSG_COMPACT_MIN_MAX;

    if (connect->wire_form > MSG_COMPACT)
        return "unknown wire form";
    if (connect->ring_page_order > RING_MAX_ORDER)
        return "the message ring has too many pages";
    if (connect->message_size < least || connect->message_size > MSG_PROTOCOL_MAX)
        return "message size out of range";
    return NULL;
}

static bool make_buffers(struct channel *channel, uint16_t max_message)
{
    channel->message = malloc(max_message);
    channel->response = malloc(max_message);
    channel->answer.tail = malloc(max_message);
    return channel->message && channel->response && channel->answer.tail;
}

static bool map_ring(struct channel *channel, const struct ipc_connect *connect, char *why)
{
    struct platform *platform = channel->platform;

    channel->num_pages = (size_t)1 << connect->ring_page_order;
    channel->pages = platform->ops->grant_map(platform, connect->frontend_domid,
                                              connect->ring_refs, channel->num_pages, true);
    if (!channel->pages) {
        snprintf(why, CHANNEL_WHY_MAX, "cannot map the guest's message ring: %s", strerror(errno));
        return false;
    }
    if (!ring_attach(&channel->ring, channel->pages, connect->ring_page_order, RING_BACKEND,
                     (enum msg_form)connect->wire_form, (uint16_t)connect->message_size)) {
        snprintf(why, CHANNEL_WHY_MAX, "guest's message ring: %s",
                 ring_fault_text(channel->ring.fault));
        return false;
    }
    channel->port = platform->ops->evtchn_bind(platform, connect->frontend_domid,
                                               connect->event_channel);
    if (channel->port < 0) {
        snprintf(why, CHANNEL_WHY_MAX, "cannot bind the guest's event channel %u: %s",
                 connect->event_channel, strerror(errno));
        return false;
    }
    return true;
}

static bool make_events(struct channel *channel, struct event_base *base)
{
    int fd = channel->platform->ops->evtchn_fd(channel->platform);

    channel->service = event_new(base, -1, 0, on_service, channel);
    channel->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, channel);
    return channel->service && channel->readable && event_add(channel->readable, NULL) == 0;
}

struct channel *channel_new(struct event_base *base, struct platform *platform,
                            const struct ipc_connect *connect, struct pending *pending,
                            const struct channel_owner *owner, const char *label, char *why)
{
    const char *wrong = check_offer(connect);
    struct channel *channel = wrong ? NULL : calloc(1, sizeof(*channel));

    snprintf(why, CHANNEL_WHY_MAX, "%s", wrong ? wrong : "out of memory");
    if (!channel)
        return NULL;
    channel->owner = *owner;
    channel->base = base;
    poller_init(&channel->poller, owner->max_look);
    channel->platform = platform;
    channel->pending = pending;
    channel->label = label;
    channel->port = -1;
    backlog_init(&channel->backlog);
    channel->answer.form = (enum msg_form)connect->wire_form;
    channel->answer.max_message = (uint16_t)connect->message_size;
    if (!make_buffers(channel, channel->answer.max_message) || !map_ring(channel, connect, why) ||
        !make_events(channel, base))
        goto fail;
    /* Messages may have been there before the port was. */
    channel_wake(channel);
    return channel;

fail:
    channel_free(channel);
    return NULL;
}

void channel_free(struct channel *channel)
{
    if (!channel)
        return;
    if (channel->readable)
        event_free(channel->readable);
    if (channel->service)
        event_free(channel->service);
    if (channel->port >= 0)
        channel->platform->ops->evtchn_unbind(channel->platform, (uint32_t)channel->port);
    if (channel->pages)
        channel->platform->ops->grant_unmap(channel->platform, channel->pages,
                                            channel->num_pages);
    backlog_free(&channel->backlog);
    free(channel->message);
    free(channel->response);
    free(channel->answer.tail);
    free(channel);
}
