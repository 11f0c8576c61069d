/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Answers that are wrong in form: each kind that opening a disk asks for, in each way. */

#include <string.h>

#include "common/le.h"
#include "tests/e2e/wicked.h"
#include "xenstore-schema/schema.h"

/* Of a wide message's header. */
#define TYPE_AT 0
#define ID_AT 1
#define TOKEN_AT 2
#define SIZE_AT 4
#define DEVICE_AT 8

static enum msg_kind victim;
static size_t (*way)(struct backend *b, uint8_t *bytes, size_t size);

static size_t distort(struct backend *b, uint8_t *bytes, size_t size)
{
    struct msg m;

    if (!msg_decode(b->form, bytes, size, &m, NULL) || m.kind != victim)
        return size;
    return way(b, bytes, size);
}

/* ---- ways ---- */

static size_t resized(uint8_t *bytes, size_t size)
{
    le16_put(bytes + SIZE_AT, (uint16_t)size);
    return size;
}

static size_t header_alone(struct backend *b, uint8_t *bytes, size_t size)
{
    (void)b, (void)size;
    return resized(bytes, MSG_WIDE_HEADER);
}

static size_t cut_short(struct backend *b, uint8_t *bytes, size_t size)
{
    (void)b;
    return resized(bytes, size > MSG_WIDE_HEADER ? size - 1 : size);
}

static size_t overlong(struct backend *b, uint8_t *bytes, size_t size)
{
    (void)b;
    return resized(bytes, size + BACKEND_SPARE > MSG_WIDE_DEFAULT_MAX ? MSG_WIDE_DEFAULT_MAX
                                                                      : size + BACKEND_SPARE);
}

static size_t all_zeroes(struct backend *b, uint8_t *bytes, size_t size)
{
    (void)b;
    memset(bytes + MSG_WIDE_HEADER, 0, size - MSG_WIDE_HEADER);
    return size;
}

static size_t all_ones(struct backend *b, uint8_t *bytes, size_t size)
{
    (void)b;
    memset(bytes + MSG_WIDE_HEADER, 0xff, size - MSG_WIDE_HEADER);
    return size;
}

static size_t twice(struct backend *b, uint8_t *bytes, size_t size)
{
    backend_send_bytes(b, bytes, size);
    return size;
}

static size_t not_at_all(struct backend *b, uint8_t *bytes, size_t size)
{
    (void)b, (void)bytes, (void)size;
    return 0;
}

static size_t other_token(struct backend *b, uint8_t *bytes, size_t size)
{
    (void)b;
    bytes[TOKEN_AT] ^= 1;
    return size;
}

static size_t other_device(struct backend *b, uint8_t *bytes, size_t size)
{
    (void)b;
    bytes[DEVICE_AT] ^= 1;
    return size;
}

static size_t other_kind(struct backend *b, uint8_t *bytes, size_t size)
{
    (void)b;
    bytes[ID_AT] ^= 1;
    return size;
}

static size_t a_request(struct backend *b, uint8_t *bytes, size_t size)
{
    (void)b;
    bytes[TYPE_AT] ^= MSG_TYPE_RESPONSE;
    return size;
}

/* ---- attacks ---- */

static void answer(struct backend *b, enum msg_kind kind,
                   size_t (*how)(struct backend *, uint8_t *, size_t), unsigned quiet_ms)
{
    victim = kind;
    way = how;
    b->distort = distort;
    wicked_show_disk(b, quiet_ms);
    b->distort = NULL;
}

static void answer_each(struct backend *b, size_t (*how)(struct backend *, uint8_t *, size_t))
{
    static const enum msg_kind kinds[] = {
        MSG_get_device_info_response,   MSG_get_device_features_response,
        MSG_set_driver_features_response, MSG_get_config_response,
        MSG_get_device_status_response, MSG_set_device_status_response,
        MSG_get_vqueue_response,        MSG_set_vqueue_response,
        MSG_queue_doorbell_response,
    };

    backend_write(b, XS_FEATURE_QUEUE_DOORBELL, "1");
    wicked_connect(b);
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        answer(b, kinds[i], how, WICKED_QUIET_MS);
}

static void headers(struct backend *b)
{
    answer_each(b, header_alone);
}

static void shorts(struct backend *b)
{
    answer_each(b, cut_short);
}

static void overlongs(struct backend *b)
{
    answer_each(b, overlong);
}

static void zeroes(struct backend *b)
{
    answer_each(b, all_zeroes);
}

static void ones(struct backend *b)
{
    answer_each(b, all_ones);
}

static void doubles(struct backend *b)
{
    answer_each(b, twice);
}

static void silent_at_first(struct backend *b)
{
    wicked_connect(b);
    answer(b, MSG_get_device_info_response, not_at_all, WICKED_REQUEST_MS);
    answer(b, MSG_set_device_status_response, not_at_all, WICKED_REQUEST_MS);
    answer(b, MSG_get_device_features_response, not_at_all, WICKED_REQUEST_MS);
}

static void silent_later(struct backend *b)
{
    wicked_connect(b);
    answer(b, MSG_get_config_response, not_at_all, WICKED_REQUEST_MS);
    answer(b, MSG_get_vqueue_response, not_at_all, WICKED_REQUEST_MS);
    answer(b, MSG_set_vqueue_response, not_at_all, WICKED_REQUEST_MS);
}

static void others(struct backend *b)
{
    wicked_connect(b);
    answer(b, MSG_get_device_info_response, other_token, WICKED_REQUEST_MS);
    answer(b, MSG_get_config_response, other_device, WICKED_REQUEST_MS);
    answer(b, MSG_set_vqueue_response, other_kind, WICKED_REQUEST_MS);
    answer(b, MSG_get_vqueue_response, a_request, WICKED_REQUEST_MS);
}

const struct attack wicked_answer_attacks[] = {
    {"headers", "each answer is its header alone", headers},
    {"shorts", "each answer lacks its last byte", shorts},
    {"overlongs", "each answer has bytes too many", overlongs},
    {"zeroes", "each answer is all zeroes", zeroes},
    {"ones", "each answer is all ones", ones},
    {"doubles", "each answer comes twice", doubles},
    {"silent-at-first", "no answer, early in a device's life", silent_at_first},
    {"silent-later", "no answer, later in a device's life", silent_later},
    {"others", "answers with another token, of another device, of another kind", others},
    {NULL, NULL, NULL},
};
