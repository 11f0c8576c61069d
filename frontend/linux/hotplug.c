/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Copyright the xen-virtio-msg authors */

/*
 * Devices come and go in xenstore: B/device/NUMBER/state says `added` or `removing`, and
 * F/device/NUMBER/state answers `in-use` and `released`.
 */

#include <linux/kernel.h>
#include <linux/slab.h>

#include "internal.h"

#define LEAVE_LIMIT (60 * HZ) /* what is under way may take that long */

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

bool hotplug_is_there(struct device_on_bus *device)
{
    return is_there(device->bus, device->number);
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

void hotplug_each(struct bus *bus, void (*what)(struct device_on_bus *device))
{
    struct device_on_bus *device;
    unsigned long number;

    mutex_lock(&bus->list_lock);
    xa_for_each(&bus->devices, number, device)
        what(device);
    mutex_unlock(&bus->list_lock);
}

static void miss(struct device_on_bus *device)
{
    if (!READ_ONCE(device->gone) && !hotplug_is_there(device))
        device_give_up(device);
}

void hotplug_miss(struct bus *bus)
{
    hotplug_each(bus, miss);
}

void hotplug_say_in_use(struct device_on_bus *device)
{
    say(device->bus, device->number, XS_DEVICE_IN_USE);
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
    mutex_init(&device->life);
    INIT_DELAYED_WORK(&device->fail, device_on_fail);
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
    int rc;

    mutex_lock(&bus->list_lock);
    rc = xa_insert(&bus->devices, device->number, device, GFP_KERNEL);
    mutex_unlock(&bus->list_lock);
    return rc;
}

static void delist(struct device_on_bus *device)
{
    struct bus *bus = device->bus;

    mutex_lock(&bus->list_lock);
    spin_lock_irq(&bus->channel.in_lock);
    xa_erase(&bus->devices, device->number);
    spin_unlock_irq(&bus->channel.in_lock);
    mutex_unlock(&bus->list_lock);
    cancel_delayed_work_sync(&device->fail);
    channel_forget(&bus->channel, device);
    channel_synchronize(&bus->channel);
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
    device->uuid = info.device_uuid;
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
static void drop(struct device_on_bus *device)
{
    device->leaves_by = jiffies + LEAVE_LIMIT;
    WRITE_ONCE(device->leaving, true);
    /* The driver may wait for requests whose device goes meanwhile. */
    mod_delayed_work(system_highpri_wq, &device->fail, 0);
    get_device(&device->vdev.dev);
    unregister_virtio_device(&device->vdev);
    delist(device);
    put_device(&device->vdev.dev);
}

static void remove_unwanted(struct bus *bus)
{
    struct device_on_bus *device;
    unsigned long number;

    xa_for_each(&bus->devices, number, device) {
        /* Nodes that go while nobody serves them are those of a backend that begins anew. */
        if (!READ_ONCE(device->gone) && (!bus_is_served(bus) || is_wanted(bus, number)))
            continue;
        if (!is_there(bus, number))
            device_give_up(device);
        drop(device);
        if (is_there(bus, number))
            say(bus, number, XS_DEVICE_RELEASED);
    }
}

static void add_wanted(struct bus *bus)
{
    unsigned count;
    char **names = xenbus_directory(XBT_NIL, bus->xbdev->otherend, XS_DEVICE, &count);
    u64 number;

    /* xenbus reads no list of more than 4,096 bytes. */
    if (IS_ERR(names) && PTR_ERR(names) != -ENOENT)
        dev_err_ratelimited(&bus->xbdev->dev, "the devices cannot be listed: error %ld\n",
                            PTR_ERR(names));
    if (IS_ERR(names))
        return;
    /* Thousands that are silent must keep nobody from letting go of the bus. */
    for (unsigned i = 0; i < count && READ_ONCE(bus->connected) && !READ_ONCE(bus->leaving); i++)
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

/* Whoever loads the module waits for Connected, and finds the devices then. */
void hotplug_plug(struct work_struct *work)
{
    struct bus *bus = container_of(to_delayed_work(work), struct bus, plug);

    if (READ_ONCE(bus->leaving))
        return;
    remove_unwanted(bus);
    if (!READ_ONCE(bus->connected))
        return;
    add_wanted(bus);
    tidy(bus);
    forget_refused(bus);
    WRITE_ONCE(bus->plugged, true);
    bus_wake(bus);
}

void hotplug_wake(struct bus *bus, unsigned long delay)
{
    if (READ_ONCE(bus->leaving))
        return;
    if (delay)
        queue_delayed_work(system_freezable_wq, &bus->plug, delay);
    else
        mod_delayed_work(system_freezable_wq, &bus->plug, 0);
}

void hotplug_remove_all(struct bus *bus)
{
    struct device_on_bus *device;
    unsigned long number;

    xa_for_each(&bus->devices, number, device)
        drop(device);
}
