/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A TAP interface whose frames have virtio's headers (XVMSG_NET_HEADER bytes). */
#ifndef XVMSG_GUEST_TAP_H
#define XVMSG_GUEST_TAP_H

#include <xvmsg-net.h>

#define TAP_NAME_SIZE 16u
#define TAP_MAX_QUEUES 8u
#define TAP_WHY_SIZE 128

/* What the kernel may leave to whoever reads its frames. */
#define TAP_CHECKSUMS 1u
#define TAP_SEGMENTS4 2u
#define TAP_SEGMENTS6 4u

struct tap {
    char name[TAP_NAME_SIZE];
    unsigned queues;
    int fds[TAP_MAX_QUEUES];
};

struct tap_setup {
    const char *name; /* may have a %d, for the kernel to fill in */
    unsigned queues;
    unsigned offloads;
    uint8_t mac[6];
    unsigned mtu; /* 0: the kernel's own */
};

/* -1 with a sentence. The interface is down. */
int tap_open(struct tap *tap, const struct tap_setup *setup, char why[TAP_WHY_SIZE]);
/* It goes away. */
void tap_close(struct tap *tap);

/* One frame, with its header; errno as readv() and writev(), without waiting. */
ssize_t tap_read(const struct tap *tap, unsigned queue, const struct iovec *pieces,
                 unsigned count);
ssize_t tap_write(const struct tap *tap, unsigned queue, const struct iovec *pieces,
                  unsigned count);

void tap_set_carrier(const struct tap *tap, bool on);

#endif
