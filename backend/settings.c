/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xenstore-schema/schema.h"

/* A good value, to be freed; NULL when there is none, or it has to be read again. */
static char *read_setting(const struct request *r, const char *key)
{
    const struct schema_node *node = schema_find(store_path("B/" XS_REQUEST "/x/%s", key).text);
    char *value = store_read_text(r->bus->daemon->platform, PLATFORM_NO_TX,
                                  request_dir(r->bus, r->name).text, key);
    char wrong[SCHEMA_WHY_SIZE] = "is not a text";

    if (value && schema_value_valid(node, value, wrong))
        return value;
    if (value || errno == EINVAL)
        log_warning("%s: request %s: %s %s", r->bus->label, r->name, key, wrong);
    else if (errno != ENOENT)
        bus_retry(r->bus, "reading a request");
    free(value);
    return NULL;
}

/* False: to be tried again. */
static bool tell(const struct request *r, const char *key, const char *value)
{
    struct ipc_message message = {.kind = IPC_DEVICE_SET, .answer.number = r->number};

    snprintf(message.answer.text, sizeof(message.answer.text), "%s=%s", key, value);
    if (bus_offer(r->bus, &message) == 0)
        return true;
    bus_retry(r->bus, "changing a setting");
    return false;
}

void settings_step(struct request *r)
{
    struct choices now = {0};
    const char *key;

    if (!schema_settable_key(r->type, 0) || !r->bus->worker)
        return;
    if (!r->settings && !(r->settings = calloc(1, sizeof(*r->settings)))) {
        errno = ENOMEM;
        bus_retry(r->bus, "changing a setting");
        return;
    }
    for (size_t i = 0; (key = schema_settable_key(r->type, i)); i++) {
        char *value = read_setting(r, key);
        const char *before = choices_get(r->settings, key);

        if (value && ((before && strcmp(before, value) == 0) || tell(r, key, value)))
            choices_add(&now, key, value);
        free(value);
    }
    *r->settings = now;
}
