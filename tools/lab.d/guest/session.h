/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright (c) The xen-virtio-msg authors */

/* One command that guest-run sent, from its start to its exit status. */

#ifndef SESSION_H
#define SESSION_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

struct xs_handle;

struct session {
	char name[40];		/* empty: the place is free */
	pid_t pid;
	int in, out, err;	/* our ends of the pipes, or -1 */
	bool exited;
	int status;
	unsigned sent, taken;	/* chunks of output */
	unsigned received;	/* chunks of input */
	char *input;		/* the chunk being fed to the command */
	unsigned input_len, input_done;
};

/* Starts the command in a free place.  Its signal mask is set to `mask`. */
void session_start(struct session *s, struct xs_handle *xs, const char *name,
		   const sigset_t *mask);

/* Is there room for more output? */
bool session_has_room(const struct session *s);

/* Is the session still wanted?  After a restore, none is. */
bool session_wanted(const struct session *s, struct xs_handle *xs);

/* A node of data/lab-in/NAME has changed. */
void session_event(struct session *s, struct xs_handle *xs, const char *leaf);

/* Moves what can be moved without blocking; ends the session if it is over. */
void session_pump(struct session *s, struct xs_handle *xs);

/* The client is gone: so are its command and what that started. */
void session_kill(struct session *s, struct xs_handle *xs);

#endif
