/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What a bus owes to the messages it carries: bytes, headers, tokens, order. */

#include <stdlib.h>
#include <string.h>

#include "common/le.h"
#include "common/ring.h"
#include "tests/conformance/bus/ends.h"
#include "tests/harness.h"

#define PIPELINED 100u

static uint32_t set_status(struct ends *e, uint64_t device, uint32_t status)
{
    struct ends_call call = {0};

    CU_ASSERT_EQUAL(ends_finish(e,
                                xvmsg_set_device_status(e->h, device, status, ends_answered,
                                                        &call),
                                &call),
                    XVMSG_OK);
    return call.reply.u.device_status;
}

/* ---- bytes and headers ---- */

static void device_in_header(void)
{
    struct ends *e = ends_disks(XVMSG_WIDE, 2);

    CU_ASSERT_EQUAL(set_status(e, 1, 1), 1);
    CU_ASSERT_EQUAL(ends_status(e, 2), 0);
    CU_ASSERT_EQUAL(set_status(e, 2, 3), 3);
    CU_ASSERT_EQUAL(ends_status(e, 1), 1);
    CU_ASSERT_EQUAL(relay_count(e->relay), 8);
    for (size_t i = 0; i + 1 < relay_count(e->relay); i += 2) {
        struct msg request = relay_decode(e->relay, relay_nth(e->relay, i));
        struct msg response = relay_decode(e->relay, relay_nth(e->relay, i + 1));

        CU_ASSERT_EQUAL(response.kind, request.kind + 1);
        CU_ASSERT_EQUAL(response.dev_num, request.dev_num);
    }
    ends_free(e);
}

/* One lane of a ring in plain memory, filled with what no end has heard of. */
static void carry(enum ring_side from)
{
    static uint8_t pages[RING_PAGE_SIZE] __attribute__((aligned(RING_PAGE_SIZE)));
    uint8_t sent[272], got[272];
    struct ring out, in;

    memset(pages, 0, sizeof(pages));
    ring_format(pages, 0);
    CU_ASSERT(ring_attach(&out, pages, 0, from, MSG_WIDE, 272));
    CU_ASSERT(ring_attach(&in, pages, 0, from == RING_FRONTEND ? RING_BACKEND : RING_FRONTEND,
                          MSG_WIDE, 272));
    for (unsigned i = 0; i < 2000; i++) {
        uint16_t size = (uint16_t)(16 + ends_random() % 257);

        for (unsigned b = 0; b < size; b++)
            sent[b] = (uint8_t)ends_random();
        sent[0] &= 0x01;
        sent[1] = (uint8_t)i; /* every msg_id there is */
        le16_put(sent + 4, size);
        CU_ASSERT_FATAL(ring_put(&out, sent, size));
        ring_publish(&out);
        CU_ASSERT_EQUAL_FATAL(ring_get(&in, got), size);
        ring_release(&in);
        CU_ASSERT_EQUAL(memcmp(sent, got, size), 0);
    }
    CU_ASSERT_EQUAL(in.fault, RING_OK);
}

static void carries_anything(void)
{
    carry(RING_FRONTEND);
    carry(RING_BACKEND);
}

static bool bytes_are(const struct relay_message *m, const uint8_t *bytes, size_t size)
{
    uint8_t copy[64];

    if (!m || m->size != size)
        return false;
    memcpy(copy, m->bytes, size);
    memset(copy + 2, 0, 2); /* the token is the bus's */
    return memcmp(copy, bytes, size) == 0;
}

