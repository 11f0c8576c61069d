/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Every transport message as a block device's driver may send it, right and
 * wrong, in both wire forms where they differ. */

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <string.h>

#include "common/address.h"
#include "common/le.h"
#include "tests/harness.h"
#include "tests/integration/scripted-guest.h"

#define DEV (UINT64_C(1) << 32)
#define DEV_COMPACT 6u
#define SECTORS 100u
#define CONFIG_SIZE sizeof(struct virtio_blk_config)
#define BIT(n) (UINT64_C(1) << (n))

static struct guest *start(uint16_t max_message)
{
    struct guest *g = guest_new();

    guest_add_blk(g, DEV, guest_disk(SECTORS), false);
    guest_connect(g, MSG_WIDE, max_message);
    guest_share_area(g);
    return g;
}

static struct msg request(enum msg_kind kind)
{
    return (struct msg){.kind = kind, .dev_num = DEV};
}

/* ---- information ---- */

static void tells_what_it_is_at_any_time(void)
{
    struct guest *g = start(60);
    uint8_t first[60];

    for (unsigned i = 0; i < 3; i++) {
        struct msg m = guest_call(g, request(MSG_get_device_info_request));
        const struct msg_get_device_info_response *info = &m.get_device_info_response;

        CU_ASSERT_EQUAL(info->device_id, VIRTIO_ID_BLOCK);
        CU_ASSERT_EQUAL(info->device_uuid.bytes[2], 3);
        CU_ASSERT_EQUAL(info->num_feature_blocks, 2);
        CU_ASSERT_EQUAL(info->config_size, CONFIG_SIZE);
        CU_ASSERT_EQUAL(info->max_virtqueues, 1);
        CU_ASSERT_EQUAL(info->admin_vq_start + info->admin_vq_count, 0);
        le16_put(g->message + 2, 0); /* the token alone differs */
        if (i == 0)
            memcpy(first, g->message, sizeof(first));
        CU_ASSERT(memcmp(first, g->message, sizeof(first)) == 0);
        if (i == 0)
            guest_start_device(g, DEV, BIT(VIRTIO_F_VERSION_1));
        else
            guest_set_status(g, DEV, 0);
    }
    guest_free(g);
}

static void has_no_shared_memory(void)
{
    struct guest *g = start(272);
    struct msg m = request(MSG_get_shm_request);

    m.get_shm_request.index = 5;
    m = guest_call(g, m);
    CU_ASSERT_EQUAL(m.get_shm_response.index, 5);
    CU_ASSERT_EQUAL(m.get_shm_response.length, 0);
    CU_ASSERT_EQUAL(m.get_shm_response.address, 0);
    CU_ASSERT_EQUAL(m.get_shm_response.reserved, 0);
    guest_free(g);
}

/* ---- features ---- */

static void offers_features_in_blocks(void)
{
    const uint64_t expected = BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ACCESS_PLATFORM) |
                              BIT(VIRTIO_F_RING_RESET) | BIT(VIRTIO_BLK_F_FLUSH) |
                              BIT(VIRTIO_BLK_F_BLK_SIZE) | BIT(VIRTIO_BLK_F_SEG_MAX) |
                              BIT(VIRTIO_BLK_F_SIZE_MAX) | BIT(VIRTIO_BLK_F_TOPOLOGY) |
                              BIT(VIRTIO_BLK_F_CONFIG_WCE) | BIT(VIRTIO_BLK_F_DISCARD) |
                              BIT(VIRTIO_BLK_F_WRITE_ZEROES) | BIT(VIRTIO_F_NOTIFICATION_DATA) |
                              BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX) |
                              BIT(VIRTIO_F_RING_PACKED);
    struct guest *g = start(60);
    struct msg m = request(MSG_get_device_features_request);
    struct msg answer;

    m.get_device_features_request.num_blocks = 9;
    answer = guest_call(g, m);
    CU_ASSERT_EQUAL(answer.get_device_features_response.num_blocks, 9);
    CU_ASSERT_EQUAL(le64_get(answer.get_device_features_response.features.bytes), expected);
    for (unsigned i = 2; i < 9; i++)
        CU_ASSERT_EQUAL(le32_get(answer.get_device_features_response.features.bytes + 4 * i), 0);
    /* More than a response can carry; far blocks; none. */
    m.get_device_features_request.num_blocks = UINT32_MAX;
    answer = guest_call(g, m);
    CU_ASSERT_EQUAL(answer.get_device_features_response.num_blocks, 9);
    m.get_device_features_request.block_index = UINT32_MAX;
    m.get_device_features_request.num_blocks = 3;
    answer = guest_call(g, m);
    CU_ASSERT_EQUAL(answer.get_device_features_response.block_index, UINT32_MAX);
    CU_ASSERT_EQUAL(le64_get(answer.get_device_features_response.features.bytes), 0);
    m.get_device_features_request.num_blocks = 0;
    answer = guest_call(g, m);
    CU_ASSERT_EQUAL(answer.get_device_features_response.num_blocks, 0);
    guest_free(g);
}

