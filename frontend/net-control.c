/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Commands to a network interface: each is one chain of the control queue, built in
 * the area, with a byte for the answer. */

#include <errno.h>
#include <string.h>

#include "common/le.h"
#include "frontend/net.h"

#define ANSWER (NET_COMMAND_BYTES - 1)

void net_control_start(struct xvmsg_net *net, uint8_t *memory)
{
    for (unsigned i = 0; i < NET_COMMANDS; i++)
        net->commands[i].bytes = memory + i * NET_COMMAND_BYTES;
}

static void end_command(struct xvmsg_net *net, struct net_command *command,
                        enum xvmsg_status status)
{
    command->busy = false;
    if (command->done)
        command->done(net, status, command->user);
}

void net_control_end_all(struct xvmsg_net *net, enum xvmsg_status status)
{
    for (unsigned i = 0; i < NET_COMMANDS; i++)
        if (net->commands[i].busy)
            end_command(net, &net->commands[i], status);
}

void net_control_used(struct xvmsg_net *net)
{
    struct net_command *command;
    uint32_t written;

    while (net->usable &&
           (command = xvmsg_queue_pop(xvmsg_device_queue(net->device, net->control), &written))) {
        bool done = written && command->bytes[ANSWER] == VIRTIO_NET_OK;

        end_command(net, command, done ? XVMSG_OK : XVMSG_REFUSED);
    }
}

static struct net_command *free_command(struct xvmsg_net *net)
{
    for (unsigned i = 0; i < NET_COMMANDS; i++)
        if (!net->commands[i].busy)
            return &net->commands[i];
    return NULL;
}

static int command(struct xvmsg_net *net, uint8_t class, uint8_t number, const void *data,
                   uint32_t size, xvmsg_net_done *done, void *user)
{
    struct net_command *c = free_command(net);
    struct xvmsg_buffer buffers[3];

    if (!net->usable)
        return handle_fail(net->h, EIO, "the network interface cannot be used any more");
    if (!c)
        return handle_fail(net->h, EAGAIN, "no room for another command now");
    c->bytes[0] = class;
    c->bytes[1] = number;
    memcpy(c->bytes + 2, data, size);
    c->bytes[ANSWER] = VIRTIO_NET_ERR;

    uint64_t address = xvmsg_area_address(xvmsg_device_buffers(net->device), c->bytes);

    buffers[0] = (struct xvmsg_buffer){.address = address, .length = 2};
    buffers[1] = (struct xvmsg_buffer){.address = address + 2, .length = size};
    buffers[2] = (struct xvmsg_buffer){.address = address + ANSWER, .length = 1};
    if (xvmsg_queue_push(xvmsg_device_queue(net->device, net->control), buffers, 2, 1, c) < 0)
        return handle_fail(net->h, errno, "a command was not taken");
    c->busy = true;
    c->done = done;
    c->user = user;
    return 0;
}

static int needs(struct xvmsg_net *net, unsigned feature, const char *what)
{
    if (net->usable && !(xvmsg_net_features(net) & NET_FEATURE(feature)))
        return handle_fail(net->h, ENOTSUP, "the device cannot %s", what);
    return 0;
}

/* ---- those there are ---- */

int net_control_set_pairs(struct xvmsg_net *net, xvmsg_net_done *done)
{
    uint8_t bytes[2];

    le16_put(bytes, (uint16_t)net->pairs);
    return command(net, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, bytes, sizeof(bytes),
                   done, NULL);
}

int xvmsg_net_set_mac(struct xvmsg_net *net, const uint8_t mac[6], xvmsg_net_done *done,
                      void *user)
{
    if (needs(net, VIRTIO_NET_F_CTRL_MAC_ADDR, "change its address") < 0)
        return -1;
    return command(net, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, mac, 6, done, user);
}

static int set_mode(struct xvmsg_net *net, uint8_t mode, bool on, xvmsg_net_done *done, void *user)
{
    const uint8_t byte = on;

    if (needs(net, VIRTIO_NET_F_CTRL_RX, "choose what it receives") < 0)
        return -1;
    return command(net, VIRTIO_NET_CTRL_RX, mode, &byte, sizeof(byte), done, user);
}

int xvmsg_net_set_promiscuous(struct xvmsg_net *net, bool on, xvmsg_net_done *done, void *user)
{
    return set_mode(net, VIRTIO_NET_CTRL_RX_PROMISC, on, done, user);
}

int xvmsg_net_set_all_multicast(struct xvmsg_net *net, bool on, xvmsg_net_done *done, void *user)
{
    return set_mode(net, VIRTIO_NET_CTRL_RX_ALLMULTI, on, done, user);
}
