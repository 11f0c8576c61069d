/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * One call per message, and beside it what makes its response believable. The
 * codec has checked layout and counting fields; here the response is held
 * against the request it answers.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/le.h"
#include "frontend/internal.h"

/* Will `bytes` of tail fit into a message of this kind? */
static int check_tail(struct xvmsg *h, enum msg_kind kind, uint64_t bytes)
{
    const char *name = msg_describe(kind)->name;

    if (!h->conn.up)
        return handle_fail(h, ENOTCONN, "%s: the bus is not connected", name);
    if (bytes > 0 && bytes <= msg_tail_room(h->form, kind, h->bus.max_message))
        return 0;
    return handle_fail(h, EINVAL, "%s: %llu bytes do not fit a message of %u bytes", name,
                       (unsigned long long)bytes, h->bus.max_message);
}

/* ---- information and features ---- */

static enum xvmsg_status take_info(const struct request *r, const struct msg *m,
                                   struct xvmsg_reply *reply)
{
    const struct msg_get_device_info_response *response = &m->get_device_info_response;
    struct xvmsg_device_info *info = &reply->u.info;

    (void)r;
    info->device_id = response->device_id;
    info->vendor_id = response->vendor_id;
    memcpy(info->uuid, response->device_uuid.bytes, sizeof(info->uuid));
    info->num_feature_blocks = response->num_feature_blocks;
    info->config_size = response->config_size;
    info->max_virtqueues = response->max_virtqueues;
    info->admin_vq_start = response->admin_vq_start;
    info->admin_vq_count = response->admin_vq_count;
    if ((uint64_t)info->admin_vq_start + info->admin_vq_count > info->max_virtqueues)
        return XVMSG_MALFORMED_RESPONSE; /* administration queues it does not have (O-33) */
    return info->device_id ? XVMSG_OK : XVMSG_REFUSED;
}

int xvmsg_get_device_info(struct xvmsg *h, uint64_t device, xvmsg_done *done, void *user)
{
    return request_submit(h, &(struct request_call){
                                 .msg = {.kind = MSG_get_device_info_request, .dev_num = device},
                                 .take = take_info,
                                 .done = done,
                                 .user = user,
                             });
}

static enum xvmsg_status take_features(const struct request *r, const struct msg *m,
                                       struct xvmsg_reply *reply)
{
    const struct msg_get_device_features_response *response = &m->get_device_features_response;
    uint32_t *features = r->call.buffer;

    if (response->block_index != r->call.index || response->num_blocks > r->call.length)
        return XVMSG_MALFORMED_RESPONSE;
    for (uint32_t i = 0; i < r->call.length; i++)
        features[i] = i < response->num_blocks ? le32_get(&response->features.bytes[4 * i]) : 0;
    reply->u.num_blocks = response->num_blocks;
    return XVMSG_OK;
}

int xvmsg_get_device_features(struct xvmsg *h, uint64_t device, uint32_t block_index,
                              uint32_t num_blocks, uint32_t *features, xvmsg_done *done,
                              void *user)
{
    if (check_tail(h, MSG_get_device_features_response, UINT64_C(4) * num_blocks) < 0)
        return -1;
    return request_submit(h, &(struct request_call){
                                 .msg = {.kind = MSG_get_device_features_request,
                                         .dev_num = device,
                                         .get_device_features_request = {block_index, num_blocks}},
                                 .take = take_features,
                                 .done = done,
                                 .user = user,
                                 .index = block_index,
                                 .length = num_blocks,
                                 .buffer = features,
                             });
}

int xvmsg_set_driver_features(struct xvmsg *h, uint64_t device, uint32_t block_index,
                              uint32_t num_blocks, const uint32_t *features, xvmsg_done *done,
                              void *user)
{
    if (check_tail(h, MSG_set_driver_features_request, UINT64_C(4) * num_blocks) < 0)
        return -1;

    uint8_t *words = request_words(h, features, num_blocks);

    if (!words)
        return -1;

    int rc = request_submit(
        h, &(struct request_call){
               .msg = {.kind = MSG_set_driver_features_request,
                       .dev_num = device,
                       .set_driver_features_request = {block_index,
                                                       num_blocks,
                                                       {words, 4 * num_blocks}}},
               .done = done,
               .user = user,
           });

    free(words);
    return rc;
}

/* ---- configuration ---- */

