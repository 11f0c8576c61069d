/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Bus messages: which devices there are, and the areas of the guest's memory. */

#include "common/address.h"
#include "common/le.h"
#include "tests/harness.h"
#include "tests/integration/scripted-guest.h"

/* ---- GET_DEVICES ---- */

static struct msg get_devices(struct guest *g, uint64_t offset, uint16_t count)
{
    struct msg m = {
        .kind = MSG_get_devices_request,
        .get_devices_request = {.offset = offset, .count = count},
    };
    struct msg response = guest_call(g, m);

    CU_ASSERT_EQUAL(response.get_devices_response.offset, offset);
    CU_ASSERT(response.get_devices_response.count <= count);
    return response;
}

static void lists_devices_far_apart(void)
{
    static const uint64_t numbers[] = {0, 5, 300, UINT64_C(1) << 40, UINT64_MAX};
    struct guest *g = guest_new();
    uint64_t offset = 0;
    unsigned found = 0;

    for (unsigned i = 0; i < 5; i++)
        guest_add_blk(g, numbers[i], guest_disk(1), true);
    guest_connect(g, MSG_WIDE, 60);
    do {
        struct msg m = get_devices(g, offset, 13);
        const struct msg_get_devices_response *r = &m.get_devices_response;

        CU_ASSERT_EQUAL(r->bitmap.size, (r->count + 7u) / 8u);
        for (uint64_t slot = 0; slot < r->count; slot++) {
            if (r->bitmap.bytes[slot / 8] >> slot % 8 & 1)
                CU_ASSERT_EQUAL(offset + slot, numbers[found++]);
        }
        CU_ASSERT(!r->next_offset || r->next_offset >= offset + r->count);
        offset = r->next_offset;
    } while (offset);
    CU_ASSERT_EQUAL(found, 5);
    /* The largest window is what fits 60 bytes. */
    CU_ASSERT_EQUAL(get_devices(g, 0, 4000).get_devices_response.count, 208);
    CU_ASSERT_EQUAL(get_devices(g, 0, 0).get_devices_response.count, 0);
    guest_free(g);
}

static void an_empty_bus_is_a_bus(void)
{
    struct guest *g = guest_new();
    struct msg m;

    guest_connect(g, MSG_COMPACT, 264);
    m = get_devices(g, 0, 16);
    CU_ASSERT_EQUAL(m.get_devices_response.next_offset, 0);
    m = get_devices(g, 65535, 16);
    CU_ASSERT_EQUAL(m.get_devices_response.next_offset, 0);
    CU_ASSERT_EQUAL(m.get_devices_response.count, 1);
    guest_free(g);
}

static void windows_end_with_the_numbers(void)
{
    struct guest *g = guest_new();
    struct msg m;

    guest_add_blk(g, UINT64_MAX - 9, guest_disk(1), true);
    guest_add_blk(g, UINT64_MAX, guest_disk(1), true);
    guest_connect(g, MSG_WIDE, 272);
    m = get_devices(g, UINT64_MAX, UINT16_MAX);
    CU_ASSERT_EQUAL(m.get_devices_response.count, 1);
    CU_ASSERT_EQUAL(m.get_devices_response.bitmap.bytes[0], 1);
    CU_ASSERT_EQUAL(m.get_devices_response.next_offset, 0);
    m = get_devices(g, UINT64_MAX - 9, UINT16_MAX);
    CU_ASSERT_EQUAL(m.get_devices_response.count, 10);
    CU_ASSERT_EQUAL(le16_get(m.get_devices_response.bitmap.bytes), 0x201);
    CU_ASSERT_EQUAL(m.get_devices_response.next_offset, 0);
    m = get_devices(g, UINT64_MAX - 9, 9);
    CU_ASSERT_EQUAL(m.get_devices_response.next_offset, UINT64_MAX);
    m = get_devices(g, 0, 0);
    CU_ASSERT_EQUAL(m.get_devices_response.bitmap.size, 0);
    CU_ASSERT_EQUAL(m.get_devices_response.next_offset, UINT64_MAX - 9);
    guest_free(g);
}

/* What the compact form cannot name is not there. */
static void the_compact_form_lists_what_it_can_name(void)
{
    struct guest *g = guest_new();
    struct msg m;

    guest_add_blk(g, 3, guest_disk(1), true);
    guest_add_blk(g, 65535, guest_disk(1), true);
    guest_add_blk(g, 65536, guest_disk(1), true);
    guest_connect(g, MSG_COMPACT, 52);
    m = get_devices(g, 0, UINT16_MAX);
    CU_ASSERT_EQUAL(m.get_devices_response.count, 304);
    CU_ASSERT_EQUAL(m.get_devices_response.next_offset, 65535);
    m = get_devices(g, 65535, UINT16_MAX);
    CU_ASSERT_EQUAL(m.get_devices_response.count, 1);
    CU_ASSERT_EQUAL(m.get_devices_response.bitmap.bytes[0], 1);
    CU_ASSERT_EQUAL(m.get_devices_response.next_offset, 0);
    guest_free(g);
}

