/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * What the supervisor and a worker say to each other: fixed messages over one
 * SOCK_SEQPACKET socketpair. The supervisor holds xenstore and opens files; the
 * worker holds the guest's memory. Each side checks what the other sends, since
 * a worker may have been taken over by its guest.
 *
 *   supervisor -> worker                 worker -> supervisor
 *   CONNECT    map this ring             CONNECTED, or BUS_FAILED
 *   DISCONNECT let go of everything      DISCONNECTED
 *   DEVICE_ADD, perhaps + descriptors    DEVICE_ADDED, or DEVICE_REFUSED
 *   DEVICE_REMOVE                        DEVICE_REMOVED
 *   DEVICE_RESIZE look at its target     DEVICE_RESIZED
 *   DEVICE_SET a setting is another
 *   TRACE + descriptor                   (answers on that socket, see trace-protocol.h)
 *   STATS + descriptor                   (likewise, see stats-protocol.h)
 *                                        BUS_FAILED at any time while connected
 *
 * Devices outlive connections: DISCONNECT resets them, the next CONNECT offers
 * them again. When either end closes the socket the other cleans up: a worker
 * exits, a supervisor closes the bus with an error and starts a new worker.
 */
#ifndef XVMSG_IPC_H
#define XVMSG_IPC_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/fds.h"
#include "common/ring.h"
#include "common/store.h"
#include "xenstore-schema/choices.h"

#define IPC_TEXT_MAX 160
#define IPC_TYPE_MAX 16

enum ipc_kind {
    IPC_CONNECT = 1,
    IPC_DISCONNECT,
    IPC_DEVICE_ADD,
    IPC_DEVICE_REMOVE,
    IPC_DEVICE_RESIZE,
    IPC_DEVICE_SET,
    IPC_TRACE,
    IPC_STATS,
    IPC_CONNECTED,
    IPC_DISCONNECTED,
    IPC_DEVICE_ADDED,
    IPC_DEVICE_REFUSED,
    IPC_DEVICE_REMOVED,
    IPC_DEVICE_RESIZED,
    IPC_BUS_FAILED,
};

/* The frontend's offer, already checked against the schema's ranges. */
struct ipc_connect {
    uint32_t frontend_domid;
    uint32_t event_channel;
    uint32_t ring_page_order;
    uint32_t message_size;
    uint32_t wire_form; /* enum msg_form */
    uint32_t queue_doorbells; /* 1: queues may have event channels of their own */
    uint32_t queue_resume; /* 1: queues go on where another connection left them */
    uint64_t transport_features; /* MSG_F_* bits in force */
    uint32_t ring_refs[RING_MAX_PAGES];
};

/* A device to offer; what it stands on travels with the message. */
struct ipc_device {
    uint64_t number;
    char type[IPC_TYPE_MAX];        /* name of a device class, "blk" */
    char name[NAME_MAX_LENGTH + 1];
    uint8_t uuid[16];
    struct choices choices;
};

struct ipc_message {
    uint32_t kind;
    uint32_t max_shared_pages; /* CONNECT: what the guest may have mapped in areas */
    uint32_t poll_us;          /* CONNECT: how long to look for work before sleeping */
    union {
        struct ipc_connect connect;
        struct ipc_device device;  /* DEVICE_ADD */
        struct {
            uint64_t number;          /* every other one about a device */
            char text[IPC_TEXT_MAX];  /* DEVICE_REFUSED: why; DEVICE_SET: KEY=VALUE */
        } answer;
        struct {
            char text[IPC_TEXT_MAX]; /* BUS_FAILED: why, for the log and xenstore */
        } failed;
    };
};

/* Sends one message with these descriptors (NULL: none; the caller keeps its own
 * copies). 0, or -1 with errno (EPIPE: the other end is gone). */
int ipc_send(int socket, const struct ipc_message *message, const struct fds *fds);

/*
 * Receives one message without blocking. 1 with *message, every text
 * terminated, and *fds (none when none came, or not all could be taken because too
 * many are open; the caller's to close); 0 when the
 * other end is gone; -1 with EAGAIN, or EPROTO for anything that is not one
 * whole known message.
 */
int ipc_receive(int socket, struct ipc_message *message, struct fds *fds);

#endif
