/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/offer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/text.h"
#include "common/store.h"
#include "xenstore-schema/handshake.h"
#include "xenstore-schema/schema.h"

/* How much of a bad value is shown. */
#define SHOWN 24

/* One read of F. The first thing that is wrong ends it: errno and `why`. */
struct reading {
    const struct offer_source *source;
    platform_tx tx;
    struct store_path home;
    char *why;
};

static struct reading reading_start(const struct offer_source *source, platform_tx tx, char *why)
{
    return (struct reading){
        .source = source,
        .tx = tx,
        .home = store_path(XS_FRONTEND_BUS, source->frontend, source->bus),
        .why = why,
    };
}

/* The key as the frontend's own domain would write it: device/virtio-msg/0/KEY. */
static struct store_path spelled(const struct reading *r, const char *key)
{
    struct store_path domain = store_path("/local/domain/%u/", r->source->frontend);

    return store_path("%s/%s", r->home.text + strlen(domain.text), key);
}

/* A frontend's text goes into logs and terminals: shortened, nothing hidden. */
static int refuse(const struct reading *r, const char *key, const char *value,
                  const char *expected)
{
    char shown[SHOWN + 1];

    text_printable(shown, sizeof(shown), value);
    snprintf(r->why, WHY_SIZE, "%.128s: %s is not %.64s", spelled(r, key).text,
             *shown ? shown : "nothing", expected);
    errno = EINVAL;
    return -1;
}

/* NULL: the node is missing (ENOENT), unreadable, or not a text (EINVAL). */
static char *read_text(const struct reading *r, const char *key)
{
    char *value = store_read_text(r->source->platform, r->tx, r->home.text, key);

    if (value)
        return value;

    int saved = errno;

    snprintf(r->why, WHY_SIZE, "%.128s: %s", spelled(r, key).text,
             saved == ENOENT   ? "missing"
             : saved == EINVAL ? "not a text"
                               : strerror(saved));
    /* Whom the node is closed to is the frontend's doing, too. */
    errno = saved == EACCES ? EINVAL : saved;
    return NULL;
}

/* As read_text(), for what an offer cannot do without. */
static char *need_text(const struct reading *r, const char *key)
{
    char *value = read_text(r, key);

    if (!value && errno == ENOENT)
        errno = EINVAL;
    return value;
}

static int parse_number(const struct reading *r, const char *key, const char *text, uint64_t min,
                        uint64_t max, uint64_t *value)
{
    char expected[64];

    if (parse_u64(text, min, max, value) == 0)
        return 0;
    if (min == max)
        snprintf(expected, sizeof(expected), "%" PRIu64, min);
    else
        snprintf(expected, sizeof(expected), "%" PRIu64 " to %" PRIu64, min, max);
    return refuse(r, key, text, expected);
}

static int need_number(const struct reading *r, const char *key, uint64_t min, uint64_t max,
                       uint64_t *value)
{
    char *text = need_text(r, key);

    if (!text)
        return -1;

    int rc = parse_number(r, key, text, min, max, value);

    free(text);
    return rc;
}

/* A number whose range the schema gives, and which fits 32 bits there. */
static int need_u32(const struct reading *r, const char *key, uint32_t *value)
{
    const struct schema_node *node = schema_find(store_path("F/%s", key).text);
    uint64_t wide;

    if (need_number(r, key, node->min, node->max, &wide) < 0)
        return -1;
    *value = (uint32_t)wide;
    return 0;
}

/* 0 or 1; a frontend that does not know it says nothing. */
static int read_feature(const struct reading *r, const char *key, uint32_t *wanted)
{
    char *text = read_text(r, key);
    uint64_t value;

    if (!text)
        return errno == ENOENT ? 0 : -1;

    int rc = parse_number(r, key, text, 0, 1, &value);

    if (rc == 0)
        *wanted = (uint32_t)value;
    free(text);
    return rc;
}

/* Only what we offer can be accepted. */
static int need_transport_features(const struct reading *r, uint64_t *features)
{
    char *text = need_text(r, XS_TRANSPORT_FEATURES);
    char expected[64];
    int rc;

    if (!text)
        return -1;
    rc = parse_number(r, XS_TRANSPORT_FEATURES, text, 0, UINT64_MAX, features);
    if (rc == 0 && *features & ~(uint64_t)OFFER_TRANSPORT_FEATURES) {
        snprintf(expected, sizeof(expected), "a part of the bits offered, %u",
                 OFFER_TRANSPORT_FEATURES);
        rc = refuse(r, XS_TRANSPORT_FEATURES, text, expected);
    }
    free(text);
    return rc;
}

