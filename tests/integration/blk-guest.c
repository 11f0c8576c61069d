/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/integration/blk-guest.h"

#include <liburing.h>
#include <unistd.h>

#include "common/le.h"
#include "tests/harness.h"

int blk_guest_disk;

/* In place of the library's: a test that has an io_uring_submit() of its own sees all
 * that is handed over. */
int io_uring_submit_and_wait_timeout(struct io_uring *ring, struct io_uring_cqe **cqe,
                                     unsigned count, struct __kernel_timespec *limit,
                                     sigset_t *mask)
{
    int result = io_uring_submit(ring);

    if (result >= 0 && io_uring_cq_ready(ring) < count)
        io_uring_wait_cqes(ring, cqe, count, limit, mask);
    return result;
}

struct guest *blk_guest_start(int target, bool read_only, uint64_t features)
{
    struct guest *g = guest_new();

    blk_guest_disk = target;
    guest_add_blk(g, DEV, dup(target), read_only);
    guest_connect(g, MSG_WIDE, 272);
    guest_share_area(g);
    guest_start_device(g, DEV, features);
    return g;
}

void blk_guest_stop(struct guest *g)
{
    guest_free(g);
    close(blk_guest_disk);
}

static bool device_reads(uint32_t type)
{
    return type == VIRTIO_BLK_T_OUT || type == VIRTIO_BLK_T_DISCARD ||
           type == VIRTIO_BLK_T_WRITE_ZEROES;
}

void blk_guest_prepare(struct guest *g, unsigned n, uint32_t type, uint64_t sector, uint32_t size,
                       uint16_t data_flags)
{
    unsigned first = 3 * n;
    uint64_t header = GUEST_HEADERS + 16 * n;

    le32_put(g->area + header, type);
    le32_put(g->area + header + 4, 0);
    le64_put(g->area + header + 8, sector);
    g->area[GUEST_STATUSES + n] = 0xee;
    guest_describe(g, first, header, 16, 0, (uint16_t)(size ? first + 1 : first + 2));
    guest_describe(g, first + 1, GUEST_DATA, size, data_flags, (uint16_t)(first + 2));
    guest_describe(g, first + 2, GUEST_STATUSES + n, 1, WRITE, 0);
    guest_make_available(g, (uint16_t)first);
}

uint8_t blk_guest_request(struct guest *g, uint32_t type, uint64_t sector, uint32_t size,
                          uint32_t *length)
{
    blk_guest_prepare(g, 0, type, sector, size, device_reads(type) ? 0 : WRITE);
    guest_kick(g, DEV);
    *length = guest_await_used(g);
    return g->area[GUEST_STATUSES];
}

void blk_guest_reset(struct guest *g, uint64_t features)
{
    struct msg ask = {.kind = MSG_get_device_status_request, .dev_num = DEV};
    uint16_t used;

    guest_set_status(g, DEV, 0);
    while (guest_call(g, ask).get_device_status_response.status != 0)
        ;
    used = g->used->idx;
    CU_ASSERT_EQUAL(guest_unshare_area(g), AREA_OK);
    guest_settle(g);
    CU_ASSERT_EQUAL(g->used->idx, used);
    guest_share_area(g);
    guest_start_device(g, DEV, features);
}