static enum xvmsg_status take_config(const struct request *r, const struct msg *m,
                                     struct xvmsg_reply *reply)
{
    const struct msg_get_config_response *response = &m->get_config_response;

    if (response->offset != r->call.index)
        return XVMSG_MALFORMED_RESPONSE;
    if (response->length == 0)
        return XVMSG_REFUSED;
    if (response->length != r->call.length)
        return XVMSG_MALFORMED_RESPONSE;
    memcpy(r->call.buffer, response->data.bytes, response->length);
    reply->u.config.generation = response->generation;
    reply->u.config.length = response->length;
    return XVMSG_OK;
}

int xvmsg_get_config(struct xvmsg *h, uint64_t device, uint32_t offset, uint32_t length,
                     void *buffer, xvmsg_done *done, void *user)
{
    if (check_tail(h, MSG_get_config_response, length) < 0)
        return -1;
    return request_submit(h, &(struct request_call){
                                 .msg = {.kind = MSG_get_config_request,
                                         .dev_num = device,
                                         .get_config_request = {offset, length}},
                                 .take = take_config,
                                 .done = done,
                                 .user = user,
                                 .index = offset,
                                 .length = length,
                                 .buffer = buffer,
                             });
}

static enum xvmsg_status take_set_config(const struct request *r, const struct msg *m,
                                         struct xvmsg_reply *reply)
{
    const struct msg_set_config_response *response = &m->set_config_response;

    if (response->offset != r->call.index)
        return XVMSG_MALFORMED_RESPONSE;
    if (response->length == 0)
        return XVMSG_REFUSED;
    if (response->length != r->call.length)
        return XVMSG_MALFORMED_RESPONSE;
    reply->u.config.generation = response->generation;
    reply->u.config.length = response->length;
    return XVMSG_OK;
}

int xvmsg_set_config(struct xvmsg *h, uint64_t device, uint32_t generation, uint32_t offset,
                     uint32_t length, const void *data, xvmsg_done *done, void *user)
{
    if (check_tail(h, MSG_set_config_request, length) < 0)
        return -1;
    return request_submit(
        h, &(struct request_call){
               .msg = {.kind = MSG_set_config_request,
                       .dev_num = device,
                       .set_config_request = {h->bus.strict ? generation : 0,
                                              offset,
                                              length,
                                              {data, length}}},
               .take = take_set_config,
               .done = done,
               .user = user,
               .index = offset,
               .length = length,
           });
}

/* ---- status ---- */

static enum xvmsg_status take_status(const struct request *r, const struct msg *m,
                                     struct xvmsg_reply *reply)
{
    (void)r;
    reply->u.device_status = m->kind == MSG_get_device_status_response
                                 ? m->get_device_status_response.status
                                 : m->set_device_status_response.status;
    return XVMSG_OK;
}

int xvmsg_get_device_status(struct xvmsg *h, uint64_t device, xvmsg_done *done, void *user)
{
    return request_submit(h, &(struct request_call){
                                 .msg = {.kind = MSG_get_device_status_request, .dev_num = device},
                                 .take = take_status,
                                 .done = done,
                                 .user = user,
                             });
}

int xvmsg_set_device_status(struct xvmsg *h, uint64_t device, uint32_t status, xvmsg_done *done,
                            void *user)
{
    return request_submit(h, &(struct request_call){
                                 .msg = {.kind = MSG_set_device_status_request,
                                         .dev_num = device,
                                         .set_device_status_request.status = status},
                                 .take = take_status,
                                 .done = done,
                                 .user = user,
                             });
}

/* ---- queues ---- */

static enum xvmsg_status take_vqueue(const struct request *r, const struct msg *m,
                                     struct xvmsg_reply *reply)
{
    const struct msg_get_vqueue_response *response = &m->get_vqueue_response;

    if (response->index != r->call.index || response->cur_size > response->max_size)
        return XVMSG_MALFORMED_RESPONSE;
    /* A queue that is not there has nothing at all (O-14). */
    if (response->max_size == 0 &&
        (response->flags || response->desc_addr || response->driver_addr || response->device_addr))
        return XVMSG_MALFORMED_RESPONSE;
    reply->u.vqueue = (struct xvmsg_vqueue){
        .index = response->index,
        .flags = response->flags,
        .max_size = response->max_size,
        .size = response->cur_size,
        .desc_addr = response->desc_addr,
        .driver_addr = response->driver_addr,
        .device_addr = response->device_addr,
    };
    return XVMSG_OK;
}

