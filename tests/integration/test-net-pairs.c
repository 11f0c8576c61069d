/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The network interface with several pairs of queues. */

#include <string.h>

#include "tests/harness.h"
#include "tests/integration/net-pairs.h"

static void start(uint64_t features)
{
    pairs_start(false, false, features);
}

static void use_pairs(uint8_t count)
{
    const uint8_t command[] = {VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, count, 0};

    CU_ASSERT_EQUAL(pairs_command(CONTROL, command, sizeof(command)), VIRTIO_NET_OK);
}

/* ---- pairs in use ---- */

/* All the driver said was heard, as far as it can be. */
static void settle(void)
{
    for (unsigned i = 0; i < 10; i++)
        guest_settle(np.g);
}

static void a_frame_waits_until_its_pair_is_in_use(void)
{
    start(PAIRS_ALL);
    pairs_send(1, 100, 1);
    settle();
    CU_ASSERT(!pairs_sent(1));
    use_pairs(2);
    pairs_expect_sent(1, 100, 1);
    pairs_await(TX(1));
    pairs_end();
}

/* It waited for room, which there is when its pair is no longer in use: an interface's
 * queue that is detached takes nothing. */
static void a_frame_that_found_no_room_waits_for_its_pair(void)
{
    start(PAIRS_ALL);
    use_pairs(2);
    pairs_fill(1);
    pairs_send(1, 100, 1);
    settle();
    use_pairs(1);
    pairs_empty(1);
    settle();
    CU_ASSERT(!pairs_sent(1));
    use_pairs(2);
    pairs_expect_sent(1, 100, 1);
    pairs_await(TX(1));
    pairs_end();
}

/* ---- all of them ---- */

static const struct test_case cases[] = {
    TEST(a_frame_waits_until_its_pair_is_in_use),
    TEST(a_frame_that_found_no_room_waits_for_its_pair),
    {NULL, NULL},
};

int main(void)
{
    return test_main("net, pairs", cases);
}
