/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tools/xvmsg/saved.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tools/xvmsg/printable.h"
#include "xenstore-schema/schema.h"

#define VALUE_SHOWN 64

struct reading {
    struct saved *saved;
    unsigned line;
    bool ended; /* by its last line, which a file that was cut lacks */
    char *why;
};

/* Always -1, so that a check can end in `return wrong(...)`. The file may be anybody's, and
 * the sentence goes to somebody's terminal. */
static int wrong(const struct reading *r, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int wrong(const struct reading *r, unsigned line, const char *format, ...)
{
    int length = snprintf(r->why, SAVED_WHY_SIZE, "line %u: ", line);
    va_list args;

    va_start(args, format);
    vsnprintf(r->why + length, SAVED_WHY_SIZE - (size_t)length, format, args);
    va_end(args);
    make_printable(r->why);
    return -1;
}

/* One more element at the end of a list, zero. NULL: out of memory. */
static void *grow(const struct reading *r, void **list, size_t *count, size_t size)
{
    void *grown = reallocarray(*list, *count + 1, size);

    if (!grown) {
        wrong(r, r->line, "out of memory");
        return NULL;
    }
    *list = grown;
    return memset((char *)grown + (*count)++ * size, 0, size);
}

static struct saved_bus *last_bus(const struct reading *r)
{
    return r->saved->num_buses ? &r->saved->buses[r->saved->num_buses - 1] : NULL;
}

static struct saved_device *last_device(const struct reading *r)
{
    struct saved_bus *bus = last_bus(r);

    return bus && bus->num_devices ? &bus->devices[bus->num_devices - 1] : NULL;
}

/* ---- what a device has ---- */

static const char *value_of(const struct saved_device *device, const char *key)
{
    for (size_t i = 0; i < device->num_keys; i++)
        if (strcmp(device->keys[i].key, key) == 0)
            return device->keys[i].value;
    return NULL;
}

static int check_value(const struct reading *r, const char *key, const char *value)
{
    const struct schema_node *node = schema_find(store_path("B/" XS_REQUEST "/x/%s", key).text);
    char why[SCHEMA_WHY_SIZE];

    if (schema_value_valid(node, value, why))
        return 0;
    return wrong(r, r->line, "%s '%.*s' %s", key, VALUE_SHOWN, value, why);
}

static int check_key(const struct reading *r, const struct saved_device *device, const char *key)
{
    enum schema_use use;

    if (value_of(device, key))
        return wrong(r, r->line, "%s is given twice", key);
    if (strcmp(key, XS_TYPE) == 0 || strcmp(key, XS_NUMBER) == 0)
        return 0;
    if (!device->type)
        return wrong(r, r->line, "%.*s comes before the type of device %s", VALUE_SHOWN, key,
                     device->name);
    use = schema_use(device->type, key);
    if (use == SCHEMA_FOREIGN)
        return wrong(r, r->line, "'%.*s' is nothing that a device has", VALUE_SHOWN, key);
    return use == SCHEMA_UNFIT
               ? wrong(r, r->line, "a device of type %s has no %s", device->type, key)
               : 0;
}

static int add_number(const struct reading *r, struct saved_device *device, const char *value)
{
    const struct saved_bus *bus = last_bus(r);
    uint64_t number;

    if (parse_u64(value, 1, bus->next - 1, &number) < 0)
        return wrong(r, r->line, "number %.*s is not 1 to %" PRIu64 ", below next", VALUE_SHOWN,
                     value, bus->next - 1);
    for (size_t i = 0; i < bus->num_devices; i++)
        if (bus->devices[i].number == number)
            return wrong(r, r->line, "device %s has number %" PRIu64 " already",
                         bus->devices[i].name, number);
    device->number = number;
    return 0;
}

static int add_key(const struct reading *r, const char *key, const char *value)
{
    struct saved_device *device = last_device(r);
    struct saved_key *added;

    if (!device)
        return wrong(r, r->line, "'%.*s' is neither " SAVED_BUS ", " SAVED_NEXT " nor "
                                 SAVED_DEVICE, VALUE_SHOWN, key);
    if (check_key(r, device, key) < 0)
        return -1;
    if (strcmp(key, XS_NUMBER) == 0 && add_number(r, device, value) < 0)
        return -1;
    if (check_value(r, key, value) < 0)
        return -1;
    if (device->num_keys == SAVED_KEYS_MAX)
        return wrong(r, r->line, "device %s has too many lines", device->name);
    added = &device->keys[device->num_keys++];
    *added = (struct saved_key){.key = strdup(key), .value = strdup(value)};
    if (!added->key || !added->value)
        return wrong(r, r->line, "out of memory");
    if (strcmp(key, XS_TYPE) == 0)
        device->type = added->value;
    return 0;
}

/* When all its lines are read. */
static int check_device(const struct reading *r)
{
    const struct saved_device *device = last_device(r);
    const char *key;

    if (!device)
        return 0;
    if (!device->type)
        return wrong(r, device->line, "device %s has no type", device->name);
    for (size_t i = 0; (key = schema_needed_key(device->type, i)); i++)
        if (!value_of(device, key))
            return wrong(r, device->line, "device %s has no %s", device->name, key);
    return 0;
}

/* ---- buses and devices ---- */

static int begin_device(const struct reading *r, const char *name)
{
    struct saved_bus *bus = last_bus(r);
    struct saved_device *device;

    if (check_device(r) < 0)
        return -1;
    if (!bus || !bus->next)
        return wrong(r, r->line, "a device comes after " SAVED_BUS " and " SAVED_NEXT);
    if (!name_valid(name))
        return wrong(r, r->line, "'%.*s' is no name of a device", VALUE_SHOWN, name);
    for (size_t i = 0; i < bus->num_devices; i++)
        if (strcmp(bus->devices[i].name, name) == 0)
            return wrong(r, r->line, "device %s is there twice", name);
    device = grow(r, (void **)&bus->devices, &bus->num_devices, sizeof(*device));
    if (!device)
        return -1;
    device->line = r->line;
    strcpy(device->name, name);
    return 0;
}

static int begin_bus(const struct reading *r, const char *value)
{
    struct saved_bus *bus;
    uint64_t number;

    if (check_device(r) < 0)
        return -1;
    if (parse_u64(value, 0, XS_BUS_MAX, &number) < 0)
        return wrong(r, r->line, "'%.*s' is no number of a bus", VALUE_SHOWN, value);
    for (size_t i = 0; i < r->saved->num_buses; i++)
        if (r->saved->buses[i].bus == number)
            return wrong(r, r->line, "bus %" PRIu64 " is there twice", number);
    bus = grow(r, (void **)&r->saved->buses, &r->saved->num_buses, sizeof(*bus));
    if (!bus)
        return -1;
    bus->bus = (uint32_t)number;
    return 0;
}

static int set_next(const struct reading *r, const char *value)
{
    struct saved_bus *bus = last_bus(r);

    if (!bus || bus->next)
        return wrong(r, r->line, SAVED_NEXT " comes once, after " SAVED_BUS);
    if (parse_u64(value, 1, UINT64_MAX, &bus->next) < 0)
        return wrong(r, r->line, "'%.*s' is no next number", VALUE_SHOWN, value);
    return 0;
}

/* ---- lines ---- */

/* Cuts off its end. Without one it may be a part of a longer line: of a number, or a name. */
static int end_line(const struct reading *r, char *line, size_t length)
{
    if (strlen(line) < length)
        return wrong(r, r->line, "this is not text");
    if (line[length - 1] != '\n')
        return wrong(r, r->line, "the text ends within it");
    line[length - 1] = '\0';
    return 0;
}

static int take_line(struct reading *r, char *line)
{
    char *value = strchr(line, ' ');

    if (r->line == 1)
        return strcmp(line, SAVED_FIRST_LINE)
                   ? wrong(r, 1, "this is not what xvmsg export prints")
                   : 0;
    if (!*line || *line == '#')
        return 0;
    if (r->ended)
        return wrong(r, r->line, "nothing comes after " SAVED_LAST_LINE);
    if (strcmp(line, SAVED_LAST_LINE) == 0) {
        r->ended = true;
        return check_device(r);
    }
    if (!value)
        return wrong(r, r->line, "'%.*s' has no value", VALUE_SHOWN, line);
    *value++ = '\0';
    if (strcmp(line, SAVED_BUS) == 0)
        return begin_bus(r, value);
    if (strcmp(line, SAVED_NEXT) == 0)
        return set_next(r, value);
    return strcmp(line, SAVED_DEVICE) == 0 ? begin_device(r, value) : add_key(r, line, value);
}

int saved_read(FILE *from, struct saved *saved, char why[SAVED_WHY_SIZE])
{
    struct reading r = {.saved = saved, .why = why};
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    int rc = 0;

    *saved = (struct saved){0};
    while (rc == 0 && (length = getline(&line, &size, from)) >= 0) {
        r.line++;
        rc = end_line(&r, line, (size_t)length);
        if (rc == 0)
            rc = take_line(&r, line);
    }
    if (rc == 0 && !feof(from)) {
        snprintf(why, SAVED_WHY_SIZE, "cannot read it: %s", strerror(errno));
        rc = -1;
    }
    if (rc == 0 && !r.line)
        rc = wrong(&r, 1, "this is not what xvmsg export prints");
    else if (rc == 0 && !r.ended)
        rc = wrong(&r, r.line, "this is not its end, which says " SAVED_LAST_LINE);
    free(line);
    return rc;
}

void saved_free(struct saved *saved)
{
    for (size_t i = 0; i < saved->num_buses; i++) {
        struct saved_bus *bus = &saved->buses[i];

        for (size_t j = 0; j < bus->num_devices; j++)
            for (size_t k = 0; k < bus->devices[j].num_keys; k++) {
                free(bus->devices[j].keys[k].key);
                free(bus->devices[j].keys[k].value);
            }
        free(bus->devices);
    }
    free(saved->buses);
    *saved = (struct saved){0};
}