int xvmsg_get_vqueue(struct xvmsg *h, uint64_t device, uint32_t index, xvmsg_done *done,
                     void *user)
{
    return request_submit(h, &(struct request_call){
                                 .msg = {.kind = MSG_get_vqueue_request,
                                         .dev_num = device,
                                         .get_vqueue_request.index = index},
                                 .take = take_vqueue,
                                 .done = done,
                                 .user = user,
                                 .index = index,
                             });
}

int xvmsg_set_vqueue(struct xvmsg *h, uint64_t device, const struct xvmsg_vqueue *vqueue,
                     xvmsg_done *done, void *user)
{
    return request_submit(h, &(struct request_call){
                                 .msg = {.kind = MSG_set_vqueue_request,
                                         .dev_num = device,
                                         .set_vqueue_request =
                                             {
                                                 .index = vqueue->index,
                                                 .flags = vqueue->flags,
                                                 .size = vqueue->size,
                                                 .desc_addr = vqueue->desc_addr,
                                                 .driver_addr = vqueue->driver_addr,
                                                 .device_addr = vqueue->device_addr,
                                             }},
                                 .done = done,
                                 .user = user,
                             });
}

int xvmsg_reset_vqueue(struct xvmsg *h, uint64_t device, uint32_t index, xvmsg_done *done,
                       void *user)
{
    return request_submit(h, &(struct request_call){
                                 .msg = {.kind = MSG_reset_vqueue_request,
                                         .dev_num = device,
                                         .reset_vqueue_request.index = index},
                                 .done = done,
                                 .user = user,
                             });
}

/* ---- shared memory regions ---- */

static enum xvmsg_status take_shm(const struct request *r, const struct msg *m,
                                  struct xvmsg_reply *reply)
{
    if (m->get_shm_response.index != r->call.index)
        return XVMSG_MALFORMED_RESPONSE;
    reply->u.shm.length = m->get_shm_response.length;
    reply->u.shm.address = m->get_shm_response.address;
    return XVMSG_OK;
}

int xvmsg_get_shm(struct xvmsg *h, uint64_t device, uint32_t index, xvmsg_done *done, void *user)
{
    return request_submit(h, &(struct request_call){
                                 .msg = {.kind = MSG_get_shm_request,
                                         .dev_num = device,
                                         .get_shm_request.index = index},
                                 .take = take_shm,
                                 .done = done,
                                 .user = user,
                                 .index = index,
                             });
}

/* ---- the bus ---- */

static enum xvmsg_status take_devices(const struct request *r, const struct msg *m,
                                      struct xvmsg_reply *reply)
{
    const struct msg_get_devices_response *response = &m->get_devices_response;
    uint64_t asked = r->call.msg.get_devices_request.offset;

    /* An offset that does not grow would have the caller ask for ever. */
    if (response->offset != asked || response->count > r->call.length ||
        (response->next_offset && response->next_offset <= asked))
        return XVMSG_MALFORMED_RESPONSE;
    memset(r->call.buffer, 0, (r->call.length + 7) / 8);
    memcpy(r->call.buffer, response->bitmap.bytes, response->bitmap.size);
    reply->u.devices.next_offset = response->next_offset;
    reply->u.devices.count = response->count;
    return XVMSG_OK;
}

int xvmsg_get_devices(struct xvmsg *h, uint64_t offset, uint16_t count, uint8_t *bitmap,
                      xvmsg_done *done, void *user)
{
    if (check_tail(h, MSG_get_devices_response, (count + 7u) / 8) < 0)
        return -1;
    return request_submit(h, &(struct request_call){
                                 .msg = {.kind = MSG_get_devices_request,
                                         .get_devices_request = {offset, count}},
                                 .take = take_devices,
                                 .done = done,
                                 .user = user,
                                 .length = count,
                                 .buffer = bitmap,
                             });
}

static enum xvmsg_status take_ping(const struct request *r, const struct msg *m,
                                   struct xvmsg_reply *reply)
{
    (void)reply;
    return m->ping_response.data == r->call.index ? XVMSG_OK : XVMSG_MALFORMED_RESPONSE;
}

int xvmsg_ping(struct xvmsg *h, uint32_t data, xvmsg_done *done, void *user)
{
    return request_submit(h, &(struct request_call){
                                 .msg = {.kind = MSG_ping_request, .ping_request.data = data},
                                 .take = take_ping,
                                 .done = done,
                                 .user = user,
                                 .index = data,
                             });
}
