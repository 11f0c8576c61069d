/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The library against the connection that common/README.md shows byte by byte:
 * what the page's backend does is done, what its frontend does is expected. */

#include <string.h>

#include "common/address.h"
#include "common/le.h"
#include "tests/harness.h"
#include "tests/integration/binding-page.h"
#include "tests/integration/scripted-backend.h"
#include "xenstore-schema/schema.h"

#define DEVICE 1u
#define SECTOR 512u
#define STATUS_AT 0x220u /* of the request, in the buffers */

static const struct page *page;
static size_t next; /* line that is to come */

static const struct page_line *take(enum page_line_kind kind)
{
    if (next < page->count && page->lines[next].kind == kind)
        return &page->lines[next++];
    return NULL;
}

static uint8_t *area_at(struct backend *b, const struct page_line *line)
{
    uint8_t *at = backend_memory(b, address_of_area(line->area, line->offset), line->size);

    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    return at;
}

/* What was written before a message, by whoever. */
static void play_memory(struct backend *b)
{
    const struct page_line *line;

    while ((line = take(PAGE_DRIVER)))
        page_compare(line, area_at(b, line), line->size);
}

static void play_answers(struct backend *b)
{
    const struct page_line *line;

    while ((line = take(PAGE_DEVICE)))
        memcpy(area_at(b, line), line->bytes, line->size);
    while ((line = take(PAGE_TO_FRONTEND)))
        backend_send_bytes(b, line->bytes, line->size);
}

static bool shares_pages(const struct msg *m)
{
    return m->kind == MSG_area_share_request || m->kind == MSG_area_unshare_request;
}

static bool script(struct backend *b, const struct msg *m)
{
    struct msg_header header;

    play_memory(b);
    CU_ASSERT(msg_decode_header(MSG_WIDE, b->message, sizeof(b->message), &header));
    page_compare(take(PAGE_TO_BACKEND), b->message, header.msg_size);
    /* Pages are shared for real, and answered by who did it. */
    if (shares_pages(m) && take(PAGE_TO_FRONTEND))
        return false;
    play_answers(b);
    return true;
}

static void on_ready(struct xvmsg_device *device, enum xvmsg_status status, void *user)
{
    (void)device;
    *(enum xvmsg_status *)user = status;
}

static void connect_as_on_the_page(struct backend *b)
{
    const struct page_line *line;

    backend_make_bus(b);
    backend_advertise(b);
    xvmsg_set_ring_order(b->h, 0);
    xvmsg_set_queue_layout(b->h, XVMSG_QUEUE_SPLIT);
    CU_ASSERT_EQUAL(xvmsg_connect(b->h), 0);
    /* As far as the offer, which is looked at before anybody moves an index. */
    for (int i = 0; i < 100 && !backend_front_is(b, XS_STATE, "3"); i++)
        xvmsg_process(b->h);
    while ((line = take(PAGE_NODE)))
        CU_ASSERT_TRUE(backend_front_is(b, line->key, line->value));
    while ((line = take(PAGE_RING)))
        page_compare(line, (uint8_t *)b->h->bus.pages + line->offset, line->size);
    backend_settle(b);
    CU_ASSERT_TRUE_FATAL(xvmsg_is_connected(b->h));
}

static struct xvmsg_device *open_as_on_the_page(struct backend *b)
{
    const struct xvmsg_driver driver = {
        .device_id = 2, .num_queues = 1, .queue_size = 8, .buffer_bytes = 4096};
    enum xvmsg_status status = XVMSG_TIMEOUT;
    struct xvmsg_device *device = xvmsg_device_open(b->h, DEVICE, &driver, on_ready, &status);

    CU_ASSERT_PTR_NOT_NULL_FATAL(device);
    backend_settle(b);
    CU_ASSERT_EQUAL_FATAL(status, XVMSG_OK);
    return device;
}

/* virtio-blk: read sector 3. */
static void read_as_on_the_page(struct backend *b, struct xvmsg_device *device)
{
    struct xvmsg_area *area = xvmsg_device_buffers(device);
    uint8_t *memory = xvmsg_area_memory(area);
    uint64_t at = xvmsg_area_address(area, memory);
    const struct xvmsg_buffer buffers[] = {{at, 16}, {at + 0x20, SECTOR}, {at + STATUS_AT, 1}};
    uint32_t written;

    le32_put(memory, 0); /* VIRTIO_BLK_T_IN */
    le64_put(memory + 8, 3);
    memory[STATUS_AT] = 0xff;
    CU_ASSERT_EQUAL(xvmsg_queue_push(xvmsg_device_queue(device, 0), buffers, 1, 2, memory), 0);
    backend_settle(b);
    CU_ASSERT_PTR_EQUAL(xvmsg_queue_pop(xvmsg_device_queue(device, 0), &written), memory);
    CU_ASSERT_EQUAL(written, SECTOR + 1);
    CU_ASSERT_PTR_NULL(xvmsg_queue_pop(xvmsg_device_queue(device, 0), &written));
    CU_ASSERT_EQUAL(memory[STATUS_AT], 0);
}

static void on_devices(struct xvmsg *h, const struct xvmsg_reply *reply, void *user)
{
    (void)h;
    CU_ASSERT_EQUAL(reply->status, XVMSG_OK);
    CU_ASSERT_EQUAL(*(uint8_t *)user, 1u << DEVICE);
}

static void the_library_does_what_the_page_says(void)
{
    struct backend *b = backend_new();
    struct xvmsg_device *device;
    uint8_t bitmap[2];

    page = page_read();
    next = 0;
    b->script = script;
    connect_as_on_the_page(b);
    CU_ASSERT_EQUAL(xvmsg_get_devices(b->h, 0, 16, bitmap, on_devices, bitmap), 0);
    backend_settle(b);
    device = open_as_on_the_page(b);
    read_as_on_the_page(b, device);
    xvmsg_device_close(device);
    backend_settle(b);
    CU_ASSERT_EQUAL(next, page->count);
    b->script = NULL;
    backend_free(b);
}

static const struct test_case cases[] = {
    TEST(the_library_does_what_the_page_says),
    {NULL, NULL},
};

int main(void)
{
    return test_main("binding, frontend", cases);
}
