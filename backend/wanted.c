/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/wanted.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xenstore-schema/schema.h"

/* ---- reading ---- */

static int refuse(char why[WHY_SIZE], const char *key, const char *words)
{
    snprintf(why, WHY_SIZE, "%s: %s", key, words);
    errno = EINVAL;
    return -1;
}

/* What the schema wants of the value; of a type, that we have it. */
static bool value_good(struct bus *bus, const char *key, const char *value, char why[WHY_SIZE])
{
    const struct schema_node *node = schema_find(store_path("B/" XS_REQUEST "/x/%s", key).text);
    char wrong[SCHEMA_WHY_SIZE];

    if (strcmp(key, XS_TYPE) == 0) {
        snprintf(why, WHY_SIZE, XS_TYPE ": %.32s is no type of device xvmsgd offers", value);
        return strlen(value) < IPC_TYPE_MAX && bus->daemon->type_known(value);
    }
    if (schema_value_valid(node, value, wrong))
        return true;
    snprintf(why, WHY_SIZE, "%s: %.48s %s", key, value, wrong);
    return false;
}

/* A good value, to be freed; NULL with EINVAL and `why`, or with xenstore's errno. */
static char *read_value(struct bus *bus, platform_tx tx, const char *dir, const char *key,
                        char why[WHY_SIZE])
{
    char *value = store_read_text(bus->daemon->platform, tx, dir, key);

    if (!value && errno == EINVAL)
        refuse(why, key, "not a text");
    if (!value && errno == ENOENT)
        refuse(why, key, "missing");
    if (!value || value_good(bus, key, value, why))
        return value;
    free(value);
    errno = EINVAL;
    return NULL;
}

/* Puts it where it belongs; the value is taken over. */
static int keep(struct wanted *w, const char *key, char *value, char why[WHY_SIZE])
{
    bool kept = true;

    if (strcmp(key, XS_TARGET) == 0) {
        w->target = value;
        return 0;
    }
    if (strcmp(key, XS_UUID) == 0)
        uuid_parse_text(value, w->device.uuid);
    else
        kept = choices_add(&w->device.choices, key, value);
    free(value);
    return kept ? 0 : refuse(why, key, "too much is asked for in one request");
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int check_needed(const char *type, char **keys, size_t count, char why[WHY_SIZE])
{
    const char *key;

    for (size_t i = 0; (key = schema_needed_key(type, i)); i++)
        if (!bsearch(&key, keys, count, sizeof(*keys), compare_keys))
            return refuse(why, key, "missing");
    return 0;
}

static int read_setting(struct bus *bus, platform_tx tx, const char *dir, const char *key,
                        struct wanted *w, char why[WHY_SIZE])
{
    char *value;

    switch (schema_use(w->device.type, key)) {
    case SCHEMA_FOREIGN:
        return 0;
    case SCHEMA_UNFIT:
        return refuse(why, key, "this type of device has none");
    default:
        value = read_value(bus, tx, dir, key, why);
        return value ? keep(w, key, value, why) : -1;
    }
}

/* In the keys' own order, whatever the store's is: so two readings can be compared. */
static int read_settings(struct bus *bus, platform_tx tx, const char *dir, char **keys,
                         size_t count, struct wanted *w, char why[WHY_SIZE])
{
    qsort(keys, count, sizeof(*keys), compare_keys);
    for (size_t i = 0; i < count; i++)
        if (read_setting(bus, tx, dir, keys[i], w, why) < 0)
            return -1;
    return check_needed(w->device.type, keys, count, why);
}

static int read_request(struct bus *bus, platform_tx tx, const char *dir, struct wanted *w,
                        char why[WHY_SIZE])
{
    struct platform *p = bus->daemon->platform;
    char *type = read_value(bus, tx, dir, XS_TYPE, why);
    char **keys;
    size_t count;
    int rc;

    if (!type)
        return -1;
    strcpy(w->device.type, type);
    free(type);
    keys = p->ops->xs_list(p, tx, dir, &count);
    if (!keys)
        return -1;
    rc = read_settings(bus, tx, dir, keys, count, w, why);
    free(keys);
    return rc;
}

/* What a target names is looked at when it is opened. */
int wanted_read(struct bus *bus, platform_tx tx, const char *name, struct wanted *wanted,
                char why[WHY_SIZE])
{
    struct store_path dir = store_path("%s/" XS_REQUEST "/%s", bus->home.text, name);
    int error;

    *wanted = (struct wanted){0};
    strcpy(wanted->device.name, name);
    if (read_request(bus, tx, dir.text, wanted, why) == 0)
        return 0;
    error = errno;
    free(wanted->target);
    errno = error;
    return -1;
}

/* ---- remembering ---- */

struct asked {
    size_t size;
    char bytes[]; /* type, target, choices, each behind the end of the last */
};

/* What a device keeps while it lives. */
static void take_lasting(const struct wanted *w, struct choices *lasting)
{
    const char *choice = NULL;

    *lasting = (struct choices){0};
    while ((choice = choices_next(&w->device.choices, choice))) {
        size_t length = strcspn(choice, "=");
        char key[CHOICES_SIZE];

        snprintf(key, sizeof(key), "%.*s", (int)length, choice);
        if (!schema_settable(w->device.type, key))
            choices_add(lasting, key, choice + length + 1);
    }
}

static size_t describe(const struct wanted *w, char bytes[], size_t room)
{
    const char *target = w->target ? w->target : "";
    size_t texts = strlen(w->device.type) + 1 + strlen(target) + 1;
    struct choices choices;
    size_t size;

    take_lasting(w, &choices);
    size = texts + choices_size(&choices);

    if (size <= room) {
        snprintf(bytes, texts, "%s%c%s", w->device.type, '\0', target);
        memcpy(bytes + texts, choices.text, size - texts);
    }
    return size;
}

struct asked *asked_new(const struct wanted *wanted)
{
    size_t size = describe(wanted, NULL, 0);
    struct asked *asked = malloc(sizeof(*asked) + size);

    if (asked)
        asked->size = describe(wanted, asked->bytes, size);
    return asked;
}

bool asked_same(const struct asked *asked, const struct wanted *wanted)
{
    struct asked *now = asked_new(wanted);
    bool same = now && now->size == asked->size && memcmp(now->bytes, asked->bytes, now->size) == 0;

    free(now);
    return same;
}
