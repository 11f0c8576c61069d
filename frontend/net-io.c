/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Frames. The area is divided into pages: those to receive into are always the
 * device's, but while a frame in them is shown to the user; those to send from are
 * taken from a list, a frame at a time, and come back when room is short.
 */

#include <errno.h>
#include <string.h>

#include "common/le.h"
#include "frontend/net.h"

#define RX(pair) (2 * (pair))
#define TX(pair) (2 * (pair) + 1)

#define FLAGS offsetof(struct virtio_net_hdr_mrg_rxbuf, hdr.flags)
#define NUM_BUFFERS offsetof(struct virtio_net_hdr_mrg_rxbuf, num_buffers)

_Static_assert(sizeof(struct virtio_net_hdr_mrg_rxbuf) == XVMSG_NET_HEADER, "as virtio has it");

static struct xvmsg_buffer buffer_of(const struct xvmsg_net *net, const struct net_page *page,
                                     size_t length)
{
    return (struct xvmsg_buffer){
        .address = xvmsg_area_address(xvmsg_device_buffers(net->device), page->bytes),
        .length = length < NET_PAGE ? (uint32_t)length : NET_PAGE,
    };
}

/* ---- receiving ---- */

static int offer(struct xvmsg_net *net, unsigned pair, struct net_page *page)
{
    struct xvmsg_buffer in = buffer_of(net, page, NET_PAGE);

    return xvmsg_queue_push(xvmsg_device_queue(net->device, RX(pair)), &in, 0, 1, page);
}

/* A frame that was received, as far as it has been taken from the queue. */
struct received {
    struct iovec pieces[XVMSG_NET_PIECES];
    struct net_page *pages[XVMSG_NET_PIECES];
    unsigned count;
    size_t length;
};

/* False: there is no (whole) frame. */
static bool take_piece(struct xvmsg_net *net, unsigned pair, struct received *r)
{
    uint32_t written;
    struct net_page *page = xvmsg_queue_pop(xvmsg_device_queue(net->device, RX(pair)), &written);

    if (!page)
        return false;
    r->pages[r->count] = page;
    r->pieces[r->count++] = (struct iovec){.iov_base = page->bytes, .iov_len = written};
    r->length += written;
    return true;
}

static void nonsense(struct xvmsg_net *net, const char *what, unsigned value)
{
    handle_fail(net->h, EIO, "device %llu: %s (%u)", (unsigned long long)net->number, what, value);
    device_break(net->device, XVMSG_MALFORMED_RESPONSE);
}

/* The buffers of a frame are used together: all of them are there (virtio 5.1.6.4.1). */
static bool take_frame(struct xvmsg_net *net, unsigned pair, struct received *r)
{
    unsigned num_buffers;

    r->count = 0;
    r->length = 0;
    if (!take_piece(net, pair, r))
        return false;
    if (r->length < XVMSG_NET_HEADER) {
        nonsense(net, "a frame that came is shorter than its header", (unsigned)r->length);
        return false;
    }
    num_buffers = le16_get(r->pages[0]->bytes + NUM_BUFFERS);
    if (num_buffers < 1 || num_buffers > XVMSG_NET_PIECES) {
        nonsense(net, "a frame that came has an impossible number of buffers", num_buffers);
        return false;
    }
    while (r->count < num_buffers && take_piece(net, pair, r))
        ;
    if (r->count == num_buffers)
        return true;
    if (net->usable)
        nonsense(net, "a frame that came lacks some of its buffers", num_buffers);
    return false;
}

/* As many pages as there are go back to the device at once; those after them when all
 * that it used were taken, so that one which fills them at once does not keep us here. */
static void receive(struct xvmsg_net *net, unsigned pair)
{
    struct net_page *kept = NULL;
    unsigned given = 0;
    struct received r;

    while (net->usable && take_frame(net, pair, &r)) {
        if (net->handlers.received)
            net->handlers.received(net, pair, r.pieces, r.count, r.length, net->handlers_user);
        for (unsigned i = 0; net->usable && i < r.count; i++) {
            if (given++ < NET_RX_PAGES) {
                offer(net, pair, r.pages[i]);
            } else {
                r.pages[i]->next = kept;
                kept = r.pages[i];
            }
        }
    }
    for (; net->usable && kept; kept = kept->next)
        offer(net, pair, kept);
}

/* ---- sending ---- */

static void give_back(struct net_pair *p, struct net_page *page)
{
    while (page) {
        struct net_page *next = page->next;

        page->next = p->free;
        p->free = page;
        p->num_free++;
        page = next;
    }
}

/* Takes back pages of frames that were sent, until there are enough for another: what
 * is not asked for need not be told. */
static bool has_room(struct xvmsg_net *net, unsigned pair)
{
    struct xvmsg_queue *queue = xvmsg_device_queue(net->device, TX(pair));
    struct net_pair *p = &net->pair[pair];

    while (p->num_free < NET_FRAME_PAGES || xvmsg_queue_free(queue) < NET_FRAME_PAGES) {
        struct net_page *page = xvmsg_queue_pop(queue, NULL);

        if (!page)
            return false;
        give_back(p, page);
    }
    return true;
}