static void accept_word(struct guest *g, uint32_t block, uint32_t word)
{
    struct msg m = request(MSG_set_driver_features_request);
    uint8_t bytes[4];

    le32_put(bytes, word);
    m.set_driver_features_request.block_index = block;
    m.set_driver_features_request.num_blocks = 1;
    m.set_driver_features_request.features = (struct msg_tail){bytes, 4};
    guest_call(g, m);
}

static void confirms_only_what_it_offered(void)
{
    static const struct {
        uint32_t block, word;
        bool fine;
    } acks[] = {
        {0, 0, true},
        {0, 1u << VIRTIO_BLK_F_FLUSH, true},
        {0, 1u << VIRTIO_BLK_F_MQ, false},
        {0, 1u << VIRTIO_RING_F_INDIRECT_DESC, true},
        {0, 1u << VIRTIO_RING_F_EVENT_IDX, true},
        {0, 1u << VIRTIO_RING_F_INDIRECT_DESC | 1u << VIRTIO_RING_F_EVENT_IDX, true},
        {1, 0, false},                    /* without VERSION_1 */
        {1, 1u | 1u << (VIRTIO_F_RING_PACKED - 32), true},
        {1, 1u | 1u << (35 - 32), false}, /* IN_ORDER */
        {1, 1u | 1u << (VIRTIO_F_NOTIFICATION_DATA - 32), true},
        {1, 1u | 1u << (39 - 32), false}, /* NOTIF_CONFIG_DATA */
        {2, 1, false},
        {2, 0, true},
        {UINT32_MAX, 1, false},
    };
    struct guest *g = start(272);

    for (unsigned i = 0; i < sizeof(acks) / sizeof(acks[0]); i++) {
        uint32_t expected = acks[i].fine ? 11 : 3;

        CU_ASSERT_EQUAL(guest_set_status(g, DEV, 0), 0);
        CU_ASSERT_EQUAL(guest_set_status(g, DEV, 3), 3);
        accept_word(g, 1, 1);
        accept_word(g, acks[i].block, acks[i].word);
        CU_ASSERT_EQUAL(guest_set_status(g, DEV, 11), expected);
        /* Without FEATURES_OK there is no DRIVER_OK. */
        CU_ASSERT_EQUAL(guest_set_status(g, DEV, 15), acks[i].fine ? 15 : 3);
    }
    guest_free(g);
}

/* A queue that was set up before is laid out already; after a reset it is not. */
static void the_layout_is_agreed_before_queues(void)
{
    struct guest *g = start(272);

    for (unsigned enabled = 0; enabled < 2; enabled++) {
        CU_ASSERT_EQUAL(guest_set_status(g, DEV, 0), 0);
        guest_set_status(g, DEV, 3);
        accept_word(g, 1, 1u | 1u << (VIRTIO_F_RING_PACKED - 32));
        guest_call(g, guest_queue_request(DEV, enabled ? SET_VQUEUE_ENABLE : 0));
        CU_ASSERT_EQUAL(guest_set_status(g, DEV, 11), enabled ? 3 : 11);
    }
    /* The driver can still do without. */
    accept_word(g, 1, 1);
    CU_ASSERT_EQUAL(guest_set_status(g, DEV, 11), 11);
    guest_free(g);
}

static void features_are_fixed_by_features_ok(void)
{
    struct guest *g = start(272);

    /* Before DRIVER they are not taken at all. */
    accept_word(g, 1, 1);
    guest_set_status(g, DEV, 3);
    CU_ASSERT_EQUAL(guest_set_status(g, DEV, 11), 3);
    accept_word(g, 1, 1);
    CU_ASSERT_EQUAL(guest_set_status(g, DEV, 11), 11);
    accept_word(g, 1, 0xffffffff);
    CU_ASSERT_EQUAL(guest_set_status(g, DEV, 15), 15);
    guest_free(g);
}

/* ---- configuration space ---- */

