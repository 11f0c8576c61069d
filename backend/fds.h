/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Some descriptors that belong together: what a device stands on. */
#ifndef XVMSG_FDS_H
#define XVMSG_FDS_H

#include <unistd.h>

#define FDS_MAX 8u

struct fds {
    unsigned count;
    int fd[FDS_MAX];
};

static inline void fds_close(struct fds *fds)
{
    while (fds->count)
        close(fds->fd[--fds->count]);
}

#endif
