/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/targets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct target_class *const classes[] = {
    &target_console,
    &target_file,
    &target_net,
};

/* One that is open, for the request of that name. */
struct open_target {
    LIST_ENTRY(open_target) link;
    const struct target_class *class;
    char name[NAME_MAX_LENGTH + 1];
    struct asked *asked;
    struct target target;
};

static const struct target_class *find_class(const char *type)
{
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        if (strcmp(classes[i]->type, type) == 0)
            return classes[i];
    return NULL;
}

static struct open_target *find(const struct bus *bus, const char *name)
{
    struct open_target *t;

    LIST_FOREACH(t, &bus->targets, link)
        if (strcmp(t->name, name) == 0)
            return t;
    return NULL;
}

static void drop(struct open_target *t)
{
    LIST_REMOVE(t, link);
    if (t->class->close)
        t->class->close(&t->target);
    fds_close(&t->target.fds);
    free(t->asked);
    free(t);
}

static struct open_target *open_new(struct bus *bus, const struct target_class *class,
                                    const struct wanted *wanted, char why[WHY_SIZE])
{
    struct open_target *t = calloc(1, sizeof(*t));

    snprintf(why, WHY_SIZE, "out of memory");
    if (!t)
        return NULL;
    t->class = class;
    strcpy(t->name, wanted->device.name);
    t->asked = asked_new(wanted);
    if (!t->asked)
        goto free_target;
    if (!class->open(bus, wanted, &t->target, why))
        goto free_asked;
    LIST_INSERT_HEAD(&bus->targets, t, link);
    return t;

free_asked:
    free(t->asked);
free_target:
    free(t);
    return NULL;
}

enum targets_answer targets_open(struct bus *bus, const struct wanted *wanted, struct fds *fds,
                                 char why[WHY_SIZE])
{
    const struct target_class *class = find_class(wanted->device.type);
    struct open_target *t = find(bus, wanted->device.name);

    *fds = (struct fds){0};
    /* Another request may have taken the name since. */
    if (t && !asked_same(t->asked, wanted)) {
        drop(t);
        t = NULL;
    }
    if (!class)
        return TARGETS_OPEN;
    if (!t)
        t = open_new(bus, class, wanted, why);
    if (!t)
        return TARGETS_REFUSED;
    if (t->target.waits)
        return TARGETS_LATER;
    if (t->target.failure[0]) {
        strcpy(why, t->target.failure);
        return TARGETS_REFUSED;
    }
    *fds = t->target.fds;
    return TARGETS_OPEN;
}

bool targets_wait(const struct bus *bus)
{
    const struct open_target *t;

    LIST_FOREACH(t, &bus->targets, link)
        if (t->target.waits)
            return true;
    return false;
}

const char *targets_tty(const struct bus *bus, const char *name)
{
    const struct open_target *t = find(bus, name);

    return t ? t->target.tty : "";
}

void targets_sent(struct bus *bus, const char *name)
{
    struct open_target *t = find(bus, name);

    if (t && !t->class->close)
        drop(t);
}

void targets_drop(struct bus *bus, const char *name)
{
    struct open_target *t = find(bus, name);

    if (t)
        drop(t);
}

void targets_drop_all(struct bus *bus)
{
    while (!LIST_EMPTY(&bus->targets))
        drop(LIST_FIRST(&bus->targets));
}