static void vectors(void)
{
    static const uint8_t get_devices[26] = {0x02, 0x02, [4] = 26, [24] = 16};
    static const uint8_t devices[36] = {0x03, 0x02, [4] = 36, [32] = 16, [34] = 0x06};
    static const uint8_t ping_request[20] = {0x02, 0x03, [4] = 20, [16] = 0xdd, 0xcc, 0xbb, 0xaa};
    static const uint8_t ping_response[20] = {0x03, 0x03, [4] = 20, [16] = 0xdd, 0xcc, 0xbb, 0xaa};
    static const uint8_t get_info[16] = {0x00, 0x02, [4] = 16, [8] = 2};
    struct ends *e = ends_disks(XVMSG_WIDE, 2);
    struct ends_call call = {0};
    uint8_t bitmap[2];

    ends_finish(e, xvmsg_get_devices(e->h, 0, 16, bitmap, ends_answered, &call), &call);
    CU_ASSERT_EQUAL(ends_ping(e, 0xaabbccdd), XVMSG_OK);
    ends_info(e, 2);
    CU_ASSERT(bytes_are(relay_nth(e->relay, 0), get_devices, sizeof(get_devices)));
    CU_ASSERT(bytes_are(relay_nth(e->relay, 1), devices, sizeof(devices)));
    CU_ASSERT(bytes_are(relay_nth(e->relay, 2), ping_request, sizeof(ping_request)));
    CU_ASSERT(bytes_are(relay_nth(e->relay, 3), ping_response, sizeof(ping_response)));
    CU_ASSERT(bytes_are(relay_nth(e->relay, 4), get_info, sizeof(get_info)));
    ends_free(e);
}

static void header_bits(void)
{
    struct ends *e = ends_disks(XVMSG_WIDE, 1);

    ends_use_everything(e);
    CU_ASSERT(relay_count(e->relay) > 50);
    for (size_t i = 0; i < relay_count(e->relay); i++) {
        const struct relay_message *m = relay_nth(e->relay, i);
        bool bus = m->bytes[0] & MSG_TYPE_BUS;

        CU_ASSERT_EQUAL(m->bytes[0] & ~(MSG_TYPE_BUS | MSG_TYPE_RESPONSE), 0);
        CU_ASSERT_EQUAL(le16_get(m->bytes + 4), m->size);
        CU_ASSERT_EQUAL(le16_get(m->bytes + 6), 0);
        CU_ASSERT_EQUAL(le64_get(m->bytes + 8), bus ? 0 : 1);
    }
    ends_free(e);
}

static bool set_reserved(struct relay *relay, struct relay_message *m)
{
    m->bytes[0] |= 0xfc;
    if (relay_form(relay) == MSG_WIDE)
        le16_put(m->bytes + 6, 0xffff);
    return true;
}

static void reserved_bits_ignored(void)
{
    for (enum xvmsg_wire_form form = XVMSG_WIDE; form <= XVMSG_COMPACT; form++) {
        struct ends *e = ends_disks(form, 1);

        relay_set_script(e->relay, set_reserved, NULL);
        ends_use_everything(e);
        ends_free(e);
    }
}

static void padding_is_zero(void)
{
    struct ends *e = ends_disks(XVMSG_WIDE, 1);

    /* Often around the ring, so that old bytes lie where padding goes. */
    for (unsigned i = 0; i < 1500; i++)
        CU_ASSERT_EQUAL(ends_ping(e, ends_random() | 1), XVMSG_OK);
    ends_use_everything(e);
    CU_ASSERT(relay_padding_was_zero(e->relay));
    ends_free(e);
}

static void padding_is_ignored(void)
{
    struct ends *e = ends_disks(XVMSG_WIDE, 1);

    relay_set_padding(e->relay, 0xa5);
    ends_use_everything(e);
    ends_free(e);
}

/* ---- tokens ---- */

struct rewrite {
    bool used;
    bool bus;
    uint64_t device;
    uint16_t old;
    uint16_t new;
};

struct tokens {
    struct rewrite table[256];
    unsigned rewritten;
    unsigned restored;
    unsigned strange;
};

static void put_token(struct relay *relay, struct relay_message *m, uint16_t token)
{
    le16_put(m->bytes + (relay_form(relay) == MSG_WIDE ? 2 : 4), token);
}

static struct rewrite *find_rewrite(struct tokens *tokens, const struct msg_header *header)
{
    for (size_t i = 0; i < 256; i++) {
        struct rewrite *r = &tokens->table[i];

        if (r->used && r->bus == (header->name_space == MSG_BUS) &&
            r->device == header->dev_num && r->new == header->token)
            return r;
    }
    return NULL;
}

