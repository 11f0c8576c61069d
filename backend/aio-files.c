/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/aio-files.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

/* ---- places ---- */

static bool put(struct aio_files *files, int slot, int fd)
{
    return io_uring_register_files_update(files->ring, (unsigned)slot, &fd, 1) == 1;
}

static int free_slot(const struct aio_files *files)
{
    for (int i = 0; i < (int)(AIO_FILES_MAX / 64); i++)
        if (~files->taken[i])
            return 64 * i + __builtin_ctzll(~files->taken[i]);
    return -1;
}

int aio_files_add(struct aio_files *files, int fd)
{
    int slot = files->ring ? free_slot(files) : -1;

    if (slot < 0 || !put(files, slot, fd))
        return -1;
    files->taken[slot / 64] |= UINT64_C(1) << slot % 64;
    return slot;
}

void aio_files_remove(struct aio_files *files, int slot)
{
    put(files, slot, -1);
    files->taken[slot / 64] &= ~(UINT64_C(1) << slot % 64);
}

/* ---- is the kernel good at it? ---- */

/* A pipe's other end tells when the kernel has let go of this one. */
static bool lets_go_at_once(struct aio_files *files)
{
    int ends[2], slot;
    struct pollfd other;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    slot = aio_files_add(files, ends[1]);
    close(ends[1]);
    if (slot >= 0)
        aio_files_remove(files, slot);
    other = (struct pollfd){.fd = ends[0], .events = POLLIN};
    poll(&other, 1, 0);
    close(ends[0]);
    return slot >= 0 && other.revents & POLLHUP;
}

/* Until 6.4 or so Linux kept a registered file open for up to a second after it was
 * removed: a file system could not be unmounted when the last disk on it was gone. */
void aio_files_init(struct aio_files *files, struct io_uring *ring)
{
    *files = (struct aio_files){.ring = ring};
    if (io_uring_register_files_sparse(ring, AIO_FILES_MAX) < 0) {
        files->ring = NULL;
    } else if (!lets_go_at_once(files)) {
        io_uring_unregister_files(ring);
        files->ring = NULL;
    }
}
