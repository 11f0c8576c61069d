/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A device is seen to work before it is abused; one that suffered from that is opened
 * anew, which resets it. */

#include <linux/virtio_config.h>
#include <stdio.h>

#include "hostile.h"

static const struct hostile_class *current;
static struct xvmsg_blk *witness;
static unsigned num_bad;

const struct hostile_class *class_now(void)
{
    return current;
}

static void on_ready(struct xvmsg_device *device, enum xvmsg_status status, void *user)
{
    (void)device;
    *(bool *)user = true;
    if (status != XVMSG_OK)
        give_up(current->name);
}

static struct xvmsg_device *open_device(void)
{
    bool ready = false;
    struct xvmsg_device *device =
        xvmsg_device_open(h, number, &current->driver, on_ready, &ready);

    chain_begin();
    if (!device || xvmsg_run(h, &ready, PATIENCE_MS) < 0)
        give_up(current->name);
    return device;
}

static void say(const char *name, const char *how, bool good)
{
    printf("%s %s: %s\n", good ? "good" : "bad", name, how);
    fflush(stdout);
    num_bad += !good;
}

/* A device that wants a reset may have given the chain back as well. */
static bool wants_reset(void)
{
    struct xvmsg_waiter w = {0};

    return xvmsg_get_device_status(h, number, xvmsg_wake, &w) == 0 && xvmsg_wait(h, &w) == 0 &&
           w.reply.u.device_status & VIRTIO_CONFIG_S_NEEDS_RESET;
}

static const char *words(enum outcome outcome)
{
    static const char *const words[] = {
        [NOTHING] = "nothing happened", [USED] = "used", [REFUSED] = "refused",
        [BROKEN] = "wants a reset", [ANSWERED] = "answered", [UNCHANGED] = "unchanged",
    };

    return words[outcome];
}

static bool other_device_works(void)
{
    uint8_t sector[512];

    return xvmsg_blk_pread(witness, sector, sizeof(sector), 0) == 0;
}

/* The device, NULL when it has to be opened anew. */
static struct xvmsg_device *abuse_once(struct xvmsg_device *device, const struct abuse *abuse)
{
    enum outcome outcome;

    if (!current->good(device))
        say(abuse->name, "it does not work before", false);
    outcome = abuse->run(device);
    if (chain_broke() || (outcome == USED && wants_reset()))
        outcome = BROKEN;
    say(abuse->name, words(outcome), outcome == abuse->expected);
    if (!other_device_works())
        say(abuse->name, "another device cannot be read", false);
    if (outcome == USED || outcome == REFUSED)
        return device;
    xvmsg_device_close(device);
    return NULL;
}

/* Are there such things in this layout, and has the class to do with it? */
static bool is_for_us(const struct abuse *abuse, enum xvmsg_queue_layout layout)
{
    return (abuse->layout == XVMSG_QUEUE_ANY || abuse->layout == layout) &&
           (abuse->by_class || current->thorough);
}

static void abuse_all(const struct abuse *abuses, enum xvmsg_queue_layout layout)
{
    struct xvmsg_device *device = NULL;

    for (; abuses->name; abuses++) {
        if (!is_for_us(abuses, layout))
            continue;
        if (!device)
            device = open_device();
        device = abuse_once(device, abuses);
    }
    xvmsg_device_close(device);
}

int class_run(const struct hostile_class *class, uint64_t disk, enum xvmsg_queue_layout layout)
{
    struct xvmsg_device *device;

    current = class;
    xvmsg_set_queue_layout(h, layout);
    if (xvmsg_connect_wait(h, PATIENCE_MS) < 0)
        give_up(class->name);
    witness = xvmsg_blk_open_wait(h, disk);
    if (!witness)
        give_up("another device");
    abuse_all(class->abuses, layout);
    abuse_all(hostile_any, layout);
    device = open_device();
    say("after all of that", "it works", class->good(device));
    xvmsg_device_close(device);
    xvmsg_blk_close(witness);
    return num_bad != 0;
}
