/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * For a guest's programs: the whole backend in a thread of its own, with one device,
 * on a bus of domain 7. xvmsg_new() is a handle there. A program is its main(), under
 * another name, and runs in the thread of the test.
 */
#ifndef XVMSG_PROGRAM_H
#define XVMSG_PROGRAM_H

#include <stddef.h>

/* `rate` may be NULL. The device is number 1. */
void program_begin(const char *type, const char *rate);
/* With a disk, number 2, beside it; a console has two ports. */
void program_begin_beside_disk(const char *type);
/* With two devices, 1 and 2. */
void program_begin_two(const char *type, const char *second);
/* With a disk of `mode` r or w over a file of `size` bytes, whose path it returns. */
const char *program_begin_disk(long size, const char *mode);
/* Checks that nothing is left. */
void program_end(void);

/* Has the disk's size looked at again. */
void program_resize_device(void);
/* Wants the device back, in order. */
void program_remove_device(void);
void program_remove_second(void);
/* The backend dies with the worker, and starts anew. */
void program_restart_backend(void);

/*
 * Runs it with the words of a command line and `out` as its standard output; its exit
 * status. What it says on standard error is in program_said.
 */
int program_run(int (*program)(int argc, char **argv), const char *line, int out);
extern char program_said[512];
extern char program_tty[64]; /* where people find the device, if it tells */

/* The same with its output, up to size - 1 bytes, in `output`; *length is how many. */
int program_output(int (*program)(int argc, char **argv), const char *line, char *output,
                   size_t size, size_t *length);

#endif
