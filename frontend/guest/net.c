/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * xvmsg-guest net: a network interface of the bus as one of the guest's kernel. A TAP
 * interface with virtio's headers stands for it; frames move between the two as they
 * are, with whatever the one side leaves to the other.
 */

#include <errno.h>
#include <getopt.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/store.h"
#include "frontend/guest/guest.h"
#include "frontend/guest/tap.h"

#define FRAMES_AT_ONCE 64
#define MAX_QUEUES 8u

struct link {
    struct xvmsg *h;
    struct xvmsg_net *net;
    struct tap tap;
    uint64_t number;
    unsigned queues; /* wanted */
    char name[TAP_NAME_SIZE];
    bool full[MAX_QUEUES]; /* the device takes no more now */
    bool ended;
    int status;
};

static void end(struct link *l, int status)
{
    if (!l->ended)
        l->status = status;
    l->ended = true;
}

/* ---- from the device ---- */

/* An interface that is down loses its frames. */
static void received(struct xvmsg_net *net, unsigned pair, const struct iovec *pieces,
                     unsigned count, size_t length, void *user)
{
    struct link *l = user;

    (void)net, (void)length;
    tap_write(&l->tap, pair, pieces, count);
}

static void writable(struct xvmsg_net *net, unsigned pair, void *user)
{
    struct link *l = user;

    (void)net;
    l->full[pair] = false;
}

static void changed(struct xvmsg_net *net, enum xvmsg_status status, void *user)
{
    struct link *l = user;

    if (status != XVMSG_OK)
        end(l, guest_fail("device %llu: %s", (unsigned long long)l->number,
                          xvmsg_status_text(status)));
    else
        tap_set_carrier(&l->tap, xvmsg_net_link_is_up(net));
}

static void device_event(struct xvmsg *h, uint64_t number, enum xvmsg_device_event event,
                         void *user)
{
    struct link *l = user;

    (void)h;
    if (number == l->number && event == XVMSG_DEVICE_REMOVING)
        end(l, guest_fail("device %llu is being removed", (unsigned long long)number));
}

/* ---- to the device ---- */

/* False: there is nothing to send, or no room for it. */
static bool send_one(struct link *l, unsigned queue)
{
    struct iovec pieces[XVMSG_NET_PIECES];
    int count = xvmsg_net_reserve(l->net, queue, pieces);
    ssize_t size;

    if (count < 0) {
        l->full[queue] = errno == EAGAIN;
        if (!l->full[queue])
            end(l, guest_fail("%s", xvmsg_error(l->h)));
        return false;
    }
    size = tap_read(&l->tap, queue, pieces, (unsigned)count);
    if (size < 0 && errno != EAGAIN && errno != EINTR)
        end(l, guest_fail("interface %s: %s", l->tap.name, strerror(errno)));
    if (size < 0)
        return false;
    if (xvmsg_net_commit(l->net, queue, (size_t)size) < 0 && errno != EINVAL)
        end(l, guest_fail("%s", xvmsg_error(l->h)));
    return !l->ended;
}

static void send_frames(struct link *l, unsigned queue)
{
    for (unsigned i = 0; i < FRAMES_AT_ONCE && send_one(l, queue); i++)
        ;
}

static void run(struct link *l, int signals)
{
    struct pollfd fds[2 + MAX_QUEUES] = {
        {.fd = xvmsg_fd(l->h), .events = POLLIN},
        {.fd = signals, .events = POLLIN},
    };

    while (!l->ended) {
        for (unsigned i = 0; i < l->tap.queues; i++)
            fds[2 + i] = (struct pollfd){.fd = l->full[i] ? -1 : l->tap.fds[i], .events = POLLIN};
        if (poll(fds, 2 + l->tap.queues, -1) < 0) {
            if (errno != EINTR)
                end(l, guest_fail("waiting failed: %s", strerror(errno)));
            continue;
        }
        if (fds[1].revents) {
            end(l, EXIT_SUCCESS);
            break;
        }
        if (fds[0].revents && xvmsg_process(l->h) < 0)
            end(l, guest_fail("%s", xvmsg_error(l->h)));
        /* What the kernel answers to the frames that came is there already. */
        for (unsigned i = 0; i < l->tap.queues && !l->ended; i++)
            if (fds[0].revents || fds[2 + i].revents)
                send_frames(l, i);
        if (xvmsg_flush(l->h) < 0)
            end(l, guest_fail("%s", xvmsg_error(l->h)));
    }
}

