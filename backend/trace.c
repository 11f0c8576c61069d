/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "backend/control-protocol.h"
#include "backend/trace-protocol.h"

_Static_assert((TRACE_BUFFER_SIZE & (TRACE_BUFFER_SIZE - 1)) == 0, "positions are masked");
_Static_assert(TRACE_BUFFER_SIZE >= 2 * TRACE_PACKET_MAX, "any message fits");

static size_t position(uint64_t index)
{
    return index & (TRACE_BUFFER_SIZE - 1);
}

/* Bytes from a position to the buffer's end, as far as `size` asks for them. */
static size_t before_end(uint64_t index, size_t size)
{
    size_t left = TRACE_BUFFER_SIZE - position(index);

    return size < left ? size : left;
}

/* ---- the buffer ---- */

static void put(struct trace *trace, uint64_t index, const void *bytes, size_t size)
{
    size_t first = before_end(index, size);

    memcpy(trace->buffer + position(index), bytes, first);
    memcpy(trace->buffer, (const uint8_t *)bytes + first, size - first);
}

static uint32_t size_at(const struct trace *trace, uint64_t index)
{
    struct trace_record record;
    size_t first = before_end(index, sizeof(record));

    memcpy(&record, trace->buffer + position(index), first);
    memcpy((uint8_t *)&record + first, trace->buffer, sizeof(record) - first);
    return trace_record_size(record.size);
}

static void make_room(struct trace *trace, uint32_t size)
{
    while (TRACE_BUFFER_SIZE - (trace->head - trace->tail) < size) {
        trace->tail += size_at(trace, trace->tail);
        trace->lost++;
    }
}

static uint64_t time_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void await_socket(struct trace *trace)
{
    if (!trace->waiting)
        trace->waiting = event_add(trace->writable, NULL) == 0;
}

void trace_record(struct trace *trace, bool from_guest, enum msg_form form, const void *bytes,
                  size_t size)
{
    struct trace_record record = {
        .time = time_now(),
        .size = (uint32_t)size,
        .form = (uint8_t)form,
        .from_guest = from_guest,
    };

    if (trace->ending)
        return;
    make_room(trace, trace_record_size(record.size));
    record.lost = trace->lost;
    put(trace, trace->head, &record, sizeof(record));
    put(trace, trace->head + sizeof(record), bytes, size);
    trace->head += trace_record_size(record.size);
    await_socket(trace);
}

/* ---- the socket ---- */

/* Whole records, as many as one packet takes. */
static size_t next_packet(const struct trace *trace)
{
    uint64_t end = trace->tail;

    while (end != trace->head) {
        uint64_t next = end + size_at(trace, end);

        if (next - trace->tail > TRACE_PACKET_MAX)
            break;
        end = next;
    }
    return (size_t)(end - trace->tail);
}

/* Bytes sent, 0 when there are none, or -1 with errno. */
static ssize_t send_packet(struct trace *trace)
{
    size_t size = next_packet(trace);
    size_t first = before_end(trace->tail, size);
    struct iovec parts[] = {
        {.iov_base = trace->buffer + position(trace->tail), .iov_len = first},
        {.iov_base = trace->buffer, .iov_len = size - first},
    };
    struct msghdr header = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t sent = size ? sendmsg(trace->socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;

    if (sent > 0)
        trace->tail += size;
    return sent;
}

static void on_writable(evutil_socket_t fd, short what, void *user)
{
    struct trace *trace = user;
    ssize_t sent = send_packet(trace);

    (void)fd, (void)what;
    trace->waiting = false;
    if (sent < 0 && errno != EAGAIN && errno != EINTR)
        trace_stop(trace);
    else if (trace->tail != trace->head)
        await_socket(trace);
    else if (trace->ending)
        trace_stop(trace);
}

/* The tool has nothing more to say but that it ends. */
static void on_readable(evutil_socket_t fd, short what, void *user)
{
    struct trace *trace = user;

    (void)fd, (void)what;
    trace->ending = true;
    event_del(trace->readable);
    await_socket(trace);
}

/* ---- life ---- */

static bool answer(int socket, const char *refusal)
{
    struct control_answer answer = {.accepted = !refusal};

    snprintf(answer.why, sizeof(answer.why), "%s", refusal ? refusal : "");
    return send(socket, &answer, sizeof(answer), MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(answer);
}

void trace_start(struct trace *trace, struct event_base *base, int socket)
{
    uint8_t *buffer = trace->buffer ? NULL : calloc(1, TRACE_BUFFER_SIZE);

    if (!buffer) {
        answer(socket, trace->buffer ? "somebody else traces this bus" : "out of memory");
        close(socket);
        return;
    }
    *trace = (struct trace){
        .buffer = buffer,
        .socket = socket,
        .readable = event_new(base, socket, EV_READ, on_readable, trace),
        .writable = event_new(base, socket, EV_WRITE, on_writable, trace),
    };
    if (!trace->readable || !trace->writable || event_add(trace->readable, NULL) < 0)
        answer(socket, "out of memory");
    else if (answer(socket, NULL))
        return;
    trace_stop(trace);
}

void trace_stop(struct trace *trace)
{
    if (!trace->buffer)
        return;
    while (send_packet(trace) > 0)
        ;
    if (trace->readable)
        event_free(trace->readable);
    if (trace->writable)
        event_free(trace->writable);
    close(trace->socket);
    free(trace->buffer);
    *trace = (struct trace){0};
}
