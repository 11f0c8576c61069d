/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright (c) The xen-virtio-msg authors */

/*
 * The guest's side of guest-run, and its first process: runs the commands that
 * come in through xenstore (see guest-channel.h), several at once, and sleeps
 * when there is nothing to do.
 */

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../guest-channel.h"
#include "session.h"

enum { SESSIONS = 24 };

static struct session sessions[SESSIONS];
static struct xs_handle *xs;
static sigset_t blocked, unblocked;

/* The session of that name, a free place for "", or NULL. */
static struct session *session_find(const char *name)
{
	int i;

	for (i = 0; i < SESSIONS; i++)
		if (!strcmp(sessions[i].name, name))
			return &sessions[i];
	return NULL;
}

static void start(const char *name)
{
	struct session *s = session_find("");

	if (s)
		session_start(s, xs, name, &unblocked);
	else
		fprintf(stderr, "agent: more than %d commands at once\n", SESSIONS);
}

/* At the beginning, and after a restore, which empties `data`. */
static void announce(void)
{
	int i;

	for (i = 0; i < SESSIONS; i++)
		if (*sessions[i].name && !session_wanted(&sessions[i], xs))
			session_kill(&sessions[i], xs);
	number_write(xs, "data/lab-ready", 1);
}

/* path is data/lab-in/NAME/LEAF, or shorter */
static void watch_event(char *path)
{
	char *name = strstr(path, "lab-in/"), *leaf;
	struct session *s;

	if (!name) {
		announce();
		return;
	}
	name += strlen("lab-in/");
	leaf = strchr(name, '/');
	if (leaf)
		*leaf++ = '\0';
	s = session_find(name);
	if (s)
		session_event(s, xs, leaf ? leaf : "");
	else if (leaf && !strcmp(leaf, "start") && number_read(xs, node(
			"data/lab-in/%s/start", name), 0) > 0)
		start(name);
}

static void take_events(void)
{
	char **event;

	while ((event = xs_check_watch(xs))) {
		watch_event(event[XS_WATCH_PATH]);
		free(event);
	}
}

static void note_exit(pid_t pid, int status)
{
	int i;

	for (i = 0; i < SESSIONS; i++)
		if (*sessions[i].name && sessions[i].pid == pid) {
			sessions[i].exited = true;
			sessions[i].status = WIFEXITED(status) ?
				WEXITSTATUS(status) : 128 + WTERMSIG(status);
		}
}

/* Also what other processes left behind: we are process 1. */
static void reap(int fd)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	if (read(fd, &info, sizeof(info)) < 0)
		return;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		note_exit(pid, status);
}

static nfds_t poll_sessions(struct pollfd *fds)
{
	nfds_t n = 0;
	int i;

	for (i = 0; i < SESSIONS; i++) {
		const struct session *s = &sessions[i];
		bool room = *s->name && session_has_room(s);

		if (room && s->out >= 0)
			fds[n++] = (struct pollfd){ .fd = s->out, .events = POLLIN };
		if (room && s->err >= 0)
			fds[n++] = (struct pollfd){ .fd = s->err, .events = POLLIN };
		if (*s->name && s->input && s->in >= 0)
			fds[n++] = (struct pollfd){ .fd = s->in, .events = POLLOUT };
	}
	return n;
}

static void serve(int signals)
{
	struct pollfd fds[2 + 3 * SESSIONS] = {
		{ .fd = xs_fileno(xs), .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
	};
	int i;

	for (;;) {
		poll(fds, 2 + poll_sessions(fds + 2), -1);
		if (fds[0].revents)
			take_events();
		if (fds[1].revents)
			reap(signals);
		for (i = 0; i < SESSIONS; i++)
			if (*sessions[i].name)
				session_pump(&sessions[i], xs);
	}
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	sigprocmask(SIG_BLOCK, &blocked, &unblocked);
	xs = xs_open(0);
	if (!xs || !xs_watch(xs, "data/lab-in", "in")) {
		perror("agent: xenstore");
		return 1;
	}
	serve(signalfd(-1, &blocked, SFD_CLOEXEC | SFD_NONBLOCK));
}
