/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The whole backend in one process: supervisor and real worker, and a guest
 * that speaks over a ring of its own. */

#include <stdlib.h>
#include <unistd.h>

#include "backend/worker.h"
#include "common/codec.h"
#include "common/le.h"
#include "common/ring.h"
#include "common/store.h"
#include "tests/harness.h"
#include "tests/integration/stage.h"

#define ORDER 0u
#define MESSAGE_SIZE 272

static struct stage s;
static struct platform *worker_xen;
static struct worker *worker;

/* The guest's end. */
static void *pages;
static uint32_t ring_ref;
static int port;
static struct ring ring;

static int spawn(void *user, const char *label, pid_t *pid)
{
    (void)user;
    *pid = 0;
    return stage_true_worker(&s, worker_xen, label, &worker);
}

static void open_backend(void)
{
    stage_open(&s, 0);
    s.daemon.spawn = spawn;
    worker_xen = fake_xen_domain(s.fx, 0);
    stage_start_daemon(&s);
    stage_make_bus(&s, 7);
    stage_wait(&s, B7 "/state", "2");
}

static void close_backend(void)
{
    stage_stop_daemon(&s);
    worker_free(worker);
    CU_ASSERT_EQUAL(fake_xen_counters(s.fx).mapped_pages, 0);
    platform_close(worker_xen);
    stage_close(&s);
}

static int offer_body(struct platform *p, platform_tx tx, void *user)
{
    (void)user;
    store_write_u64(p, tx, F7, "version", 1);
    store_write_text(p, tx, F7, "wire-form", "wide");
    store_write_u64(p, tx, F7, "message-size", MESSAGE_SIZE);
    store_write_u64(p, tx, F7, "ring-page-order", ORDER);
    store_write_u64(p, tx, F7, "ring-ref-0", ring_ref);
    store_write_u64(p, tx, F7, "event-channel", (uint64_t)port);
    store_write_u64(p, tx, F7, "transport-features", 0);
    return store_write_u64(p, tx, F7, "state", 3);
}

static void connect_guest(void)
{
    struct platform *g = s.guest;

    pages = g->ops->grant_share(g, 0, 1u << ORDER, true, &ring_ref);
    CU_ASSERT_PTR_NOT_NULL_FATAL(pages);
    port = g->ops->evtchn_alloc(g, 0);
    CU_ASSERT(port > 0);
    ring_format(pages, ORDER);
    CU_ASSERT(ring_attach(&ring, pages, ORDER, RING_FRONTEND, MSG_WIDE, MESSAGE_SIZE));
    CU_ASSERT_EQUAL(store_transaction(g, offer_body, NULL), 0);
    stage_wait(&s, B7 "/state", "4");
    stage_write(g, F7 "/state", "4");
    stage_settle(&s);
}

static void attach(const char *name, const char *number)
{
    stage_request(&s, name, stage_target(&s, name, 4096));
    stage_wait(&s, store_path(B7 "/request/%s/number", name).text, number);
}

/* Asks over the ring; a tail of the response lies in `bytes`. */
static struct msg ask(const struct msg *request, uint8_t bytes[MESSAGE_SIZE])
{
    size_t size = msg_encode(MSG_WIDE, request, bytes, MESSAGE_SIZE, NULL);
    struct msg response;

    CU_ASSERT(size > 0 && ring_put(&ring, bytes, size));
    if (ring_publish(&ring))
        s.guest->ops->evtchn_notify(s.guest, (uint32_t)port);
    test_alarm(TEST_PATIENCE);
    while (!(size = ring_get(&ring, bytes)))
        event_base_loop(s.base, EVLOOP_ONCE);
    test_alarm(0);
    ring_release(&ring);
    CU_ASSERT_FATAL(msg_decode(MSG_WIDE, bytes, size, &response, NULL));
    CU_ASSERT_EQUAL_FATAL(response.kind, request->kind + 1);
    return response;
}

/* Which devices there are; bit n is device number n. */
static unsigned devices(void)
{
    struct msg request = {.kind = MSG_get_devices_request, .get_devices_request.count = 32};
    uint8_t bytes[MESSAGE_SIZE];

    return ask(&request, bytes).get_devices_response.bitmap.bytes[0];
}

