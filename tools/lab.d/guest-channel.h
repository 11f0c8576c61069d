/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright (c) The xen-virtio-msg authors */

/*
 * What guest-run (in dom0) and the agent (in the guest) agree on.
 *
 * They talk through xenstore, below the guest's own `data` node.  That needs
 * no grants and no event channels, which are what the project's tests count,
 * and it survives save and restore: the guest's kernel sets the agent's watch
 * again, and the event that comes with it makes the agent announce itself anew.
 *
 *   data/lab-ready              the agent listens (written by the agent)
 *   data/lab-in/S/command-N     pieces of the command line
 *   data/lab-in/S/start         number of pieces; the session begins
 *   data/lab-in/S/stdin-K       chunk of input, in slot K
 *   data/lab-in/S/taken         chunks of output taken so far
 *   data/lab-out/S/K            chunk of output, in slot K
 *   data/lab-out/S/taken        chunks of input taken so far
 *
 * S names the session; removing data/lab-in/S ends it.  Chunk number n goes
 * into slot n % WINDOW, and only when chunk n - WINDOW was taken.  A chunk
 * begins with its number, so that a slot's old content is not taken for new,
 * and a letter for what it is.
 */

#ifndef GUEST_CHANNEL_H
#define GUEST_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <xenstore.h>

enum {
	WINDOW = 16,
	TAKE_EVERY = WINDOW / 4,	/* chunks between two writes of `taken` */
	CHUNK_HEAD = 9,
	CHUNK_OUT = 1900 - CHUNK_HEAD,	/* a guest's node: 2048, permissions included */
	CHUNK_IN = 3840,		/* a xenstore message is 4096, with the path */
	NODE_PATH = 200,
};

enum chunk_kind {
	CHUNK_STDIN = '0',
	CHUNK_STDOUT = '1',
	CHUNK_STDERR = '2',
	CHUNK_EXIT = 'x',		/* the exit status, in decimal */
};

/* The words as a path, in one of a few static buffers that take turns. */
const char *node(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Puts the head in front of the data at buf + CHUNK_HEAD and writes both. */
bool chunk_write(struct xs_handle *xs, const char *path, unsigned number,
		 enum chunk_kind kind, char *buf, size_t data_len);

/*
 * Chunk `number` at path, to be freed by the caller, or NULL if it is not
 * there yet.  The data begins at CHUNK_HEAD; *len counts the data.
 */
char *chunk_read(struct xs_handle *xs, const char *path, unsigned number,
		 unsigned *len);

bool number_write(struct xs_handle *xs, const char *path, unsigned n);

/* The number at path, or `otherwise` if there is none. */
unsigned number_read(struct xs_handle *xs, const char *path, unsigned otherwise);

#endif
