/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Opening a network interface that keeps its commands. */

#include <errno.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <string.h>

#include "backend/devices/table.h"
#include "common/le.h"
#include "frontend/xvmsg-net.h"
#include "tests/harness.h"
#include "tests/integration/program.h"

#define BIT(n) (UINT64_C(1) << (n))
#define PAIRS 2u

static void *create(struct device *device, const struct device_setup *setup, char *why)
{
    (void)setup, (void)why;
    device_offer_features(device, BIT(VIRTIO_NET_F_MRG_RXBUF) | BIT(VIRTIO_NET_F_CTRL_VQ) |
                                      BIT(VIRTIO_NET_F_MQ));
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
    le16_put((uint8_t *)config + 8, PAIRS);
}

static void keep(void *state, struct queue *queue)
{
    (void)state, (void)queue;
}

/* For the supervisor it is of a type that stands on nothing. */
const struct device_class *table_find(const char *name)
{
    static const struct device_class class = {
        .name = "rng",
        .virtio_id = VIRTIO_ID_NET,
        .num_queues = 2 * PAIRS + 1,
        .queue_size = 64,
        .config_size = 12,
        .no_target = true,
        .create = create,
        .destroy = destroy,
        .read_config = read_config,
        .queue_kick = keep,
    };

    return strcmp(name, "rng") == 0 ? &class : NULL;
}

static struct xvmsg *begin(void)
{
    struct xvmsg *h;

    program_begin("rng", NULL);
    h = xvmsg_new(NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(h);
    CU_ASSERT_EQUAL(xvmsg_set_timeout(h, 1000), 0);
    CU_ASSERT_EQUAL_FATAL(xvmsg_connect_wait(h, 10000), 0);
    return h;
}

static void a_command_that_is_kept_keeps_nobody(void)
{
    struct xvmsg *h = begin();
    struct xvmsg_net *net;

    errno = 0;
    CU_ASSERT_PTR_NULL(xvmsg_net_open_wait(h, 1, PAIRS));
    CU_ASSERT_EQUAL(errno, EIO);
    net = xvmsg_net_open_wait(h, 1, 1);
    CU_ASSERT_PTR_NOT_NULL(net);
    xvmsg_free(h);
    program_end();
}

static void note(struct xvmsg_net *net, enum xvmsg_status status, void *user)
{
    enum xvmsg_status *noted = user;

    (void)net;
    *noted = status;
}

/* Nor whoever has a loop of their own. */
static void nor_does_it_keep_a_loop(void)
{
    struct xvmsg *h = begin();
    enum xvmsg_status status = XVMSG_OK;
    struct xvmsg_net *net = xvmsg_net_open(h, 1, PAIRS, note, &status);
    struct pollfd pfd = {.fd = xvmsg_fd(h), .events = POLLIN};

    CU_ASSERT_PTR_NOT_NULL(net);
    while (status == XVMSG_OK && poll(&pfd, 1, 10000) > 0)
        CU_ASSERT_EQUAL_FATAL(xvmsg_process(h), 0);
    CU_ASSERT_EQUAL(status, XVMSG_TIMEOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(h), "2 pairs of queues"));
    xvmsg_net_close(net);
    net = xvmsg_net_open_wait(h, 1, 1);
    CU_ASSERT_PTR_NOT_NULL(net);
    xvmsg_free(h);
    program_end();
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(a_command_that_is_kept_keeps_nobody),
        TEST(nor_does_it_keep_a_loop),
        {NULL, NULL},
    };

    return test_main("net-open", cases);
}
