/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Copyright the xen-virtio-msg authors */

/*
 * xenbus: one device of type virtio-msg is one bus. The handshake is the table of
 * xenstore-schema's README, looked up by a work item whenever something changed.
 */

#include <linux/delay.h>
#include <linux/dma-map-ops.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <xen/xen.h>

#include "internal.h"

static bool doorbells = true;
module_param(doorbells, bool, 0444);
MODULE_PARM_DESC(doorbells, "queues have event channels of their own, if the backend agrees (1)");

static unsigned buses[16];
static unsigned num_buses;
module_param_array(buses, uint, &num_buses, 0444);
MODULE_PARM_DESC(buses, "numbers of the buses to drive; others are left to programs (all)");

void bus_wake(struct bus *bus)
{
    if (!READ_ONCE(bus->leaving))
        mod_delayed_work(system_freezable_wq, &bus->look, 0);
}

bool bus_is_served(struct bus *bus)
{
    return READ_ONCE(bus->connected) && channel_alive(&bus->channel);
}

/* ---- what we say in xenstore ---- */

/* Keys of an earlier frontend that ours does not write again. */
static void remove_old_keys(struct xenbus_transaction tx, const char *front)
{
    char key[sizeof(XS_RING_REF) + 8];

    xenbus_rm(tx, front, XS_ERROR);
    xenbus_rm(tx, front, XS_DEVICE);
    for (unsigned i = 1; i < RING_MAX_PAGES; i++) {
        snprintf(key, sizeof(key), XS_RING_REF "%u", i);
        if (!xenbus_exists(tx, front, key))
            return;
        xenbus_rm(tx, front, key);
    }
}

static int write_offer(struct xenbus_transaction tx, struct bus *bus)
{
    const struct {
        const char *key;
        unsigned value;
    } numbers[] = {
        {XS_VERSION, XS_BINDING_VERSION},
        {XS_MESSAGE_SIZE, MESSAGE_SIZE},
        {XS_RING_PAGE_ORDER, 0},
        {XS_RING_REF "0", bus->channel.ref},
        {XS_EVENT_CHANNEL, bus->channel.port},
        {XS_TRANSPORT_FEATURES, 0},
        {XS_FEATURE_QUEUE_DOORBELL, bus->doorbells},
        {XS_FEATURE_QUEUE_RESUME, bus->resumes},
        {XS_STATE, XenbusStateInitialised},
    };
    const char *front = bus->xbdev->nodename;
    int rc = xenbus_write(tx, front, XS_WIRE_FORM, XS_WIRE_FORM_WIDE);

    remove_old_keys(tx, front);
    for (unsigned i = 0; !rc && i < ARRAY_SIZE(numbers); i++)
        rc = xenbus_printf(tx, front, numbers[i].key, "%u", numbers[i].value);
    return rc;
}

static int offer_ring(struct bus *bus)
{
    struct xenbus_transaction tx;
    int rc;

    do {
        rc = xenbus_transaction_start(&tx);
        if (rc)
            return rc;
        rc = write_offer(tx, bus);
        if (rc) {
            xenbus_transaction_end(tx, 1);
            return rc;
        }
        rc = xenbus_transaction_end(tx, 0);
    } while (rc == -EAGAIN);
    if (!rc)
        bus->xbdev->state = XenbusStateInitialised;
    return rc;
}

/* Can we talk to this backend? */
static int check_backend(struct bus *bus)
{
    const char *back = bus->xbdev->otherend;
    unsigned version = 0;

    /* The first of a list that rises; later ones are ours to learn. */
    if (xenbus_scanf(XBT_NIL, back, XS_VERSIONS, "%u", &version) != 1 ||
        version != XS_BINDING_VERSION) {
        xenbus_dev_fatal(bus->xbdev, -EPROTO, "the backend does not speak version %d of the bus",
                         XS_BINDING_VERSION);
        return -EPROTO;
    }
    if (xenbus_read_unsigned(back, XS_MAX_MESSAGE_SIZE, 0) < MESSAGE_SIZE) {
        xenbus_dev_fatal(bus->xbdev, -EPROTO, "the backend takes no messages of %u bytes",
                         MESSAGE_SIZE);
        return -EPROTO;
    }
    bus->resumes = xenbus_read_unsigned(back, XS_FEATURE_QUEUE_RESUME, 0) == 1;
    bus->doorbells = doorbells && xenbus_read_unsigned(back, XS_FEATURE_QUEUE_DOORBELL, 0) == 1;
    return 0;
}

/* ---- steps of the handshake ---- */