static int need_wire_form(const struct reading *r, uint32_t *form)
{
    char *text = need_text(r, XS_WIRE_FORM);
    int rc = 0;

    if (!text)
        return -1;
    if (strcmp(text, XS_WIRE_FORM_WIDE) == 0)
        *form = MSG_WIDE;
    else if (strcmp(text, XS_WIRE_FORM_COMPACT) == 0)
        *form = MSG_COMPACT;
    else
        rc = refuse(r, XS_WIRE_FORM, text, XS_WIRE_FORM_WIDE " or " XS_WIRE_FORM_COMPACT);
    free(text);
    return rc;
}

static int need_refs(const struct reading *r, struct ipc_connect *offer)
{
    for (uint32_t i = 0; i < 1u << offer->ring_page_order; i++) {
        struct store_path key = store_path("%s%u", XS_RING_REF, i);

        if (need_u32(r, key.text, &offer->ring_refs[i]) < 0)
            return -1;
    }
    return 0;
}

/* Each value alone is fine: do they fit each other? */
static int check_fit(const struct reading *r, const struct ipc_connect *offer)
{
    uint32_t record = (offer->message_size + RING_ALIGN - 1) & ~(RING_ALIGN - 1);
    uint32_t lane = ring_lane_size(offer->ring_page_order);

    if (record <= lane)
        return 0;
    snprintf(r->why, WHY_SIZE,
             "%.128s: %u bytes do not fit a ring of order %u (%u bytes each way)",
             spelled(r, XS_MESSAGE_SIZE).text, offer->message_size, offer->ring_page_order, lane);
    errno = EINVAL;
    return -1;
}

int offer_read(const struct offer_source *source, platform_tx tx, struct ipc_connect *offer,
               char why[WHY_SIZE])
{
    struct reading r = reading_start(source, tx, why);
    uint64_t message_size;
    uint32_t version;

    memset(offer, 0, sizeof(*offer));
    offer->frontend_domid = source->frontend;
    if (need_u32(&r, XS_VERSION, &version) < 0 || need_wire_form(&r, &offer->wire_form) < 0)
        return -1;

    uint32_t least = offer->wire_form == MSG_COMPACT ? MSG_COMPACT_MIN_MAX : MSG_WIDE_MIN_MAX;

    if (need_number(&r, XS_MESSAGE_SIZE, least, MSG_PROTOCOL_MAX, &message_size) < 0 ||
        need_u32(&r, XS_RING_PAGE_ORDER, &offer->ring_page_order) < 0 ||
        need_u32(&r, XS_EVENT_CHANNEL, &offer->event_channel) < 0 ||
        need_transport_features(&r, &offer->transport_features) < 0 ||
        read_feature(&r, XS_FEATURE_QUEUE_DOORBELL, &offer->queue_doorbells) < 0 ||
        read_feature(&r, XS_FEATURE_QUEUE_RESUME, &offer->queue_resume) < 0 ||
        need_refs(&r, offer) < 0)
        return -1;
    offer->message_size = (uint32_t)message_size;
    return check_fit(&r, offer);
}

int offer_read_state(const struct offer_source *source, platform_tx tx, uint64_t *state,
                     char why[WHY_SIZE])
{
    struct reading r = reading_start(source, tx, why);
    char *text = read_text(&r, XS_STATE);

    if (!text && errno != ENOENT)
        return -1;
    if (!text) {
        *state = XENBUS_UNKNOWN;
        return 0;
    }

    int rc = parse_number(&r, XS_STATE, text, XENBUS_INITIALISING, XENBUS_CLOSED, state);

    free(text);
    return rc;
}

bool offer_read_error(const struct offer_source *source, char text[WHY_SIZE])
{
    struct reading r = reading_start(source, PLATFORM_NO_TX, text);
    char *error = read_text(&r, XS_ERROR);

    if (!error)
        return false;
    text_printable(text, WHY_SIZE, error);
    free(error);
    return *text;
}

int offer_read_in_use(const struct offer_source *source, uint64_t number, char why[WHY_SIZE])
{
    struct reading r = reading_start(source, PLATFORM_NO_TX, why);
    struct store_path key = store_path(XS_DEVICE "/%" PRIu64 "/" XS_STATE, number);
    char *text = read_text(&r, key.text);
    int in_use = 0;

    if (!text)
        return errno == ENOENT ? 0 : -1;
    if (strcmp(text, XS_DEVICE_IN_USE) == 0)
        in_use = 1;
    else if (strcmp(text, XS_DEVICE_RELEASED) != 0)
        in_use = refuse(&r, key.text, text, XS_DEVICE_IN_USE " or " XS_DEVICE_RELEASED);
    free(text);
    return in_use;
}
