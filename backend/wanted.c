/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/wanted.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xenstore-schema/schema.h"

/* Each parser leaves a sentence in `why` when the value will not do. */
static bool parse_type(struct bus *bus, const char *text, struct wanted *w,
                       char why[WHY_SIZE])
{
    if (strlen(text) >= sizeof(w->device.type) || !bus->daemon->type_known(text)) {
        snprintf(why, WHY_SIZE, XS_TYPE ": %.32s is no type of device xvmsgd offers", text);
        return false;
    }
    strcpy(w->device.type, text);
    return true;
}

static bool parse_mode(struct bus *bus, const char *text, struct wanted *w,
                       char why[WHY_SIZE])
{
    (void)bus;
    w->device.read_only = strcmp(text, XS_MODE_READ) == 0;
    if (w->device.read_only || strcmp(text, XS_MODE_WRITE) == 0)
        return true;
    snprintf(why, WHY_SIZE, XS_MODE ": %.32s is not " XS_MODE_READ " or " XS_MODE_WRITE, text);
    return false;
}

static bool parse_uuid(struct bus *bus, const char *text, struct wanted *w,
                       char why[WHY_SIZE])
{
    (void)bus;
    if (uuid_parse_text(text, w->device.uuid) == 0)
        return true;
    snprintf(why, WHY_SIZE, XS_UUID ": %.48s is not a UUID", text);
    return false;
}

static bool parse_rate(struct bus *bus, const char *text, struct wanted *w,
                       char why[WHY_SIZE])
{
    const struct schema_node *node = schema_find("B/" XS_REQUEST "/x/" XS_RATE);

    (void)bus;
    if (parse_u64(text, node->min, node->max, &w->device.rate) == 0)
        return true;
    snprintf(why, WHY_SIZE, XS_RATE ": %.32s is not a number from %" PRIu64 " to %" PRIu64, text,
             node->min, node->max);
    return false;
}

struct setting {
    const char *key;
    bool (*parse)(struct bus *bus, const char *text, struct wanted *w, char why[WHY_SIZE]);
};

static const struct setting settings[] = {
    {XS_MODE, parse_mode},
    {XS_RATE, parse_rate},
    {XS_UUID, parse_uuid},
};

#define NUM_SETTINGS (sizeof(settings) / sizeof(settings[0]))

static int refuse(char why[WHY_SIZE], const char *key, const char *words)
{
    snprintf(why, WHY_SIZE, "%s: %s", key, words);
    errno = EINVAL;
    return -1;
}

/* 0, with *text NULL for a key that is not there and need not be; or -1 with EINVAL
 * and `why`, or with xenstore's errno. */
static int read_key(struct bus *bus, platform_tx tx, const char *dir, const char *key,
                    enum schema_use use, char **text, char why[WHY_SIZE])
{
    *text = store_read_text(bus->daemon->platform, tx, dir, key);
    if (!*text && errno == EINVAL)
        return refuse(why, key, "not a text");
    if (!*text && errno != ENOENT)
        return -1;
    if (!*text && use == SCHEMA_NEEDED)
        return refuse(why, key, "missing");
    if (*text && use == SCHEMA_UNFIT) {
        free(*text);
        *text = NULL;
        return refuse(why, key, "this type of device has none");
    }
    return 0;
}

static int read_setting(struct bus *bus, platform_tx tx, const char *dir,
                        const struct setting *setting, enum schema_use use, struct wanted *w,
                        char why[WHY_SIZE])
{
    char *text;

    if (read_key(bus, tx, dir, setting->key, use, &text, why) < 0)
        return -1;

    bool good = !text || setting->parse(bus, text, w, why);

    free(text);
    errno = EINVAL;
    return good ? 0 : -1;
}

/* What a target names is looked at when it is opened. */
int wanted_read(struct bus *bus, platform_tx tx, const char *name, struct wanted *wanted,
                char why[WHY_SIZE])
{
    static const struct setting type = {XS_TYPE, parse_type};
    struct store_path dir = store_path("%s/" XS_REQUEST "/%s", bus->home.text, name);
    const char *known = wanted->device.type;

    *wanted = (struct wanted){0};
    strcpy(wanted->device.name, name);
    if (read_setting(bus, tx, dir.text, &type, SCHEMA_NEEDED, wanted, why) < 0)
        return -1;
    for (size_t i = 0; i < NUM_SETTINGS; i++)
        if (read_setting(bus, tx, dir.text, &settings[i], schema_use(known, settings[i].key),
                         wanted, why) < 0)
            return -1;
    return read_key(bus, tx, dir.text, XS_TARGET, schema_use(known, XS_TARGET), &wanted->target,
                    why);
}
