/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * A driven device (disk 3, see driven.h) on a bus of which everything is recorded.
 * Whatever a case plays, the driver is judged by the recording at its end.
 *
 *     scene_open(&s);          connected, and the device initialized
 *     ...
 *     scene_end(&s);
 */
#ifndef XVMSG_SCENE_H
#define XVMSG_SCENE_H

#include "tests/conformance/driver/recording.h"
#include "tests/integration/driven.h"

#define SECOND UINT64_C(1000000000)
#define FEATURE(bit) (UINT64_C(1) << (bit))

struct scene {
    struct driven t;
    struct recording tape;
    /* Devices the driver may speak to beside those the backend has at the end. */
    uint64_t numbers[16];
    unsigned num_numbers;
};

/* A connected bus with disk 3, not opened yet; as backend_connected_as() has it. */
void scene_start(struct scene *s);
void scene_start_as(struct scene *s, enum msg_form form, unsigned max_message, bool strict);

/* The same on a bus that is connected already. */
void scene_start_on(struct scene *s, struct backend *b);

/* Opens the disk, which must work. */
void scene_ready(struct scene *s);
void scene_open(struct scene *s); /* start and ready */

/* Time passes for both ends, in steps that let a reset be polled. */
void scene_wait(struct scene *s, uint64_t nanoseconds);

/* Another disk, of which the recording knows. */
struct backend_device *scene_add_disk(struct scene *s, uint64_t number);

/* Is the bus as good as before? */
bool scene_bus_works(struct scene *s);

/* Frees all, and asserts that nothing is left and that the driver broke no clause. */
void scene_end(struct scene *s);

/* The same, and what the recording said is kept in `results` (may be NULL), where
 * what is there already counts too. */
void scene_end_into(struct scene *s, struct tap_result *results);

#endif
