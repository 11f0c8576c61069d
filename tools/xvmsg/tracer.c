/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tools/xvmsg/tracer.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tools/xvmsg/printable.h"
#include "tools/xvmsg/xvmsg.h"

#define COMMAND "trace"
#define ANSWER_MILLISECONDS 30000

/* ---- asking ---- */

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    complain(COMMAND, "cannot reach xvmsgd on %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool await_answer(int fd, struct trace_answer *answer)
{
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    int rc = poll(&waiting, 1, ANSWER_MILLISECONDS);
    ssize_t size;

    if (rc <= 0) {
        complain(COMMAND, "xvmsgd does not answer%s%s", rc ? ": " : "", rc ? strerror(errno) : "");
        return false;
    }
    size = recv(fd, answer, sizeof(*answer), MSG_DONTWAIT | MSG_TRUNC);
    if (size == sizeof(*answer))
        return true;
    if (size > 0)
        complain(COMMAND, "xvmsgd answers what this xvmsg does not understand");
    else
        complain(COMMAND, "xvmsgd, or the worker of the bus, ended before it answered");
    return false;
}

int tracer_ask(const char *path, uint32_t frontend, uint32_t bus)
{
    struct trace_request request = {
        .version = TRACE_VERSION, .frontend = frontend, .bus = bus};
    struct trace_answer answer;
    int fd = connect_to(path);

    if (fd < 0)
        return -1;
    /* A failure is told by the answer that does not come. */
    send(fd, &request, sizeof(request), MSG_NOSIGNAL);
    if (!await_answer(fd, &answer))
        goto close;
    if (answer.accepted)
        return fd;
    answer.why[TRACE_WHY_MAX - 1] = '\0';
    make_printable(answer.why);
    complain(COMMAND, "%s", answer.why);

close:
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
