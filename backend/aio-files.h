/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Files registered with a ring: the kernel need not look them up for each operation. */
#ifndef XVMSG_AIO_FILES_H
#define XVMSG_AIO_FILES_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

/* A disk has one or two; those for which there is no place work as well. */
#define AIO_FILES_MAX 512u

struct aio_files {
    struct io_uring *ring; /* NULL: this kernel is better off without */
    uint64_t taken[AIO_FILES_MAX / 64];
};

void aio_files_init(struct aio_files *files, struct io_uring *ring);

/* The place of a file, or -1. */
int aio_files_add(struct aio_files *files, int fd);
void aio_files_remove(struct aio_files *files, int slot);

#endif
