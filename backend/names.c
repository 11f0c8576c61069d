/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/names.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

struct names_entry {
    struct names_entry *next;
    char name[NAMES_LENGTH_MAX + 1];
};

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct names_entry *)a)->name, ((const struct names_entry *)b)->name);
}

bool names_add(struct names *names, const char *name)
{
    struct names_entry key, *entry;

    if (strlen(name) > NAMES_LENGTH_MAX)
        return true;
    strcpy(key.name, name);
    if (tfind(&key, &names->by_name, compare))
        return true;
    entry = malloc(sizeof(*entry));
    if (!entry)
        return false;
    strcpy(entry->name, name);
    entry->next = NULL;
    if (!tsearch(entry, &names->by_name, compare)) {
        free(entry);
        return false;
    }
    if (names->last)
        names->last->next = entry;
    else
        names->first = entry;
    names->last = entry;
    return true;
}

bool names_take(struct names *names, char name[NAMES_LENGTH_MAX + 1])
{
    struct names_entry *entry = names->first;

    if (!entry)
        return false;
    tdelete(entry, &names->by_name, compare);
    names->first = entry->next;
    if (!names->first)
        names->last = NULL;
    strcpy(name, entry->name);
    free(entry);
    return true;
}

void names_free(struct names *names)
{
    char name[NAMES_LENGTH_MAX + 1];

    while (names_take(names, name))
        ;
}
