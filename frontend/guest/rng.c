/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* xvmsg-guest rng: random bytes to standard output, for as long as somebody reads. */

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xvmsg-rng.h>

#include "common/store.h"
#include "frontend/guest/guest.h"

#define NO_END UINT64_MAX
/* A pipe that can be written takes so many without blocking (PIPE_BUF), so that a
 * signal always finds us in poll(). */
#define STEP 4096u

struct stream {
    struct xvmsg *h;
    struct xvmsg_rng *rng;
    uint64_t number;
    uint64_t left; /* to be read */
    uint8_t bytes[STEP];
    size_t size; /* of them */
    size_t sent;
    bool ended;
    int status;
};

static void end(struct stream *s, int status)
{
    s->ended = true;
    s->status = status;
}

static void on_bytes(struct xvmsg_rng *rng, enum xvmsg_status status, size_t length, void *user)
{
    struct stream *s = user;

    (void)rng;
    s->size = length;
    s->sent = 0;
    if (s->left != NO_END)
        s->left -= length;
    if (status != XVMSG_OK && !s->ended)
        end(s, guest_fail("no random bytes came: %s", xvmsg_status_text(status)));
}

static void ask(struct stream *s)
{
    size_t length = s->left < STEP ? (size_t)s->left : STEP;

    s->size = s->sent = 0;
    if (!length)
        end(s, EXIT_SUCCESS);
    else if (xvmsg_rng_read(s->rng, s->bytes, length, on_bytes, s) < 0 || xvmsg_flush(s->h) < 0)
        end(s, guest_fail("%s", xvmsg_error(s->h)));
}

/* A reader that has had enough is no error. */
static void send_bytes(struct stream *s)
{
    ssize_t written = write(STDOUT_FILENO, s->bytes + s->sent, s->size - s->sent);

    if (written >= 0)
        s->sent += (size_t)written;
    else if (errno == EPIPE)
        end(s, EXIT_SUCCESS);
    else if (errno != EINTR && errno != EAGAIN)
        end(s, guest_fail("standard output cannot be written: %s", strerror(errno)));
    if (s->sent == s->size && !s->ended)
        ask(s);
}

static void device_event(struct xvmsg *h, uint64_t number, enum xvmsg_device_event event,
                         void *user)
{
    struct stream *s = user;

    (void)h;
    if (number == s->number && event == XVMSG_DEVICE_REMOVING)
        end(s, guest_fail("device %llu is being removed", (unsigned long long)number));
}

static void run(struct stream *s, int signals)
{
    struct pollfd fds[] = {
        {.fd = xvmsg_fd(s->h), .events = POLLIN},
        {.fd = signals, .events = POLLIN},
        {.fd = STDOUT_FILENO},
    };

    ask(s);
    while (!s->ended) {
        bool full = s->sent < s->size;

        /* Without POLLOUT it still tells that the reader is gone. */
        fds[2].events = full ? POLLOUT : 0;
        if (poll(fds, 3, -1) < 0) {
            if (errno != EINTR)
                end(s, guest_fail("waiting failed: %s", strerror(errno)));
        } else if (fds[2].revents & POLLNVAL) {
            end(s, guest_fail("standard output is closed"));
        } else if (fds[1].revents || (!full && fds[2].revents)) {
            end(s, EXIT_SUCCESS);
        } else if (fds[0].revents && xvmsg_process(s->h) < 0) {
            end(s, guest_fail("%s", xvmsg_error(s->h)));
        } else if (full && fds[2].revents) {
            send_bytes(s);
        }
    }
}

static int stream(struct stream *s)
{
    struct xvmsg_handlers handlers = {.device = device_event};
    int signals;

    s->rng = xvmsg_rng_open_wait(s->h, s->number);
    if (!s->rng)
        return guest_fail("%s", xvmsg_error(s->h));
    signals = guest_take_signals();
    if (signals < 0)
        return guest_fail("no descriptor for signals: %s", strerror(errno));
    xvmsg_set_handlers(s->h, &handlers, s);
    run(s, signals);
    close(signals);
    s->ended = true; /* what closing cancels is no news */
    xvmsg_rng_close(s->rng);
    return s->status;
}

int guest_rng(const struct guest_options *options, int argc, char **argv)
{
    static const struct option known[] = {
        {"length", required_argument, NULL, 'l'},
        {NULL, 0, NULL, 0},
    };
    struct stream s = {.left = NO_END};
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option != 'l')
            return EXIT_USAGE; /* getopt said why */
        if (parse_u64(optarg, 0, NO_END - 1, &s.left) < 0)
            return guest_usage("'%s' is not a number of bytes", optarg);
    }
    if (optind != argc - 1)
        return guest_usage("rng needs one device number");

    int rc = guest_parse_number(argv[optind], &s.number);

    if (rc != 0)
        return rc;
    s.h = guest_connect(options, s.number);
    if (!s.h)
        return EXIT_FAILURE;

    int status = stream(&s);

    xvmsg_free(s.h);
    return status;
}
