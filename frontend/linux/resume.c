/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Copyright the xen-virtio-msg authors */

/*
 * Devices outlive the connection to their backend. What their drivers made available lies
 * in memory of our own, where the used rings tell how far the backend came, so that the
 * next one goes on from there and drivers notice nothing but a pause. What they brought about
 * by commands (networks, consoles) is said again, see polled.c.
 */

#include <linux/virtio_ids.h>

#include "internal.h"

#define FAIL_PAUSE (HZ / 10) /* before requests are failed again, if that did not last */

/* ---- devices that are gone ---- */

void device_give_up(struct device_on_bus *device)
{
    if (READ_ONCE(device->gone))
        return;
    WRITE_ONCE(device->gone, true);
    WRITE_ONCE(device->away, false);
    WRITE_ONCE(device->status, 0);
    mod_delayed_work(system_highpri_wq, &device->fail, 0);
}

/* A driver that lets go may wait for requests that nobody will serve. */
static bool is_lost(struct device_on_bus *device)
{
    struct bus *bus = device->bus;

    if (time_after(jiffies, device->leaves_by))
        return true;
    if (bus_is_served(bus))
        return !hotplug_is_there(device);
    return READ_ONCE(bus->leaving);
}

/* NULL: nothing. A console's driver that lets go calls its own queues broken. */
static const char *is_wrong(struct device_on_bus *device)
{
    if (READ_ONCE(device->away) || READ_ONCE(device->gone))
        return NULL;
    if (READ_ONCE(device->stuck))
        return "does not answer a command";
    if (READ_ONCE(device->leaving) && device->vdev.id.device == VIRTIO_ID_CONSOLE)
        return NULL;
    return queues_broken(device) ? "breaks the rules of its queues" : NULL;
}

void device_on_fail(struct work_struct *work)
{
    struct device_on_bus *device = container_of(to_delayed_work(work), struct device_on_bus, fail);
    const char *wrong = is_wrong(device);

    if (wrong) {
        dev_err(&device->vdev.dev, "the device %s; it is given up\n", wrong);
        device_give_up(device);
    }
    if (READ_ONCE(device->leaving) && !READ_ONCE(device->gone)) {
        if (is_lost(device))
            device_give_up(device);
        else
            queue_delayed_work(system_highpri_wq, &device->fail, HZ);
    }
    if (READ_ONCE(device->gone) && !queues_fail(device))
        queue_delayed_work(system_highpri_wq, &device->fail, FAIL_PAUSE);
}

/* ---- away ---- */

/* A driver that is not done with setting its device up has it fail, and finds it anew. */
static void leave(struct device_on_bus *device)
{
    u8 status = READ_ONCE(device->status);

    queues_lose_doorbells(device);
    channel_forget(&device->bus->channel, device);
    if (device->gone)
        return;
    if (status & VIRTIO_CONFIG_S_DRIVER_OK) {
        WRITE_ONCE(device->away, true);
        if (device->vdev.id.device == VIRTIO_ID_NET)
            transport_lose_link(device);
    } else if (status & VIRTIO_CONFIG_S_DRIVER) {
        device_give_up(device);
    }
}

void resume_away(struct bus *bus)
{
    hotplug_each(bus, leave);
}

/* ---- back ---- */

/* A driver that resets its device meanwhile has nothing left to be resumed. */
static int go_on(struct device_on_bus *device)
{
    int rc = 0;

    mutex_lock(&device->life);
    if (READ_ONCE(device->away)) {
        WRITE_ONCE(device->stuck, false);
        rc = transport_resume(device);
        if (!rc)
            rc = queues_resume(device);
        if (!rc)
            rc = transport_start(device);
        if (!rc)
            rc = queues_say_again(device);
        if (!rc) {
            WRITE_ONCE(device->away, false);
            queues_kick(device);
        }
    }
    mutex_unlock(&device->life);
    return rc;
}

static int come_back(struct device_on_bus *device)
{
    int rc;

    if (READ_ONCE(device->gone))
        return 0;
    rc = transport_check(device);
    if (!rc && READ_ONCE(device->away))
        rc = device->bus->resumes && queues_can_resume(device) ? go_on(device) : -ENXIO;
    if (rc)
        return rc;
    hotplug_say_in_use(device);
    virtio_config_changed(&device->vdev);
    return 0;
}

int resume_back(struct bus *bus)
{
    struct device_on_bus *device;
    unsigned long number;
    int rc = 0;

    mutex_lock(&bus->list_lock);
    xa_for_each(&bus->devices, number, device) {
        rc = come_back(device);
        if (READ_ONCE(bus->leaving) || !channel_alive(&bus->channel)) {
            rc = -ENODEV;
            break;
        }
        if (!rc)
            continue;
        dev_err(&device->vdev.dev, "the backend came back without it, or with another (error %d)\n",
                rc);
        device_give_up(device);
        rc = 0;
    }
    mutex_unlock(&bus->list_lock);
    return rc;
}
