/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Copyright the xen-virtio-msg authors */

/*
 * virtio_config_ops by messages. Everything here sleeps. A device that does not answer is
 * marked broken: its requests fail, nothing waits for it again.
 */

#include <linux/delay.h>
#include <linux/slab.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "common/le.h"
#include "internal.h"

#define RESET_LOOKS 500 /* of 10 ms each */

static struct waiter *new_waiter(void)
{
    return kmalloc(sizeof(struct waiter), GFP_KERNEL);
}

static int request_answer(struct device_on_bus *device, struct msg *request, enum msg_kind answer,
                          struct waiter *waiter, struct msg *response)
{
    int rc = -ENODEV;

    if (!waiter)
        return -ENOMEM;
    request->dev_num = device->number;
    mutex_lock(&device->lock);
    if (!READ_ONCE(device->gone))
        rc = channel_request(&device->bus->channel, request, answer, waiter, response);
    mutex_unlock(&device->lock);
    return rc;
}

int transport_ask(struct device_on_bus *device, struct msg *request, enum msg_kind answer,
                  struct msg *response)
{
    struct waiter *waiter = new_waiter();
    int rc = request_answer(device, request, answer, waiter, response);

    kfree(waiter);
    return rc;
}

/* For requests whose failure the caller cannot report. A device that does not answer is
 * given up, but not one whose backend is away. */
static bool succeeded(struct virtio_device *vdev, const struct msg *request, int rc)
{
    struct device_on_bus *device = to_device(vdev);

    if (!rc)
        return true;
    if (rc != -ENODEV && !READ_ONCE(device->gone)) {
        dev_err(&vdev->dev, "%s: error %d; the device is given up\n",
                msg_describe(request->kind)->name, rc);
        device_give_up(device);
    }
    return false;
}

/* The answer's tail is in `waiter`. */
static bool ask_for_tail(struct virtio_device *vdev, struct msg *request, enum msg_kind answer,
                         struct waiter *waiter, struct msg *response)
{
    return succeeded(vdev, request,
                     request_answer(to_device(vdev), request, answer, waiter, response));
}

static bool ask(struct virtio_device *vdev, struct msg *request, enum msg_kind answer,
                struct msg *response)
{
    return succeeded(vdev, request, transport_ask(to_device(vdev), request, answer, response));
}

int transport_info(struct device_on_bus *device, struct msg_get_device_info_response *info)
{
    struct msg response, request = {.kind = MSG_get_device_info_request};
    int rc = transport_ask(device, &request, MSG_get_device_info_response, &response);

    if (!rc)
        *info = response.get_device_info_response;
    return rc;
}

/* ---- features ---- */

static u64 get_features(struct virtio_device *vdev)
{
    struct msg response, request = {.kind = MSG_get_device_features_request,
                                    .get_device_features_request = {.num_blocks = 2}};
    const struct msg_get_device_features_response *r = &response.get_device_features_response;
    struct waiter *waiter = new_waiter();
    u64 features = 0;

    if (ask_for_tail(vdev, &request, MSG_get_device_features_response, waiter, &response)) {
        if (r->block_index == 0 && r->features.size >= 4)
            features = le32_get(r->features.bytes);
        if (r->block_index == 0 && r->features.size >= 8)
            features |= (u64)le32_get(r->features.bytes + 4) << 32;
    }
    kfree(waiter);
    return features;
}

static bool send_features(struct virtio_device *vdev)
{
    u8 blocks[8];
    struct msg response, request = {
        .kind = MSG_set_driver_features_request,
        .set_driver_features_request = {.num_blocks = 2,
                                        .features = {.bytes = blocks, .size = sizeof(blocks)}}};

    le64_put(blocks, vdev->features);
    return ask(vdev, &request, MSG_set_driver_features_response, &response);
}

static int finalize_features(struct virtio_device *vdev)
{
    vring_transport_features(vdev);
    /* The used ring of a packed queue does not tell what was used. And when the pool is full,
     * Linux leaves descriptors in one that look available, and has virtio_blk fail the request. */
    __virtio_clear_bit(vdev, VIRTIO_F_RING_PACKED);
    /* Addresses are the pool's; without this bit the driver would send the guest's own. */
    if (!__virtio_test_bit(vdev, VIRTIO_F_VERSION_1) ||
        !__virtio_test_bit(vdev, VIRTIO_F_ACCESS_PLATFORM)) {
        dev_err(&vdev->dev, "the device offers no VERSION_1 or no ACCESS_PLATFORM\n");
        return -EINVAL;
    }
    return send_features(vdev) ? 0 : -EIO;
}