static struct msg get_config(struct guest *g, uint32_t offset, uint32_t length)
{
    struct msg m = request(MSG_get_config_request);

    m.get_config_request.offset = offset;
    m.get_config_request.length = length;
    m = guest_call(g, m);
    CU_ASSERT_EQUAL(m.get_config_response.offset, offset);
    return m;
}

static void reads_its_configuration(void)
{
    struct guest *g = start(272);
    struct msg m = get_config(g, 0, CONFIG_SIZE);
    const uint8_t *bytes = m.get_config_response.data.bytes;

    CU_ASSERT_EQUAL(m.get_config_response.length, CONFIG_SIZE);
    CU_ASSERT_EQUAL(le64_get(bytes + offsetof(struct virtio_blk_config, capacity)), SECTORS);
    CU_ASSERT_EQUAL(le32_get(bytes + offsetof(struct virtio_blk_config, blk_size)), 512);
    CU_ASSERT_EQUAL(le32_get(bytes + offsetof(struct virtio_blk_config, seg_max)), 126);
    m = get_config(g, offsetof(struct virtio_blk_config, blk_size), 4);
    CU_ASSERT_EQUAL(le32_get(m.get_config_response.data.bytes), 512);
    guest_free(g);
}

static void answers_impossible_reads_with_nothing(void)
{
    static const uint32_t ranges[][2] = {
        {CONFIG_SIZE, 1}, {0, CONFIG_SIZE + 1}, {UINT32_MAX, 1}, {4, UINT32_MAX},
        {UINT32_MAX, UINT32_MAX}, {0, 33 /* more than fits 60 bytes */}, {0, 0},
    };
    struct guest *g = start(60);

    for (unsigned i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        CU_ASSERT_EQUAL(get_config(g, ranges[i][0], ranges[i][1]).get_config_response.length, 0);
    CU_ASSERT_EQUAL(get_config(g, 0, 32).get_config_response.length, 32);
    guest_free(g);
}

static uint32_t set_config(struct guest *g, uint32_t offset, uint32_t length, uint32_t generation)
{
    static const uint8_t data[64];
    struct msg m = request(MSG_set_config_request);

    m.set_config_request.generation = generation;
    m.set_config_request.offset = offset;
    m.set_config_request.length = length;
    m.set_config_request.data = (struct msg_tail){data, length};
    m = guest_call(g, m);
    CU_ASSERT_EQUAL(m.set_config_response.offset, offset);
    CU_ASSERT_EQUAL(m.set_config_response.data.size, 0);
    return m.set_config_response.length;
}

static void accepts_writes_to_read_only_fields(void)
{
    struct guest *g = start(272);

    CU_ASSERT_EQUAL(set_config(g, 0, 8, 0), 0); /* no driver yet */
    guest_set_status(g, DEV, 3);
    CU_ASSERT_EQUAL(set_config(g, 0, 8, 0), 8);
    CU_ASSERT_EQUAL(set_config(g, 0, 8, 12345), 8); /* baseline: no generation */
    CU_ASSERT_EQUAL(set_config(g, CONFIG_SIZE - 4, 5, 0), 0);
    CU_ASSERT_EQUAL(set_config(g, UINT32_MAX, 4, 0), 0);
    CU_ASSERT_EQUAL(set_config(g, 0, 0, 0), 0);
    CU_ASSERT_EQUAL(le64_get(get_config(g, 0, 8).get_config_response.data.bytes), SECTORS);
    CU_ASSERT_EQUAL(g->config_events, 0);
    guest_free(g);
}

static void strict_writes_name_the_generation(void)
{
    struct guest *g = guest_new();
    struct ipc_message offer = guest_offer(g, MSG_WIDE, 60);
    uint32_t now;

    guest_add_blk(g, DEV, guest_disk(SECTORS), false);
    offer.connect.transport_features = MSG_F_STRICT_CONFIG_GENERATION;
    guest_tell(g, &offer, -1);
    CU_ASSERT_EQUAL_FATAL(guest_told(g).kind, IPC_CONNECTED);
    guest_set_status(g, DEV, 3);
    now = get_config(g, 0, 8).get_config_response.generation;
    CU_ASSERT_EQUAL(set_config(g, 0, 8, now), 8);
    CU_ASSERT_EQUAL(set_config(g, 0, 8, now + 1), 0);
    CU_ASSERT_EQUAL(le16_get(g->message + 4), 28); /* no data comes with a refusal */
    CU_ASSERT_EQUAL(set_config(g, 0, 8, now - 1), 0);
    CU_ASSERT_EQUAL(g->config_events, 0);
    /* The next connection is what it says it is. */
    guest_disconnect(g);
    guest_connect(g, MSG_WIDE, 60);
    guest_set_status(g, DEV, 3);
    CU_ASSERT_EQUAL(set_config(g, 0, 8, now + 1), 8);
    guest_free(g);
}

/* ---- status ---- */

static void keeps_status_bits_until_reset(void)
{
    struct guest *g = start(272);

    CU_ASSERT_EQUAL(guest_call(g, request(MSG_get_device_status_request))
                        .get_device_status_response.status, 0);
    CU_ASSERT_EQUAL(guest_set_status(g, DEV, 1), 1);
    CU_ASSERT_EQUAL(guest_set_status(g, DEV, 2), 3);
    /* NEEDS_RESET is not the driver's, and unknown bits are nobody's. */
    CU_ASSERT_EQUAL(guest_set_status(g, DEV, 0xfffffff3), 3 | VIRTIO_CONFIG_S_FAILED);
    CU_ASSERT_EQUAL(guest_set_status(g, DEV, 0x100), 3 | VIRTIO_CONFIG_S_FAILED);
    CU_ASSERT_EQUAL(guest_set_status(g, DEV, 0), 0);
    CU_ASSERT_EQUAL(guest_set_status(g, DEV, 0), 0);
    guest_free(g);
}

/* ---- queues ---- */

static struct msg_get_vqueue_response get_vqueue(struct guest *g, uint64_t device, uint32_t index)
{
    struct msg m = {
        .kind = MSG_get_vqueue_request,
        .dev_num = device,
        .get_vqueue_request.index = index,
    };

    m = guest_call(g, m);
    CU_ASSERT_EQUAL(m.get_vqueue_response.index, index);
    return m.get_vqueue_response;
}

static void expect_queue(struct guest *g, uint32_t size, uint32_t flags)
{
    struct msg_get_vqueue_response q = get_vqueue(g, DEV, 0);

    CU_ASSERT_EQUAL(q.max_size, 128);
    CU_ASSERT_EQUAL(q.cur_size, size);
    CU_ASSERT_EQUAL(q.flags, flags);
}

static void unknown_queues_are_all_zero(void)
{
    struct guest *g = start(272);
    static const uint32_t indices[] = {1, 63, 64, 0x80000000, UINT32_MAX};

    guest_set_status(g, DEV, 3);
    for (unsigned i = 0; i < sizeof(indices) / sizeof(indices[0]); i++) {
        struct msg m = guest_queue_request(DEV, SET_VQUEUE_ENABLE);
        struct msg_get_vqueue_response q;

        m.set_vqueue_request.index = indices[i];
        guest_call(g, m);
        q = get_vqueue(g, DEV, indices[i]);
        CU_ASSERT(!q.max_size && !q.cur_size && !q.flags && !q.desc_addr && !q.driver_addr &&
                  !q.device_addr);
        m = request(MSG_reset_vqueue_request);
        m.reset_vqueue_request.index = indices[i];
        guest_call(g, m);
        m = request(MSG_event_avail);
        m.event_avail.vq_index = indices[i];
        guest_send(g, &m);
    }
    guest_free(g);
}

static void keeps_what_set_vqueue_gave(void)
{
    struct guest *g = start(272);
    struct msg_get_vqueue_response q;

    /* Nothing before DRIVER. */
    guest_call(g, guest_queue_request(DEV, SET_VQUEUE_ENABLE));
    expect_queue(g, 0, 0);
    guest_set_status(g, DEV, 3);
    /* flags 0: everything applied, still disabled. */
    guest_call(g, guest_queue_request(DEV, 0));
    q = get_vqueue(g, DEV, 0);
    CU_ASSERT_EQUAL(q.cur_size, GUEST_QUEUE_SIZE);
    CU_ASSERT_EQUAL(q.flags, 0);
    CU_ASSERT_EQUAL(q.desc_addr, address_of_area(GUEST_AREA, GUEST_DESC));
    CU_ASSERT_EQUAL(q.driver_addr, address_of_area(GUEST_AREA, GUEST_AVAIL));
    CU_ASSERT_EQUAL(q.device_addr, address_of_area(GUEST_AREA, GUEST_USED));
    guest_free(g);
}

/* Each of the sixteen combinations of "ignore" applies exactly the rest. */
static void applies_what_is_not_ignored(void)
{
    struct guest *g = start(272);

    guest_set_status(g, DEV, 3);
    for (uint32_t ignore = 0; ignore < 16; ignore++) {
        struct msg m = guest_queue_request(DEV, SET_VQUEUE_KEEP | ignore << 2);
        struct msg_get_vqueue_response q;

        guest_call(g, guest_queue_request(DEV, 0));
        m.set_vqueue_request.size = 8;
        m.set_vqueue_request.desc_addr += 0x100;
        m.set_vqueue_request.driver_addr += 0x100;
        m.set_vqueue_request.device_addr += 0x100;
        guest_call(g, m);
        q = get_vqueue(g, DEV, 0);
        CU_ASSERT_EQUAL(q.cur_size, ignore & 1 ? GUEST_QUEUE_SIZE : 8);
        CU_ASSERT_EQUAL(q.desc_addr & 0xfff, ignore & 2 ? 0 : 0x100);
        CU_ASSERT_EQUAL(q.driver_addr & 0xfff, ignore & 4 ? 0 : 0x100);
        CU_ASSERT_EQUAL(q.device_addr & 0xfff, ignore & 8 ? 0 : 0x100);
        CU_ASSERT_EQUAL(q.flags, 0);
    }
    guest_free(g);
}

/* What a disabled queue makes of each operation, and of wrong requests. */
static void decides_for_a_disabled_queue(void)
{
    static const struct {
        const char *what;
        uint32_t flags, size, reserved;
        uint64_t desc;
        uint32_t expect_size, expect_flags;
    } cases[] = {
        {"disable, apply", 0, 16, 0, 0, 16, 0},
        {"enable, apply", 1, 16, 0, 0, 16, 1},
        {"keep, apply", 2, 16, 0, 0, 16, 0},
        {"disable, ignore all", 0x3c, 16, 0, 0, 0, 0},
        {"enable, ignore all: incomplete", 0x3d, 16, 0, 0, 0, 0},
        {"enable, no size: incomplete", 0x05, 16, 0, 0, 0, 0},
        {"enable, no used ring: incomplete", 0x21, 16, 0, 0, 0, 0},
        {"operation 3", 3, 16, 0, 0, 0, 0},
        {"reserved flag", 0x41, 16, 0, 0, 0, 0},
        {"highest flag", 0x80000001, 16, 0, 0, 0, 0},
        {"reserved field", 1, 16, 1, 0, 0, 0},
        {"size 0", 0, 0, 0, 0, 0, 0},
        {"size not a power of two", 0, 12, 0, 0, 0, 0},
        {"size above the maximum", 0, 256, 0, 0, 0, 0},
        {"size 2^31", 0, 0x80000000, 0, 0, 0, 0},
        {"misaligned address", 0, 16, 0, 8, 0, 0},
        {"enable in no area", 1, 16, 0, UINT64_C(7) << 48, 0, 0},
        {"configure in no area", 0, 16, 0, UINT64_C(7) << 48, 16, 0},
        {"enable with a grant address", 1, 16, 0, UINT64_C(1) << 63, 0, 0},
    };
    struct guest *g = start(272);

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct msg m = guest_queue_request(DEV, cases[i].flags);
        struct msg_get_vqueue_response q;

        guest_set_status(g, DEV, 0);
        guest_set_status(g, DEV, 3);
        m.set_vqueue_request.size = cases[i].size;
        m.set_vqueue_request.reserved = cases[i].reserved;
        m.set_vqueue_request.desc_addr += cases[i].desc;
        guest_call(g, m);
        q = get_vqueue(g, DEV, 0);
        if (q.cur_size != cases[i].expect_size || q.flags != cases[i].expect_flags)
            CU_FAIL(cases[i].what);
        /* All or nothing. */
        CU_ASSERT_EQUAL(q.desc_addr != 0, q.cur_size != 0);
    }
    guest_free(g);
}

