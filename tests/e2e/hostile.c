/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A guest that misbehaves, on real Xen: hostile CASE NUMBER connects with the library
 * like a good driver of disk NUMBER, breaks one rule, and prints what became of it:
 * "bus lost: ...", "device broken: ...", or what it was told. Exit status 0 when the
 * backend reacted, 1 when nothing happened for a while.
 *
 * hostile CLASS NUMBER DISK [packed] breaks all the rules there are for a device of that
 * class, and between any two of them reads a disk of the same bus.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostile.h"

struct xvmsg *h;
uint64_t number;
bool finished;

void finish(const char *what, const char *how)
{
    if (!finished)
        printf("%s: %s\n", what, how);
    finished = true;
}

void give_up(const char *what)
{
    fprintf(stderr, "hostile: %s: %s\n", what, xvmsg_error(h));
    exit(1);
}

static void on_lost(struct xvmsg *handle, void *user)
{
    (void)user;
    finish("bus lost", xvmsg_error(handle));
}

static void on_device(struct xvmsg *handle, uint64_t which, enum xvmsg_device_event event,
                      void *user)
{
    (void)handle;
    (void)user;
    if (which == number && event == XVMSG_DEVICE_REMOVING)
        disk_wanted_back();
}

static int misbehave(const struct hostile_case *c)
{
    xvmsg_set_queue_layout(h, c->layout);
    xvmsg_set_queue_doorbells(h, c->doorbells);
    if (c->before_connecting)
        c->run();
    if (xvmsg_connect_wait(h, PATIENCE_MS) < 0 && !finished)
        give_up(c->name);
    if (!c->before_connecting)
        c->run();
    xvmsg_flush(h);
    if (!finished && xvmsg_run(h, &finished, c->patient ? -1 : PATIENCE_MS) < 0)
        fprintf(stderr, "hostile: %s: nothing happened: %s\n", c->name, xvmsg_error(h));
    return !finished;
}

static const struct hostile_case *find_case(const char *name)
{
    static const struct hostile_case *const tables[] = {hostile_ring_cases, hostile_disk_cases};

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        for (const struct hostile_case *c = tables[i]; c->name; c++)
            if (!strcmp(c->name, name))
                return c;
    return NULL;
}

static const struct hostile_class *find_class(const char *name)
{
    static const struct hostile_class *const classes[] = {&hostile_rng, &hostile_console,
                                                          &hostile_net};

    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        if (!strcmp(classes[i]->name, name))
            return classes[i];
    return NULL;
}

int main(int argc, char **argv)
{
    const struct hostile_case *c = argc == 3 ? find_case(argv[1]) : NULL;
    const struct hostile_class *class = argc >= 4 ? find_class(argv[1]) : NULL;
    struct xvmsg_handlers handlers = {.disconnected = on_lost, .device = on_device};
    const char *why;
    int status;

    if (!c && !class) {
        fprintf(stderr, "usage: hostile CASE NUMBER, or hostile CLASS NUMBER DISK [packed]\n");
        return 2;
    }
    number = strtoull(argv[2], NULL, 10);
    h = xvmsg_new(&why);
    if (!h) {
        fprintf(stderr, "hostile: %s\n", why);
        return 1;
    }
    xvmsg_set_handlers(h, &handlers, NULL);
    if (c)
        status = misbehave(c);
    else
        status = class_run(class, strtoull(argv[3], NULL, 10),
                           argc == 5 ? XVMSG_QUEUE_PACKED : XVMSG_QUEUE_SPLIT);
    xvmsg_free(h);
    return status;
}
