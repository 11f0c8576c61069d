/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Every xenstore node of the bus, once: key, writer, readers, type, range.
 *
 *   B = /local/domain/BE/backend/virtio-msg/FE/BUS   (owned by BE, FE reads)
 *   F = /local/domain/FE/device/virtio-msg/BUS       (owned by FE, BE reads)
 *
 * The XS_* strings are the only spelling of a key in this project. The table
 * below is what the tests hold a live store against; README.md tells the story.
 */
#ifndef XVMSG_SCHEMA_H
#define XVMSG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/platform.h"

#define XS_CLASS "virtio-msg"

/* printf formats of the two homes. */
#define XS_BACKEND_ROOT "/local/domain/%u/backend/" XS_CLASS        /* BE */
#define XS_BACKEND_DOMAIN XS_BACKEND_ROOT "/%u"                     /* BE, FE */
#define XS_BACKEND_BUS XS_BACKEND_DOMAIN "/%u"                      /* BE, FE, BUS */
#define XS_FRONTEND_ROOT "/local/domain/%u/device/" XS_CLASS        /* FE */
#define XS_FRONTEND_BUS XS_FRONTEND_ROOT "/%u"                      /* FE, BUS */

#define XS_BUS_MAX 65535u /* the largest BUS */

/* Longer names in B/request are passed by: no toolstack of ours wrote them. */
#define XS_REQUEST_NAME_MAX 64

/* B and F, by the toolstack. */
#define XS_FRONTEND "frontend"
#define XS_FRONTEND_ID "frontend-id"
#define XS_BACKEND "backend"
#define XS_BACKEND_ID "backend-id"
#define XS_ONLINE "online"
#define XS_STATE "state"

/* B, by the backend before InitWait: what it can do. */
#define XS_VERSIONS "versions"
#define XS_MAX_MESSAGE_SIZE "max-message-size"
#define XS_MAX_RING_PAGE_ORDER "max-ring-page-order"
#define XS_TRANSPORT_REVISION "transport-revision"
#define XS_TRANSPORT_FEATURES "transport-features"
#define XS_FEATURE_WIRE_COMPACT "feature-wire-compact"
#define XS_FEATURE_QUEUE_DOORBELL "feature-queue-doorbell"
#define XS_FEATURE_QUEUE_RESUME "feature-queue-resume"

/* F, by the frontend in one transaction with Initialised: what it chose. */
#define XS_VERSION "version"
#define XS_MESSAGE_SIZE "message-size"
#define XS_RING_PAGE_ORDER "ring-page-order"
#define XS_RING_REF "ring-ref-" /* + page index */
#define XS_EVENT_CHANNEL "event-channel"
#define XS_WIRE_FORM "wire-form"

/* Devices. */
#define XS_REQUEST "request"
#define XS_DEVICE "device"
#define XS_NAME "name"
#define XS_TYPE "type"
#define XS_TARGET "target"
#define XS_MODE "mode"
#define XS_CACHE "cache"
#define XS_QUEUES "queues"
#define XS_QUEUES_MAX 8
#define XS_RATE "rate"
#define XS_PORTS "ports"
#define XS_OUTPUT "output"
#define XS_MAC "mac"
#define XS_BRIDGE "bridge"
#define XS_SCRIPT "script"
#define XS_MTU "mtu"
#define XS_LINK "link"
#define XS_VIF "vif"
#define XS_UUID "uuid"
#define XS_NUMBER "number"
#define XS_REMOVE "remove"
#define XS_RESIZE "resize"
#define XS_TTY "tty"
#define XS_DEVICE_NUMBER_NEXT "device-number-next"
#define XS_DEVICE_NUMBER_FORM "device-number-form"
#define XS_TAKEN "taken"
#define XS_RELEASED "released"
#define XS_QUARANTINE_COUNT "quarantine-count"
#define XS_QUARANTINE_SECONDS "quarantine-seconds"
#define XS_ERROR "error"

