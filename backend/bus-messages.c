/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/bus-messages.h"

#include <string.h>

#include "backend/doorbells.h"
#include "backend/memory.h"

/* Slots of a window that fit the message and the numbers there are. */
static uint16_t window_size(const struct answer *answer, uint64_t offset, uint16_t asked)
{
    uint64_t fit = 8 * (uint64_t)answer_room(answer, MSG_get_devices_response);
    uint64_t above = msg_dev_num_max(answer->form) - offset;

    if (fit > asked)
        fit = asked;
    return (uint16_t)(fit <= above ? fit : above + 1);
}

static void get_devices(const struct roster *roster, const struct msg *request,
                        struct answer *answer)
{
    uint64_t offset = request->get_devices_request.offset;
    uint16_t count = window_size(answer, offset, request->get_devices_request.count);
    uint32_t bytes = (count + 7u) / 8u;
    const struct device *device = roster_next(roster, offset);

    memset(answer->tail, 0, bytes);
    while (device && device->number - offset < count) {
        uint64_t slot = device->number - offset;
        answer->tail[slot / 8] |= (uint8_t)(1u << slot % 8);
        device = roster_after(roster, device->number);
    }
    answer_begin(answer, MSG_get_devices_response, request);
    answer->msg.get_devices_response = (struct msg_get_devices_response){
        .offset = offset,
        /* Straight to the next device: nobody walks 64 bits of numbers (O-06). */
        .next_offset =
            device && device->number <= msg_dev_num_max(answer->form) ? device->number : 0,
        .count = count,
        .bitmap = {.bytes = answer->tail, .size = bytes},
    };
}

static void ping(const struct msg *request, struct answer *answer)
{
    answer_begin(answer, MSG_ping_response, request);
    answer->msg.ping_response.data = request->ping_request.data;
}

static void area_share(struct memory *memory, const struct msg *request, struct answer *answer)
{
    const struct msg_area_share_request *share = &request->area_share_request;

    answer_begin(answer, MSG_area_share_response, request);
    answer->msg.area_share_response.area = share->area;
    answer->msg.area_share_response.status = (uint16_t)memory_share(memory, share);
}

static void area_unshare(struct memory *memory, const struct msg *request, struct answer *answer)
{
    const struct msg_area_unshare_request *unshare = &request->area_unshare_request;

    answer_begin(answer, MSG_area_unshare_response, request);
    answer->msg.area_unshare_response.area = unshare->area;
    answer->msg.area_unshare_response.status = (uint16_t)memory_unshare(memory, unshare);
}

static enum doorbell_status bind_doorbell(const struct roster *roster,
                                          const struct device_host *host,
                                          const struct msg_queue_doorbell_request *wanted)
{
    struct device *device = roster_find(roster, wanted->device_number);

    if (!host->lane.doorbells)
        return DOORBELL_BAD_REQUEST;
    if (!device || device->leaving || !device_queue(device, wanted->vq_index))
        return DOORBELL_NO_QUEUE;
    if (device->resetting || !(device->status & VIRTIO_CONFIG_S_DRIVER))
        return DOORBELL_BAD_REQUEST;
    return doorbells_bind(device, wanted->vq_index, wanted->port);
}

static void queue_doorbell(const struct roster *roster, const struct device_host *host,
                           const struct msg *request, struct answer *answer)
{
    const struct msg_queue_doorbell_request *doorbell = &request->queue_doorbell_request;

    answer_begin(answer, MSG_queue_doorbell_response, request);
    answer->msg.queue_doorbell_response = (struct msg_queue_doorbell_response){
        .device_number = doorbell->device_number,
        .vq_index = doorbell->vq_index,
        .status = (uint32_t)bind_doorbell(roster, host, doorbell),
    };
}

bool bus_messages_harmless(const struct msg *message)
{
    return message->kind == MSG_get_devices_request || message->kind == MSG_ping_request;
}

enum answer_when bus_messages_serve(const struct roster *roster, const struct device_host *host,
                                    const struct msg *message, struct answer *answer)
{
    switch (message->kind) {
    case MSG_get_devices_request:
        get_devices(roster, message, answer);
        return ANSWER_NOW;
    case MSG_ping_request:
        ping(message, answer);
        return ANSWER_NOW;
    case MSG_area_share_request:
        answer->heavy = true;
        area_share(host->lane.memory, message, answer);
        return ANSWER_NOW;
    case MSG_area_unshare_request:
        answer->heavy = true;
        area_unshare(host->lane.memory, message, answer);
        return ANSWER_NOW;
    case MSG_queue_doorbell_request:
        answer->heavy = true;
        queue_doorbell(roster, host, message, answer);
        return ANSWER_NOW;
    default:
        return ANSWER_DROP;
    }
}