static void doorbells_that_were_not_agreed_on_are_refused(void)
{
    struct guest *g = guest_new();
    struct msg m = {
        .kind = MSG_queue_doorbell_request,
        .queue_doorbell_request = {.device_number = 3, .vq_index = 1, .port = 9},
    };

    guest_connect(g, MSG_WIDE, 272);
    m = guest_call(g, m);
    CU_ASSERT_EQUAL(m.queue_doorbell_response.device_number, 3);
    CU_ASSERT_EQUAL(m.queue_doorbell_response.vq_index, 1);
    CU_ASSERT_EQUAL(m.queue_doorbell_response.status, DOORBELL_BAD_REQUEST);
    guest_free(g);
}

/* ---- areas ---- */

static uint16_t share_words(struct guest *g, uint16_t area, uint16_t flags, uint32_t pages,
                            const uint32_t *refs, uint32_t num_refs)
{
    uint8_t words[60 * 4];
    struct msg m = {
        .kind = MSG_area_share_request,
        .area_share_request =
            {
                .area = area,
                .flags = flags,
                .pages = pages,
                .num_refs = num_refs,
                .refs = {words, num_refs * 4},
            },
    };

    for (uint32_t i = 0; i < num_refs; i++)
        le32_put(words + 4 * (size_t)i, refs[i]);
    m = guest_call(g, m);
    CU_ASSERT_EQUAL(m.area_share_response.area, area);
    return m.area_share_response.status;
}

static void areas_are_checked(void)
{
    struct guest *g = guest_new();
    uint32_t refs[4];
    unsigned mapped;

    guest_connect(g, MSG_WIDE, 272);
    mapped = fake_xen_counters(g->fx).mapped_pages;
    g->domu->ops->grant_share(g->domu, 0, 2, true, refs);
    g->domu->ops->grant_share(g->domu, 0, 2, false, refs + 2);
    CU_ASSERT_EQUAL(share_words(g, 0, 0, 2, refs, 2), AREA_BAD_NUMBER);
    CU_ASSERT_EQUAL(share_words(g, XVMSG_AREA_MAX + 1, 0, 2, refs, 2), AREA_BAD_NUMBER);
    CU_ASSERT_EQUAL(share_words(g, 1, 4, 2, refs, 2), AREA_BAD_REQUEST);
    CU_ASSERT_EQUAL(share_words(g, 1, 0, 0, refs, 0), AREA_BAD_REQUEST);
    CU_ASSERT_EQUAL(share_words(g, 1, 0, 3, refs, 2), AREA_BAD_REQUEST);
    CU_ASSERT_EQUAL(share_words(g, 1, AREA_F_DIRECTORY, 2, refs, 2), AREA_BAD_REQUEST);
    CU_ASSERT_EQUAL(share_words(g, 1, 0, UINT32_MAX, refs, 2), AREA_NO_SPACE);
    CU_ASSERT_EQUAL(share_words(g, 1, 0, 2, (uint32_t[]){refs[0], 9999}, 2), AREA_MAP_FAILED);
    CU_ASSERT_EQUAL(share_words(g, 1, AREA_F_DIRECTORY, 2, (uint32_t[]){9999}, 1),
                    AREA_MAP_FAILED);
    CU_ASSERT_EQUAL(share_words(g, 1, 0, 2, refs + 2, 2), AREA_MAP_FAILED);
    CU_ASSERT_EQUAL(fake_xen_counters(g->fx).mapped_pages, mapped);

    CU_ASSERT_EQUAL(share_words(g, 1, AREA_F_READ_ONLY, 2, refs + 2, 2), AREA_OK);
    CU_ASSERT_EQUAL(share_words(g, 1, 0, 2, refs, 2), AREA_BAD_NUMBER);
    CU_ASSERT_EQUAL(share_words(g, XVMSG_AREA_MAX, 0, 2, refs, 2), AREA_OK);
    CU_ASSERT_EQUAL(fake_xen_counters(g->fx).mapped_pages, mapped + 4);
    CU_ASSERT_EQUAL(guest_unshare_area(g), AREA_OK);
    CU_ASSERT_EQUAL(guest_unshare_area(g), AREA_BAD_NUMBER);
    CU_ASSERT_EQUAL(fake_xen_counters(g->fx).mapped_pages, mapped + 2);
    guest_free(g);
}

