/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Judges a driver by what passes on its bus. It is given the messages in the order
 * in which the backend's end of the bus saw them, and tells for each clause that
 * can be judged from there whether the driver kept it, broke it, or did nothing
 * that the clause is about.
 *
 *     struct tap_check *t = tap_check_new();
 *     tap_check_connect(t, &bus);          once for each connection
 *     tap_check_message(t, &message);      each message
 *     tap_check_end(t);
 *     tap_check_result(t, TAP_DRV_01)->verdict
 *
 * What a driver may send depends on the state its device is in. A device whose
 * reset was not recorded has an unknown state; its messages are then judged only
 * by themselves.
 */
#ifndef XVMSG_TAP_CHECK_H
#define XVMSG_TAP_CHECK_H

#include "common/codec.h"

#define TAP_CLAUSE_LIST(C)                                                                        \
    C(DRV_01, "DRV-01", "no message is larger than the bus's maximum")                            \
    C(DRV_02, "DRV-02", "only messages of transport revision 1 that a driver sends")              \
    C(DRV_06, "DRV-06", "header and payload are little-endian")                                   \
    C(DRV_07, "DRV-07", "bits 7:2 of type are zero")                                              \
    C(DRV_09, "DRV-09", "msg_size is header and payload exactly")                                 \
    C(DRV_10, "DRV-10", "dev_num names a device there is; bus messages have none")                \
    C(DRV_11, "DRV-11", "padding is zero")                                                        \
    C(DRV_13, "DRV-13", "the reserved field of the header is zero")                               \
    C(DRV_17, "DRV-17", "GET_DEVICE_INFO comes before features and queues")                       \
    C(DRV_18, "DRV-18", "FEATURES_OK is confirmed before a queue is enabled")                     \
    C(DRV_19, "DRV-19", "a queue is confirmed as it was set before it is used")                   \
    C(DRV_20, "DRV-20", "status rises in order, to DRIVER_OK before I/O")                         \
    C(DRV_21, "DRV-21", "offset and length stay inside the configuration")                        \
    C(DRV_25, "DRV-25", "features written were offered")                                          \
    C(DRV_27, "DRV-27", "feature blocks that were not read are written as zero")                  \
    C(DRV_29, "DRV-29", "baseline: SET_CONFIG has generation 0")                                  \
    C(DRV_31, "DRV-31", "strict: SET_CONFIG has the latest generation")                           \
    C(DRV_36, "DRV-36", "GET_VQUEUE shows a queue disabled before it is set")                     \
    C(DRV_37, "DRV-37", "a queue is not larger than the device's maximum")                        \
    C(DRV_38, "DRV-38", "queue addresses are there and aligned")                                  \
    C(DRV_39, "DRV-39", "SET_VQUEUE flags 31:6 are zero")                                         \
    C(DRV_40, "DRV-40", "SET_VQUEUE never uses operation 3")                                      \
    C(DRV_41, "DRV-41", "SET_VQUEUE reserved is zero")                                            \
    C(DRV_42, "DRV-42", "SET_VQUEUE does not disable an enabled queue")                           \
    C(DRV_43, "DRV-43", "SET_VQUEUE does not change an enabled queue")                            \
    C(DRV_44, "DRV-44", "an enabled queue is set anew only after its reset completed")            \
    C(DRV_45, "DRV-45", "GET_VQUEUE follows SET_VQUEUE before the queue is used")                 \
    C(DRV_46, "DRV-46", "RESET_VQUEUE only with RING_RESET negotiated")                           \
    C(DRV_49, "DRV-49", "status bits are taken back by writing 0 alone")                          \
    C(DRV_50, "DRV-50", "nothing but status is asked until a reset is complete")                  \
    C(DRV_53, "DRV-53", "DRIVER_OK comes after negotiation and queues")                           \
    C(DRV_54, "DRV-54", "no I/O before DRIVER_OK is reported")                                    \
    C(DRV_55, "DRV-55", "no notification for a queue that is not configured")                     \
    C(DRV_57, "DRV-57", "EVENT_AVAIL names a queue of the device")                                \
    C(DRV_58, "DRV-58", "next_offset is 0, or the position with NOTIFICATION_DATA")               \
    C(REC_10, "REC-10", "one request at a time for each device")

enum tap_clause {
#define C(clause, id, words) TAP_##clause,
    TAP_CLAUSE_LIST(C)
#undef C
        TAP_CLAUSES
};

struct tap_bus {
    enum msg_form form;
    uint32_t max_message; /* 0: not known, the protocol's maximum */
    bool strict;          /* the strict configuration profile is in effect */
    uint64_t timeout;     /* ns after which a driver gives up a request */
};

struct tap_message {
    uint64_t time; /* ns */
    bool from_driver;
    const uint8_t *bytes; /* from the header on; padding may follow the message */
    size_t size;
};

enum tap_verdict { TAP_NOT_SEEN, TAP_KEPT, TAP_BROKEN };

struct tap_result {
    enum tap_verdict verdict;
    size_t message; /* the first that broke it, counted from 1; 0: the record as a whole */
    char why[120];
};

struct tap_check;

/* Aborts when out of memory, as every call here does. */
struct tap_check *tap_check_new(void);
void tap_check_free(struct tap_check *t);

/* The messages that follow are of a new connection. */
void tap_check_connect(struct tap_check *t, const struct tap_bus *bus);

/* A device is on the bus of this connection; needed only where no message tells. */
void tap_check_announce(struct tap_check *t, uint64_t number);

void tap_check_message(struct tap_check *t, const struct tap_message *message);

/* Messages are missing here, or nobody knows how it went on: no device's state is
 * known any more, and a device that did not answer so far is no wrong. */
void tap_check_forget(struct tap_check *t);

/* There were no more messages. */
void tap_check_end(struct tap_check *t);

const struct tap_result *tap_check_result(const struct tap_check *t, enum tap_clause clause);
const char *tap_check_id(enum tap_clause clause);
const char *tap_check_words(enum tap_clause clause);

#endif
