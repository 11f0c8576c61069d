/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/conformance/driver/bystander.h"

#include <CUnit/CUnit.h>
#include <string.h>

static struct xvmsg_blk *disk;
static unsigned ended;
static enum xvmsg_status last;

static void on_end(struct xvmsg_blk *blk, enum xvmsg_status status, void *user)
{
    (void)blk;
    (void)user;
    ended++;
    last = status;
}

void bystander_start(struct scene *s)
{
    scene_start(s);
    scene_add_disk(s, 4);
    ended = 0;
    disk = xvmsg_blk_open(s->t.b->h, 4, on_end, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(disk);
    backend_settle(s->t.b);
    CU_ASSERT_EQUAL_FATAL(ended, 1);
    CU_ASSERT_EQUAL_FATAL(last, XVMSG_OK);
}

void bystander_check(struct scene *s)
{
    static uint8_t data[1024], back[1024];
    static uint8_t number;
    struct backend *b = s->t.b;
    bool (*script)(struct backend *, const struct msg *) = b->script;
    size_t (*distort)(struct backend *, uint8_t *, size_t) = b->distort;
    unsigned before = ended;

    b->script = NULL;
    b->distort = NULL;
    memset(data, ++number, sizeof(data));
    CU_ASSERT_EQUAL(xvmsg_blk_write(disk, 512, data, sizeof(data), on_end, NULL), 0);
    backend_settle(b);
    CU_ASSERT_EQUAL(xvmsg_blk_read(disk, 512, back, sizeof(back), on_end, NULL), 0);
    backend_settle(b);
    CU_ASSERT_EQUAL(ended, before + 2);
    CU_ASSERT_EQUAL(last, XVMSG_OK);
    CU_ASSERT_EQUAL(memcmp(data, back, sizeof(data)), 0);
    CU_ASSERT_TRUE(scene_bus_works(s));
    b->script = script;
    b->distort = distort;
}

void bystander_end(struct scene *s)
{
    bystander_check(s);
    s->t.b->script = NULL;
    s->t.b->distort = NULL;
    xvmsg_blk_close(disk);
    backend_settle(s->t.b);
    CU_ASSERT_TRUE(backend_front_is(s->t.b, "device/4/state", "released"));
    scene_end(s);
}
