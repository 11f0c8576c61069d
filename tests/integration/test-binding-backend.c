/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The worker against the connection that common/README.md shows byte by byte:
 * what the page's frontend does is done, what its backend does is expected. */

#include <string.h>
#include <unistd.h>

#include "common/barrier.h"
#include "common/le.h"
#include "tests/harness.h"
#include "tests/integration/binding-page.h"
#include "tests/integration/scripted-guest.h"

#define DEVICE 1u
#define AREAS 3u /* the page uses areas 1 and 2 */

static uint8_t *areas[AREAS];

/* The page shares single pages by reference; the fake gives references in order. */
static void share_page(struct guest *g, const struct page_line *line)
{
    uint32_t ref, listed;
    struct msg m;

    CU_ASSERT_FATAL(msg_decode(MSG_WIDE, line->bytes, line->size, &m, NULL));
    if (m.kind != MSG_area_share_request)
        return;
    CU_ASSERT_FATAL(m.area_share_request.area < AREAS && m.area_share_request.pages == 1);
    listed = le32_get(m.area_share_request.refs.bytes);
    areas[m.area_share_request.area] = g->domu->ops->grant_share(g->domu, 0, 1, true, &ref);
    CU_ASSERT_EQUAL(ref, listed);
}

static void expect_message(struct guest *g, const struct page_line *line)
{
    struct msg m = guest_receive(g);
    struct msg_header header;

    (void)m;
    CU_ASSERT(msg_decode_header(MSG_WIDE, g->message, sizeof(g->message), &header));
    page_compare(line, g->message, header.msg_size);
}

static void compare_memory(const struct page_line *line, const struct page_line *end)
{
    for (; line < end && line->kind == PAGE_DEVICE; line++)
        page_compare(line, areas[line->area] + line->offset, line->size);
}

/* What the device wrote stands before the message that tells of it. */
static const struct page_line *written_before(const struct page_line *line)
{
    while (line[-1].kind == PAGE_DEVICE)
        line--;
    return line;
}

static void play(struct guest *g, const struct page_line *line)
{
    switch (line->kind) {
    case PAGE_NODE:   /* the supervisor's business */
    case PAGE_RING:   /* the same code for both ends; its fields move at once */
    case PAGE_DEVICE: /* looked at when the message behind it has come */
        break;
    case PAGE_TO_BACKEND:
        share_page(g, line);
        guest_send_bytes(g, line->bytes, line->size);
        break;
    case PAGE_TO_FRONTEND:
        expect_message(g, line);
        compare_memory(written_before(line), line);
        break;
    case PAGE_DRIVER:
        memcpy(areas[line->area] + line->offset, line->bytes, line->size);
        break;
    }
}

/* Sector n of the disk is filled with n + 0xa0. */
static int disk(void)
{
    int fd = guest_disk(8);
    uint8_t sector[512];

    for (int i = 0; i < 8; i++) {
        memset(sector, 0xa0 + i, sizeof(sector));
        CU_ASSERT_EQUAL(pwrite(fd, sector, sizeof(sector), i * 512), sizeof(sector));
    }
    return fd;
}

static void add_disk(struct guest *g)
{
    static const uint8_t uuid[] = {0x7d, 0x44, 0x48, 0x40, 0x9d, 0xc0, 0x11, 0xd1,
                                   0xb2, 0x45, 0x5f, 0xfd, 0xce, 0x74, 0xfa, 0xd2};
    struct ipc_message message = {
        .kind = IPC_DEVICE_ADD,
        .device = {.number = DEVICE, .type = "blk", .name = "blk0"},
    };
    int fd = disk();

    memcpy(message.device.uuid, uuid, sizeof(uuid));
    guest_tell(g, &message, fd);
    close(fd);
    CU_ASSERT_EQUAL_FATAL(guest_told(g).kind, IPC_DEVICE_ADDED);
}

static void the_backend_does_what_the_page_says(void)
{
    const struct page *page = page_read();
    struct guest *g = guest_new();

    add_disk(g);
    guest_connect(g, MSG_WIDE, MSG_WIDE_DEFAULT_MAX);
    for (size_t i = 0; i < page->count; i++)
        play(g, &page->lines[i]);
    guest_free(g);
}

static const struct test_case cases[] = {
    TEST(the_backend_does_what_the_page_says),
    {NULL, NULL},
};

int main(void)
{
    return test_main("binding, backend", cases);
}
