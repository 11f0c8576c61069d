/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * What a TAP interface is told about the guest behind it. A kernel that does not
 * know one of these leaves the interface as it is, which still carries frames.
 */

#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include "backend/devices/net.h"

void net_tap_prepare(int fd)
{
    int header = (int)NET_HEADER, little_endian = 1;

    ioctl(fd, TUNSETVNETHDRSZ, &header);
    ioctl(fd, TUNSETVNETLE, &little_endian);
}

void net_tap_set_offloads(int fd, uint64_t features)
{
    unsigned long offloads = 0;

    /* Segments have checksums to be filled in: nothing goes without this one. */
    if (features & NET_FEATURE(VIRTIO_NET_F_GUEST_CSUM)) {
        offloads |= TUN_F_CSUM;
        if (features & NET_FEATURE(VIRTIO_NET_F_GUEST_TSO4))
            offloads |= TUN_F_TSO4;
        if (features & NET_FEATURE(VIRTIO_NET_F_GUEST_TSO6))
            offloads |= TUN_F_TSO6;
    }
    ioctl(fd, TUNSETOFFLOAD, offloads);
}

void net_tap_attach(int fd, bool attached)
{
    struct ifreq request = {.ifr_flags = attached ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE};

    ioctl(fd, TUNSETQUEUE, &request);
}

void net_tap_set_carrier(int fd, bool carrier)
{
    int on = carrier;

    ioctl(fd, TUNSETCARRIER, &on);
}