static bool rewrite_tokens(struct relay *relay, struct relay_message *m)
{
    struct tokens *tokens = relay_user(relay);
    struct msg_header header;

    CU_ASSERT_FATAL(msg_decode_header(relay_form(relay), m->bytes, m->size, &header));
    if (header.response) {
        struct rewrite *r = find_rewrite(tokens, &header);

        tokens->strange += !r;
        tokens->restored += r != NULL;
        put_token(relay, m, r ? r->old : 0);
        if (r)
            r->used = false;
        return true;
    }

    uint16_t token = (uint16_t)ends_random();

    put_token(relay, m, token);
    if (header.msg_id & 0x40)
        return true;
    struct rewrite *r = tokens->table;

    while (r->used)
        r++;
    *r = (struct rewrite){true, header.name_space == MSG_BUS, header.dev_num, header.token, token};
    tokens->rewritten++;
    return true;
}

static void tokens_are_opaque(void)
{
    for (enum xvmsg_wire_form form = XVMSG_WIDE; form <= XVMSG_COMPACT; form++) {
        struct ends *e = ends_disks(form, 1);
        struct tokens tokens = {0};

        relay_set_script(e->relay, rewrite_tokens, &tokens);
        ends_use_everything(e);
        CU_ASSERT(tokens.rewritten > 15);
        CU_ASSERT_EQUAL(tokens.restored, tokens.rewritten);
        CU_ASSERT_EQUAL(tokens.strange, 0);
        ends_free(e);
    }
}

/* ---- order ---- */

static void driver_pipelines(void)
{
    struct ends *e = ends_disks(XVMSG_WIDE, 2);
    struct ends_call calls[2 * PIPELINED] = {{0}};
    uint32_t next[3] = {0};

    for (unsigned i = 0; i < PIPELINED; i++)
        for (unsigned d = 0; d < 2; d++)
            CU_ASSERT_EQUAL(
                xvmsg_get_vqueue(e->h, d + 1, i, ends_answered, &calls[d * PIPELINED + i]), 0);
    xvmsg_flush(e->h);
    ends_run(e, &calls[PIPELINED - 1].done);
    ends_run(e, &calls[2 * PIPELINED - 1].done);
    for (unsigned i = 0; i < 2 * PIPELINED; i++) {
        CU_ASSERT_EQUAL(calls[i].times, 1);
        CU_ASSERT_EQUAL(calls[i].reply.status, XVMSG_OK);
        CU_ASSERT_EQUAL(calls[i].reply.u.vqueue.index, i % PIPELINED);
        CU_ASSERT(i % PIPELINED == 0 || calls[i].turn > calls[i - 1].turn);
    }
    for (size_t i = 0; i < relay_count(e->relay); i++) {
        struct msg m = relay_decode(e->relay, relay_nth(e->relay, i));

        /* A request finds all before it answered. */
        if (m.kind == MSG_get_vqueue_request)
            CU_ASSERT_EQUAL(m.get_vqueue_request.index, next[m.dev_num]);
        if (m.kind == MSG_get_vqueue_response)
            CU_ASSERT_EQUAL(m.get_vqueue_response.index, next[m.dev_num]++);
    }
    CU_ASSERT_EQUAL(next[1], PIPELINED);
    CU_ASSERT_EQUAL(next[2], PIPELINED);
    ends_free(e);
}

static bool keep_from_driver(struct relay *relay, struct relay_message *m)
{
    (void)relay;
    return m->way == TO_DEVICE;
}

static void device_pipelines(void)
{
    struct ends *e = ends_disks(XVMSG_WIDE, 2);
    uint32_t next[3] = {0};

    relay_set_script(e->relay, keep_from_driver, NULL);
    for (uint32_t i = 0; i < PIPELINED; i++)
        for (uint64_t d = 1; d <= 2; d++)
            relay_send(e->relay, TO_DEVICE,
                       &(struct msg){.kind = MSG_get_vqueue_request,
                                     .token = (uint16_t)(5000 + i),
                                     .dev_num = d,
                                     .get_vqueue_request.index = i});
    ends_settle(e);
    for (size_t i = 0; i < relay_count(e->relay); i++) {
        struct msg m = relay_decode(e->relay, relay_nth(e->relay, i));

        CU_ASSERT_EQUAL_FATAL(m.kind, MSG_get_vqueue_response);
        CU_ASSERT_EQUAL(m.get_vqueue_response.index, next[m.dev_num]);
        CU_ASSERT_EQUAL(m.token, 5000 + next[m.dev_num]++);
    }
    CU_ASSERT_EQUAL(next[1], PIPELINED);
    CU_ASSERT_EQUAL(next[2], PIPELINED);
    ends_free(e);
}

