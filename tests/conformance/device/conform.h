/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The cases of the conformance suite's device part, and where they run.
 *
 * A case is a function that plays a driver against one device. It begins with
 * the device reset and the area shared, in each of the settings below; the same
 * cases run in one process with a worker (conform-device.c) and in a guest on
 * real Xen (conform-device-xen.c). What differs is a struct place.
 */
#ifndef XVMSG_CONFORM_H
#define XVMSG_CONFORM_H

#include "tests/conformance/device/driver.h"

/* What a case cannot do without. */
#define NEEDS_CONTROL 0x1u /* the device is the probe, and d->control is there */
#define NEEDS_WIDE 0x2u    /* is about the 16-byte header */
#define NEEDS_STRICT 0x4u  /* the strict configuration profile */

struct conform_case {
    const char *name; /* ids, a colon, words */
    void (*run)(struct driver *d);
    unsigned needs;
};

/* How the bus was agreed. */
struct setting {
    enum msg_form form;
    uint16_t max_message;
    bool sample; /* also where exchanges take long */
    const char *words;
};

/* Where the device is. */
struct place {
    /* A guest on such a bus, with its area shared and zeroed. */
    struct guest *(*enter)(const struct setting *setting, bool strict);
    void (*leave)(struct guest *g);
    uint64_t (*number)(const struct setting *setting); /* of the device */
    const struct control *control;                     /* NULL: out of reach */
    bool slow; /* an exchange takes a thousand times as long as in one process */
};

/* Each ends with a NULL name. */
extern const struct conform_case message_cases[];
extern const struct conform_case information_cases[];
extern const struct conform_case feature_cases[];
extern const struct conform_case config_cases[];
extern const struct conform_case strict_cases[];
extern const struct conform_case queue_cases[];
extern const struct conform_case set_vqueue_cases[];
extern const struct conform_case status_cases[];
extern const struct conform_case event_cases[];
extern const struct conform_case bad_size_cases[];
extern const struct conform_case bad_value_cases[];

/* Runs every case in every setting; for exit(). */
int conform_main(const struct place *place);

#endif
