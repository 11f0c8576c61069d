/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "frontend/guest/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TUN "/dev/net/tun"

/* errno becomes a sentence. */
static int fail(char why[TAP_WHY_SIZE], const char *what)
{
    snprintf(why, TAP_WHY_SIZE, "%s: %s", what, strerror(errno));
    return -1;
}

/* The name of the first queue's interface is the others'. */
static int add_queue(struct tap *tap, const struct tap_setup *setup, char why[TAP_WHY_SIZE])
{
    const short several = setup->queues > 1 ? IFF_MULTI_QUEUE : 0;
    struct ifreq request = {.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | several)};
    int header = XVMSG_NET_HEADER, little_endian = 1;
    int fd = open(TUN, O_RDWR | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return fail(why, TUN);
    tap->fds[tap->queues++] = fd;
    strcpy(request.ifr_name, tap->name);
    if (ioctl(fd, TUNSETIFF, &request) < 0)
        return fail(why, "a TAP interface cannot be made");
    snprintf(tap->name, sizeof(tap->name), "%s", request.ifr_name);
    if (ioctl(fd, TUNSETVNETHDRSZ, &header) < 0 || ioctl(fd, TUNSETVNETLE, &little_endian) < 0)
        return fail(why, "the kernel's TAP interfaces lack virtio's headers");
    return 0;
}

static int set_mtu(const struct tap *tap, unsigned mtu, char why[TAP_WHY_SIZE])
{
    struct ifreq request = {.ifr_mtu = (int)mtu};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int rc;

    if (fd < 0)
        return fail(why, "no socket");
    strcpy(request.ifr_name, tap->name);
    rc = ioctl(fd, SIOCSIFMTU, &request);
    if (rc < 0)
        fail(why, "the MTU cannot be set");
    close(fd);
    return rc;
}

static int configure(const struct tap *tap, const struct tap_setup *setup, char why[TAP_WHY_SIZE])
{
    struct ifreq address = {.ifr_hwaddr.sa_family = ARPHRD_ETHER};
    unsigned long offloads = (setup->offloads & TAP_CHECKSUMS ? TUN_F_CSUM : 0) |
                             (setup->offloads & TAP_SEGMENTS4 ? TUN_F_TSO4 : 0) |
                             (setup->offloads & TAP_SEGMENTS6 ? TUN_F_TSO6 : 0);

    memcpy(address.ifr_hwaddr.sa_data, setup->mac, sizeof(setup->mac));
    strcpy(address.ifr_name, tap->name);
    if (ioctl(tap->fds[0], SIOCSIFHWADDR, &address) < 0)
        return fail(why, "the MAC address cannot be set");
    if (ioctl(tap->fds[0], TUNSETOFFLOAD, offloads) < 0)
        return fail(why, "the offloads cannot be set");
    return setup->mtu ? set_mtu(tap, setup->mtu, why) : 0;
}

int tap_open(struct tap *tap, const struct tap_setup *setup, char why[TAP_WHY_SIZE])
{
    *tap = (struct tap){0};
    snprintf(tap->name, sizeof(tap->name), "%s", setup->name);
    while (tap->queues < setup->queues && tap->queues < TAP_MAX_QUEUES)
        if (add_queue(tap, setup, why) < 0)
            goto close;
    if (configure(tap, setup, why) < 0)
        goto close;
    return 0;

close:
    tap_close(tap);
    return -1;
}

void tap_close(struct tap *tap)
{
    while (tap->queues)
        close(tap->fds[--tap->queues]);
}

ssize_t tap_read(const struct tap *tap, unsigned queue, const struct iovec *pieces,
                 unsigned count)
{
    return readv(tap->fds[queue], pieces, (int)count);
}

ssize_t tap_write(const struct tap *tap, unsigned queue, const struct iovec *pieces,
                  unsigned count)
{
    return writev(tap->fds[queue], pieces, (int)count);
}

void tap_set_carrier(const struct tap *tap, bool on)
{
    int value = on;

    ioctl(tap->fds[0], TUNSETCARRIER, &value);
}