/* Devices stay, and wait for the next connection. */
static void disconnect(struct bus *bus)
{
    WRITE_ONCE(bus->connected, false);
    WRITE_ONCE(bus->connections, bus->connections + 1);
    WRITE_ONCE(bus->talking, false);
    bus->offered = false;
    bus->plugged = false;
    xa_destroy(&bus->refused);
    channel_fail(&bus->channel);
    resume_away(bus);
    channel_close(&bus->channel);
    pool_revoke(&bus->pool);
}

/* There will be no next connection. */
static void end_devices(struct bus *bus)
{
    hotplug_each(bus, device_give_up);
    hotplug_wake(bus, 0);
}

static void offer(struct bus *bus)
{
    int rc;

    disconnect(bus);
    if (check_backend(bus))
        return;
    rc = channel_open(&bus->channel);
    if (!rc)
        rc = offer_ring(bus);
    if (rc)
        xenbus_dev_fatal(bus->xbdev, rc, "the ring cannot be offered");
    bus->offered = !rc;
}

/* A backend that went away meanwhile, or says nothing, is begun anew with. */
static void accept(struct bus *bus)
{
    int rc;

    WRITE_ONCE(bus->talking, true);
    rc = pool_share(bus);
    if (!rc) {
        WRITE_ONCE(bus->connected, true);
        rc = resume_back(bus);
    }
    if (!rc) {
        hotplug_wake(bus, 0);
        return;
    }
    disconnect(bus);
    if (rc == -ENODEV || rc == -ETIMEDOUT) {
        xenbus_switch_state(bus->xbdev, XenbusStateInitialising);
        return;
    }
    xenbus_dev_fatal(bus->xbdev, rc, "the backend takes no memory");
    end_devices(bus);
}

/* The backend wants no more of the bus. */
static void close(struct bus *bus)
{
    disconnect(bus);
    end_devices(bus);
    xenbus_switch_state(bus->xbdev, XenbusStateClosed);
}

static void step(struct bus *bus, enum xenbus_state own, enum xenbus_state other)
{
    if (other == XenbusStateInitWait && own != XenbusStateClosed &&
        (!bus->offered || bus->connected))
        offer(bus);
    else if (other == XenbusStateConnected && bus->offered && !bus->connected)
        accept(bus);
    else if (own != XenbusStateInitialising && own != XenbusStateClosed &&
             (other == XenbusStateClosing || other == XenbusStateClosed))
        close(bus);
}

static void on_look(struct work_struct *work)
{
    struct bus *bus = container_of(to_delayed_work(work), struct bus, look);
    struct xenbus_device *xbdev = bus->xbdev;

    if (READ_ONCE(bus->leaving))
        return;
    if (bus->connected && bus->channel.ring.fault) {
        xenbus_dev_fatal(xbdev, -EPROTO, "the ring: %s", ring_fault_text(bus->channel.ring.fault));
        disconnect(bus);
        end_devices(bus);
    }
    if (bus->connected && !channel_alive(&bus->channel)) {
        dev_info(&xbdev->dev, "the backend is away\n");
        disconnect(bus);
    }
    step(bus, xbdev->state, xenbus_read_driver_state(xbdev->otherend));
    if (bus->connected)
        hotplug_miss(bus);
    if (bus->connected && READ_ONCE(bus->plugged))
        xenbus_switch_state(xbdev, XenbusStateConnected);
}

static void on_device_watch(struct xenbus_watch *watch, const char *path, const char *token)
{
    struct bus *bus = container_of(watch, struct bus, device_watch);

    bus_wake(bus);
    hotplug_wake(bus, 0);
}

static int watch_devices(struct bus *bus)
{
    return xenbus_watch_pathfmt(bus->xbdev, &bus->device_watch, NULL, on_device_watch,
                                "%s/" XS_DEVICE, bus->xbdev->otherend);
}

static void unwatch_devices(struct bus *bus)
{
    if (!bus->device_watch.node)
        return;
    unregister_xenbus_watch(&bus->device_watch);
    kfree(bus->device_watch.node);
    bus->device_watch.node = NULL;
}

/* ---- xenbus driver ---- */

static void on_otherend(struct xenbus_device *xbdev, enum xenbus_state state)
{
    struct bus *bus = dev_get_drvdata(&xbdev->dev);

    /* Nobody waits for answers that will not come; least of all the work item. */
    if (READ_ONCE(bus->talking) && state != XenbusStateConnected)
        channel_fail(&bus->channel);
    bus_wake(bus);
}

/* device/virtio-msg/NUMBER */
static bool is_ours(struct xenbus_device *xbdev)
{
    unsigned number;

    if (!num_buses)
        return true;
    if (kstrtouint(strrchr(xbdev->nodename, '/') + 1, 10, &number))
        return false;
    for (unsigned i = 0; i < num_buses; i++)
        if (buses[i] == number)
            return true;
    return false;
}

