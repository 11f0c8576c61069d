/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Devices come and go: what B/device says, told to the user once each.
 *
 * A watch may fire late, twice, or for nothing, so it only makes us look; what
 * was told is remembered in the list of known devices. Devices outlive a
 * connection; new ones are told when the bus is usable, or at once to observers.
 *
 * There may be very many devices, and a call to xenstore is what costs: a watch
 * leads to one look at one device, and a device that nobody opened has no node
 * of ours.
 */

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/internal.h"
#include "xenstore-schema/schema.h"

/* A scan costs a call for each device and an event costs its sender nothing: so many
 * at once, and then one in this time. The watches tell meanwhile. */
#define SCANS_AT_ONCE 10u
#define SCAN_NS (100 * NS_PER_MS)

struct known_device {
    TAILQ_ENTRY(known_device) link;
    uint64_t number;
    bool told; /* the user heard of it */
    bool removing;
    bool marked; /* F/device/NUMBER may be there */
};

static struct store_path device_path(const struct store_path *home, uint64_t number)
{
    return store_path("%s/%s/%llu", home->text, XS_DEVICE, (unsigned long long)number);
}

/* ---- the known devices ---- */

static int compare(const void *a, const void *b)
{
    uint64_t x = ((const struct known_device *)a)->number;
    uint64_t y = ((const struct known_device *)b)->number;

    return (x > y) - (x < y);
}

static struct known_device *find(const struct hotplug *hotplug, uint64_t number)
{
    const struct known_device key = {.number = number};
    struct known_device **found = tfind(&key, &hotplug->by_number, compare);

    return found ? *found : NULL;
}

static struct known_device *know(struct hotplug *hotplug, uint64_t number)
{
    struct known_device *k = calloc(1, sizeof(*k));

    if (!k)
        return NULL;
    k->number = number;
    if (!tsearch(k, &hotplug->by_number, compare)) {
        free(k);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&hotplug->known, k, link);
    return k;
}

static void forget(struct hotplug *hotplug, struct known_device *k)
{
    TAILQ_REMOVE(&hotplug->known, k, link);
    tdelete(k, &hotplug->by_number, compare);
    free(k);
}

/* ---- telling ---- */

static void tell(struct xvmsg *h, uint64_t number, enum xvmsg_device_event event)
{
    if (h->handlers.device)
        h->handlers.device(h, number, event, h->user);
}

static struct known_device *meet(struct xvmsg *h, uint64_t number)
{
    struct known_device *k = know(&h->hotplug, number);

    if (k)
        k->marked = device_is_open(h, number);
    else
        handle_fail(h, ENOMEM, "out of memory for device %llu", (unsigned long long)number);
    return k;
}

static int added(struct xvmsg *h, struct known_device *known, uint64_t number)
{
    struct known_device *k = known ? known : meet(h, number);

    if (!k)
        return -1;
    k->told = true;
    k->removing = false;
    tell(h, number, XVMSG_DEVICE_ADDED);
    return 0;
}

/* One that was never told of is not worth telling of now; but who knows its number
 * may open it, and has to learn when it is gone. */
static int met_removing(struct xvmsg *h, uint64_t number)
{
    struct known_device *k = meet(h, number);

    if (!k)
        return -1;
    k->removing = true;
    return 0;
}

static void removing(struct xvmsg *h, struct known_device *k)
{
    uint64_t number = k->number;
    bool marked = k->marked;

    k->removing = true;
    tell(h, number, XVMSG_DEVICE_REMOVING);
    /* Nobody here needs to let go of it, or somebody already has. */
    if (marked && h->conn.up && !device_is_open(h, number))
        hotplug_mark(h, number, XS_DEVICE_RELEASED);
}

