/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/wanted.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xenstore-schema/schema.h"

/* ENOENT: missing. A sentence in `why` unless xenstore failed. */
static char *read_key(struct bus *bus, const char *dir, const char *key, char why[WHY_SIZE])
{
    char *text = store_read_text(bus->daemon->platform, PLATFORM_NO_TX, dir, key);

    if (!text && errno == ENOENT)
        snprintf(why, WHY_SIZE, "%s: missing", key);
    if (!text && errno == EINVAL)
        snprintf(why, WHY_SIZE, "%s: not a text", key);
    return text;
}

/* Each parser leaves a sentence in `why` when the value will not do. */
static bool parse_type(struct bus *bus, const char *text, struct ipc_device *d,
                       char why[WHY_SIZE])
{
    if (strlen(text) >= sizeof(d->type) || !bus->daemon->type_known(text)) {
        snprintf(why, WHY_SIZE, XS_TYPE ": %.32s is no type of device xvmsgd offers", text);
        return false;
    }
    strcpy(d->type, text);
    return true;
}

static bool parse_mode(struct bus *bus, const char *text, struct ipc_device *d,
                       char why[WHY_SIZE])
{
    (void)bus;
    d->read_only = strcmp(text, XS_MODE_READ) == 0;
    if (d->read_only || strcmp(text, XS_MODE_WRITE) == 0)
        return true;
    snprintf(why, WHY_SIZE, XS_MODE ": %.32s is not " XS_MODE_READ " or " XS_MODE_WRITE, text);
    return false;
}

static bool parse_uuid(struct bus *bus, const char *text, struct ipc_device *d,
                       char why[WHY_SIZE])
{
    (void)bus;
    if (uuid_parse_text(text, d->uuid) == 0)
        return true;
    snprintf(why, WHY_SIZE, XS_UUID ": %.48s is not a UUID", text);
    return false;
}

struct setting {
    const char *key;
    bool optional;
    bool (*parse)(struct bus *bus, const char *text, struct ipc_device *d, char why[WHY_SIZE]);
};

static const struct setting settings[] = {
    {XS_TYPE, false, parse_type},
    {XS_MODE, false, parse_mode},
    {XS_UUID, true, parse_uuid},
};

#define NUM_SETTINGS (sizeof(settings) / sizeof(settings[0]))

/* 0, or -1 with EINVAL and `why`, or with xenstore's errno. */
static int read_setting(struct bus *bus, const char *dir, const struct setting *setting,
                        struct ipc_device *device, char why[WHY_SIZE])
{
    char *text = read_key(bus, dir, setting->key, why);

    if (!text) {
        if (errno == ENOENT && setting->optional)
            return 0;
        errno = errno == ENOENT ? EINVAL : errno;
        return -1;
    }

    bool good = setting->parse(bus, text, device, why);

    free(text);
    errno = EINVAL;
    return good ? 0 : -1;
}

char *wanted_read(struct bus *bus, const char *name, struct ipc_device *device,
                  char why[WHY_SIZE])
{
    struct store_path dir = store_path("%s/" XS_REQUEST "/%s", bus->home.text, name);
    char *target;

    strcpy(device->name, name);
    for (size_t i = 0; i < NUM_SETTINGS; i++)
        if (read_setting(bus, dir.text, &settings[i], device, why) < 0)
            return NULL;
    target = read_key(bus, dir.text, XS_TARGET, why);
    if (!target && errno == ENOENT)
        errno = EINVAL;
    return target;
}
