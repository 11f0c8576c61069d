/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Copyright the xen-virtio-msg authors */

/*
 * Devices come and go in xenstore: B/device/NUMBER/state says `added` or `removing`, and
 * F/device/NUMBER/state answers `in-use` and `released`.
 */

#include <linux/kernel.h>
#include <linux/slab.h>

#include "internal.h"

/* ---- xenstore ---- */

static void number_path(char path[48], u64 number)
{
    snprintf(path, 48, XS_DEVICE "/%llu", number);
}

/* Of B/device/NUMBER; false when there is none. */
static bool is_wanted(struct bus *bus, u64 number)
{
    char path[48];
    char *state;
    bool wanted;

    number_path(path, number);
    strlcat(path, "/" XS_STATE, sizeof(path));
    state = xenbus_read(XBT_NIL, bus->xbdev->otherend, path, NULL);
    if (IS_ERR(state))
        return false;
    wanted = strcmp(state, XS_DEVICE_ADDED) == 0;
    kfree(state);
    return wanted;
}

static bool is_there(struct bus *bus, u64 number)
{
    char path[48];

    number_path(path, number);
    return xenbus_exists(XBT_NIL, bus->xbdev->otherend, path);
}

static void say(struct bus *bus, u64 number, const char *state)
{
    char path[48];

    number_path(path, number);
    if (!state) {
        xenbus_rm(XBT_NIL, bus->xbdev->nodename, path);
        return;
    }
    strlcat(path, "/" XS_STATE, sizeof(path));
    xenbus_write(XBT_NIL, bus->xbdev->nodename, path, state);
}

/* ---- devices ---- */

static void on_release(struct device *dev)
{
    kfree(to_device(dev_to_virtio(dev)));
}

static struct device_on_bus *new_device(struct bus *bus, u64 number)
{
    struct device_on_bus *device = kzalloc(sizeof(*device), GFP_KERNEL);

    if (!device)
        return NULL;
    device->bus = bus;
    device->number = number;
    mutex_init(&device->lock);
    device->pending.bits = device->pending_bits;
    device->pending.num_bits = 1 + MAX_QUEUES;
    device->vdev.dev.parent = &bus->xbdev->dev;
    device->vdev.dev.release = on_release;
    device->vdev.config = &transport_ops;
    return device;
}

/* Who is told of events. */
static int enlist(struct device_on_bus *device)
{
    struct bus *bus = device->bus;

    return xa_insert(&bus->devices, device->number, device, GFP_KERNEL);
}

static void delist(struct device_on_bus *device)
{
    struct channel *channel = &device->bus->channel;

    spin_lock_irq(&channel->in_lock);
    xa_erase(&device->bus->devices, device->number);
    spin_unlock_irq(&channel->in_lock);
}

/* Until it comes anew, or its backend; unless it is its backend that is gone. */
static void refuse(struct bus *bus, u64 number, int rc)
{
    if (rc == -ENODEV)
        return;
    dev_err_ratelimited(&bus->xbdev->dev, "device %llu cannot be begun: error %d\n", number, rc);
    xa_store(&bus->refused, number, xa_mk_value(0), GFP_KERNEL);
}

static void add(struct bus *bus, u64 number)
{
    struct device_on_bus *device = new_device(bus, number);
    struct msg_get_device_info_response info;
    int rc;

    if (!device)
        return;
    rc = transport_info(device, &info);
    if (!rc && !info.device_id)
        rc = -EPROTO;
    if (rc) {
        refuse(bus, number, rc);
        kfree(device);
        return;
    }
    device->vdev.id.device = info.device_id;
    device->vdev.id.vendor = info.vendor_id;
    rc = enlist(device);
    if (rc) {
        kfree(device);
        return;
    }
    say(bus, number, XS_DEVICE_IN_USE);
    rc = register_virtio_device(&device->vdev);
    if (!rc)
        return;
    refuse(bus, number, rc);
    delist(device);
    say(bus, number, XS_DEVICE_RELEASED);
    put_device(&device->vdev.dev);
}

/* Its driver lets go of it; the memory goes with the last who looks at it in sysfs. */
static void drop(struct device_on_bus *device, bool surprise)
{
    if (surprise) {
        WRITE_ONCE(device->gone, true);
        WRITE_ONCE(device->status, 0);
        virtio_break_device(&device->vdev);
    }
    get_device(&device->vdev.dev);
    unregister_virtio_device(&device->vdev);
    delist(device);
    channel_forget(&device->bus->channel, device);
    channel_synchronize(&device->bus->channel);
    put_device(&device->vdev.dev);
}

static void remove_unwanted(struct bus *bus)
{
    struct device_on_bus *device;
    unsigned long number;

    xa_for_each(&bus->devices, number, device) {
        bool there;

        if (is_wanted(bus, number))
            continue;
        there = is_there(bus, number);
        drop(device, !there);
        if (there)
            say(bus, number, XS_DEVICE_RELEASED);
    }
}

static void add_wanted(struct bus *bus)
{
    unsigned count;
    char **names = xenbus_directory(XBT_NIL, bus->xbdev->otherend, XS_DEVICE, &count);
    u64 number;

    if (IS_ERR(names))
        return;
    /* Thousands that are silent must keep nobody from letting go of the bus. */
    for (unsigned i = 0; i < count && !READ_ONCE(bus->leaving); i++)
        if (kstrtou64(names[i], 10, &number) == 0 && !xa_load(&bus->devices, number) &&
            !xa_load(&bus->refused, number) && is_wanted(bus, number))
            add(bus, number);
    kfree(names);
}

static void forget_refused(struct bus *bus)
{
    unsigned long number;
    void *entry;

    xa_for_each(&bus->refused, number, entry)
        if (!is_there(bus, number))
            xa_erase(&bus->refused, number);
}

/* What we said of devices that the backend has no more. */
static void tidy(struct bus *bus)
{
    unsigned count;
    char **names = xenbus_directory(XBT_NIL, bus->xbdev->nodename, XS_DEVICE, &count);
    u64 number;

    if (IS_ERR(names))
        return;
    for (unsigned i = 0; i < count; i++)
        if (kstrtou64(names[i], 10, &number) == 0 && !is_there(bus, number))
            say(bus, number, NULL);
    kfree(names);
}

void hotplug_look(struct bus *bus)
{
    remove_unwanted(bus);
    add_wanted(bus);
    tidy(bus);
    forget_refused(bus);
}

void hotplug_remove_all(struct bus *bus, bool surprise)
{
    struct device_on_bus *device;
    unsigned long number;

    xa_for_each(&bus->devices, number, device)
        drop(device, surprise);
}
