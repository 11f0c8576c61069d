/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/transport.h"

#include <string.h>

#include "backend/threads.h"
#include "common/le.h"

/* Xen's PCI vendor id, where virtio-msg leaves the vendor to us. */
#define VENDOR_XEN 0x5853u
#define FEATURE_BLOCKS 2u

static bool driver_present(const struct device *device)
{
    return !device->resetting && device->status & VIRTIO_CONFIG_S_DRIVER;
}

static void get_device_info(struct device *device, const struct msg *request,
                            struct answer *answer)
{
    const struct device_class *class = device->class;
    uint32_t admin = class->num_admin_queues;

    (void)request;
    answer->msg.get_device_info_response = (struct msg_get_device_info_response){
        .device_id = class->virtio_id,
        .vendor_id = VENDOR_XEN,
        .device_uuid = device->uuid,
        .num_feature_blocks = FEATURE_BLOCKS,
        .config_size = class->config_size,
        .max_virtqueues = device->num_queues,
        .admin_vq_start = admin ? device->num_queues - admin : 0,
        .admin_vq_count = admin,
    };
}

/* ---- features ---- */

/* The offered set, also after negotiation; num_blocks is what fits (O-20). */
static void get_device_features(struct device *device, const struct msg *request,
                                struct answer *answer)
{
    const struct msg_get_device_features_request *asked = &request->get_device_features_request;
    size_t room = answer_room(answer, answer->msg.kind) / sizeof(uint32_t);
    uint32_t blocks = asked->num_blocks < room ? asked->num_blocks : (uint32_t)room;

    for (uint32_t i = 0; i < blocks; i++) {
        uint64_t block = (uint64_t)asked->block_index + i;
        le32_put(answer->tail + 4 * (size_t)i,
                 block < FEATURE_BLOCKS ? (uint32_t)(device_offered(device) >> (32 * block)) : 0);
    }
    answer->msg.get_device_features_response = (struct msg_get_device_features_response){
        .block_index = asked->block_index,
        .num_blocks = blocks,
        .features = {.bytes = answer->tail, .size = blocks * 4},
    };
}

static void accept_block(struct device *device, uint64_t block, uint32_t bits)
{
    if (block >= FEATURE_BLOCKS) {
        device->accepted_unknown |= bits != 0;
        return;
    }
    device->accepted &= ~(UINT64_C(0xffffffff) << (32 * block));
    device->accepted |= (uint64_t)bits << (32 * block);
}

/* Only the addressed blocks, and nothing after FEATURES_OK (O-21). */
static void set_driver_features(struct device *device, const struct msg *request,
                                struct answer *answer)
{
    const struct msg_set_driver_features_request *set = &request->set_driver_features_request;

    (void)answer;
    if (!driver_present(device) || device->status & VIRTIO_CONFIG_S_FEATURES_OK)
        return;
    for (uint32_t i = 0; i < set->num_blocks; i++)
        accept_block(device, (uint64_t)set->block_index + i,
                     le32_get(set->features.bytes + 4 * (size_t)i));
}

/* ---- configuration space ---- */

static bool inside_config(const struct device *device, uint32_t offset, uint32_t length)
{
    uint32_t size = device->class->config_size;

    return offset <= size && length <= size - offset;
}

/* The generation is the live one in both profiles (O-07). */
static void get_config(struct device *device, const struct msg *request, struct answer *answer)
{
    const struct msg_get_config_request *asked = &request->get_config_request;
    struct msg_get_config_response *response = &answer->msg.get_config_response;
    uint8_t config[DEVICE_MAX_CONFIG];

    response->generation = device->generation;
    response->offset = asked->offset;
    if (!inside_config(device, asked->offset, asked->length) ||
        asked->length > answer_room(answer, answer->msg.kind))
        return;
    if (asked->length)
        device->class->read_config(device->state, config);
    memcpy(answer->tail, config + asked->offset, asked->length);
    response->length = asked->length;
    response->data = (struct msg_tail){.bytes = answer->tail, .size = asked->length};
}

/* Strict: a driver that read an older configuration writes nothing. */
static bool generation_fits(const struct device *device, const struct msg_set_config_request *set)
{
    return !device->host->strict || set->generation == device->generation;
}

/* All or nothing; read-only bytes count as written; no echo of data (O-18). */
static void set_config(struct device *device, const struct msg *request, struct answer *answer)
{
    const struct msg_set_config_request *set = &request->set_config_request;
    struct msg_set_config_response *response = &answer->msg.set_config_response;

    response->offset = set->offset;
    if (driver_present(device) && inside_config(device, set->offset, set->length) &&
        generation_fits(device, set)) {
        if (device->class->write_config && set->length)
            device->class->write_config(device->state, set->offset, set->data.bytes, set->length);
        response->length = set->length;
    }
    /* Last: a write may have changed more than it wrote. */
    response->generation = device->generation;
}

/* ---- status ---- */

static void get_device_status(struct device *device, const struct msg *request,
                              struct answer *answer)
{
    (void)request;
    answer->msg.get_device_status_response.status = device->status;
}

static void set_device_status(struct device *device, const struct msg *request,
                              struct answer *answer)
{
    device_set_status(device, request->set_device_status_request.status);
    answer->msg.set_device_status_response.status = device->status;
}

/* ---- queues ---- */

