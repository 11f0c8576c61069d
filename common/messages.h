/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Every message of the bus, once.
 *
 * The two lists below are the only place where a message is described. The
 * structs in codec.h, the tables in codec.c, the printer, the JSON reader and
 * the tests are all expanded from them; a new message is a line here and a
 * field list, nothing else.
 *
 * Source: virtio-msg v2 draft (16-byte header, 64-bit device numbers) and the
 * merged 8-byte form. Ids from 0x80 on bus messages are this binding's own.
 */
#ifndef XVMSG_MESSAGES_H
#define XVMSG_MESSAGES_H

/*
 * MESSAGES(M): M(kind, NAME, NAMESPACE, CLASS, id, SENDER)
 *
 *   NAMESPACE  TRANSPORT, or BUS (bit 1 of the header's type)
 *   CLASS      REQUEST, RESPONSE (bit 0 of the type) or EVENT (id bit 6)
 *   SENDER     DRIVER, DEVICE or EITHER side
 */
#define MESSAGES(M)                                                                       \
    M(get_device_info_request, GET_DEVICE_INFO, TRANSPORT, REQUEST, 0x02, DRIVER)         \
    M(get_device_info_response, GET_DEVICE_INFO, TRANSPORT, RESPONSE, 0x02, DEVICE)       \
    M(get_device_features_request, GET_DEVICE_FEATURES, TRANSPORT, REQUEST, 0x03, DRIVER) \
    M(get_device_features_response, GET_DEVICE_FEATURES, TRANSPORT, RESPONSE, 0x03, DEVICE) \
    M(set_driver_features_request, SET_DRIVER_FEATURES, TRANSPORT, REQUEST, 0x04, DRIVER) \
    M(set_driver_features_response, SET_DRIVER_FEATURES, TRANSPORT, RESPONSE, 0x04, DEVICE) \
    M(get_config_request, GET_CONFIG, TRANSPORT, REQUEST, 0x05, DRIVER)                   \
    M(get_config_response, GET_CONFIG, TRANSPORT, RESPONSE, 0x05, DEVICE)                 \
    M(set_config_request, SET_CONFIG, TRANSPORT, REQUEST, 0x06, DRIVER)                   \
    M(set_config_response, SET_CONFIG, TRANSPORT, RESPONSE, 0x06, DEVICE)                 \
    M(get_device_status_request, GET_DEVICE_STATUS, TRANSPORT, REQUEST, 0x07, DRIVER)     \
    M(get_device_status_response, GET_DEVICE_STATUS, TRANSPORT, RESPONSE, 0x07, DEVICE)   \
    M(set_device_status_request, SET_DEVICE_STATUS, TRANSPORT, REQUEST, 0x08, DRIVER)     \
    M(set_device_status_response, SET_DEVICE_STATUS, TRANSPORT, RESPONSE, 0x08, DEVICE)   \
    M(get_vqueue_request, GET_VQUEUE, TRANSPORT, REQUEST, 0x09, DRIVER)                   \
    M(get_vqueue_response, GET_VQUEUE, TRANSPORT, RESPONSE, 0x09, DEVICE)                 \
    M(set_vqueue_request, SET_VQUEUE, TRANSPORT, REQUEST, 0x0a, DRIVER)                   \
    M(set_vqueue_response, SET_VQUEUE, TRANSPORT, RESPONSE, 0x0a, DEVICE)                 \
    M(reset_vqueue_request, RESET_VQUEUE, TRANSPORT, REQUEST, 0x0b, DRIVER)               \
    M(reset_vqueue_response, RESET_VQUEUE, TRANSPORT, RESPONSE, 0x0b, DEVICE)             \
    M(get_shm_request, GET_SHM, TRANSPORT, REQUEST, 0x0c, DRIVER)                         \
    M(get_shm_response, GET_SHM, TRANSPORT, RESPONSE, 0x0c, DEVICE)                       \
    M(event_config, EVENT_CONFIG, TRANSPORT, EVENT, 0x40, DEVICE)                         \
    M(event_avail, EVENT_AVAIL, TRANSPORT, EVENT, 0x41, DRIVER)                           \
    M(event_used, EVENT_USED, TRANSPORT, EVENT, 0x42, DEVICE)                             \
    M(get_devices_request, GET_DEVICES, BUS, REQUEST, 0x02, DRIVER)                       \
    M(get_devices_response, GET_DEVICES, BUS, RESPONSE, 0x02, DEVICE)                     \
    M(ping_request, PING, BUS, REQUEST, 0x03, EITHER)                                     \
    M(ping_response, PING, BUS, RESPONSE, 0x03, EITHER)                                   \
    M(event_device, EVENT_DEVICE, BUS, EVENT, 0x40, DEVICE)                               \
    M(area_share_request, AREA_SHARE, BUS, REQUEST, 0x80, DRIVER)                         \
    M(area_share_response, AREA_SHARE, BUS, RESPONSE, 0x80, DEVICE)                       \
    M(area_unshare_request, AREA_UNSHARE, BUS, REQUEST, 0x81, DRIVER)                     \
    M(area_unshare_response, AREA_UNSHARE, BUS, RESPONSE, 0x81, DEVICE)                   \
    M(queue_doorbell_request, QUEUE_DOORBELL, BUS, REQUEST, 0x82, DRIVER)                 \
    M(queue_doorbell_response, QUEUE_DOORBELL, BUS, RESPONSE, 0x82, DEVICE)