/* 1030 pages: two directory pages, the second of them nearly empty. */
static void areas_come_by_directory(void)
{
    static uint32_t refs[1030];
    struct guest *g = guest_new();
    uint32_t directory_refs[2];
    uint8_t *directory = g->domu->ops->grant_share(g->domu, 0, 2, false, directory_refs);
    unsigned mapped;

    g->domu->ops->grant_share(g->domu, 0, 1030, true, refs);
    for (unsigned i = 0; i < 1030; i++)
        le32_put(directory + 4 * i, refs[i]);
    guest_connect(g, MSG_WIDE, 272);
    mapped = fake_xen_counters(g->fx).mapped_pages;
    CU_ASSERT_EQUAL(share_words(g, 1, AREA_F_DIRECTORY, 1030, directory_refs, 1),
                    AREA_BAD_REQUEST);
    CU_ASSERT_EQUAL(share_words(g, 1, AREA_F_DIRECTORY, 1030, directory_refs, 2), AREA_OK);
    CU_ASSERT_EQUAL(fake_xen_counters(g->fx).mapped_pages, mapped + 1030);
    guest_free(g);
}

static void areas_have_limits(void)
{
    struct guest *g = guest_new();
    uint32_t ref;

    g->domu->ops->grant_share(g->domu, 0, 1, true, &ref);
    guest_connect(g, MSG_WIDE, 272);
    for (uint16_t area = 1; area <= 256; area++)
        CU_ASSERT_EQUAL(share_words(g, area, 0, 1, &ref, 1), AREA_OK);
    CU_ASSERT_EQUAL(share_words(g, 257, 0, 1, &ref, 1), AREA_NO_SPACE);
    CU_ASSERT_EQUAL(guest_unshare_area(g), AREA_OK);
    CU_ASSERT_EQUAL(share_words(g, 257, 0, 1, &ref, 1), AREA_OK);
    guest_disconnect(g);
    CU_ASSERT_EQUAL(fake_xen_counters(g->fx).mapped_pages, 0);
    guest_free(g);
}

/* The limit is the supervisor's, and for all areas together. */
static void areas_have_no_more_pages_than_allowed(void)
{
    struct guest *g = guest_new();
    struct ipc_message offer = guest_offer(g, MSG_WIDE, 272);
    uint8_t *pages;

    offer.max_shared_pages = 30;
    guest_tell(g, &offer, -1);
    CU_ASSERT_EQUAL_FATAL(guest_told(g).kind, IPC_CONNECTED);
    CU_ASSERT_EQUAL(guest_share_pages(g, 1, 31, &pages), AREA_NO_SPACE);
    CU_ASSERT_EQUAL(guest_share_pages(g, 1, 20, &pages), AREA_OK);
    CU_ASSERT_EQUAL(guest_share_pages(g, 2, 11, &pages), AREA_NO_SPACE);
    CU_ASSERT_EQUAL(guest_share_pages(g, 2, 10, &pages), AREA_OK);
    CU_ASSERT_EQUAL(guest_share_pages(g, 3, 1, &pages), AREA_NO_SPACE);
    CU_ASSERT_EQUAL(guest_unshare_area(g), AREA_OK);
    CU_ASSERT_EQUAL(guest_share_pages(g, 3, 20, &pages), AREA_OK);
    guest_free(g);
}

/* Mapping takes long: each area costs the guest its turn, not the others theirs. */
static void an_area_ends_the_turn(void)
{
    struct guest *g = guest_new();
    struct msg ping = {.kind = MSG_ping_request};
    struct msg unshare = {.kind = MSG_area_unshare_request, .area_unshare_request.area = 9};

    guest_connect(g, MSG_WIDE, 272);
    guest_settle(g);
    for (unsigned i = 0; i < 3; i++) {
        guest_send(g, &ping);
        guest_send(g, &unshare);
    }
    for (unsigned i = 0; i < 3; i++) {
        while (!ring_get(&g->ring, g->message))
            event_base_loop(g->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
        CU_ASSERT(ring_get(&g->ring, g->message) > 0);
        CU_ASSERT_EQUAL(ring_get(&g->ring, g->message), 0);
        ring_release(&g->ring);
    }
    guest_free(g);
}

static void an_area_in_use_cannot_be_taken_back(void)
{
    struct guest *g = guest_new();

    guest_add_blk(g, 1, guest_disk(8), false);
    guest_connect(g, MSG_WIDE, 272);
    guest_share_area(g);
    guest_start_device(g, 1, UINT64_C(1) << 32);
    CU_ASSERT_EQUAL(guest_unshare_area(g), AREA_BUSY);
    CU_ASSERT_EQUAL(guest_set_status(g, 1, 0), 0);
    CU_ASSERT_EQUAL(guest_unshare_area(g), AREA_OK);
    guest_free(g);
}

static const struct test_case cases[] = {
    TEST(lists_devices_far_apart),
    TEST(an_empty_bus_is_a_bus),
    TEST(windows_end_with_the_numbers),
    TEST(the_compact_form_lists_what_it_can_name),
    TEST(doorbells_that_were_not_agreed_on_are_refused),
    TEST(areas_are_checked),
    TEST(areas_come_by_directory),
    TEST(areas_have_limits),
    TEST(areas_have_no_more_pages_than_allowed),
    TEST(an_area_ends_the_turn),
    TEST(an_area_in_use_cannot_be_taken_back),
    {NULL, NULL},
};

int main(void)
{
    return test_main("bus messages", cases);
}
