/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/stats-reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/control-protocol.h"
#include "backend/threads.h"

_Static_assert(STATS_NAME_MAX > NAME_MAX_LENGTH && STATS_NAME_MAX >= IPC_TYPE_MAX,
               "no name is cut");
_Static_assert(STATS_QUEUES_MAX == DEVICE_MAX_QUEUES, "no queue is nonsense");

/* A reader that takes nothing for so long has stopped. */
static const struct timeval patience = {.tv_sec = 10};

struct reader {
    struct stats_readers *readers;
    struct event *writable; /* NULL: this place is free */
    int socket;
    /* What comes next. */
    enum stats_kind next;
    bool begun;      /* there was a device: */
    uint64_t number; /* the last one */
    uint32_t queue;  /* its next queue */
};

struct stats_readers {
    struct event_base *base;
    struct stats_source source;
    struct reader places[STATS_READERS_MAX];
    union {
        uint8_t bytes[STATS_PACKET_MAX];
        uint64_t align;
    } packet;
};

/* ---- records ---- */

static struct stats_head head(enum stats_kind kind)
{
    return (struct stats_head){.kind = kind, .size = stats_record_size(kind)};
}

static void put_bus(struct reader *r, void *record)
{
    struct stats_bus bus = {.head = head(STATS_BUS)};

    r->readers->source.tell_bus(r->readers->source.user, &bus);
    memcpy(record, &bus, sizeof(bus));
    r->next = STATS_DEVICE;
}

/* The next device, or the end. */
static void put_device(struct reader *r, void *record)
{
    const struct roster *roster = r->readers->source.roster;
    const struct device *device =
        r->begun ? roster_after(roster, r->number) : roster_next(roster, 0);
    struct stats_device told = {.head = head(STATS_DEVICE)};
    const struct stats_head end = head(STATS_END);

    if (!device) {
        memcpy(record, &end, sizeof(end));
        r->next = STATS_END;
        return;
    }
    told.number = device->number;
    told.counts = device->stats;
    told.num_queues = device->num_queues;
    told.status = device->status;
    snprintf(told.name, sizeof(told.name), "%s", device->name);
    snprintf(told.type, sizeof(told.type), "%s", device->class->name);
    memcpy(record, &told, sizeof(told));
    r->next = STATS_QUEUE;
    r->begun = true;
    r->number = device->number;
    r->queue = 0;
}

/* False: that was the device's last, or the device is gone. */
static bool put_queue(struct reader *r, void *record)
{
    const struct device *device = roster_find(r->readers->source.roster, r->number);
    struct stats_queue told = {.head = head(STATS_QUEUE)};

    while (device && r->queue < device->num_queues &&
           !queue_stats(device->queues[r->queue]))
        r->queue++;
    if (!device || r->queue >= device->num_queues) {
        r->next = STATS_DEVICE;
        return false;
    }
    told.index = r->queue;
    told.counts = *queue_stats(device->queues[r->queue++]);
    memcpy(record, &told, sizeof(told));
    return true;
}

/* The bytes of the next record; 0 when there is none, or none fits. */
static size_t put_next(struct reader *r, uint8_t *at, size_t room)
{
    for (;;) {
        enum stats_kind kind = r->next;

        if (kind == STATS_END || stats_record_size(kind) > room)
            return 0;
        if (kind == STATS_BUS)
            put_bus(r, at);
        else if (kind == STATS_DEVICE)
            put_device(r, at);
        else if (!put_queue(r, at))
            continue;
        return ((struct stats_head *)(void *)at)->size;
    }
}

static size_t fill_packet(struct reader *r)
{
    struct threads *threads = r->readers->source.threads;
    uint8_t *bytes = r->readers->packet.bytes;
    size_t size = 0, more;

    threads_hold(threads);
    while ((more = put_next(r, bytes + size, STATS_PACKET_MAX - size)))
        size += more;
    threads_release(threads);
    return size;
}

/* ---- readers ---- */

static void leave(struct reader *r)
{
    event_free(r->writable);
    close(r->socket);
    r->writable = NULL;
}

/* What did not get through is made anew the next time, as it is then. */
static void on_writable(evutil_socket_t fd, short what, void *user)
{
    struct reader *r = user;
    struct reader before = *r;
    size_t size;

    if (!(what & EV_WRITE)) {
        leave(r);
        return;
    }
    size = fill_packet(r);
    if (send(fd, r->readers->packet.bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS) {
            leave(r);
            return;
        }
        *r = before;
    }
    if (r->next == STATS_END || event_add(r->writable, &patience) < 0)
        leave(r);
}

static bool answer(int socket, const char *refusal)
{
    struct control_answer answer = {.accepted = !refusal};

    snprintf(answer.why, sizeof(answer.why), "%s", refusal ? refusal : "");
    return send(socket, &answer, sizeof(answer), MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(answer);
}

void stats_readers_add(struct stats_readers *readers, int socket)
{
    struct reader *r = readers->places;

    while (r < readers->places + STATS_READERS_MAX && r->writable)
        r++;
    if (r == readers->places + STATS_READERS_MAX) {
        answer(socket, "too many read what this bus has counted");
        goto close;
    }
    *r = (struct reader){
        .readers = readers,
        .socket = socket,
        .writable = event_new(readers->base, socket, EV_WRITE, on_writable, r),
        .next = STATS_BUS,
    };
    if (!r->writable) {
        answer(socket, "out of memory");
        goto close;
    }
    if (!answer(socket, NULL) || event_add(r->writable, &patience) < 0)
        leave(r);
    return;

close:
    close(socket);
}

/* ---- life ---- */

struct stats_readers *stats_readers_new(struct event_base *base,
                                        const struct stats_source *source)
{
    struct stats_readers *readers = calloc(1, sizeof(*readers));

    if (!readers)
        return NULL;
    readers->base = base;
    readers->source = *source;
    return readers;
}

void stats_readers_free(struct stats_readers *readers)
{
    if (!readers)
        return;
    for (struct reader *r = readers->places; r < readers->places + STATS_READERS_MAX; r++)
        if (r->writable)
            leave(r);
    free(readers);
}
