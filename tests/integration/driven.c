/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/integration/driven.h"

#include <CUnit/CUnit.h>

static void on_ready(struct xvmsg_device *device, enum xvmsg_status status, void *user)
{
    struct driven *t = user;

    CU_ASSERT_FALSE(t->ready);
    t->device = device;
    t->ready = true;
    t->status = status;
}

static void on_used(struct xvmsg_device *device, unsigned index, void *user)
{
    struct driven *t = user;

    CU_ASSERT_PTR_EQUAL(device, t->device);
    CU_ASSERT_EQUAL(index, 0);
    t->used_count++;
}

static void on_broken(struct xvmsg_device *device, enum xvmsg_status status, void *user)
{
    struct driven *t = user;

    CU_ASSERT_PTR_EQUAL(device, t->device);
    t->broke = status;
    t->broken_count++;
}

static void on_config(struct xvmsg *h, uint64_t number, uint32_t device_status, uint32_t offset,
                      uint32_t length, void *user)
{
    struct driven *t = user;

    (void)h;
    (void)number;
    (void)device_status;
    t->config_count++;
    t->config_offset = offset;
    t->config_length = length;
}

static void on_driver_config(struct xvmsg_device *device, uint32_t offset, uint32_t length,
                             void *user)
{
    struct driven *t = user;

    (void)offset;
    (void)length;
    CU_ASSERT_PTR_EQUAL(device, t->device);
    t->driver_config_count++;
}

void driven_done(struct xvmsg_device *device, enum xvmsg_status status, void *user)
{
    struct driven *t = user;

    CU_ASSERT_PTR_EQUAL(device, t->device);
    t->done_count++;
    t->done_status = status;
}

void driven_start_on(struct driven *t, struct backend *b)
{
    struct xvmsg_handlers handlers = {.config = on_config};

    *t = (struct driven){
        .b = b,
        .driver = {
            .device_id = 2,
            .features = UINT64_C(1) << 9 | UINT64_C(1) << 28 | UINT64_C(1) << 29,
            .num_queues = 2,
            .queue_size = 64,
            .buffer_bytes = 8192,
            .used = on_used,
            .config = on_driver_config,
            .broken = on_broken,
        },
    };
    xvmsg_set_handlers(b->h, &handlers, t);
    CU_ASSERT_EQUAL(xvmsg_connect(b->h), 0);
    backend_settle(b);
    CU_ASSERT_TRUE_FATAL(xvmsg_is_connected(b->h));
    t->disk = backend_add_disk(t->b, 3, "disk0");
    t->disk->max_virtqueues = 2;
    backend_settle(t->b);
}

void driven_start(struct driven *t)
{
    struct backend *b = backend_new();

    backend_make_bus(b);
    backend_advertise(b);
    driven_start_on(t, b);
}

void driven_start_in(struct driven *t, bool strict, unsigned message_size)
{
    struct backend *b = backend_new();

    backend_make_bus(b);
    backend_advertise(b);
    backend_write(b, "transport-features", "1");
    CU_ASSERT_EQUAL(xvmsg_set_strict_config(b->h, strict), 0);
    CU_ASSERT_EQUAL(xvmsg_set_message_size(b->h, message_size), 0);
    driven_start_on(t, b);
    CU_ASSERT_EQUAL_FATAL(xvmsg_is_strict(b->h), strict);
}

struct xvmsg_device *driven_try(struct driven *t, const struct xvmsg_driver *driver)
{
    return xvmsg_device_open(t->b->h, 3, driver, on_ready, t);
}

void driven_open(struct driven *t)
{
    t->device = driven_try(t, &t->driver);
    CU_ASSERT_PTR_NOT_NULL_FATAL(t->device);
    CU_ASSERT_FALSE(t->ready);
    backend_settle(t->b);
}

void driven_start_ready(struct driven *t)
{
    driven_start(t);
    driven_open(t);
    CU_ASSERT_TRUE_FATAL(t->ready);
    CU_ASSERT_EQUAL_FATAL(t->status, XVMSG_OK);
}

void driven_config_event(struct driven *t, uint32_t offset, uint32_t length, const uint8_t *data)
{
    struct msg m = {
        .kind = MSG_event_config,
        .dev_num = 3,
        .event_config = {.device_status = 0x0f,
                         .generation = t->disk->generation,
                         .offset = offset,
                         .length = length},
    };

    if (data)
        m.event_config.data = (struct msg_tail){data, length};
    backend_send(t->b, &m);
}