/* Values. */
#define XS_TYPES "blk|net|console|rng"
#define XS_CACHE_WRITEBACK "writeback"
#define XS_CACHE_WRITETHROUGH "writethrough"
#define XS_CACHE_NONE "none"
#define XS_CACHE_DIRECTSYNC "directsync"
#define XS_MODE_READ "r"
#define XS_MODE_WRITE "w"
#define XS_LINK_UP "up"
#define XS_LINK_DOWN "down"
#define XS_SCRIPT_NONE "none"
#define XS_WIRE_FORM_WIDE "wide"
#define XS_WIRE_FORM_COMPACT "compact"
#define XS_DEVICE_ADDED "added"
#define XS_DEVICE_REMOVING "removing"
#define XS_DEVICE_IN_USE "in-use"
#define XS_DEVICE_RELEASED "released"
#define XS_REMOVE_ORDERLY "orderly"
#define XS_REMOVE_FORCE "force"

/* The binding's version number, as in `versions` and `version`. */
#define XS_BINDING_VERSION 1

/* The most a device's request can have, as descriptors are handed on together. */
#define XS_PORTS_MAX 8

/*
 * The socket of a console's port: `output` of its request, with ".PORT" behind it but
 * for port 0. False when it does not fit.
 */
bool schema_output_path(const char *output, unsigned port, char *path, size_t size);

enum schema_owner { SCHEMA_TOOLSTACK = 1, SCHEMA_BACKEND = 2, SCHEMA_FRONTEND = 4 };

enum schema_type {
    SCHEMA_DIR,      /* no value of its own */
    SCHEMA_UINT,     /* decimal, min..max */
    SCHEMA_TEXT,     /* up to max bytes, printable */
    SCHEMA_PATH,     /* absolute xenstore path */
    SCHEMA_FILE,     /* absolute file name in the backend domain */
    SCHEMA_NAME,     /* see name_valid() */
    SCHEMA_UUID,     /* 8-4-4-4-12 */
    SCHEMA_MAC,      /* 00:16:3e:01:02:03 */
    SCHEMA_ONE_OF,   /* one word of `words`, separated by '|' */
    SCHEMA_VERSIONS, /* numbers separated by commas */
    SCHEMA_RELEASES, /* see numbering.h */
};

/*
 * One node. `path` starts with B or F; NUMBER, SEQUENCE, NAME and INDEX stand for
 * one varying element or, as in ring-ref-INDEX, the end of one.
 */
struct schema_node {
    const char *path;
    unsigned writers; /* enum schema_owner bits */
    bool frontend_reads;
    enum schema_type type;
    uint64_t min;
    uint64_t max;
    const char *words;
    const char *meaning;
};

extern const struct schema_node schema_nodes[];
extern const size_t schema_num_nodes;

/*
 * The entry for a path in its B/... or F/... form, NULL when the schema knows
 * no such node.
 */
const struct schema_node *schema_find(const char *path);

#define SCHEMA_WHY_SIZE 128

/* Is the value right for the node? False: `why` says what it is not, "is not ...". */
bool schema_value_valid(const struct schema_node *node, const char *value,
                        char why[SCHEMA_WHY_SIZE]);

/* What a type of device makes of a key below B/request/NAME. SCHEMA_FOREIGN: the key
 * does not describe a device, of whatever type. */
enum schema_use { SCHEMA_NEEDED, SCHEMA_OPTIONAL, SCHEMA_UNFIT, SCHEMA_FOREIGN };

/* Of a type that is not among XS_TYPES nothing is known, and every key that describes
 * any device is optional. */
enum schema_use schema_use(const char *type, const char *key);

/* May the key be written anew while the device lives, which then follows? */
bool schema_settable(const char *type, const char *key);

/* The i-th key that a type needs, or that is settable, static; NULL when there are no
 * more. */
const char *schema_needed_key(const char *type, size_t i);
const char *schema_settable_key(const char *type, size_t i);

/*
 * Holds every node of one bus, as it stands in the live store, against the
 * table: unknown nodes, values out of range, permissions wider than said. Calls
 * `complain` for each finding; returns their number, or -1 with errno.
 */
int schema_check_bus(struct platform *p, uint32_t backend_domid, uint32_t frontend_domid,
                     uint32_t bus, void (*complain)(const char *path, const char *why, void *user),
                     void *user);

#endif
