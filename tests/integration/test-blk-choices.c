/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What a disk's request may choose: its cache, and how many queues it has. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/ipc.h"
#include "common/le.h"
#include "tests/harness.h"
#include "tests/integration/blk-guest.h"
#include "xenstore-schema/schema.h"

#define FLUSH BIT(VIRTIO_BLK_F_FLUSH)
#define WCE BIT(VIRTIO_BLK_F_CONFIG_WCE)
#define MQ BIT(VIRTIO_BLK_F_MQ)
#define CONFIG_NUM_QUEUES 34u

/* With a second descriptor for O_DIRECT; false, nothing started: /tmp has none. */
static bool start(struct guest **g, const char *cache, const char *queues, bool direct)
{
    struct ipc_message message = {
        .kind = IPC_DEVICE_ADD,
        .device = {.number = DEV, .type = "blk", .name = "disk0"},
    };
    struct fds fds = {1, {-1}};
    char path[32];

    blk_guest_disk = guest_disk(SECTORS);
    fds.fd[0] = dup(blk_guest_disk);
    if (direct) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", blk_guest_disk);
        fds.fd[1] = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
        if (fds.fd[1] < 0) {
            printf("# not tested: /tmp is on a file system without O_DIRECT\n");
            fds_close(&fds);
            close(blk_guest_disk);
            return false;
        }
        fds.count = 2;
    }
    choices_add(&message.device.choices, XS_MODE, XS_MODE_WRITE);
    if (cache)
        choices_add(&message.device.choices, XS_CACHE, cache);
    if (queues)
        choices_add(&message.device.choices, XS_QUEUES, queues);
    *g = guest_new();
    CU_ASSERT_EQUAL_FATAL(ipc_send((*g)->supervisor, &message, &fds), 0);
    fds_close(&fds);
    CU_ASSERT_EQUAL_FATAL(guest_told(*g).kind, IPC_DEVICE_ADDED);
    guest_connect(*g, MSG_WIDE, 272);
    guest_share_area(*g);
    return true;
}

static uint64_t offered(struct guest *g)
{
    struct msg m = {
        .kind = MSG_get_device_features_request,
        .dev_num = DEV,
        .get_device_features_request.num_blocks = 2,
    };

    m = guest_call(g, m);
    return le64_get(m.get_device_features_response.features.bytes);
}

static uint32_t max_virtqueues(struct guest *g)
{
    struct msg m = {.kind = MSG_get_device_info_request, .dev_num = DEV};

    return guest_call(g, m).get_device_info_response.max_virtqueues;
}

/* ---- the cache ---- */

static void features_follow_the_cache(void)
{
    static const struct {
        const char *cache;
        uint64_t features;
    } modes[] = {
        {NULL, FLUSH | WCE},
        {XS_CACHE_WRITEBACK, FLUSH | WCE},
        {XS_CACHE_NONE, FLUSH | WCE},
        {XS_CACHE_WRITETHROUGH, 0},
        {XS_CACHE_DIRECTSYNC, 0},
    };

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        struct guest *g;

        CU_ASSERT_TRUE_FATAL(start(&g, modes[i].cache, NULL, false));
        CU_ASSERT_EQUAL(offered(g) & (FLUSH | WCE), modes[i].features);
        blk_guest_stop(g);
    }
}

/* A request of `size` bytes whose data lies `shift` bytes behind a page's beginning. */
static uint8_t request_at(struct guest *g, uint32_t type, uint64_t sector, uint32_t size,
                          unsigned shift)
{
    blk_guest_prepare(g, 0, type, sector, size, type == VIRTIO_BLK_T_IN ? WRITE : 0);
    g->desc[1].addr += shift;
    guest_kick(g, DEV);
    guest_await_used(g);
    return g->area[GUEST_STATUSES];
}

/* Where O_DIRECT can do it, and where it cannot; and what one way wrote the other reads. */
static void direct_or_not_all_requests_are_done(void)
{
    static const struct {
        uint64_t sector;
        uint32_t size;
        unsigned shift;
    } places[] = {{0, 4096, 0}, {8, 8192, 512}, {1, 512, 0}, {7, 1024, 1}, {16, 4096, 3}, {3, 512, 2}};

    for (unsigned write_shift = 0; write_shift < 2; write_shift++) {
        struct guest *g;

        if (!start(&g, XS_CACHE_NONE, NULL, true))
            return;
        guest_start_device(g, DEV, FEATURES);
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
            uint8_t file[8192], byte = (uint8_t)(0x80 + i);
            unsigned shift = write_shift ? places[i].shift : 0;
            unsigned back = write_shift ? 0 : places[i].shift;

            memset(g->area + GUEST_DATA + shift, byte, places[i].size);
            CU_ASSERT_EQUAL(request_at(g, VIRTIO_BLK_T_OUT, places[i].sector, places[i].size, shift),
                            VIRTIO_BLK_S_OK);
            memset(g->area + GUEST_DATA, 0, 16384);
            CU_ASSERT_EQUAL(request_at(g, VIRTIO_BLK_T_IN, places[i].sector, places[i].size, back),
                            VIRTIO_BLK_S_OK);
            memset(file, byte, sizeof(file));
            CU_ASSERT_EQUAL(memcmp(g->area + GUEST_DATA + back, file, places[i].size), 0);
            CU_ASSERT_EQUAL(pread(blk_guest_disk, file, places[i].size,
                                  (off_t)places[i].sector * 512),
                            places[i].size);
            CU_ASSERT_EQUAL(memcmp(g->area + GUEST_DATA + back, file, places[i].size), 0);
        }
        blk_guest_stop(g);
    }
}

/* ---- queues ---- */

static void a_disk_has_as_many_queues_as_were_chosen(void)
{
    struct guest *g;
    struct msg m;

    CU_ASSERT_TRUE_FATAL(start(&g, NULL, NULL, false));
    CU_ASSERT_EQUAL(max_virtqueues(g), 1);
    CU_ASSERT_EQUAL(offered(g) & MQ, 0);
    blk_guest_stop(g);
    CU_ASSERT_TRUE_FATAL(start(&g, NULL, "3", false));
    CU_ASSERT_EQUAL(max_virtqueues(g), 3);
    CU_ASSERT_EQUAL(offered(g) & MQ, MQ);
    m = guest_call(g, (struct msg){
                          .kind = MSG_get_config_request,
                          .dev_num = DEV,
                          .get_config_request = {.offset = CONFIG_NUM_QUEUES, .length = 2},
                      });
    CU_ASSERT_EQUAL(le16_get(m.get_config_response.data.bytes), 3);
    for (uint32_t i = 0; i < 5; i++) {
        m = guest_call(g, (struct msg){.kind = MSG_get_vqueue_request,
                                       .dev_num = DEV,
                                       .get_vqueue_request.index = i});
        CU_ASSERT_EQUAL(m.get_vqueue_response.max_size, i < 3 ? 128 : 0);
    }
    blk_guest_stop(g);
}

static const struct test_case cases[] = {
    TEST(features_follow_the_cache),
    TEST(direct_or_not_all_requests_are_done),
    TEST(a_disk_has_as_many_queues_as_were_chosen),
    {NULL, NULL},
};

int main(void)
{
    return test_main("blk choices", cases);
}
