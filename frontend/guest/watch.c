/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* xvmsg-guest blk watch: a disk's size, and again whenever it changes. */

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xvmsg-blk.h>

#include "frontend/guest/guest.h"

struct watch {
    struct xvmsg *h;
    uint64_t number;
    bool done;
    int status;
};

static void end(struct watch *w, int status)
{
    w->done = true;
    w->status = status;
}

static void print_size(struct watch *w, const struct xvmsg_blk *blk)
{
    printf("size %llu\n", (unsigned long long)xvmsg_blk_size(blk));
    /* A reader of a pipe wants each line when it happens. */
    if (fflush(stdout) != 0)
        end(w, guest_fail("standard output cannot be written: %s", strerror(errno)));
}

static void ready(struct xvmsg_blk *blk, enum xvmsg_status status, void *user)
{
    struct watch *w = user;

    if (status == XVMSG_OK)
        print_size(w, blk);
    else
        end(w, guest_fail("%s", xvmsg_error(w->h)));
}

static void changed(struct xvmsg_blk *blk, enum xvmsg_status status, void *user)
{
    struct watch *w = user;

    if (status == XVMSG_OK)
        print_size(w, blk);
    else
        end(w, guest_fail("%s", xvmsg_error(w->h)));
}

static void device_event(struct xvmsg *h, uint64_t number, enum xvmsg_device_event event,
                         void *user)
{
    struct watch *w = user;

    (void)h;
    if (number == w->number && event == XVMSG_DEVICE_REMOVING)
        end(w, guest_fail("device %llu is being removed", (unsigned long long)number));
}

static void run(struct watch *w, int signals)
{
    struct pollfd fds[] = {
        {.fd = xvmsg_fd(w->h), .events = POLLIN},
        {.fd = signals, .events = POLLIN},
    };

    while (!w->done) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            end(w, guest_fail("waiting failed: %s", strerror(errno)));
        else if (fds[1].revents)
            end(w, EXIT_SUCCESS);
        else if (xvmsg_process(w->h) < 0 && !w->done)
            end(w, guest_fail("%s", xvmsg_error(w->h)));
    }
}

static int watch(struct xvmsg *h, uint64_t number)
{
    struct xvmsg_handlers handlers = {.device = device_event};
    struct watch w = {.h = h, .number = number};
    int signals = guest_take_signals();

    if (signals < 0)
        return guest_fail("no descriptor for signals: %s", strerror(errno));
    /* Told of everything from the start: a disk may break as soon as it is ready. */
    xvmsg_set_handlers(h, &handlers, &w);

    struct xvmsg_blk *blk = xvmsg_blk_open(h, number, ready, &w);

    if (blk) {
        xvmsg_blk_set_changed(blk, changed, &w);
        run(&w, signals);
        xvmsg_blk_close(blk);
    } else {
        end(&w, guest_fail("%s", xvmsg_error(h)));
    }
    close(signals);
    return w.status;
}

int guest_blk_watch(const struct guest_options *options, int argc, char **argv)
{
    static const struct option none[] = {{NULL, 0, NULL, 0}};
    uint64_t number;

    if (getopt_long(argc, argv, "", none, NULL) != -1)
        return EXIT_USAGE; /* getopt said why */
    if (optind != argc - 1)
        return guest_usage("blk watch needs one device number");

    int rc = guest_parse_number(argv[optind], &number);

    if (rc != 0)
        return rc;

    struct xvmsg *h = guest_connect(options, number);

    if (!h)
        return EXIT_FAILURE;

    int status = watch(h, number);

    xvmsg_free(h);
    return status;
}
