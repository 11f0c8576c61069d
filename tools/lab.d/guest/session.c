/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright (c) The xen-virtio-msg authors */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../guest-channel.h"
#include "session.h"

static const char *node_in(const struct session *s, const char *leaf)
{
	return node("data/lab-in/%s/%s", s->name, leaf);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void session_close(struct session *s)
{
	close_fd(&s->in);
	close_fd(&s->out);
	close_fd(&s->err);
	free(s->input);
	memset(s, 0, sizeof(*s));
}

bool session_has_room(const struct session *s)
{
	return s->sent - s->taken < WINDOW;
}

bool session_wanted(const struct session *s, struct xs_handle *xs)
{
	return number_read(xs, node_in(s, "start"), 0) > 0;
}

void session_kill(struct session *s, struct xs_handle *xs)
{
	if (!s->exited)
		kill(-s->pid, SIGKILL);
	xs_rm(xs, XBT_NULL, node("data/lab-out/%s", s->name));
	session_close(s);
}

static void send_chunk(struct session *s, struct xs_handle *xs,
		       enum chunk_kind kind, char *buf, size_t len)
{
	const char *slot = node("data/lab-out/%s/%u", s->name, s->sent % WINDOW);

	if (!chunk_write(xs, slot, s->sent, kind, buf, len))
		perror("agent: cannot send output");
	s->sent++;
}

static void send_exit(struct session *s, struct xs_handle *xs, int status)
{
	char buf[CHUNK_HEAD + 16];
	int len = snprintf(buf + CHUNK_HEAD, 16, "%d", status);

	send_chunk(s, xs, CHUNK_EXIT, buf, len);
	session_close(s);
}

/* The pieces of the command line, put together; NULL without memory. */
static char *read_command(const struct session *s, struct xs_handle *xs)
{
	unsigned pieces = number_read(xs, node_in(s, "start"), 0);
	char *command = calloc(pieces + 1, XENSTORE_PAYLOAD_MAX);
	unsigned i, len;

	for (i = 0; command && i < pieces; i++) {
		char *piece = xs_read(xs, XBT_NULL,
				      node("data/lab-in/%s/command-%u", s->name, i),
				      &len);

		if (piece)
			strcat(command, piece);
		free(piece);
	}
	return command;
}

/* In the child. */
static void run_command(const char *command, const sigset_t *mask, int in, int out, int err)
{
	setsid();
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, mask, NULL);
	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
	close_range(3, ~0U, 0);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static bool spawn(struct session *s, const char *command, const sigset_t *mask)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, err[2] = { -1, -1 };
	bool ready = !pipe2(in, O_CLOEXEC) && !pipe2(out, O_CLOEXEC) &&
		     !pipe2(err, O_CLOEXEC);

	s->pid = ready ? fork() : -1;
	if (s->pid == 0)
		run_command(command, mask, in[0], out[1], err[1]);
	close_fd(&in[0]);
	close_fd(&out[1]);
	close_fd(&err[1]);
	s->in = in[1];
	s->out = out[0];
	s->err = err[0];
	fcntl(s->in, F_SETFL, O_NONBLOCK);
	fcntl(s->out, F_SETFL, O_NONBLOCK);
	fcntl(s->err, F_SETFL, O_NONBLOCK);
	return s->pid > 0;
}

void session_start(struct session *s, struct xs_handle *xs, const char *name,
		   const sigset_t *mask)
{
	char *command;

	snprintf(s->name, sizeof(s->name), "%s", name);
	s->in = s->out = s->err = -1;
	command = read_command(s, xs);
	if (!command || !spawn(s, command, mask))
		send_exit(s, xs, 126);
	free(command);
}

/* Takes the next chunk of input, if it has come; an empty one is the end. */
static void fetch_input(struct session *s, struct xs_handle *xs)
{
	s->input = chunk_read(xs, node("data/lab-in/%s/stdin-%u", s->name,
				       s->received % WINDOW),
			      s->received, &s->input_len);
	s->input_done = 0;
	if (!s->input)
		return;
	if (s->input_len == 0)
		close_fd(&s->in);
	if (++s->received % TAKE_EVERY == 0)
		number_write(xs, node("data/lab-out/%s/taken", s->name), s->received);
}

/* Writes the current chunk; false if the pipe takes no more for now. */
static bool feed_input(struct session *s)
{
	ssize_t n = 0;

	if (s->in >= 0)
		n = write(s->in, s->input + CHUNK_HEAD + s->input_done,
			  s->input_len - s->input_done);
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n < 0)
		close_fd(&s->in);
	else
		s->input_done += n;
	if (s->in < 0 || s->input_done == s->input_len) {
		free(s->input);
		s->input = NULL;
	}
	return true;
}

static void pump_input(struct session *s, struct xs_handle *xs)
{
	do {
		if (!s->input)
			fetch_input(s, xs);
	} while (s->input && feed_input(s));
}

void session_event(struct session *s, struct xs_handle *xs, const char *leaf)
{
	if (!*leaf)
		session_kill(s, xs);
	else if (!strncmp(leaf, "stdin-", 6))
		pump_input(s, xs);
	else if (!strcmp(leaf, "taken"))
		s->taken = number_read(xs, node_in(s, "taken"), s->taken);
}

/* Sends one chunk of what there is; false when there is no more for now. */
static bool drain(struct session *s, struct xs_handle *xs, int *fd, enum chunk_kind kind)
{
	char buf[CHUNK_HEAD + CHUNK_OUT];
	ssize_t n;

	if (*fd < 0 || !session_has_room(s))
		return false;
	n = read(*fd, buf + CHUNK_HEAD, CHUNK_OUT);
	if (n > 0)
		send_chunk(s, xs, kind, buf, n);
	else if (n == 0 || errno != EAGAIN)
		close_fd(fd);
	return n > 0;
}

/*
 * A command is over when its shell has ended and the pipes are empty for now:
 * something left in the background does not hold up guest-run.
 */
void session_pump(struct session *s, struct xs_handle *xs)
{
	bool more;

	if (s->input)
		pump_input(s, xs);
	do {
		more = drain(s, xs, &s->out, CHUNK_STDOUT);
		more |= drain(s, xs, &s->err, CHUNK_STDERR);
	} while (more);
	if (s->exited && session_has_room(s))
		send_exit(s, xs, s->status);
}
