/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * What `xvmsg export` prints and `xvmsg import` reads: the requests of all buses of a guest.
 *
 *     xvmsg-export 1
 *     bus 0
 *     next 3
 *     device data
 *     type blk
 *     number 1
 *     mode w
 *     target /srv/disk.img
 *     end
 *
 * A value is the rest of its line. Empty lines and such that begin with # mean nothing.
 */
#ifndef XVMSG_SAVED_H
#define XVMSG_SAVED_H

#include <stdint.h>
#include <stdio.h>

#include "common/store.h"

#define SAVED_FIRST_LINE "xvmsg-export 1"
#define SAVED_LAST_LINE "end"
#define SAVED_BUS "bus"
#define SAVED_NEXT "next"
#define SAVED_DEVICE "device"
#define SAVED_KEYS_MAX 32

struct saved_key {
    char *key;
    char *value;
};

struct saved_device {
    unsigned line; /* where it begins */
    char name[NAME_MAX_LENGTH + 1];
    const char *type; /* one of `keys`; NULL: not read yet */
    uint64_t number;  /* 0: none */
    struct saved_key keys[SAVED_KEYS_MAX];
    size_t num_keys;
};

struct saved_bus {
    uint32_t bus;
    uint64_t next; /* B/device-number-next */
    struct saved_device *devices;
    size_t num_devices;
};

struct saved {
    struct saved_bus *buses;
    size_t num_buses;
};

#define SAVED_WHY_SIZE 256

/* 0, or -1 with a sentence that names the line; saved_free() in both cases. */
int saved_read(FILE *from, struct saved *saved, char why[SAVED_WHY_SIZE]);
void saved_free(struct saved *saved);

#endif