/* Before each response one with another token, after it the same again. */
static bool say_it_thrice(struct relay *relay, struct relay_message *m)
{
    struct msg_header header;

    CU_ASSERT_FATAL(msg_decode_header(relay_form(relay), m->bytes, m->size, &header));
    if (!header.response)
        return true;
    put_token(relay, m, (uint16_t)(header.token ^ 0x5555));
    relay_send_bytes(relay, m->way, m->bytes, m->size);
    put_token(relay, m, header.token);
    relay_send_bytes(relay, m->way, m->bytes, m->size);
    return true;
}

static void responses_of_others(void)
{
    struct ends *e = ends_disks(XVMSG_WIDE, 1);

    relay_set_script(e->relay, say_it_thrice, NULL);
    ends_use_everything(e);
    ends_free(e);
}

/* The first request's response waits; the other device's come and go. */
static bool hold_device_1(struct relay *relay, struct relay_message *m)
{
    (void)relay;
    return m->way == TO_DEVICE || le64_get(m->bytes + 8) != 1;
}

static void devices_are_free_of_each_other(void)
{
    struct ends *e = ends_disks(XVMSG_WIDE, 2);
    struct ends_call slow = {0};

    relay_set_script(e->relay, hold_device_1, NULL);
    CU_ASSERT_EQUAL(xvmsg_get_device_info(e->h, 1, ends_answered, &slow), 0);
    ends_settle(e);
    for (unsigned i = 0; i < 10; i++)
        CU_ASSERT_EQUAL(ends_status(e, 2), 0);
    CU_ASSERT_EQUAL(ends_ping(e, 1), XVMSG_OK);
    CU_ASSERT(!slow.done);

    const struct relay_message *m =
        relay_find(e->relay, MSG_get_device_info_response, 0);

    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    relay_set_script(e->relay, NULL, NULL);
    relay_send_bytes(e->relay, TO_DRIVER, m->bytes, m->size);
    ends_run(e, &slow.done);
    CU_ASSERT_EQUAL(slow.reply.status, XVMSG_OK);
    ends_free(e);
}

int main(void)
{
    static const struct test_case cases[] = {
        {"BUS-02 BUS-28: a message reaches the device in its header, and so does the answer",
         device_in_header},
        {"BUS-03 BUS-04 BUS-24: any id and payload arrives byte for byte, both ways",
         carries_anything},
        {"BUS-01 BUS-04 DRV-06 DRV-09: messages are the bytes of the specification", vectors},
        {"BUS-27 BUS-29 BUS-32 DRV-07 DRV-13: headers have nothing that is reserved", header_bits},
        {"BUS-29 BUS-32 DRV-08 DRV-14 DEV-06 DEV-11: reserved bits mean nothing to either end",
         reserved_bits_ignored},
        {"BUS-30 DRV-11 DEV-09: bytes between messages are zero", padding_is_zero},
        {"BUS-30 DEV-09: and what they are means nothing", padding_is_ignored},
        {"BUS-31 DRV-12 DEV-10 REC-01: a bus that rewrites tokens is not noticed",
         tokens_are_opaque},
        {"BUS-33 BUS-34 REC-10: 100 requests leave and end in order, one at a time",
         driver_pipelines},
        {"BUS-33 BUS-34 DEV-14: 100 requests at once are each answered once, in order",
         device_pipelines},
        {"BUS-34: responses with another token, or twice, end nobody's request",
         responses_of_others},
        {"BUS-33: a device that is slow holds up no other", devices_are_free_of_each_other},
        {NULL, NULL},
    };

    return test_main("bus-forward", cases);
}