/*
 * FIELDS_<kind>(F, T): the payload in wire order.
 *
 *   F(type, name)         le16, le32, le64, uuid (16 opaque bytes), or
 *                         devnum (le64 wide, le16 compact)
 *   T(unit, name, count)  at most one, last: a tail whose length is told by
 *                         the field `count`. bytes: exactly count bytes;
 *                         words: exactly count le32; bitmap: count bits, LSB
 *                         first, spare bits zero; maybe: no bytes, or exactly
 *                         count bytes
 */
#define FIELDS_get_device_info_request(F, T)
#define FIELDS_get_device_info_response(F, T) \
    F(le32, device_id)                        \
    F(le32, vendor_id)                        \
    F(uuid, device_uuid)                      \
    F(le32, num_feature_blocks)               \
    F(le32, config_size)                      \
    F(le32, max_virtqueues)                   \
    F(le32, admin_vq_start)                   \
    F(le32, admin_vq_count)

#define FIELDS_get_device_features_request(F, T) F(le32, block_index) F(le32, num_blocks)
#define FIELDS_get_device_features_response(F, T) \
    F(le32, block_index) F(le32, num_blocks) T(words, features, num_blocks)

#define FIELDS_set_driver_features_request(F, T) \
    F(le32, block_index) F(le32, num_blocks) T(words, features, num_blocks)
#define FIELDS_set_driver_features_response(F, T)

#define FIELDS_get_config_request(F, T) F(le32, offset) F(le32, length)
#define FIELDS_get_config_response(F, T) \
    F(le32, generation) F(le32, offset) F(le32, length) T(bytes, data, length)

#define FIELDS_set_config_request(F, T) \
    F(le32, generation) F(le32, offset) F(le32, length) T(bytes, data, length)
#define FIELDS_set_config_response(F, T) \
    F(le32, generation) F(le32, offset) F(le32, length) T(maybe, data, length)

#define FIELDS_get_device_status_request(F, T)
#define FIELDS_get_device_status_response(F, T) F(le32, status)
#define FIELDS_set_device_status_request(F, T) F(le32, status)
#define FIELDS_set_device_status_response(F, T) F(le32, status)

#define FIELDS_get_vqueue_request(F, T) F(le32, index)
#define FIELDS_get_vqueue_response(F, T) \
    F(le32, index)                       \
    F(le32, max_size)                    \
    F(le32, cur_size)                    \
    F(le32, flags)                       \
    F(le64, desc_addr)                   \
    F(le64, driver_addr)                 \
    F(le64, device_addr)

#define FIELDS_set_vqueue_request(F, T) \
    F(le32, index)                      \
    F(le32, flags)                      \
    F(le32, size)                       \
    F(le32, reserved)                   \
    F(le64, desc_addr)                  \
    F(le64, driver_addr)                \
    F(le64, device_addr)
#define FIELDS_set_vqueue_response(F, T)

#define FIELDS_reset_vqueue_request(F, T) F(le32, index)
#define FIELDS_reset_vqueue_response(F, T)

#define FIELDS_get_shm_request(F, T) F(le32, index)
#define FIELDS_get_shm_response(F, T) \
    F(le32, index) F(le32, reserved) F(le64, length) F(le64, address)

#define FIELDS_event_config(F, T) \
    F(le32, device_status)        \
    F(le32, generation)           \
    F(le32, offset)               \
    F(le32, length)               \
    T(maybe, data, length)
#define FIELDS_event_avail(F, T) F(le32, vq_index) F(le32, next_offset)
#define FIELDS_event_used(F, T) F(le32, vq_index)

#define FIELDS_get_devices_request(F, T) F(devnum, offset) F(le16, count)
#define FIELDS_get_devices_response(F, T) \
    F(devnum, offset) F(devnum, next_offset) F(le16, count) T(bitmap, bitmap, count)

#define FIELDS_ping_request(F, T) F(le32, data)
#define FIELDS_ping_response(F, T) F(le32, data)

#define FIELDS_event_device(F, T) F(devnum, device_number) F(le16, device_bus_state)

/*
 * AREA_SHARE: the frontend shares `pages` pages once, under an area number it
 * chose (1 to XVMSG_AREA_MAX). With AREA_F_DIRECTORY in flags each word of
 * refs grants a page that lists up to 1,024 references (le32); without it the
 * words are the references themselves. status: one of enum area_status.
 */
#define FIELDS_area_share_request(F, T) \
    F(le16, area) F(le16, flags) F(le32, pages) F(le32, num_refs) T(words, refs, num_refs)
#define FIELDS_area_share_response(F, T) F(le16, area) F(le16, status)
#define FIELDS_area_unshare_request(F, T) F(le16, area) F(le16, flags)
#define FIELDS_area_unshare_response(F, T) F(le16, area) F(le16, status)

/*
 * QUEUE_DOORBELL: from now on event-channel `port` (unbound, allocated by the
 * frontend for this backend; 0 = back to messages) stands for EVENT_AVAIL and
 * EVENT_USED of one queue. status: one of enum doorbell_status.
 */
#define FIELDS_queue_doorbell_request(F, T) F(devnum, device_number) F(le32, vq_index) F(le32, port)
#define FIELDS_queue_doorbell_response(F, T) \
    F(devnum, device_number) F(le32, vq_index) F(le32, status)

#endif
