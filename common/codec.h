/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Messages: bytes <-> struct msg, in both wire forms.
 *
 * Freestanding: no libc, no allocation, no Xen header. Nothing here trusts the
 * bytes it reads; the caller gives bytes no other domain can change meanwhile.
 */
#ifndef XVMSG_CODEC_H
#define XVMSG_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/messages.h"

/* What virtio-msg fixes for each form: header, least and recommended maximum. */
#define MSG_WIDE_HEADER 16
#define MSG_WIDE_MIN_MAX 60
#define MSG_WIDE_DEFAULT_MAX 272
#define MSG_COMPACT_HEADER 8
#define MSG_COMPACT_MIN_MAX 52
#define MSG_COMPACT_DEFAULT_MAX 264
#define MSG_PROTOCOL_MAX 65535

/* Transport feature bits. */
#define MSG_F_STRICT_CONFIG_GENERATION 0x1u

/* Bits of the header's type; bits 7:2 are zero when sent, ignored when read. */
#define MSG_TYPE_RESPONSE 0x01
#define MSG_TYPE_BUS 0x02

/* Transport feature bits, as xenstore carries them. Strict: SET_CONFIG has to name
 * the current generation. */
#define MSG_F_STRICT_CONFIG_GENERATION 0x1u

/* A virtio feature bit that Linux's headers have had since 6.6: EVENT_AVAIL's
 * next_offset is the ring position. */
#ifndef VIRTIO_F_NOTIFICATION_DATA
#define VIRTIO_F_NOTIFICATION_DATA 38
#endif

/* SET_VQUEUE flags. */
#define SET_VQUEUE_OPERATION 0x03
#define SET_VQUEUE_DISABLE 0
#define SET_VQUEUE_ENABLE 1
#define SET_VQUEUE_KEEP 2
#define SET_VQUEUE_IGNORE_SIZE 0x04
#define SET_VQUEUE_IGNORE_DESC 0x08
#define SET_VQUEUE_IGNORE_DRIVER 0x10
#define SET_VQUEUE_IGNORE_DEVICE 0x20
#define SET_VQUEUE_RESERVED 0xffffffc0u

/* GET_VQUEUE flags. */
#define GET_VQUEUE_ENABLED 0x01

/* EVENT_DEVICE states. */
#define DEVICE_BUS_STATE_ADDED 1
#define DEVICE_BUS_STATE_REMOVED 2

/* AREA_SHARE flags. */
#define AREA_F_DIRECTORY 0x01
#define AREA_F_READ_ONLY 0x02

/* status of AREA_SHARE and AREA_UNSHARE responses. */
enum area_status {
    AREA_OK = 0,
    AREA_BAD_NUMBER = 1,  /* not 1..max, or in use (share), or unknown (unshare) */
    AREA_BAD_REQUEST = 2, /* reserved flags, page count and reference count disagree */
    AREA_NO_SPACE = 3,    /* over the backend's limit of areas or pages */
    AREA_MAP_FAILED = 4,  /* a reference could not be mapped */
    AREA_BUSY = 5,        /* a queue or a request in flight still uses it */
};

/* status of QUEUE_DOORBELL responses. */
enum doorbell_status {
    DOORBELL_OK = 0,
    DOORBELL_NO_QUEUE = 1,    /* no such device, or it has no such queue */
    DOORBELL_BAD_REQUEST = 2, /* not agreed on in xenstore, or the device has no driver */
    DOORBELL_LIMIT = 3,
    DOORBELL_NOT_BOUND = 4, /* a port that is not there, not for us, or taken already */
};

enum msg_form { MSG_WIDE, MSG_COMPACT };
enum msg_namespace { MSG_TRANSPORT, MSG_BUS };
enum msg_class { MSG_REQUEST, MSG_RESPONSE, MSG_EVENT };
enum msg_sender { MSG_DRIVER = 1, MSG_DEVICE = 2, MSG_EITHER = 3 };

/* MSG_get_device_info_request and so on, in list order. */
enum msg_kind {
#define M(kind, ...) MSG_##kind,
    MESSAGES(M)
#undef M
        MSG_KINDS
};

struct msg_uuid {
    uint8_t bytes[16];
};

/*
 * The part of variable length, in wire bytes (words stay little-endian: use
 * le32_get). Decoded: it points into the decoded buffer. To encode: the caller
 * sets both; `size` must be what the counting field asks for.
 */
struct msg_tail {
    const uint8_t *bytes;
    uint32_t size;
};

#define MSG_C_le16 uint16_t
#define MSG_C_le32 uint32_t
#define MSG_C_le64 uint64_t
#define MSG_C_devnum uint64_t
#define MSG_C_uuid struct msg_uuid
#define F(type, name) MSG_C_##type name;
#define T(unit, name, count) struct msg_tail name;
#define M(kind, ...)             \
    struct msg_##kind {          \
        FIELDS_##kind(F, T)      \
    };
MESSAGES(M)
#undef M
#undef T
#undef F

/* A message as the rest of the project sees it, the same for both forms. */
struct msg {
    enum msg_kind kind;
    uint16_t token;
    uint64_t dev_num; /* 0 on bus messages */
    union {
#define M(kind, ...) struct msg_##kind kind;
        MESSAGES(M)
#undef M
    };
};