static int check_send(struct xvmsg_net *net, unsigned pair)
{
    if (!net->usable)
        return handle_fail(net->h, EIO, "the network interface cannot be used any more");
    if (pair >= net->pairs)
        return handle_fail(net->h, EINVAL, "there is no pair of queues %u", pair);
    if (has_room(net, pair))
        return 0;
    if (!net->usable)
        return handle_fail(net->h, EIO, "the network interface broke");
    net->pair[pair].blocked = true;
    return handle_fail(net->h, EAGAIN, "no room to send another frame now");
}

int xvmsg_net_reserve(struct xvmsg_net *net, unsigned pair,
                      struct iovec pieces[XVMSG_NET_PIECES])
{
    const struct net_page *page;

    if (check_send(net, pair) < 0)
        return -1;
    page = net->pair[pair].free;
    for (unsigned i = 0; i < NET_FRAME_PAGES; i++, page = page->next)
        pieces[i] = (struct iovec){.iov_base = page->bytes, .iov_len = NET_PAGE};
    return (int)NET_FRAME_PAGES;
}

/* The device reads what virtio lets a driver say: a TAP interface says more. */
static void tidy_header(uint8_t *header)
{
    header[FLAGS] &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
    le16_put(header + NUM_BUFFERS, 0);
}

int xvmsg_net_commit(struct xvmsg_net *net, unsigned pair, size_t length)
{
    struct xvmsg_buffer buffers[NET_FRAME_PAGES];
    struct net_page *first, *last = NULL;
    unsigned count = 0;

    if (check_send(net, pair) < 0)
        return -1;
    if (length < XVMSG_NET_HEADER || length > XVMSG_NET_FRAME_MAX)
        return handle_fail(net->h, EINVAL, "a frame of %zu bytes cannot be sent", length);

    struct net_pair *p = &net->pair[pair];

    first = p->free;
    tidy_header(first->bytes);
    for (struct net_page *page = first; length; page = page->next) {
        buffers[count] = buffer_of(net, page, length);
        length -= buffers[count++].length;
        last = page;
    }
    if (xvmsg_queue_push(xvmsg_device_queue(net->device, TX(pair)), buffers, count, 0, first) < 0)
        return handle_fail(net->h, errno, "a frame was not taken");
    p->free = last->next;
    last->next = NULL;
    p->num_free -= count;
    return 0;
}

int xvmsg_net_send(struct xvmsg_net *net, unsigned pair, const void *frame, size_t length)
{
    const uint8_t *bytes = frame;
    struct iovec pieces[XVMSG_NET_PIECES];

    if (length > XVMSG_NET_FRAME_MAX)
        return handle_fail(net->h, EINVAL, "a frame of %zu bytes cannot be sent", length);
    if (xvmsg_net_reserve(net, pair, pieces) < 0)
        return -1;
    for (size_t at = 0; at < length; at += NET_PAGE)
        memcpy(pieces[at / NET_PAGE].iov_base, bytes + at, smaller(length - at, NET_PAGE));
    return xvmsg_net_commit(net, pair, length);
}

static void tell_writable(struct xvmsg_net *net, unsigned pair)
{
    if (!net->pair[pair].blocked || !has_room(net, pair))
        return;
    net->pair[pair].blocked = false;
    if (net->handlers.writable)
        net->handlers.writable(net, pair, net->handlers_user);
}

void net_io_used(struct xvmsg_net *net, unsigned queue)
{
    if (queue % 2)
        tell_writable(net, queue / 2);
    else
        receive(net, queue / 2);
}

/* ---- starting ---- */

/* What there is, when that is less than was asked for: half of it for either way. */
int net_io_start(struct xvmsg_net *net, uint8_t *memory, size_t bytes)
{
    uint32_t each = (uint32_t)(bytes / NET_PAGE / net->pairs);
    uint32_t tx = each >= NET_RX_PAGES + NET_TX_PAGES ? NET_TX_PAGES : each / 2;
    uint32_t rx = smaller(each - tx, NET_RX_PAGES);
    struct net_page *page = net->pages;

    if (tx < NET_FRAME_PAGES)
        return handle_fail(net->h, ENOMEM, "device %llu: no shared memory for frames",
                           (unsigned long long)net->number);
    for (unsigned pair = 0; pair < net->pairs; pair++) {
        for (uint32_t i = 0; i < rx + tx; i++, page++, memory += NET_PAGE) {
            page->bytes = memory;
            if (i >= rx)
                give_back(&net->pair[pair], page);
            else if (xvmsg_queue_free(xvmsg_device_queue(net->device, RX(pair))) &&
                     offer(net, pair, page) < 0)
                return handle_fail(net->h, errno, "device %llu: a buffer was not taken",
                                   (unsigned long long)net->number);
        }
    }
    return 0;
}