/* ---- configuration ---- */

/* One piece, as large as a message allows. Returns its length, 0 when it cannot be had. */
static unsigned get_piece(struct virtio_device *vdev, struct waiter *waiter, unsigned offset,
                          u8 *to, unsigned length)
{
    struct device_on_bus *device = to_device(vdev);
    unsigned room = msg_tail_room(MSG_WIDE, MSG_get_config_response, MESSAGE_SIZE);
    struct msg response, request = {
        .kind = MSG_get_config_request,
        .get_config_request = {.offset = offset, .length = min(length, room)}};
    const struct msg_get_config_response *r = &response.get_config_response;

    if (!ask_for_tail(vdev, &request, MSG_get_config_response, waiter, &response) ||
        r->offset != offset || r->length > request.get_config_request.length)
        return 0;
    memcpy(to, r->data.bytes, r->length);
    WRITE_ONCE(device->generation, r->generation);
    return r->length;
}

void transport_lose_link(struct device_on_bus *device)
{
    device->config[offsetof(struct virtio_net_config, status)] &= ~VIRTIO_NET_S_LINK_UP;
    virtio_config_changed(&device->vdev);
}

static bool is_kept(unsigned offset, unsigned length)
{
    return offset <= MAX_CONFIG && length <= MAX_CONFIG - offset;
}

/* What a device whose backend is away said last: drivers take zeros for an answer. */
static void remember(struct device_on_bus *device, unsigned offset, const void *bytes,
                     unsigned length)
{
    if (is_kept(offset, length))
        memcpy(device->config + offset, bytes, length);
}

static void recall(struct device_on_bus *device, unsigned offset, void *to, unsigned length)
{
    if (is_kept(offset, length))
        memcpy(to, device->config + offset, length);
    else
        memset(to, 0, length);
}

static void get_config(struct virtio_device *vdev, unsigned offset, void *to, unsigned length)
{
    struct waiter *waiter = new_waiter();
    unsigned done = 0, piece;

    while (done < length && (piece = get_piece(vdev, waiter, offset + done, to + done,
                                               length - done)))
        done += piece;
    if (done < length) {
        if (!READ_ONCE(to_device(vdev)->away))
            dev_err_ratelimited(&vdev->dev, "%u bytes of configuration at %u cannot be read\n",
                                length, offset);
        recall(to_device(vdev), offset + done, to + done, length - done);
    }
    remember(to_device(vdev), offset, to, length);
    kfree(waiter);
}

static unsigned set_piece(struct virtio_device *vdev, unsigned offset, const u8 *from,
                          unsigned length)
{
    unsigned room = msg_tail_room(MSG_WIDE, MSG_set_config_request, MESSAGE_SIZE);
    struct msg response, request = {
        .kind = MSG_set_config_request,
        .set_config_request = {.offset = offset, .length = min(length, room),
                               .data = {.bytes = from, .size = min(length, room)}}};

    if (!ask(vdev, &request, MSG_set_config_response, &response))
        return 0;
    return min(response.set_config_response.length, request.set_config_request.length);
}

static void send_config(struct virtio_device *vdev, unsigned offset, const void *from,
                        unsigned length)
{
    unsigned done = 0, piece;

    while (done < length && (piece = set_piece(vdev, offset + done, from + done, length - done)))
        done += piece;
    if (done < length)
        dev_err_ratelimited(&vdev->dev, "%u bytes of configuration at %u cannot be written\n",
                            length, offset);
}

/* What was written is written again when the device is resumed. */
static void set_config(struct virtio_device *vdev, unsigned offset, const void *from,
                       unsigned length)
{
    struct device_on_bus *device = to_device(vdev);

    remember(device, offset, from, length);
    if (is_kept(offset, length))
        bitmap_set(device->config_written, offset, length);
    send_config(vdev, offset, from, length);
}

static void write_config_again(struct device_on_bus *device)
{
    unsigned from, to;

    for_each_set_bitrange(from, to, device->config_written, MAX_CONFIG)
        send_config(&device->vdev, from, device->config + from, to - from);
}

/* Pieces of one reading had one generation if it is what it was before them. */
static u32 generation(struct virtio_device *vdev)
{
    return READ_ONCE(to_device(vdev)->generation);
}

/* ---- status ---- */