static void an_enabled_queue_does_not_change(void)
{
    static const uint32_t flags[] = {0, 1, 2, 0x3c, 0x3d, 0x3e, 0x39, 0x38, 3};
    struct guest *g = start(272);

    guest_start_device(g, DEV, BIT(VIRTIO_F_VERSION_1));
    for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        struct msg m = guest_queue_request(DEV, flags[i]);

        m.set_vqueue_request.size = 8;
        guest_call(g, m);
        expect_queue(g, GUEST_QUEUE_SIZE, GET_VQUEUE_ENABLED);
    }
    guest_free(g);
}

static void enabling_can_come_in_two_steps(void)
{
    struct guest *g = start(272);

    guest_set_status(g, DEV, 3);
    guest_call(g, guest_queue_request(DEV, 0));
    guest_call(g, guest_queue_request(DEV, 0x3d));
    expect_queue(g, GUEST_QUEUE_SIZE, GET_VQUEUE_ENABLED);
    guest_free(g);
}

/* Drivers of the 8-byte form that know no flags mean "enable" by 0. */
static void compact_flags_zero_enable(void)
{
    struct guest *g = guest_new();

    guest_add_blk(g, DEV_COMPACT, guest_disk(8), false);
    guest_connect(g, MSG_COMPACT, 264);
    guest_share_area(g);
    guest_set_status(g, DEV_COMPACT, 3);
    guest_call(g, guest_queue_request(DEV_COMPACT, 0));
    CU_ASSERT_EQUAL(get_vqueue(g, DEV_COMPACT, 0).flags, GET_VQUEUE_ENABLED);
    guest_free(g);
}

