/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The same load on a file or block device through the kernel, with io_uring. */
#ifndef XVMSG_BENCH_FILE_LOAD_H
#define XVMSG_BENCH_FILE_LOAD_H

struct load_choice;

/* `name` leads the figures; `flags` are open()'s, besides O_RDWR. As
 * load_run(). */
int file_load(const char *name, const char *path, int flags, const struct load_choice *choice);

#endif
