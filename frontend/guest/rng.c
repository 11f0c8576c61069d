/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* xvmsg-guest rng: random bytes to standard output or a FIFO, for as long as somebody
 * reads. */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xvmsg-rng.h>

#include "common/store.h"
#include "frontend/guest/part.h"

#define NO_END UINT64_MAX
/* A pipe that can be written takes so many without blocking (PIPE_BUF), so that a
 * signal always finds us in poll(). */
#define STEP 4096u

struct stream {
    struct part part;
    struct xvmsg_rng *rng;
    const char *fifo; /* its path; NULL: none */
    bool made;        /* it is ours to remove */
    int out;
    uint64_t left; /* to be read */
    uint8_t bytes[STEP];
    size_t size; /* of them */
    size_t sent;
};

static bool has_bytes(const struct stream *s)
{
    return s->sent < s->size;
}

static const char *out_name(const struct stream *s)
{
    return s->fifo ? s->fifo : "standard output";
}

static void on_bytes(struct xvmsg_rng *rng, enum xvmsg_status status, size_t length, void *user)
{
    struct stream *s = user;

    (void)rng;
    s->size = length;
    s->sent = 0;
    if (s->left != NO_END)
        s->left -= length;
    if (status != XVMSG_OK)
        part_fail(&s->part, "no random bytes came: %s", xvmsg_status_text(status));
}

static void ask(struct stream *s)
{
    size_t length = s->left < STEP ? (size_t)s->left : STEP;

    s->size = s->sent = 0;
    if (!length)
        part_end(&s->part, EXIT_SUCCESS);
    else if (xvmsg_rng_read(s->rng, s->bytes, length, on_bytes, s) < 0)
        part_fail(&s->part, "%s", xvmsg_error(s->part.h));
}

/* A reader that has had enough is no error. */
static void send_bytes(struct stream *s)
{
    ssize_t written = write(s->out, s->bytes + s->sent, s->size - s->sent);

    if (written >= 0)
        s->sent += (size_t)written;
    else if (errno == EPIPE)
        part_end(&s->part, EXIT_SUCCESS);
    else if (errno != EINTR && errno != EAGAIN)
        part_fail(&s->part, "%s cannot be written: %s", out_name(s), strerror(errno));
    if (!has_bytes(s) && !s->part.ended)
        ask(s);
}

static unsigned wait(struct part *part, struct pollfd *fds)
{
    const struct stream *s = (const struct stream *)part;

    /* Without POLLOUT it still tells that the reader is gone. */
    fds[0] = (struct pollfd){.fd = s->out, .events = has_bytes(s) ? POLLOUT : 0};
    return 1;
}

static void turn(struct part *part, const struct pollfd *fds)
{
    struct stream *s = (struct stream *)part;

    if (fds[0].revents & POLLNVAL)
        part_fail(part, "%s is closed", out_name(s));
    else if (fds[0].revents && fds[0].events)
        send_bytes(s);
    else if (fds[0].revents)
        part_end(part, EXIT_SUCCESS);
}

/* ---- from the beginning to the end ---- */

/* Open for reading as well, it outlives its readers. One that an earlier run left is in
 * nobody's way. */
static int open_fifo(struct stream *s)
{
    struct stat status;

    if (lstat(s->fifo, &status) == 0 && S_ISFIFO(status.st_mode))
        unlink(s->fifo);
    if (mkfifo(s->fifo, 0600) < 0)
        return -1;
    s->made = true;
    s->out = open(s->fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    return s->out < 0 ? -1 : 0;
}

static void ready(struct xvmsg_rng *rng, enum xvmsg_status status, void *user)
{
    struct stream *s = user;

    (void)rng;
    if (status == XVMSG_OK)
        ask(s);
    else
        part_fail(&s->part, "%s", xvmsg_error(s->part.h));
}

static void open_stream(struct part *part)
{
    struct stream *s = (struct stream *)part;

    s->out = STDOUT_FILENO;
    if (s->fifo && open_fifo(s) < 0) {
        part_fail(part, "%s: %s", s->fifo, strerror(errno));
        return;
    }
    s->rng = xvmsg_rng_open(part->h, part->number, ready, s);
    if (!s->rng)
        part_fail(part, "%s", xvmsg_error(part->h));
}

static void close_stream(struct part *part)
{
    struct stream *s = (struct stream *)part;

    xvmsg_rng_close(s->rng);
    if (s->made)
        unlink(s->fifo);
    if (s->fifo && s->out >= 0)
        close(s->out);
}

/* ---- the command line ---- */

static int parse(struct part *part, int argc, char **argv)
{
    static const struct option known[] = {
        {"length", required_argument, NULL, 'l'},
        {"fifo", required_argument, NULL, 'f'},
        {NULL, 0, NULL, 0},
    };
    struct stream *s = (struct stream *)part;
    int option;

    s->left = NO_END;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'f')
            s->fifo = optarg;
        else if (option != 'l')
            return EXIT_USAGE; /* getopt said why */
        else if (parse_u64(optarg, 0, NO_END - 1, &s->left) < 0)
            return guest_usage("'%s' is not a number of bytes", optarg);
    }
    if (optind != argc - 1)
        return guest_usage("rng needs one device number");
    if (part->has_company && !s->fifo)
        return guest_usage("rng needs --fifo where it is not alone");
    return guest_parse_number(argv[optind], &part->number);
}

const struct part_class part_rng = {
    .name = "rng",
    .size = sizeof(struct stream),
    .parse = parse,
    .open = open_stream,
    .wait = wait,
    .turn = turn,
    .close = close_stream,
};

int guest_rng(const struct guest_options *options, int argc, char **argv)
{
    return part_run(&part_rng, options, argc, argv);
}