/* The header alone, as any message has it, known or not. */
struct msg_header {
    enum msg_namespace name_space;
    bool response;
    uint8_t msg_id;
    uint16_t token;
    uint16_t msg_size;
    uint64_t dev_num;
};

enum msg_fault {
    MSG_OK = 0,
    MSG_TRUNCATED,   /* fewer bytes than msg_size or the layout asks for */
    MSG_BAD_SIZE,    /* msg_size impossible for this message */
    MSG_UNKNOWN,     /* no such msg_id in this namespace and class */
    MSG_BAD_VALUE,   /* the named field has a value the form cannot carry */
    MSG_BAD_TAIL,    /* the counting field disagrees with the bytes present */
};

/*
 * What is wrong with a message; `field` names it as the specification does:
 * the field that was cut off, that holds the value or the tail, or msg_size,
 * msg_id, dev_num of the header.
 */
struct msg_error {
    enum msg_fault fault;
    const char *field;
};

/* ---- descriptions, for printing, JSON and tests ---- */

enum msg_field_type {
    MSG_FIELD_le16,
    MSG_FIELD_le32,
    MSG_FIELD_le64,
    MSG_FIELD_devnum,
    MSG_FIELD_uuid,
    MSG_FIELD_bytes, /* tails from here on */
    MSG_FIELD_words,
    MSG_FIELD_bitmap,
    MSG_FIELD_maybe,
};

struct msg_field {
    const char *name;
    enum msg_field_type type;
    uint16_t member;     /* offset in struct msg */
    uint16_t count;      /* tails: offset in struct msg of the counting field */
    uint8_t count_width; /* tails: sizeof the counting field in struct msg */
};

struct msg_description {
    const char *name; /* GET_DEVICE_INFO */
    enum msg_namespace name_space;
    enum msg_class class;
    enum msg_sender sender;
    uint8_t msg_id;
    uint8_t num_fields;
    const struct msg_field *fields;
};

/* NULL for MSG_KINDS and above; never below. */
const struct msg_description *msg_describe(enum msg_kind kind);

/* The kind for a header's values, or MSG_KINDS when there is none. */
enum msg_kind msg_find(enum msg_namespace name_space, bool response, uint8_t msg_id);

/* Value of a le16, le32, le64 or devnum field of `m`, and its setter. */
uint64_t msg_field_get(const struct msg *m, const struct msg_field *field);
void msg_field_set(struct msg *m, const struct msg_field *field, uint64_t value);
const char *msg_fault_text(enum msg_fault fault);

/* Bytes a fixed field takes on the wire; 0 for a tail. */
static inline size_t msg_field_size(enum msg_form form, enum msg_field_type type)
{
    static const uint8_t sizes[][2] = {
        [MSG_FIELD_le16] = {2, 2},   [MSG_FIELD_le32] = {4, 4},   [MSG_FIELD_le64] = {8, 8},
        [MSG_FIELD_devnum] = {8, 2}, [MSG_FIELD_uuid] = {16, 16}, [MSG_FIELD_maybe] = {0, 0},
    };

    return sizes[type][form];
}

/* Is this field a tail? */
static inline bool msg_field_is_tail(const struct msg_field *field)
{
    return field->type >= MSG_FIELD_bytes;
}

/* The tail of a kind, NULL when it has none. */
const struct msg_field *msg_tail_field(enum msg_kind kind);

/* The greatest device number a form can carry. */
static inline uint64_t msg_dev_num_max(enum msg_form form)
{
    return form == MSG_WIDE ? UINT64_MAX : UINT16_MAX;
}

/* ---- sizes ---- */

static inline size_t msg_header_size(enum msg_form form)
{
    return form == MSG_WIDE ? MSG_WIDE_HEADER : MSG_COMPACT_HEADER;
}

/* Header and fixed fields of a kind, without its tail. */
size_t msg_fixed_size(enum msg_form form, enum msg_kind kind);

/* msg_size out of the first eight bytes of a message. */
uint16_t msg_peek_size(enum msg_form form, const uint8_t first[8]);

/* How many tail bytes (whole words, where it has words) fit into a message of
 * `max_size`, the advertised maximum; 0 for a kind without a tail. */
size_t msg_tail_room(enum msg_form form, enum msg_kind kind, size_t max_size);

/* ---- bytes <-> struct ---- */

/*
 * Reads only the header: what a bus needs to route, valid for messages whose
 * id nobody here knows. False when `size` or msg_size is below the header or
 * msg_size is above `size`.
 */
bool msg_decode_header(enum msg_form form, const void *bytes, size_t size,
                       struct msg_header *header);

/*
 * Decodes one whole message. `bytes` must stay for as long as a tail of `m` is
 * used. Bytes beyond msg_size are bus padding; bytes beyond the layout are
 * ignored except in events, which are exact (open choice O-19). Returns false
 * and fills `error` (which may be NULL) when the message must be discarded; `m`
 * is then partly written and of no use.
 */
bool msg_decode(enum msg_form form, const void *bytes, size_t size, struct msg *m,
                struct msg_error *error);

/*
 * Encodes `m`; the header's reserved field is zero, a reserved field of the
 * payload is what `m` says. Returns the message's size, or 0 and `error` when
 * it does not fit `capacity`, a value does not fit the form, or a tail does not
 * match its counting field. `error` may be NULL.
 */
size_t msg_encode(enum msg_form form, const struct msg *m, void *bytes, size_t capacity,
                  struct msg_error *error);

#endif
