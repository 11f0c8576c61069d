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
#include <stdlib.h>
#include <string.h>

#include "common/store.h"
#include "frontend/guest/part.h"
#include "frontend/guest/tap.h"

/* Frames before the device hears of what they led to: it is to work at the same time. */
#define FRAMES_AT_ONCE 4u
#define MAX_QUEUES TAP_MAX_QUEUES

_Static_assert(MAX_QUEUES <= PART_MAX_FDS, "each queue is waited for");

struct link {
    struct part part;
    struct xvmsg_net *net;
    struct tap tap;
    unsigned queues; /* wanted */
    char name[TAP_NAME_SIZE];
    bool full[MAX_QUEUES]; /* the device takes no more now */
    unsigned received;
};

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
            part_fail(&l->part, "%s", xvmsg_error(l->part.h));
        return false;
    }
    size = tap_read(&l->tap, queue, pieces, (unsigned)count);
    if (size < 0 && errno != EAGAIN && errno != EINTR)
        part_fail(&l->part, "interface %s: %s", l->tap.name, strerror(errno));
    if (size < 0)
        return false;
    if (xvmsg_net_commit(l->net, queue, (size_t)size) < 0 && errno != EINVAL)
        part_fail(&l->part, "%s", xvmsg_error(l->part.h));
    return !l->part.ended;
}

/* True: there may be more. */
static bool send_frames(struct link *l, unsigned queue)
{
    unsigned count = 0;

    while (count < FRAMES_AT_ONCE && send_one(l, queue))
        count++;
    return count == FRAMES_AT_ONCE;
}

/* ---- from the device ---- */

/* An interface that is down loses its frames. */
static void received(struct xvmsg_net *net, unsigned pair, const struct iovec *pieces,
                     unsigned count, size_t length, void *user)
{
    struct link *l = user;

    (void)net, (void)length;
    tap_write(&l->tap, pair, pieces, count);
    if (++l->received % FRAMES_AT_ONCE)
        return;
    send_frames(l, pair);
    if (xvmsg_flush(l->part.h) < 0)
        part_fail(&l->part, "%s", xvmsg_error(l->part.h));
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
        part_fail(&l->part, "device %llu: %s", (unsigned long long)l->part.number,
                  xvmsg_status_text(status));
    else
        tap_set_carrier(&l->tap, xvmsg_net_link_is_up(net));
}

/* ---- the loop ---- */

static unsigned wait(struct part *part, struct pollfd *fds)
{
    struct link *l = (struct link *)part;

    for (unsigned i = 0; i < l->tap.queues; i++)
        fds[i] = (struct pollfd){.fd = l->full[i] ? -1 : l->tap.fds[i], .events = POLLIN};
    return l->tap.queues;
}

/* What the kernel answers to frames that have come just now is there already, so it is
 * looked for without having been told. */
static void turn(struct part *part, const struct pollfd *fds)
{
    struct link *l = (struct link *)part;

    (void)fds;
    for (unsigned i = 0; i < l->tap.queues && !part->ended; i++)
        if (!l->full[i] && send_frames(l, i))
            part->has_more = true;
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
    if (tap_open(&l->tap, &setup, why) < 0) {
        part_fail(&l->part, "%s", why);
        return -1;
    }
    tap_set_carrier(&l->tap, xvmsg_net_link_is_up(l->net));
    return 0;
}

/* What the interface is asked for by others, behind a bridge for instance, has to come
 * through; its kernel looks at the addresses once more. */
static void ready(struct xvmsg_net *net, enum xvmsg_status status, void *user)
{
    const struct xvmsg_net_handlers handlers = {
        .received = received, .writable = writable, .changed = changed};
    struct link *l = user;

    if (status != XVMSG_OK) {
        part_fail(&l->part, "%s", xvmsg_error(l->part.h));
        return;
    }
    if (make_tap(l) < 0)
        return;
    xvmsg_net_set_handlers(net, &handlers, l);
    if (xvmsg_net_set_promiscuous(net, true, NULL, NULL) < 0)
        part_fail(&l->part, "%s", xvmsg_error(l->part.h));
    else
        part_tell(&l->part, l->tap.name);
}

static void open_link(struct part *part)
{
    struct link *l = (struct link *)part;

    l->net = xvmsg_net_open(part->h, part->number, l->queues, ready, l);
    if (!l->net)
        part_fail(part, "%s", xvmsg_error(part->h));
}

static void close_link(struct part *part)
{
    struct link *l = (struct link *)part;

    tap_close(&l->tap);
    xvmsg_net_close(l->net);
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

static int parse(struct part *part, int argc, char **argv)
{
    static const struct option known[] = {
        {"name", required_argument, NULL, 'n'},
        {"queues", required_argument, NULL, 'q'},
        {NULL, 0, NULL, 0},
    };
    struct link *l = (struct link *)part;
    int option, rc;

    l->queues = 1;
    strcpy(l->name, "xvm%d");
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
        if ((rc = take_option(option, l)) != 0)
            return rc;
    if (optind != argc - 2 || strcmp(argv[optind], "tap") != 0)
        return guest_usage("net needs 'tap' and a device number");
    return guest_parse_number(argv[optind + 1], &part->number);
}

const struct part_class part_net = {
    .name = "net",
    .size = sizeof(struct link),
    .parse = parse,
    .open = open_link,
    .wait = wait,
    .turn = turn,
    .close = close_link,
};

int guest_net(const struct guest_options *options, int argc, char **argv)
{
    return part_run(&part_net, options, argc, argv);
}
