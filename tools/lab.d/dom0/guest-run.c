/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright (c) The xen-virtio-msg authors */

/*
 * guest-run NAME COMMAND...: runs a command in a guest, as ssh would, by way of
 * xenstore and the agent there (see guest-channel.h).  Waits for a guest that
 * is still booting, or being restored, LAB_GUEST_TIMEOUT seconds.  With
 * LAB_COMMAND_TIMEOUT set, a guest whose command takes more seconds than that is
 * given up: guest-lost tells what it does, and ends it.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "../guest-channel.h"
#include "domain.h"

enum { EXIT_LAB = 255, READY_SECONDS = 90, PIECE = 3500 };

static struct xs_handle *xs;
static int domid;
static char in[NODE_PATH / 2], out[NODE_PATH / 2];
static unsigned received;	/* chunks of output */
static unsigned sent, taken;	/* chunks of input */
static bool input_open = true;

static void leave(int status)
{
	if (*in) {
		xs_rm(xs, XBT_NULL, in);
		xs_rm(xs, XBT_NULL, out);
	}
	exit(status);
}

static void fail(const char *name, const char *why)
{
	fprintf(stderr, "guest-run: the guest %s %s\n", name, why);
	leave(EXIT_LAB);
}

/* A guest that is not there may have said why. */
static void fail_gone(const char *name, const char *why)
{
	char path[256], end[2048];
	FILE *log;
	size_t n;

	snprintf(path, sizeof(path), "/lab/logs/guest-%s.log", name);
	log = fopen(path, "r");
	if (log) {
		if (fseek(log, -(long)sizeof(end), SEEK_END))
			rewind(log);
		n = fread(end, 1, sizeof(end), log);
		fprintf(stderr, "guest-run: the end of its console:\n%.*s\n", (int)n, end);
		fclose(log);
	}
	fail(name, why);
}

static char *join(char **words)
{
	size_t len = 1;
	char **w, *all;

	for (w = words; *w; w++)
		len += strlen(*w) + 1;
	all = calloc(1, len);
	if (!all)
		abort();
	for (w = words; *w; w++) {
		strcat(all, *w);
		if (w[1])
			strcat(all, " ");
	}
	return all;
}

/* False if xenstore refuses, as when the guest has just gone. */
static bool start(const char *command)
{
	struct timespec now;
	unsigned pieces = 0;
	size_t len = strlen(command), n;

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(out, sizeof(out), "/local/domain/%d/data/lab-out/%d-%lx", domid,
		 (int)getpid(), now.tv_nsec);
	snprintf(in, sizeof(in), "/local/domain/%d/data/lab-in/%d-%lx", domid,
		 (int)getpid(), now.tv_nsec);
	if (!xs_watch(xs, out, "out"))
		return false;
	do {
		n = len > PIECE ? PIECE : len;
		if (!xs_write(xs, XBT_NULL, node("%s/command-%u", in, pieces++), command, n))
			return false;
		command += n;
		len -= n;
	} while (len);
	return number_write(xs, node("%s/start", in), pieces);
}

static void write_all(int fd, const char *data, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = write(fd, data, len);
		if (n < 0 && errno != EINTR)
			leave(128 + SIGPIPE);
		if (n > 0) {
			data += n;
			len -= n;
		}
	}
}

/* One chunk from the guest; false if the next is not there yet. */
static bool receive(void)
{
	unsigned len;
	char kind, *chunk = chunk_read(xs, node("%s/%u", out, received % WINDOW),
				       received, &len);

	if (!chunk)
		return false;
	kind = chunk[CHUNK_HEAD - 1];
	if (kind == CHUNK_EXIT)
		leave(atoi(chunk + CHUNK_HEAD));
	write_all(kind == CHUNK_STDERR ? 2 : 1, chunk + CHUNK_HEAD, len);
	free(chunk);
	if (++received % TAKE_EVERY == 0)
		number_write(xs, node("%s/taken", in), received);
	return true;
}

static void send_input(void)
{
	char buf[CHUNK_HEAD + CHUNK_IN];
	ssize_t n = read(0, buf + CHUNK_HEAD, CHUNK_IN);

	if (n <= 0)
		input_open = false;
	chunk_write(xs, node("%s/stdin-%u", in, sent % WINDOW), sent, CHUNK_STDIN,
		    buf, n > 0 ? n : 0);
	sent++;
}

/* Of a clock that only goes forward. */
static time_t seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* Milliseconds until end, for poll(); -1 without one. */
static int time_left(time_t end)
{
	time_t now = seconds_now();

	if (!end)
		return -1;
	return now < end ? (int)(end - now) * 1000 : 0;
}

static void give_up(const char *name)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	fprintf(stderr, "guest-run: the guest %s does not end its command\n", name);
	execlp("guest-lost", "guest-lost", name, NULL);
	perror("guest-run: guest-lost");
	leave(EXIT_LAB);
}

/* limit: seconds; 0: as long as it takes */
static void converse(const char *name, int signals, int limit)
{
	time_t end = limit > 0 ? seconds_now() + limit : 0;
	struct pollfd fds[3] = {
		{ .fd = xs_fileno(xs), .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
		{ .events = POLLIN },
	};
	bool gone = false;

	for (;;) {
		fds[2].fd = input_open && sent - taken < WINDOW ? 0 : -1;
		poll(fds, 3, time_left(end));
		if (time_left(end) == 0)
			give_up(name);
		if (fds[1].revents)
			leave(128 + SIGTERM);
		if (fds[2].fd == 0 && fds[2].revents)
			send_input();
		if (fds[0].revents && domain_take_events(xs, domid, &gone))
			while (receive())
				;
		if (gone)
			fail_gone(name, "has gone");
		if (sent - taken >= TAKE_EVERY)
			taken = number_read(xs, node("%s/taken", out), taken);
	}
}

/* The signals that end a session, as something to poll. */
static int block_signals(void)
{
	sigset_t stop;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGHUP);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	return signalfd(-1, &stop, SFD_CLOEXEC);
}

/* 0 if the environment does not say. */
static int seconds_of(const char *variable)
{
	const char *seconds = getenv(variable);

	return seconds ? atoi(seconds) : 0;
}

int main(int argc, char **argv)
{
	int limit = seconds_of("LAB_GUEST_TIMEOUT");
	const char *error;

	if (argc < 3) {
		fprintf(stderr, "usage: guest-run NAME COMMAND...\n");
		return 2;
	}
	xs = xs_open(0);
	if (!xs) {
		perror("guest-run: cannot open xenstore");
		return EXIT_LAB;
	}
	domid = domain_find(xs, argv[1]);
	if (domid < 0)
		fail_gone(argv[1], "does not exist");
	error = domain_wait_ready(xs, domid, limit > 0 ? limit : READY_SECONDS);
	if (error)
		fail(argv[1], error);
	if (!start(join(argv + 2)))
		fail(argv[1], "takes no command");
	converse(argv[1], block_signals(), seconds_of("LAB_COMMAND_TIMEOUT"));
}
