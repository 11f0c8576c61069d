/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tools/xvmsg/control.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "tools/xvmsg/printable.h"

/* The daemon's backlog may be full, and so may connect() wait. */
static const struct timeval patience = {.tv_sec = 10};

int control_ask(const char *path, enum control_kind kind, uint32_t frontend, uint32_t bus,
                char why[CONTROL_TOLD_MAX])
{
    const struct control_request request = {
        .version = CONTROL_VERSION, .kind = kind, .frontend = frontend, .bus = bus};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0) {
        /* A failure is told by the answer that does not come. */
        send(fd, &request, sizeof(request), MSG_NOSIGNAL);
        return fd;
    }
    snprintf(why, CONTROL_TOLD_MAX, "cannot reach xvmsgd on %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

int control_await(int fd, int milliseconds, char why[CONTROL_TOLD_MAX])
{
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    int rc = poll(&waiting, 1, milliseconds);
    struct control_answer answer;
    ssize_t size;

    if (rc <= 0) {
        snprintf(why, CONTROL_TOLD_MAX, "xvmsgd does not answer%s%s", rc ? ": " : "",
                 rc ? strerror(errno) : "");
        return -1;
    }
    size = recv(fd, &answer, sizeof(answer), MSG_DONTWAIT | MSG_TRUNC);
    if (size == sizeof(answer) && answer.accepted)
        return 0;
    if (size == sizeof(answer)) {
        answer.why[CONTROL_WHY_MAX - 1] = '\0';
        make_printable(answer.why);
        snprintf(why, CONTROL_TOLD_MAX, "%s", answer.why);
    } else if (size > 0) {
        snprintf(why, CONTROL_TOLD_MAX, "xvmsgd answers what this xvmsg does not understand");
    } else {
        snprintf(why, CONTROL_TOLD_MAX,
                 "xvmsgd, or the worker of the bus, ended before it answered");
    }
    return -1;
}