/* ---- setting up ---- */

/* What the kernel may leave to the device. */
static unsigned offloads(uint64_t features)
{
    unsigned offloads = 0;

    if (features & 1u << VIRTIO_NET_F_CSUM)
        offloads |= TAP_CHECKSUMS;
    if (features & 1u << VIRTIO_NET_F_HOST_TSO4)
        offloads |= TAP_SEGMENTS4;
    if (features & 1u << VIRTIO_NET_F_HOST_TSO6)
        offloads |= TAP_SEGMENTS6;
    return offloads;
}

static int make_tap(struct link *l)
{
    struct tap_setup setup = {
        .name = l->name,
        .queues = xvmsg_net_pairs(l->net),
        .offloads = offloads(xvmsg_net_features(l->net)),
        .mtu = xvmsg_net_mtu(l->net),
    };
    char why[TAP_WHY_SIZE];

    xvmsg_net_mac(l->net, setup.mac);
    if (tap_open(&l->tap, &setup, why) < 0)
        return guest_fail("%s", why);
    tap_set_carrier(&l->tap, xvmsg_net_link_is_up(l->net));
    return 0;
}

/* What the interface is asked for by others, behind a bridge for instance, has to come
 * through; its kernel looks at the addresses once more. */
static int start(struct link *l)
{
    const struct xvmsg_net_handlers handlers = {
        .received = received, .writable = writable, .changed = changed};

    xvmsg_net_set_handlers(l->net, &handlers, l);
    if (xvmsg_net_set_promiscuous(l->net, true, NULL, NULL) < 0 || xvmsg_flush(l->h) < 0)
        return guest_fail("%s", xvmsg_error(l->h));
    puts(l->tap.name);
    return fflush(stdout) == 0 ? 0 : guest_fail("standard output cannot be written");
}

static int join(struct link *l)
{
    const struct xvmsg_handlers handlers = {.device = device_event};
    int signals;

    l->net = xvmsg_net_open_wait(l->h, l->number, l->queues);
    if (!l->net)
        return guest_fail("%s", xvmsg_error(l->h));
    if (make_tap(l) != 0)
        return EXIT_FAILURE;
    signals = guest_take_signals();
    if (signals < 0) {
        tap_close(&l->tap);
        return guest_fail("no descriptor for signals: %s", strerror(errno));
    }
    xvmsg_set_handlers(l->h, &handlers, l);
    if (start(l) == 0)
        run(l, signals);
    else
        end(l, EXIT_FAILURE);
    close(signals);
    tap_close(&l->tap);
    xvmsg_net_close(l->net);
    return l->status;
}

/* ---- the command line ---- */

static int take_option(int option, struct link *l)
{
    uint64_t queues;

    switch (option) {
    case 'n':
        if (strlen(optarg) == 0 || strlen(optarg) >= sizeof(l->name))
            return guest_usage("'%s' is not a name of an interface", optarg);
        strcpy(l->name, optarg);
        return 0;
    case 'q':
        if (parse_u64(optarg, 1, MAX_QUEUES, &queues) < 0)
            return guest_usage("--queues needs a number from 1 to %u, not '%s'", MAX_QUEUES,
                               optarg);
        l->queues = (unsigned)queues;
        return 0;
    default:
        return EXIT_USAGE; /* getopt said why */
    }
}

int guest_net(const struct guest_options *options, int argc, char **argv)
{
    static const struct option known[] = {
        {"name", required_argument, NULL, 'n'},
        {"queues", required_argument, NULL, 'q'},
        {NULL, 0, NULL, 0},
    };
    struct link l = {.queues = 1, .name = "xvm%d"};
    int option, rc;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
        if ((rc = take_option(option, &l)) != 0)
            return rc;
    if (optind != argc - 2 || strcmp(argv[optind], "tap") != 0)
        return guest_usage("net needs 'tap' and a device number");
    rc = guest_parse_number(argv[optind + 1], &l.number);
    if (rc != 0)
        return rc;
    l.h = guest_connect(options, l.number);
    if (!l.h)
        return EXIT_FAILURE;

    int status = join(&l);

    xvmsg_free(l.h);
    return status;
}
