/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * How far a command has come, on one line of the terminal that is its standard
 * error; without a terminal, nothing. A process has one such line.
 *
 *     progress_begin("reading", size);
 *     while (...)
 *         progress_bytes(done);
 *     progress_end();
 *
 * Whoever writes to standard error meanwhile calls progress_erase() before.
 */
#ifndef XVMSG_PROGRESS_H
#define XVMSG_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From now on there is a line, unless nobody would see it: then false. `total` 0: not
 * known. */
bool progress_begin(const char *what, uint64_t total);

/* So many bytes of the total are done: percentage, rate, time that is left. */
void progress_bytes(uint64_t done);

/* For what is only waited for: seconds that have passed, of so many at most. */
void progress_waiting(uint64_t passed, uint64_t most);

/* Takes the line away. Harmless when there is none. */
void progress_erase(void);

/* The end: what was moved, in how long, stays in sight, if anything was. */
void progress_end(void);

/* The line itself, for progress_bytes(). */
void progress_text(char *text, size_t size, const char *what, uint64_t done, uint64_t total,
                   uint64_t nanoseconds);

#endif
