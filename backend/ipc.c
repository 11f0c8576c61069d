/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/ipc.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* Aligned as cmsg wants it. */
union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
};

int ipc_send(int socket, const struct ipc_message *message, const struct fds *fds)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)message, .iov_len = sizeof(*message)};
    union control control = {.bytes = {0}};
    struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t sent;

    if (fds && fds->count) {
        size_t bytes = fds->count * sizeof(fds->fd[0]);

        header.msg_control = control.bytes;
        header.msg_controllen = CMSG_SPACE(bytes);
        struct cmsghdr *c = CMSG_FIRSTHDR(&header);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(bytes);
        memcpy(CMSG_DATA(c), fds->fd, bytes);
    }
    do
        sent = sendmsg(socket, &header, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -1 : 0;
}

static void take_descriptors(struct msghdr *header, struct fds *fds)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(header);

    fds->count = 0;
    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
        return;
    fds->count = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(fds->fd[0]));
    memcpy(fds->fd, CMSG_DATA(c), fds->count * sizeof(fds->fd[0]));
}

/* The sender may have been taken over: no text runs past its array. */
static void terminate_texts(struct ipc_message *message)
{
    switch (message->kind) {
    case IPC_DEVICE_ADD:
        message->device.type[IPC_TYPE_MAX - 1] = '\0';
        message->device.name[NAME_MAX_LENGTH] = '\0';
        choices_terminate(&message->device.choices);
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

int ipc_receive(int socket, struct ipc_message *message, struct fds *fds)
{
    struct iovec iov = {.iov_base = message, .iov_len = sizeof(*message)};
    union control control;
    struct msghdr header = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        /* Not CMSG_SPACE: its padding might have room for one more. */
        .msg_controllen = CMSG_LEN(FDS_MAX * sizeof(int)),
    };
    ssize_t size;

    fds->count = 0;
    do
        size = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return errno == ECONNRESET ? 0 : -1;
    /* Before anything else: even an empty packet, which reads as the end, may
     * have brought some. */
    take_descriptors(&header, fds);
    /* Cut short before the array was full: this process has no room for them. */
    if (header.msg_flags & MSG_CTRUNC && fds->count < FDS_MAX) {
        header.msg_flags &= ~MSG_CTRUNC;
        fds_close(fds);
    }
    if (size == sizeof(*message) && !(header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
        message->kind >= IPC_CONNECT && message->kind <= IPC_BUS_FAILED) {
        terminate_texts(message);
        return 1;
    }
    fds_close(fds);
    errno = EPROTO;
    return size == 0 ? 0 : -1;
}
