/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The library's network interface on a device that says what makes no sense, or never
 * tires. */

#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "common/le.h"
#include "tests/harness.h"
#include "tests/integration/net-ends.h"

#define HEADER XVMSG_NET_HEADER
#define MANY 10000u

static bool used;
static uint16_t says_buffers; /* what it writes */
static uint32_t says_written;
static bool tireless; /* fills each buffer as soon as it gets it */
static struct queue *receiving;

static void *create(struct device *device, const struct device_setup *setup, char *why)
{
    (void)setup, (void)why;
    device_offer_features(device, UINT64_C(1) << VIRTIO_NET_F_MRG_RXBUF |
                                      UINT64_C(1) << VIRTIO_NET_F_CTRL_VQ);
    return device;
}

static void destroy(void *state)
{
    (void)state;
}

static void read_config(void *state, void *config)
{
    (void)state;
    memset(config, 0, 12);
}

static void use_one(struct queue *queue)
{
    struct chain *chain;

    queue_begin_batch(queue);
    chain = queue_pop(queue);
    if (!chain)
        return;
    used = true;
    memset(chain->in.pieces[0].iov_base, 0, HEADER);
    le16_put((uint8_t *)chain->in.pieces[0].iov_base + 10, says_buffers);
    queue_push(queue, chain, says_written);
}

/* Uses one buffer of those it is given to receive into, once or each time. */
static void kick(void *state, struct queue *queue)
{
    (void)state;
    if (queue_index(queue) != 0 || (used && !tireless))
        return;
    receiving = queue;
    use_one(queue);
}

static const struct device_class wicked = {
    .name = "rng",
    .virtio_id = VIRTIO_ID_NET,
    .num_queues = 3,
    .queue_size = 64,
    .config_size = 12,
    .no_target = true,
    .create = create,
    .destroy = destroy,
    .read_config = read_config,
    .queue_kick = kick,
};

static void start_wicked(void (*when_received)(void))
{
    used = false;
    net_ends_class = &wicked;
    net_begin();
    n.when_received = when_received;
    CU_ASSERT_EQUAL_FATAL(net_open(1), XVMSG_OK);
}

static void use_at_once(void)
{
    use_one(receiving);
    queue_flush(receiving);
}

static void use_another(void)
{
    if (n.num_received < MANY)
        use_at_once();
}

static void expect_malformed(uint16_t buffers, uint32_t written)
{
    says_buffers = buffers;
    says_written = written;
    start_wicked(NULL);
    joined_run_until(&n.j, net_counted, &n.num_changed);
    CU_ASSERT_EQUAL(n.changed_to, XVMSG_MALFORMED_RESPONSE);
    CU_ASSERT_EQUAL(n.num_received, 0);
    net_end();
}

static void frames_that_make_no_sense(void)
{
    expect_malformed(1, HEADER - 1);
    expect_malformed(0, 60);
    expect_malformed(XVMSG_NET_PIECES + 1, 60);
    expect_malformed(UINT16_MAX, 60);
    expect_malformed(2, 60);
}

static bool received_a_thousand_more(struct joined *joined, void *user)
{
    (void)joined;
    use_at_once();
    return n.num_received >= *(const unsigned *)user + 1000;
}

/* Frames without end keep nobody from the rest, and none of the buffers is lost. */
static void a_device_that_never_tires(void)
{
    unsigned before;

    tireless = true;
    says_buffers = 1;
    says_written = 60;
    start_wicked(use_another);
    joined_run_until(&n.j, net_counted, &n.num_received);
    before = n.num_received;
    CU_ASSERT(before < MANY);
    joined_run_until(&n.j, received_a_thousand_more, &before);
    tireless = false;
    net_end();
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(frames_that_make_no_sense),
        TEST(a_device_that_never_tires),
        {NULL, NULL},
    };

    return test_main("net-ends-wicked", cases);
}