static u8 get_status(struct virtio_device *vdev)
{
    struct msg response, request = {.kind = MSG_get_device_status_request};
    struct device_on_bus *device = to_device(vdev);

    if (ask(vdev, &request, MSG_get_device_status_response, &response))
        WRITE_ONCE(device->status, (u8)response.get_device_status_response.status);
    return READ_ONCE(device->status);
}

static void set_status(struct virtio_device *vdev, u8 status)
{
    struct msg response, request = {.kind = MSG_set_device_status_request,
                                    .set_device_status_request = {.status = status}};
    struct device_on_bus *device = to_device(vdev);

    if (ask(vdev, &request, MSG_set_device_status_response, &response))
        WRITE_ONCE(device->status, (u8)response.set_device_status_response.status);
}

/* Until the device says that it is done: it touches no memory of ours then. One whose
 * backend is away has none of it. */
static void reset_device(struct virtio_device *vdev)
{
    struct device_on_bus *device = to_device(vdev);
    unsigned looks = 0;

    set_status(vdev, 0);
    while (READ_ONCE(device->status) && READ_ONCE(device->bus->connected) &&
           looks++ < RESET_LOOKS) {
        msleep(10);
        get_status(vdev);
    }
    if (READ_ONCE(device->status) && READ_ONCE(device->bus->connected))
        dev_err(&vdev->dev, "the device does not end its reset\n");
}

/* What was given up while its backend serves it still has our memory, if it does not hear this. */
static void reset_given_up(struct device_on_bus *device)
{
    const struct msg request = {.kind = MSG_set_device_status_request, .dev_num = device->number};
    struct waiter *waiter = new_waiter();
    struct msg response;

    if (waiter && READ_ONCE(device->bus->connected) && hotplug_is_there(device))
        channel_request(&device->bus->channel, &request, MSG_set_device_status_response, waiter,
                        &response);
    kfree(waiter);
}

static void reset(struct virtio_device *vdev)
{
    struct device_on_bus *device = to_device(vdev);

    mutex_lock(&device->life);
    if (READ_ONCE(device->gone))
        reset_given_up(device);
    else
        reset_device(vdev);
    WRITE_ONCE(device->status, 0);
    WRITE_ONCE(device->away, false);
    bitmap_zero(device->config_written, MAX_CONFIG);
    mutex_unlock(&device->life);
    channel_forget(&device->bus->channel, device);
    channel_synchronize(&device->bus->channel);
}

/* ---- resume ---- */

int transport_check(struct device_on_bus *device)
{
    struct msg_get_device_info_response info;
    int rc = transport_info(device, &info);

    if (rc)
        return rc;
    if (info.device_id != device->vdev.id.device ||
        memcmp(&info.device_uuid, &device->uuid, sizeof(info.device_uuid)))
        return -ENXIO;
    return device->vdev.features & ~get_features(&device->vdev) ? -ENXIO : 0;
}

/* The status that was set, or an error. */
static int put_status(struct device_on_bus *device, u8 status)
{
    struct msg response, request = {.kind = MSG_set_device_status_request,
                                    .set_device_status_request = {.status = status}};
    int rc = transport_ask(device, &request, MSG_set_device_status_response, &response);

    if (!rc && (u8)response.set_device_status_response.status != status)
        rc = -EIO;
    return rc;
}

int transport_resume(struct device_on_bus *device)
{
    u8 status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
    int rc = put_status(device, 0);

    if (!rc)
        rc = put_status(device, status);
    if (!rc && !send_features(&device->vdev))
        rc = -EIO;
    if (!rc)
        rc = put_status(device, status | VIRTIO_CONFIG_S_FEATURES_OK);
    if (!rc)
        write_config_again(device);
    return rc;
}

int transport_start(struct device_on_bus *device)
{
    u8 status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
                VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK;
    int rc = put_status(device, status);

    if (!rc)
        WRITE_ONCE(device->status, status);
    return rc;
}

static const char *bus_name(struct virtio_device *vdev)
{
    return dev_name(&to_device(vdev)->bus->xbdev->dev);
}

const struct virtio_config_ops transport_ops = {
    .get = get_config,
    .set = set_config,
    .generation = generation,
    .get_status = get_status,
    .set_status = set_status,
    .reset = reset,
    .find_vqs = queues_find,
    .del_vqs = queues_delete,
    .synchronize_cbs = queues_synchronize,
    .get_features = get_features,
    .finalize_features = finalize_features,
    .bus_name = bus_name,
    .disable_vq_and_reset = queues_disable,
    .enable_vq_after_reset = queues_enable,
};
