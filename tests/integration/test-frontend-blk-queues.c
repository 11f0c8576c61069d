/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The library's disks with several queues. */

#include <linux/virtio_blk.h>
#include <stdlib.h>
#include <string.h>

#include "common/le.h"
#include "tests/harness.h"
#include "tests/integration/scripted-disk.h"

#define CONFIG_NUM_QUEUES 34
#define MQ (UINT64_C(1) << VIRTIO_BLK_F_MQ)
#define READS 40u

static unsigned num_done;

static void on_done(struct xvmsg_blk *which, enum xvmsg_status status, void *user)
{
    (void)which;
    (void)user;
    CU_ASSERT_EQUAL(status, XVMSG_OK);
    num_done++;
}

/* A device with `there` queues that speaks of `said`. */
static void start(uint64_t features, uint32_t there, uint16_t said)
{
    disk_add();
    disk->offered |= features;
    disk->max_virtqueues = there;
    le16_put(disk->config + CONFIG_NUM_QUEUES, said);
    disk_announce();
    disk_open();
    num_done = 0;
}

static unsigned queues_enabled(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < BACKEND_QUEUES; i++)
        count += disk->queues[i].enabled;
    return count;
}

static void read_many(void)
{
    uint8_t *buffer = malloc(READS * 512);

    for (unsigned i = 0; i < READS; i++) {
        if (i % 16 == 0)
            backend_settle(b); /* room to copy through */
        CU_ASSERT_EQUAL(
            xvmsg_blk_read(blk, i * 512, buffer + (size_t)i * 512, 512, on_done, NULL), 0);
    }
    backend_settle(b);
    CU_ASSERT_EQUAL(num_done, READS);
    CU_ASSERT_EQUAL(memcmp(buffer, disk->disk, READS * 512), 0);
    free(buffer);
}

static void all_queues_of_a_disk_are_used(void)
{
    start(MQ, 2, 2);
    CU_ASSERT_EQUAL_FATAL(ready_status, XVMSG_OK);
    CU_ASSERT_EQUAL(queues_enabled(), 2);
    read_many();
    CU_ASSERT(disk->queues[0].avail_seen >= 8);
    CU_ASSERT(disk->queues[1].avail_seen >= 8);
    CU_ASSERT_EQUAL(disk->queues[0].avail_seen + disk->queues[1].avail_seen, READS);
    xvmsg_blk_close(blk);
    backend_settle(b);
    CU_ASSERT_EQUAL(queues_enabled(), 0);
    backend_free(b);
}

/* The number is in the configuration only with the feature. */
static void a_disk_that_does_not_offer_several_has_one(void)
{
    start(0, 2, 2);
    CU_ASSERT_EQUAL_FATAL(ready_status, XVMSG_OK);
    CU_ASSERT_EQUAL(queues_enabled(), 1);
    read_many();
    backend_free(b);
}

static void a_device_may_say_what_it_likes(void)
{
    static const struct {
        uint32_t there;
        uint16_t said;
        unsigned used;
    } devices[] = {{2, 0, 1}, {1, 2, 1}, {2, UINT16_MAX, 2}, {1, 0, 1}};

    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
        start(MQ, devices[i].there, devices[i].said);
        CU_ASSERT_EQUAL_FATAL(ready_status, XVMSG_OK);
        CU_ASSERT_EQUAL(queues_enabled(), devices[i].used);
        read_many();
        backend_free(b);
    }
    start(MQ, 0, 2);
    CU_ASSERT_EQUAL(ready_status, XVMSG_REFUSED);
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(b->h), "it has 0 queues, the driver needs 1"));
    backend_free(b);
}

static const struct test_case cases[] = {
    TEST(all_queues_of_a_disk_are_used),
    TEST(a_disk_that_does_not_offer_several_has_one),
    TEST(a_device_may_say_what_it_likes),
    {NULL, NULL},
};

int main(void)
{
    return test_main("frontend blk queues", cases);
}
