/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* xvmsg-guest info: asks the device itself. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/guest/guest.h"

#define MAX_BLOCKS 4u

struct answers {
    struct xvmsg_device_info info;
    uint32_t features[MAX_BLOCKS];
    uint32_t blocks;
    uint32_t status;
};

static int ask(struct xvmsg *h, uint64_t number, struct answers *a)
{
    struct xvmsg_waiter info = {0};
    struct xvmsg_waiter features = {0};
    struct xvmsg_waiter status = {0};

    if (xvmsg_get_device_info(h, number, xvmsg_wake, &info) < 0 || xvmsg_wait(h, &info) < 0)
        return -1;
    a->info = info.reply.u.info;
    a->blocks = a->info.num_feature_blocks < MAX_BLOCKS ? a->info.num_feature_blocks : MAX_BLOCKS;
    if (a->blocks && (xvmsg_get_device_features(h, number, 0, a->blocks, a->features, xvmsg_wake,
                                                &features) < 0 ||
                      xvmsg_wait(h, &features) < 0))
        return -1;
    if (xvmsg_get_device_status(h, number, xvmsg_wake, &status) < 0 || xvmsg_wait(h, &status) < 0)
        return -1;
    a->status = status.reply.u.device_status;
    return 0;
}

static void print_uuid(const uint8_t uuid[16])
{
    static const uint8_t none[16];

    printf("uuid:            ");
    if (memcmp(uuid, none, sizeof(none)) == 0) {
        puts("none");
        return;
    }
    for (int i = 0; i < 16; i++)
        printf("%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
    putchar('\n');
}

static const char *type_name(uint32_t device_id)
{
    static const char *const names[] = {"?", "net", "blk", "console", "rng"};

    return device_id < sizeof(names) / sizeof(names[0]) ? names[device_id] : names[0];
}

static void print(uint64_t number, const struct answers *a)
{
    printf("number:          %llu\n", (unsigned long long)number);
    printf("device id:       %u (%s)\n", a->info.device_id, type_name(a->info.device_id));
    printf("vendor id:       %#x\n", a->info.vendor_id);
    print_uuid(a->info.uuid);
    printf("features:        ");
    for (uint32_t i = a->blocks; i-- > 0;)
        printf("%08x%s", a->features[i], i ? " " : "");
    printf("%s\n", a->blocks ? "" : "none");
    printf("config size:     %u\n", a->info.config_size);
    printf("max virtqueues:  %u\n", a->info.max_virtqueues);
    if (a->info.admin_vq_count)
        printf("admin queues:    %u from %u\n", a->info.admin_vq_count, a->info.admin_vq_start);
    printf("status:          %#x\n", a->status);
}

int guest_info(const struct guest_options *options, int argc, char **argv)
{
    struct answers answers = {0};
    uint64_t number;

    if (argc != 2)
        return guest_usage("info needs a device number");

    int rc = guest_parse_number(argv[1], &number);

    if (rc != 0)
        return rc;

    struct xvmsg *h = guest_connect(options, number);

    if (!h)
        return EXIT_FAILURE;

    int status = ask(h, number, &answers) < 0 ? guest_fail("%s", xvmsg_error(h)) : 0;

    if (status == 0)
        print(number, &answers);
    guest_leave(h);
    return status;
}
