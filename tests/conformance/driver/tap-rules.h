/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What tap-check remembers of a device, and the rules by which its driver is judged. */
#ifndef XVMSG_TAP_RULES_H
#define XVMSG_TAP_RULES_H

#include "tests/conformance/driver/tap-check.h"

#define TAP_QUEUES 64u
#define TAP_BLOCKS 4u
#define TAP_WAITING 16u
#define TAP_GENERATIONS 16u

struct tap_queue {
    bool seen_disabled; /* GET_VQUEUE said so since the last reset */
    uint32_t max_size;
    bool set;          /* SET_VQUEUE was sent */
    bool asked_after;  /* and GET_VQUEUE after it */
    bool confirmed;    /* which showed what was set */
    bool enabled;
    bool resetting;    /* RESET_VQUEUE is not answered yet */
    bool was_reset;
    struct msg_set_vqueue_request config;
};

struct tap_request {
    uint16_t token;
    uint64_t time;
};

struct tap_device {
    struct tap_device *next;
    uint64_t number;
    bool announced;
    bool asked;
    bool answered;
    struct tap_request waiting[TAP_WAITING];
    unsigned num_waiting;

    bool has_info;
    struct msg_get_device_info_response info;
    bool block_read[TAP_BLOCKS];
    uint32_t offered[TAP_BLOCKS];
    /* Generations the driver can know: as of the last response, and since; and what
     * its last write brought, which it may use or not. */
    uint32_t generations[TAP_GENERATIONS];
    unsigned num_generations;
    bool has_written;
    uint32_t written_generation;

    /* Since the last reset. */
    bool known; /* there was one, so what follows is complete */
    bool reset_pending;
    uint32_t written[TAP_BLOCKS];
    uint32_t status_written;
    uint32_t status;
    bool queue_set;
    struct tap_queue queues[TAP_QUEUES];
};

struct tap_check {
    struct tap_bus bus;
    struct tap_device *devices;
    size_t count; /* messages so far */
    struct tap_result results[TAP_CLAUSES];
};

/* Notes that the clause was kept, or, with a sentence, that it was broken. */
void tap_rules_judge(struct tap_check *t, enum tap_clause clause, bool kept, const char *format,
                     ...)
    __attribute__((format(printf, 4, 5)));

/* A message of the driver to a device, before it is noted as waiting. */
void tap_rules_driver(struct tap_check *t, struct tap_device *d, const struct msg *m);

/* A response or event of the device. */
void tap_rules_device(struct tap_device *d, const struct msg *m);

#endif