static void gone(struct xvmsg *h, struct known_device *k)
{
    uint64_t number = k->number;
    bool marked = k->marked;
    bool told = k->told;

    forget(&h->hotplug, k);
    device_gone(h, number);
    request_end_device(h, number, XVMSG_DEVICE_REMOVED);
    if (marked && h->conn.mode == MODE_DRIVING) {
        struct platform *p = h->platform;

        /* Left behind it would only take room until F is claimed anew. */
        p->ops->xs_remove(p, PLATFORM_NO_TX, device_path(&h->conn.front, number).text);
    }
    if (told)
        tell(h, number, XVMSG_DEVICE_GONE);
}

/* ---- looking ---- */

/* May the user hear of it now? A driver only of what its wire form can name. */
static bool tellable(const struct xvmsg *h, uint64_t number)
{
    if (h->conn.mode == MODE_OBSERVING)
        return true;
    return h->conn.up && number <= msg_dev_num_max(h->form);
}

/* Reads the state of one device and tells what changed. */
static int look(struct xvmsg *h, uint64_t number)
{
    struct known_device *known = find(&h->hotplug, number);
    char *state = store_read_text(h->platform, PLATFORM_NO_TX,
                                  device_path(&h->conn.back, number).text, XS_STATE);
    int rc = 0;

    if (!state && !connect_node_error(errno))
        return connect_store_failed(h, "looking at a device");
    if (!state) {
        if (known)
            gone(h, known);
    } else if (strcmp(state, XS_DEVICE_ADDED) == 0) {
        if (known ? !known->told : tellable(h, number))
            rc = added(h, known, number);
    } else if (strcmp(state, XS_DEVICE_REMOVING) == 0) {
        if (known && !known->removing)
            removing(h, known);
        else if (!known && tellable(h, number))
            rc = met_removing(h, number);
    }
    free(state);
    return rc;
}