static void reset_vqueue_needs_its_feature(void)
{
    struct guest *g = start(272);
    struct msg_get_vqueue_response q;

    guest_start_device(g, DEV, BIT(VIRTIO_F_VERSION_1));
    guest_call(g, request(MSG_reset_vqueue_request));
    expect_queue(g, GUEST_QUEUE_SIZE, GET_VQUEUE_ENABLED);
    guest_start_device(g, DEV, BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_RING_RESET));
    guest_call(g, request(MSG_reset_vqueue_request));
    q = get_vqueue(g, DEV, 0);
    CU_ASSERT(!q.cur_size && !q.flags && !q.desc_addr && !q.driver_addr && !q.device_addr);
    CU_ASSERT_EQUAL(guest_unshare_area(g), AREA_OK);
    guest_share_area(g);
    guest_call(g, guest_queue_request(DEV, SET_VQUEUE_ENABLE));
    expect_queue(g, GUEST_QUEUE_SIZE, GET_VQUEUE_ENABLED);
    /* After status 0 it is answered too, and there is nothing to do. */
    guest_set_status(g, DEV, 0);
    guest_call(g, request(MSG_reset_vqueue_request));
    expect_queue(g, 0, 0);
    guest_free(g);
}

static void a_reset_forgets_everything(void)
{
    struct guest *g = start(272);

    guest_start_device(g, DEV, BIT(VIRTIO_F_VERSION_1));
    CU_ASSERT_EQUAL(guest_set_status(g, DEV, 0), 0);
    expect_queue(g, 0, 0);
    guest_set_status(g, DEV, 3);
    CU_ASSERT_EQUAL(guest_set_status(g, DEV, 11), 3); /* features as well */
    guest_free(g);
}

