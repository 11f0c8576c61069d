/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/roster.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 8

/* Place of the first device with that number or above. */
static size_t lower_bound(const struct roster *roster, uint64_t number)
{
    size_t low = 0, high = roster->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (roster->devices[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool roster_reserve(struct roster *roster)
{
    size_t capacity = roster->capacity ? 2 * roster->capacity : FIRST_CAPACITY;
    struct device **devices;

    if (roster->count < roster->capacity)
        return true;
    devices = reallocarray(roster->devices, capacity, sizeof(struct device *));
    if (!devices)
        return false;
    roster->devices = devices;
    roster->capacity = capacity;
    return true;
}

void roster_insert(struct roster *roster, struct device *device)
{
    size_t place = lower_bound(roster, device->number);

    memmove(&roster->devices[place + 1], &roster->devices[place],
            (roster->count - place) * sizeof(struct device *));
    roster->devices[place] = device;
    roster->count++;
}

void roster_remove(struct roster *roster, const struct device *device)
{
    size_t place = lower_bound(roster, device->number);

    roster->count--;
    memmove(&roster->devices[place], &roster->devices[place + 1],
            (roster->count - place) * sizeof(struct device *));
}

struct device *roster_find(const struct roster *roster, uint64_t number)
{
    size_t place = lower_bound(roster, number);

    if (place == roster->count || roster->devices[place]->number != number)
        return NULL;
    return roster->devices[place];
}

struct device *roster_next(const struct roster *roster, uint64_t number)
{
    for (size_t i = lower_bound(roster, number); i < roster->count; i++) {
        if (!roster->devices[i]->leaving)
            return roster->devices[i];
    }
    return NULL;
}

struct device *roster_after(const struct roster *roster, uint64_t number)
{
    return number == UINT64_MAX ? NULL : roster_next(roster, number + 1);
}

void roster_free(struct roster *roster)
{
    free(roster->devices);
    *roster = (struct roster){0};
}