static int look_at_known(struct xvmsg *h)
{
    struct known_device *next;

    for (struct known_device *k = TAILQ_FIRST(&h->hotplug.known); k; k = next) {
        next = TAILQ_NEXT(k, link);
        if (look(h, k->number) < 0)
            return -1;
    }
    return 0;
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* The numbers below B/device in order; count, or -1. */
static ssize_t list_numbers(struct xvmsg *h, const struct store_path *back, uint64_t **numbers)
{
    struct platform *p = h->platform;
    size_t count = 0;
    ssize_t found = 0;
    char **names = p->ops->xs_list(p, PLATFORM_NO_TX,
                                   store_path("%s/%s", back->text, XS_DEVICE).text, &count);

    *numbers = NULL;
    if (!names)
        return connect_node_error(errno) ? 0 : connect_store_failed(h, "listing the devices");
    *numbers = calloc(count + 1, sizeof(**numbers));
    for (size_t i = 0; *numbers && i < count; i++)
        if (parse_u64(names[i], 0, UINT64_MAX, &(*numbers)[found]) == 0)
            found++;
    free(names);
    if (!*numbers)
        return handle_fail(h, ENOMEM, "out of memory for the list of devices");
    qsort(*numbers, (size_t)found, sizeof(**numbers), compare_numbers);
    return found;
}

static int look_for_new(struct xvmsg *h)
{
    uint64_t *numbers;
    ssize_t count = list_numbers(h, &h->conn.back, &numbers);
    int rc = count < 0 ? -1 : 0;

    for (ssize_t i = 0; rc == 0 && i < count; i++)
        if (!find(&h->hotplug, numbers[i]))
            rc = look(h, numbers[i]);
    free(numbers);
    return rc;
}

void hotplug_ask(struct xvmsg *h)
{
    h->hotplug.asked = true;
    handle_turn(h);
}

uint64_t hotplug_deadline(const struct xvmsg *h)
{
    uint64_t credit = (SCANS_AT_ONCE - 1) * SCAN_NS;

    if (!h->hotplug.asked)
        return NEVER;
    return h->hotplug.paid > credit ? h->hotplug.paid - credit : 0;
}

static void pay_for_scan(struct xvmsg *h)
{
    struct hotplug *hotplug = &h->hotplug;
    uint64_t now = hotplug->asked ? handle_now(h) : 0;

    if (!hotplug->asked || now < hotplug_deadline(h))
        return;
    hotplug->paid = (hotplug->paid > now ? hotplug->paid : now) + SCAN_NS;
    hotplug->scan = true;
}

int hotplug_step(struct xvmsg *h)
{
    pay_for_scan(h);
    if (!h->hotplug.scan || !h->conn.found)
        return 0;
    h->hotplug.scan = false;
    h->hotplug.asked = false;
    if (look_at_known(h) < 0)
        return -1;
    /* Nobody would be told yet, and a connection looks again. */
    if (!h->conn.up && h->conn.mode != MODE_OBSERVING)
        return 0;
    return look_for_new(h);
}

/* B/device/NUMBER and its state node concern one device; anything shorter
 * concerns all, and the other nodes never change. */
int hotplug_watch_fired(struct xvmsg *h, const char *path)
{
    struct store_path devices = store_path("%s/%s/", h->conn.back.text, XS_DEVICE);
    size_t prefix = strlen(devices.text);
    char element[24];
    uint64_t number;

    if (strncmp(path, devices.text, prefix) != 0) {
        h->hotplug.scan = true;
        return 0;
    }
    path += prefix;

    size_t length = strcspn(path, "/");

    if (length >= sizeof(element) || (path[length] && strcmp(path + length, "/" XS_STATE) != 0))
        return 0;
    memcpy(element, path, length);
    element[length] = '\0';
    return parse_u64(element, 0, UINT64_MAX, &number) < 0 ? 0 : look(h, number);
}

void hotplug_all_gone(struct xvmsg *h)
{
    while (!TAILQ_EMPTY(&h->hotplug.known))
        gone(h, TAILQ_FIRST(&h->hotplug.known));
}

void hotplug_free(struct xvmsg *h)
{
    while (!TAILQ_EMPTY(&h->hotplug.known))
        forget(&h->hotplug, TAILQ_FIRST(&h->hotplug.known));
}

int hotplug_mark(struct xvmsg *h, uint64_t number, const char *state)
{
    struct known_device *k = find(&h->hotplug, number);

    if (k)
        k->marked = true;
    if (store_write_text(h->platform, PLATFORM_NO_TX, device_path(&h->conn.front, number).text,
                         XS_STATE, state) == 0)
        return 0;
    return connect_store_failed(h, "marking a device");
}

/* ---- listing ---- */

static void read_name(struct platform *p, const char *dir, const char *key, char *to, size_t size)
{
    char *text = store_read_text(p, PLATFORM_NO_TX, dir, key);

    strncpy(to, text && name_valid(text) ? text : "?", size - 1);
    free(text);
}

/* False when there is no such device (any more). */
static bool read_entry(struct platform *p, const struct store_path *back, uint64_t number,
                       struct xvmsg_device_entry *entry)
{
    struct store_path dir = device_path(back, number);
    char *state = store_read_text(p, PLATFORM_NO_TX, dir.text, XS_STATE);
    bool there = state != NULL;

    *entry = (struct xvmsg_device_entry){.number = number};
    entry->removing = there && strcmp(state, XS_DEVICE_REMOVING) == 0;
    free(state);
    if (there) {
        read_name(p, dir.text, XS_NAME, entry->name, sizeof(entry->name));
        read_name(p, dir.text, XS_TYPE, entry->type, sizeof(entry->type));
    }
    return there;
}

ssize_t xvmsg_list_devices(struct xvmsg *h, struct xvmsg_device_entry *entries, size_t capacity)
{
    struct store_path back;
    uint32_t backend_domid;
    uint64_t *numbers;
    size_t listed = 0;

    if (connect_find(h, &back, &backend_domid) <= 0)
        return -1;

    ssize_t count = list_numbers(h, &back, &numbers);

    /* What there is no room for is counted and not read. */
    for (ssize_t i = 0; i < count; i++)
        if (listed >= capacity || read_entry(h->platform, &back, numbers[i], &entries[listed]))
            listed++;
    free(numbers);
    return count < 0 ? -1 : (ssize_t)listed;
}
