/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "xenstore-schema/choices.h"

#include <stdio.h>
#include <string.h>

#include "common/store.h"

const char *choices_next(const struct choices *choices, const char *entry)
{
    entry = entry ? entry + strlen(entry) + 1 : choices->text;
    return *entry ? entry : NULL;
}

const char *choices_get(const struct choices *choices, const char *key)
{
    size_t length = strlen(key);
    const char *entry = NULL;

    while ((entry = choices_next(choices, entry)))
        if (strncmp(entry, key, length) == 0 && entry[length] == '=')
            return entry + length + 1;
    return NULL;
}

uint64_t choices_number(const struct choices *choices, const char *key, uint64_t otherwise)
{
    const char *text = choices_get(choices, key);
    uint64_t number;

    return text && parse_u64(text, 0, UINT64_MAX, &number) == 0 ? number : otherwise;
}

size_t choices_size(const struct choices *choices)
{
    const char *entry = NULL;
    size_t size = 1;

    while ((entry = choices_next(choices, entry)))
        size += strlen(entry) + 1;
    return size;
}

bool choices_add(struct choices *choices, const char *key, const char *value)
{
    size_t size = strlen(key) + 1 + strlen(value) + 1;
    size_t used = choices_size(choices);

    if (size > sizeof(choices->text) - used)
        return false;
    snprintf(choices->text + used - 1, size, "%s=%s", key, value);
    return true;
}

void choices_terminate(struct choices *choices)
{
    choices->text[CHOICES_SIZE - 2] = '\0';
    choices->text[CHOICES_SIZE - 1] = '\0';
}
