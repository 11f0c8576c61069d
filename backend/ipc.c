/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/ipc.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for one descriptor, aligned as cmsg wants it. */
union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
};

int ipc_send(int socket, const struct ipc_message *message, int fd)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)message, .iov_len = sizeof(*message)};
    union control control = {.bytes = {0}};
    struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t sent;

    if (fd >= 0) {
        header.msg_control = control.bytes;
        header.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *c = CMSG_FIRSTHDR(&header);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    }
    do
        sent = sendmsg(socket, &header, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -1 : 0;
}

static int take_descriptor(struct msghdr *header)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(header);
    int fd = -1;

    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
        c->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(&fd, CMSG_DATA(c), sizeof(fd));
    return fd;
}

/* The sender may have been taken over: no text runs past its array. */
static void terminate_texts(struct ipc_message *message)
{
    switch (message->kind) {
    case IPC_DEVICE_ADD:
        message->device.type[IPC_TYPE_MAX - 1] = '\0';
        message->device.name[NAME_MAX_LENGTH] = '\0';
        break;
    case IPC_DEVICE_REFUSED:
        message->answer.text[IPC_TEXT_MAX - 1] = '\0';
        break;
    case IPC_BUS_FAILED:
        message->failed.text[IPC_TEXT_MAX - 1] = '\0';
        break;
    default:
        break;
    }
}

int ipc_receive(int socket, struct ipc_message *message, int *fd)
{
    struct iovec iov = {.iov_base = message, .iov_len = sizeof(*message)};
    union control control;
    struct msghdr header = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        /* Not CMSG_SPACE: its padding has room for a second descriptor. */
        .msg_controllen = CMSG_LEN(sizeof(int)),
    };
    ssize_t size;

    *fd = -1;
    do
        size = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return errno == ECONNRESET ? 0 : -1;
    /* Before anything else: even an empty packet, which reads as the end, may
     * have brought one. */
    *fd = take_descriptor(&header);
    /* Cut short without a descriptor: this process has no room for it. */
    if (*fd < 0)
        header.msg_flags &= ~MSG_CTRUNC;
    if (size == sizeof(*message) && !(header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
        message->kind >= IPC_CONNECT && message->kind <= IPC_BUS_FAILED) {
        terminate_texts(message);
        return 1;
    }
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = EPROTO;
    return size == 0 ? 0 : -1;
}
