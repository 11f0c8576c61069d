/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Chains of buffers for a device that is told grant addresses: a buffer takes as many
 * descriptors as its pages have runs of references. */

#include "frontend/device.h"

/* Nearly all buffers are the device's own. */
static const struct xvmsg_area *find_area(const struct xvmsg_device *d, uint64_t address)
{
    const struct xvmsg_area *own = d->buffers;

    return own && area_contains(own, address) ? own : area_find(d->h, address);
}

unsigned grant_resolve(const struct xvmsg_device *d, const struct xvmsg_buffer *buffers,
                       unsigned count, struct xvmsg_buffer *wire, unsigned room)
{
    unsigned used = 0;

    for (unsigned i = 0; i < count; i++) {
        const struct xvmsg_area *area = find_area(d, buffers[i].address);
        struct xvmsg_buffer left = buffers[i];

        do {
            if (used == room)
                return room + 1;
            wire[used] = area ? area_resolve(area, &left) : left;
            left.address += wire[used].length;
            left.length -= wire[used].length;
            used++;
        } while (left.length);
    }
    return used;
}