/* A process of the guest's that uses libxvmsg has claimed it. */
static bool is_driven(struct xenbus_device *xbdev)
{
    enum xenbus_state state = xenbus_read_driver_state(xbdev->nodename);

    return state == XenbusStateInitialised || state == XenbusStateConnected;
}

static int probe(struct xenbus_device *xbdev, const struct xenbus_device_id *id)
{
    struct bus *bus;
    int rc;

    if (!is_ours(xbdev))
        return -ENODEV;
    if (is_driven(xbdev)) {
        dev_err(&xbdev->dev, "a process of this guest drives this bus already\n");
        return -EBUSY;
    }
    bus = kzalloc(sizeof(*bus), GFP_KERNEL);
    if (!bus)
        return -ENOMEM;
    bus->xbdev = xbdev;
    xa_init(&bus->devices);
    xa_init(&bus->refused);
    mutex_init(&bus->list_lock);
    INIT_DELAYED_WORK(&bus->look, on_look);
    INIT_DELAYED_WORK(&bus->plug, hotplug_plug);
    channel_init(&bus->channel, bus);
    pool_init(&bus->pool);
    dev_set_drvdata(&xbdev->dev, bus);
    set_dma_ops(&xbdev->dev, &pool_dma_ops);
    xbdev->dev.dma_mask = &xbdev->dev.coherent_dma_mask;
    xbdev->dev.coherent_dma_mask = DMA_BIT_MASK(64);
    /* A kernel that goes down waits 5 s for the backend to answer Closing by the same, which
     * ours does not; nor is there anything to wait for. */
    complete(&xbdev->down);
    rc = xenbus_switch_state(xbdev, XenbusStateInitialising);
    if (!rc)
        rc = watch_devices(bus);
    if (rc)
        kfree(bus);
    return rc;
}

static void on_remove(struct xenbus_device *xbdev)
{
    struct bus *bus = dev_get_drvdata(&xbdev->dev);

    WRITE_ONCE(bus->leaving, true);
    unwatch_devices(bus);
    cancel_delayed_work_sync(&bus->look);
    cancel_delayed_work_sync(&bus->plug);
    if (!bus->connected)
        hotplug_each(bus, device_give_up);
    hotplug_remove_all(bus);
    disconnect(bus);
    /* An interrupt may have woken them that had looked before we said that we leave. */
    cancel_delayed_work_sync(&bus->look);
    cancel_delayed_work_sync(&bus->plug);
    pool_close(&bus->pool);
    set_dma_ops(&xbdev->dev, NULL);
    xa_destroy(&bus->devices);
    xa_destroy(&bus->refused);
    kfree(bus);
}

/* ---- suspend ---- */

#define LEAVE_LOOKS 1000 /* of 10 ms each */

/* Until the backend has nothing of ours mapped: a page that is saved is not written any more.
 * -EBUSY: it does not let go. */
static int leave_backend(struct bus *bus)
{
    xenbus_switch_state(bus->xbdev, XenbusStateClosed);
    for (unsigned looks = 0; looks < LEAVE_LOOKS; looks++) {
        if (xenbus_read_driver_state(bus->xbdev->otherend) != XenbusStateConnected ||
            !channel_alive(&bus->channel))
            return 0;
        msleep(10);
    }
    return -EBUSY;
}

/* Work items and processes are frozen. Grants and event channels do not survive; memory
 * does, and with it what drivers have under way. */
static int on_suspend(struct xenbus_device *xbdev)
{
    struct bus *bus = dev_get_drvdata(&xbdev->dev);
    int rc = bus->connected ? leave_backend(bus) : 0;

    disconnect(bus);
    xenbus_switch_state(xbdev, XenbusStateInitialising);
    /* When work items run again: here, if the suspend is cancelled, or in another domain. */
    bus_wake(bus);
    return rc;
}

/* Another domain, perhaps another backend; xenbus has begun anew with both. */
static int on_resume(struct xenbus_device *xbdev)
{
    struct bus *bus = dev_get_drvdata(&xbdev->dev);

    unwatch_devices(bus);
    bus_wake(bus);
    return watch_devices(bus);
}

static const struct xenbus_device_id ids[] = {{XS_CLASS}, {""}};

static struct xenbus_driver driver = {
    .ids = ids,
    .not_essential = true,
    .probe = probe,
    .remove = on_remove,
    .suspend = on_suspend,
    .resume = on_resume,
    .otherend_changed = on_otherend,
};

static int __init bus_init(void)
{
    return xen_domain() ? xenbus_register_frontend(&driver) : -ENODEV;
}
module_init(bus_init);

static void __exit bus_exit(void)
{
    xenbus_unregister_driver(&driver);
}
module_exit(bus_exit);

MODULE_DESCRIPTION("virtio devices over virtio-msg on Xen");
MODULE_LICENSE("Dual BSD/GPL");
MODULE_ALIAS("xen:" XS_CLASS);