/* ---- order ---- */

static void answers_pipelined_requests_in_order(void)
{
    struct guest *g = start(272);
    struct msg m = request(MSG_get_vqueue_request);

    for (uint16_t i = 1; i <= 100; i++) {
        m.token = i;
        m.get_vqueue_request.index = i;
        guest_send(g, &m);
    }
    for (uint16_t i = 1; i <= 100; i++) {
        struct msg answer = guest_receive(g);

        CU_ASSERT_EQUAL(answer.token, i);
        CU_ASSERT_EQUAL(answer.get_vqueue_response.index, i);
    }
    guest_free(g);
}

static const struct test_case cases[] = {
    TEST(tells_what_it_is_at_any_time),
    TEST(has_no_shared_memory),
    TEST(offers_features_in_blocks),
    TEST(confirms_only_what_it_offered),
    TEST(the_layout_is_agreed_before_queues),
    TEST(features_are_fixed_by_features_ok),
    TEST(reads_its_configuration),
    TEST(answers_impossible_reads_with_nothing),
    TEST(accepts_writes_to_read_only_fields),
    TEST(strict_writes_name_the_generation),
    TEST(keeps_status_bits_until_reset),
    TEST(unknown_queues_are_all_zero),
    TEST(keeps_what_set_vqueue_gave),
    TEST(applies_what_is_not_ignored),
    TEST(decides_for_a_disabled_queue),
    TEST(an_enabled_queue_does_not_change),
    TEST(enabling_can_come_in_two_steps),
    TEST(compact_flags_zero_enable),
    TEST(reset_vqueue_needs_its_feature),
    TEST(a_reset_forgets_everything),
    TEST(answers_pipelined_requests_in_order),
    {NULL, NULL},
};

int main(void)
{
    return test_main("transport", cases);
}