static void get_vqueue(struct device *device, const struct msg *request, struct answer *answer)
{
    struct msg_get_vqueue_response *response = &answer->msg.get_vqueue_response;
    const struct queue *queue = device_queue(device, request->get_vqueue_request.index);

    response->index = request->get_vqueue_request.index;
    if (!queue)
        return;

    const struct queue_config *config = queue_get_config(queue);

    response->max_size = queue_max_size(queue);
    response->cur_size = config->size;
    response->flags = queue_enabled(queue) ? GET_VQUEUE_ENABLED : 0;
    response->desc_addr = config->desc;
    response->driver_addr = config->driver;
    response->device_addr = config->device;
}

/* The queue's parameters with the fields applied that are not to be ignored. */
static struct queue_config merge_config(const struct queue_config *now,
                                        const struct msg_set_vqueue_request *set)
{
    struct queue_config merged = *now;

    if (!(set->flags & SET_VQUEUE_IGNORE_SIZE))
        merged.size = set->size;
    if (!(set->flags & SET_VQUEUE_IGNORE_DESC))
        merged.desc = set->desc_addr;
    if (!(set->flags & SET_VQUEUE_IGNORE_DRIVER))
        merged.driver = set->driver_addr;
    if (!(set->flags & SET_VQUEUE_IGNORE_DEVICE))
        merged.device = set->device_addr;
    return merged;
}

/* A size that is applied may not be 0 (O-12); one that was never set may. */
static bool set_vqueue_valid(const struct msg_set_vqueue_request *set)
{
    return !(set->flags & SET_VQUEUE_RESERVED) && !set->reserved &&
           (set->flags & SET_VQUEUE_OPERATION) <= SET_VQUEUE_KEEP &&
           (set->size || set->flags & SET_VQUEUE_IGNORE_SIZE);
}

/* All or nothing, and always the same empty response: the driver asks with
 * GET_VQUEUE what became of it. An enabled queue takes nothing. */
static void set_vqueue(struct device *device, const struct msg *request, struct answer *answer)
{
    struct msg_set_vqueue_request set = request->set_vqueue_request;
    struct queue *queue = device_queue(device, set.index);

    if (!queue || !driver_present(device) || !set_vqueue_valid(&set))
        return;
    /* Drivers of the 8-byte form that know no flags send 0 for a queue they are
     * about to use (O-11). */
    if (answer->form == MSG_COMPACT && !set.flags)
        set.flags = SET_VQUEUE_ENABLE;

    struct queue_config config = merge_config(queue_get_config(queue), &set);

    if (!queue_enabled(queue))
        queue_set_resume(queue, device->host->resume);
    if ((set.flags & SET_VQUEUE_OPERATION) != SET_VQUEUE_ENABLE)
        queue_configure(queue, &config);
    else if (queue_enable(queue, device_part(device, set.index)->lane->memory, &config))
        device_kick(device, set.index);
    answer->heavy = true; /* its parts may have been mapped */
}

static void get_shm(struct device *device, const struct msg *request, struct answer *answer)
{
    struct msg_get_shm_response *response = &answer->msg.get_shm_response;
    const struct device_class *class = device->class;
    uint64_t length, address;

    response->index = request->get_shm_request.index;
    if (!class->get_shm || !class->get_shm(device->state, response->index, &length, &address))
        return;
    response->length = length;
    response->address = address;
}

/* ---- all of them ---- */

/* A request with its response, and who makes the one from the other. */
struct handler {
    enum msg_kind response;
    void (*serve)(struct device *device, const struct msg *request, struct answer *answer);
};

#define HANDLER(name) [MSG_##name##_request] = {MSG_##name##_response, name}

static const struct handler handlers[MSG_KINDS] = {
    HANDLER(get_device_info),
    HANDLER(get_device_features),
    HANDLER(set_driver_features),
    HANDLER(get_config),
    HANDLER(set_config),
    HANDLER(get_device_status),
    HANDLER(set_device_status),
    HANDLER(get_vqueue),
    HANDLER(set_vqueue),
    HANDLER(get_shm),
};

static enum answer_when reset_vqueue(struct device *device, const struct msg *request,
                                     struct answer *answer)
{
    uint32_t index = request->reset_vqueue_request.index;

    if (!device_reset_queue(device, index, request->token))
        return ANSWER_LATER;
    answer_begin(answer, MSG_reset_vqueue_response, request);
    return ANSWER_NOW;
}

/* While no thread serves queues: they look at devices, and at what is mapped. */
static enum answer_when serve_alone(struct device *device, const struct msg *message,
                                    struct answer *answer)
{
    struct threads *threads = device->host->threads;
    enum answer_when when = ANSWER_NOW;

    threads_hold(threads);
    if (message->kind == MSG_reset_vqueue_request) {
        when = reset_vqueue(device, message, answer);
    } else {
        answer_begin(answer, handlers[message->kind].response, message);
        handlers[message->kind].serve(device, message, answer);
    }
    threads_release(threads);
    return when;
}

enum answer_when transport_serve(struct device *device, const struct msg *message,
                                 struct answer *answer)
{
    const struct handler *handler = &handlers[message->kind];

    /* next_offset is a hint (NOTIFICATION_DATA) that the ring itself knows better. */
    if (message->kind == MSG_event_avail) {
        device_doorbell(device, message->event_avail.vq_index);
        return ANSWER_NEVER;
    }
    if (!handler->serve && message->kind != MSG_reset_vqueue_request)
        return ANSWER_DROP;
    if (device->queue_reset.waits)
        return ANSWER_RETRY;
    return serve_alone(device, message, answer);
}
