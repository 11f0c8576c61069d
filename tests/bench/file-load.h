/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The same load on a file or block device through the kernel, with io_uring. */
#ifndef XVMSG_BENCH_FILE_LOAD_H
#define XVMSG_BENCH_FILE_LOAD_H

/* `name` leads the figures; `flags` are open()'s, besides O_RDWR. 0, or -1 with
 * a line on stderr. */
int file_load(const char *name, const char *path, int flags, unsigned scale);

#endif
