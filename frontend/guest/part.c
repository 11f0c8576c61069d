/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "frontend/guest/part.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/priority.h"

#define FIRST_FD 2u

/* All that is served. */
/* So many turns may go by before descriptors and signals are looked at. */
#define MAX_AWAKE 64u

struct crowd {
    struct xvmsg *h;
    struct part **parts;
    unsigned count;
    struct pollfd *fds; /* the bus, the signals, PART_MAX_FDS for each part */
    bool busy;          /* the bus is ready, or a part has more to do */
    unsigned awake;     /* turns since the descriptors were asked */
};

/* ---- what a part calls ---- */

void part_end(struct part *part, int status)
{
    if (!part->ended)
        part->status = status;
    part->ended = true;
}

void part_fail(struct part *part, const char *format, ...)
{
    char sentence[256];
    va_list arguments;

    if (part->ended)
        return;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    if (part->has_company)
        guest_fail("%s %llu: %s", part->class->name, (unsigned long long)part->number, sentence);
    else
        guest_fail("%s", sentence);
    part_end(part, EXIT_FAILURE);
}

void part_tell(struct part *part, const char *name)
{
    if (part->has_company)
        printf("%llu ", (unsigned long long)part->number);
    puts(name);
    /* A script wants to know it at once. */
    if (fflush(stdout) != 0)
        part_fail(part, "standard output cannot be written: %s", strerror(errno));
}

/* ---- the loop ---- */

static void fail_all(struct crowd *crowd, const char *why)
{
    for (unsigned i = 0; i < crowd->count; i++)
        part_fail(crowd->parts[i], "%s", why);
}

/* Some hear of it themselves, but not those that ask nothing of their device now. */
static void disconnected(struct xvmsg *h, void *user)
{
    fail_all(user, xvmsg_error(h));
}

static void device_event(struct xvmsg *h, uint64_t number, enum xvmsg_device_event event,
                         void *user)
{
    struct crowd *crowd = user;

    (void)h;
    for (unsigned i = 0; i < crowd->count && event != XVMSG_DEVICE_ADDED; i++)
        if (crowd->parts[i]->number == number)
            part_fail(crowd->parts[i],
                      event == XVMSG_DEVICE_GONE ? "device %llu is gone"
                                                 : "device %llu is being removed",
                      (unsigned long long)number);
}

/* Those that have ended give their device back. False: nobody is left. */
static bool close_ended(struct crowd *crowd)
{
    bool left = false;

    for (unsigned i = 0; i < crowd->count; i++) {
        struct part *part = crowd->parts[i];

        if (part->opened && part->ended) {
            part->opened = false;
            part->class->close(part);
        }
        left |= part->opened;
    }
    return left;
}

static struct pollfd *fds_of(const struct crowd *crowd, unsigned index)
{
    return crowd->fds + FIRST_FD + index * PART_MAX_FDS;
}

static int wait_for_something(struct crowd *crowd, int timeout)
{
    for (unsigned i = 0; i < crowd->count; i++) {
        struct part *part = crowd->parts[i];
        struct pollfd *fds = fds_of(crowd, i);

        for (unsigned n = part->opened ? part->class->wait(part, fds) : 0; n < PART_MAX_FDS; n++)
            fds[n] = (struct pollfd){.fd = -1};
    }
    return poll(crowd->fds, FIRST_FD + crowd->count * PART_MAX_FDS, timeout);
}

/* False: for the parts there is nothing to do. */
static bool ask_descriptors(struct crowd *crowd, int timeout)
{
    crowd->awake = 0;
    if (wait_for_something(crowd, timeout) < 0) {
        if (errno != EINTR)
            fail_all(crowd, strerror(errno));
        return false;
    }
    for (unsigned i = 0; crowd->fds[1].revents && i < crowd->count; i++)
        part_end(crowd->parts[i], EXIT_SUCCESS);
    crowd->busy |= crowd->fds[0].revents != 0;
    return true;
}

/* What the parts gathered is sent here. False as above. */
static bool look_or_sleep(struct crowd *crowd)
{
    int looked;

    if (++crowd->awake > MAX_AWAKE)
        return ask_descriptors(crowd, 0);
    looked = xvmsg_look(crowd->h, crowd->busy);
    crowd->busy = false;
    if (!looked)
        return ask_descriptors(crowd, -1);
    if (looked < 0)
        fail_all(crowd, xvmsg_error(crowd->h));
    for (unsigned i = 0; i < FIRST_FD + crowd->count * PART_MAX_FDS; i++)
        crowd->fds[i].revents = 0;
    return true;
}

static void turn(struct crowd *crowd)
{
    for (unsigned i = 0; i < crowd->count; i++) {
        struct part *part = crowd->parts[i];

        part->has_more = false;
        if (!part->ended)
            part->class->turn(part, fds_of(crowd, i));
        crowd->busy |= part->has_more;
    }
}

static void run(struct crowd *crowd)
{
    while (close_ended(crowd))
        if (look_or_sleep(crowd))
            turn(crowd);
}

/* ---- from the beginning to the end ---- */

static void open_all(struct crowd *crowd)
{
    const struct xvmsg_handlers handlers = {.disconnected = disconnected, .device = device_event};

    xvmsg_set_handlers(crowd->h, &handlers, crowd);
    for (unsigned i = 0; i < crowd->count; i++) {
        struct part *part = crowd->parts[i];

        part->h = crowd->h;
        if (!guest_has(crowd->h, part->number)) {
            part_end(part, EXIT_FAILURE);
            continue;
        }
        part->opened = true;
        part->class->open(part);
    }
    if (xvmsg_flush(crowd->h) < 0)
        fail_all(crowd, xvmsg_error(crowd->h));
}

/* The first failure is the status. */
static int status_of(const struct crowd *crowd)
{
    for (unsigned i = 0; i < crowd->count; i++)
        if (crowd->parts[i]->status != EXIT_SUCCESS)
            return crowd->parts[i]->status;
    return EXIT_SUCCESS;
}

static void serve_connected(struct crowd *crowd, int signals)
{
    crowd->fds[0] = (struct pollfd){.fd = xvmsg_fd(crowd->h), .events = POLLIN};
    crowd->fds[1] = (struct pollfd){.fd = signals, .events = POLLIN};
    open_all(crowd);
    run(crowd);
}

int part_serve(struct part **parts, unsigned count, const struct guest_options *options)
{
    struct crowd crowd = {.parts = parts, .count = count};
    int signals, status = EXIT_FAILURE;

    crowd.fds = calloc(FIRST_FD + count * PART_MAX_FDS, sizeof(*crowd.fds));
    if (!crowd.fds)
        return guest_fail("no memory");
    crowd.h = guest_join(options);
    if (!crowd.h)
        goto free;
    /* Until now they end us as they end any program. */
    signals = guest_take_signals();
    if (signals < 0) {
        guest_fail("no descriptor for signals: %s", strerror(errno));
        goto leave;
    }
    priority_raise();
    serve_connected(&crowd, signals);
    status = status_of(&crowd);
    close(signals);

leave:
    guest_leave(crowd.h);
free:
    free(crowd.fds);
    return status;
}

/* ---- one device ---- */

struct part *part_new(const struct part_class *class)
{
    struct part *part = calloc(1, class->size);

    if (part)
        part->class = class;
    return part;
}

int part_run(const struct part_class *class, const struct guest_options *options, int argc,
             char **argv)
{
    struct part *part = part_new(class);
    int rc;

    if (!part)
        return guest_fail("no memory");
    rc = class->parse(part, argc, argv);
    if (rc == 0)
        rc = part_serve(&part, 1, options);
    free(part);
    return rc;
}
