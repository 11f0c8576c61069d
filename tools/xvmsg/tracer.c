/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tools/xvmsg/tracer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/xvmsg/control.h"
#include "tools/xvmsg/xvmsg.h"

#define COMMAND "trace"
#define ANSWER_MILLISECONDS 30000

/* ---- asking ---- */

int tracer_ask(const char *path, uint32_t frontend, uint32_t bus)
{
    char why[CONTROL_TOLD_MAX];
    int fd = control_ask(path, CONTROL_TRACE, frontend, bus, why);

    if (fd >= 0 && control_await(fd, ANSWER_MILLISECONDS, why) == 0)
        return fd;
    complain(COMMAND, "%s", why);
    if (fd >= 0)
        close(fd);
    return -1;
}

/* ---- taking in ---- */

static void write_record(struct tracer *t, const struct trace_record *record,
                         const uint8_t *bytes)
{
    struct pcapng_message message = {
        .form = (enum msg_form)record->form,
        .direction = record->from_guest ? PCAPNG_FROM_GUEST : PCAPNG_TO_GUEST,
        .time = record->time,
        .lost = record->lost - t->lost,
        .bytes = bytes,
        .size = record->size,
    };

    pcapng_writer_add(t->writer, &message);
    t->lost = record->lost;
    t->max--;
}

/* The bytes that the first record takes, 0 when it is none. */
static size_t check_record(const struct tracer *t, const struct trace_record *record, size_t left)
{
    if (record->size > TRACE_MESSAGE_MAX || trace_record_size(record->size) > left ||
        record->form > MSG_COMPACT || record->lost < t->lost)
        return 0;
    return trace_record_size(record->size);
}

static enum tracer_got take_packet(struct tracer *t, size_t size)
{
    struct trace_record record;

    for (size_t at = 0, step; at < size && t->max; at += step) {
        step = 0;
        if (size - at >= sizeof(record)) {
            memcpy(&record, t->packet + at, sizeof(record));
            step = check_record(t, &record, size - at);
        }
        if (!step) {
            complain(COMMAND, "the worker sent something that is no record");
            return TRACER_NONSENSE;
        }
        write_record(t, &record, t->packet + at + sizeof(record));
    }
    return t->max ? TRACER_MESSAGES : TRACER_ENOUGH;
}

enum tracer_got tracer_take(struct tracer *t, int socket)
{
    ssize_t size = recv(socket, t->packet, sizeof(t->packet), MSG_DONTWAIT | MSG_TRUNC);

    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return TRACER_NOTHING;
    if (size == 0 || (size < 0 && errno == ECONNRESET))
        return TRACER_END;
    if (size > 0 && (size_t)size <= sizeof(t->packet))
        return take_packet(t, (size_t)size);
    complain(COMMAND, "the worker's records cannot be read: %s",
             size < 0 ? strerror(errno) : "a packet is too long");
    return TRACER_NONSENSE;
}