/* The size in sectors that device 1 tells. */
static uint64_t capacity(void)
{
    struct msg request = {
        .kind = MSG_get_config_request,
        .dev_num = 1,
        .get_config_request.length = 8,
    };
    uint8_t bytes[MESSAGE_SIZE];

    return le64_get(ask(&request, bytes).get_config_response.data.bytes);
}

static void the_guest_finds_the_devices_of_xenstore(void)
{
    open_backend();
    attach("one", "1");
    connect_guest();
    attach("two", "2");
    CU_ASSERT_EQUAL(devices(), 1u << 1 | 1u << 2);
    stage_write(s.toolstack, B7 "/request/one/remove", "orderly");
    stage_wait(&s, B7 "/request/one", NULL);
    CU_ASSERT_EQUAL(devices(), 1u << 2);
    CU_ASSERT(stage_keeps_schema(&s));
    close_backend();
}

static void devices_outlive_a_connection(void)
{
    open_backend();
    attach("disk", "1");
    connect_guest();
    stage_write(s.guest, F7 "/state", "6");
    stage_wait(&s, B7 "/state", "2");
    CU_ASSERT_EQUAL(fake_xen_counters(s.fx).mapped_pages, 0);
    stage_begin(s.guest, 7);
    connect_guest();
    CU_ASSERT_EQUAL(devices(), 1u << 1);
    close_backend();
}

static void a_disk_has_the_size_its_file_has_now(void)
{
    open_backend();
    attach("disk", "1");
    connect_guest();
    CU_ASSERT_EQUAL(capacity(), 8);
    stage_target(&s, "disk", 8192);
    CU_ASSERT_EQUAL(capacity(), 8);
    stage_write(s.toolstack, B7 "/request/disk/resize", "1");
    stage_wait(&s, B7 "/request/disk/resize", NULL);
    CU_ASSERT_EQUAL(capacity(), 16);
    close_backend();
}

static void a_reference_that_cannot_be_mapped_closes_the_bus(void)
{
    open_backend();
    ring_ref = 4000000;
    port = 1;
    CU_ASSERT_EQUAL(store_transaction(s.guest, offer_body, NULL), 0);
    stage_wait(&s, B7 "/state", "5");
    CU_ASSERT(stage_says(&s, B7 "/error", " "));
    stage_begin(s.guest, 7);
    stage_wait(&s, B7 "/state", "2");
    connect_guest();
    close_backend();
}

static void a_poisoned_ring_closes_the_bus_and_unmaps_it(void)
{
    open_backend();
    connect_guest();
    ((struct xvmsg_ring_abi *)pages)->to_backend.prod = 12345;
    s.guest->ops->evtchn_notify(s.guest, (uint32_t)port);
    stage_wait(&s, B7 "/state", "5");
    CU_ASSERT(stage_says(&s, B7 "/error", " "));
    CU_ASSERT_EQUAL(fake_xen_counters(s.fx).mapped_pages, 0);
    close_backend();
}

/* A mapping left would keep the domain a zombie. */
static void nothing_of_a_dead_domain_stays_mapped(void)
{
    open_backend();
    attach("disk", "1");
    connect_guest();
    fake_xen_destroy_domain(s.fx, 7);
    stage_wait(&s, "/local/domain/0/backend/virtio-msg/7", NULL);
    worker_free(worker); /* its socket closed, so its process ends */
    worker = NULL;
    CU_ASSERT_EQUAL(fake_xen_counters(s.fx).mapped_pages, 0);
    close_backend();
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(the_guest_finds_the_devices_of_xenstore),
        TEST(devices_outlive_a_connection),
        TEST(a_disk_has_the_size_its_file_has_now),
        TEST(a_reference_that_cannot_be_mapped_closes_the_bus),
        TEST(a_poisoned_ring_closes_the_bus_and_unmaps_it),
        TEST(nothing_of_a_dead_domain_stays_mapped),
        {NULL, NULL},
    };

    return test_main("backend", cases);
}
