// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) The xen-virtio-msg authors
//
// A frontend that knows nothing of this project but its two pages, common/README.md and
// xenstore-schema/README.md: it reads one sector of one disk and leaves. Its files (stranger.h,
// stranger-bus.c, stranger-message.c and this one, which has the device) share no code, no
// header and no constant with the rest of the tree, and should stay so: what they need and do
// not find in the pages is missing there.
//
//     stranger [--compact] DEVICE SECTOR >512-bytes

#include "stranger.h"

#include <endian.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>

// What lies where in the one page of the one area.
enum { AREA = 1, QUEUE_SIZE = 8, SECTOR = 512 };
enum { DESC = 0, AVAIL = 128, USED = 256, REQUEST = 512, STATUS = 544, DATA = 1024 };
#define ADDRESS(offset) ((uint64_t)AREA << 48 | (offset))

struct bus bus;

_Noreturn void die(const char *format, ...)
{
    char sentence[256];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    fprintf(stderr, "stranger: %s\n", sentence);
    if (bus.open)
        bus_close(sentence);
    exit(1);
}

void check(bool good, const char *what)
{
    if (!good)
        die("%s: %s", what, strerror(errno));
}

bool number_of(const char *text, uint64_t max, uint64_t *number)
{
    errno = 0;
    *number = text ? strtoull(text, NULL, 10) : 0;
    return text && *text && !text[strspn(text, "0123456789")] && errno == 0 && *number <= max;
}

int milliseconds_left(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t left = (int64_t)(bus.deadline.tv_sec - now.tv_sec) * 1000
                   + (bus.deadline.tv_nsec - now.tv_nsec) / 1000000;
    return left > 0 ? (int)left : 0;
}

// The device

// Says which devices there are, and whether ours is among them.
static bool list_devices(void)
{
    bool found = false;
    uint64_t offset = 0, next;
    fprintf(stderr, "stranger: devices:");
    do {
        struct message message = CALL(BUS, GET_DEVICES, DEVNUM(offset), LE16(128));
        message_expect(&message, bus.compact ? 2 : 8, offset, "offset");
        next = message_get(&message, bus.compact ? 2 : 8);
        uint64_t count = message_get(&message, 2);
        if (count > 128 || (next && next <= offset))
            die("GET_DEVICES: %llu numbers, next %llu", (unsigned long long)count,
                (unsigned long long)next);
        for (uint64_t i = 0, bits = 0; i < count; i++, bits >>= 1) {
            if (i % 8 == 0)
                bits = message_get(&message, 1);
            if (bits & 1)
                fprintf(stderr, " %llu", (unsigned long long)(offset + i));
            found |= (bits & 1) && offset + i == bus.device;
        }
        offset = next;
    } while (next);
    fprintf(stderr, "\n");
    return found;
}

static void take_device(void)
{
    char key[64];
    if (!list_devices())
        die("device %llu is not there", (unsigned long long)bus.device);
    snprintf(key, sizeof(key), "device/%llu/state", (unsigned long long)bus.device);
    char *state = bus_read(XBT_NULL, bus.home, key);
    if (!state || strcmp(state, "added") != 0)
        die("device %llu is being removed", (unsigned long long)bus.device);
    free(state);
    bus.in_use = true;
    bus_answer(0, NODES({ key, "in-use" }));
}

static void set_status(uint32_t status)
{
    struct message message = CALL(0, SET_DEVICE_STATUS, LE32(status));
    uint32_t got = (uint32_t)message_get(&message, 4);
    while (status == 0 && got != 0 && milliseconds_left() > 0) { // a reset takes its time
        message = CALL(0, GET_DEVICE_STATUS);
        got = (uint32_t)message_get(&message, 4);
    }
    if (got != status)
        die("the device does not take status 0x%x, it stays at 0x%x", status, got);
}

// VERSION_1 and ACCESS_PLATFORM, which are in block 1, and nothing else.
static void negotiate(void)
{
    const uint32_t wanted = 1u << (VIRTIO_F_VERSION_1 - 32) | 1u << (VIRTIO_F_ACCESS_PLATFORM - 32);
    struct message message = CALL(0, GET_DEVICE_INFO);
    message_expect(&message, 4, VIRTIO_ID_BLOCK, "device_id");
    message = CALL(0, GET_DEVICE_FEATURES, LE32(1), LE32(1));
    message_expect(&message, 4, 1, "block_index");
    message_expect(&message, 4, 1, "num_blocks");
    if ((message_get(&message, 4) & wanted) != wanted)
        die("the device does not offer VERSION_1 and ACCESS_PLATFORM");
    CALL(0, SET_DRIVER_FEATURES, LE32(0), LE32(2), LE32(0), LE32(wanted));
}

static uint64_t capacity(void)
{
    struct message message = CALL(0, GET_CONFIG, LE32(0), LE32(8));
    message_get(&message, 4); // generation: one piece needs no comparing
    message_expect(&message, 4, 0, "offset");
    message_expect(&message, 4, 8, "length");
    return message_get(&message, 8);
}

static void share_area(void)
{
    uint32_t ref;
    bus.area = xengntshr_share_pages(bus.gntshr, bus.domain, 1, &ref, 1);
    check(bus.area, "no page can be shared");
    memset(bus.area, 0, PAGE);
    struct message message = CALL(BUS, AREA_SHARE, LE16(AREA), LE16(0), LE32(1), LE32(1),
                                  LE32(ref));
    message_expect(&message, 2, AREA, "area");
    message_expect(&message, 2, 0, "status");
}

static void unshare_area(void)
{
    struct message message = CALL(BUS, AREA_UNSHARE, LE16(AREA), LE16(0));
    message_expect(&message, 2, AREA, "area");
    message_expect(&message, 2, 0, "status");
    check(xengntshr_unshare(bus.gntshr, bus.area, 1) == 0, "the area cannot be taken back");
}

static void set_up_queue(void)
{
    struct message message = CALL(0, GET_VQUEUE, LE32(0));
    message_expect(&message, 4, 0, "index");
    uint64_t max_size = message_get(&message, 4);
    if (max_size < QUEUE_SIZE)
        die("the device's queue takes %llu buffers only", (unsigned long long)max_size);
    CALL(0, SET_VQUEUE, LE32(0), LE32(1), LE32(QUEUE_SIZE), LE32(0), LE64(ADDRESS(DESC)),
         LE64(ADDRESS(AVAIL)), LE64(ADDRESS(USED))); // flags 1: apply all, and enable
    message = CALL(0, GET_VQUEUE, LE32(0));
    message_expect(&message, 4, 0, "index");
    message_expect(&message, 4, max_size, "max_size");
    message_expect(&message, 4, QUEUE_SIZE, "cur_size");
    if (!(message_get(&message, 4) & 1))
        die("the queue is not enabled");
    message_expect(&message, 8, ADDRESS(DESC), "desc_addr");
    message_expect(&message, 8, ADDRESS(AVAIL), "driver_addr");
    message_expect(&message, 8, ADDRESS(USED), "device_addr");
}

static void start_device(uint64_t sector)
{
    set_status(0);
    set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE);
    set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
    negotiate();
    set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK);
    uint64_t sectors = capacity();
    if (sector >= sectors)
        die("the disk has only %llu sectors", (unsigned long long)sectors);
    share_area();
    set_up_queue();
    set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK
               | VIRTIO_CONFIG_S_DRIVER_OK);
}

static void make_request(uint64_t sector)
{
    struct virtio_blk_outhdr *header = (void *)(bus.area + REQUEST);
    struct vring_desc *desc = (void *)(bus.area + DESC);
    header->type = htole32(VIRTIO_BLK_T_IN);
    header->ioprio = 0;
    header->sector = htole64(sector);
    bus.area[STATUS] = 0xff;
    desc[0] = (struct vring_desc){ htole64(ADDRESS(REQUEST)), htole32(sizeof(*header)),
        htole16(VRING_DESC_F_NEXT), htole16(1) };
    desc[1] = (struct vring_desc){ htole64(ADDRESS(DATA)), htole32(SECTOR),
        htole16(VRING_DESC_F_NEXT | VRING_DESC_F_WRITE), htole16(2) };
    desc[2] = (struct vring_desc){ htole64(ADDRESS(STATUS)), htole32(1),
        htole16(VRING_DESC_F_WRITE), 0 };
}

static void read_sector(uint64_t sector)
{
    struct vring_avail *avail = (void *)(bus.area + AVAIL);
    struct vring_used *used = (void *)(bus.area + USED);
    make_request(sector);
    avail->ring[0] = htole16(0);
    __atomic_store_n(&avail->idx, htole16(1), __ATOMIC_SEQ_CST);
    if (!(le16toh(__atomic_load_n(&used->flags, __ATOMIC_SEQ_CST)) & VRING_USED_F_NO_NOTIFY)) {
        const struct field event[] = { LE32(0), LE32(0) }; // queue 0, no next_offset
        message_send(0, EVENT_AVAIL, 0, event, 2);
    }
    while (le16toh(__atomic_load_n(&used->idx, __ATOMIC_SEQ_CST)) == 0) {
        struct message message;
        message_wait(&message, "the disk");
        message_handle(&message);
    }
    if (le32toh(used->ring[0].id) != 0 || le32toh(used->ring[0].len) != SECTOR + 1)
        die("the device used a buffer that it was not given");
    if (bus.area[STATUS] != VIRTIO_BLK_S_OK)
        die("the disk refuses to read sector %llu: status %u", (unsigned long long)sector,
            bus.area[STATUS]);
    check(fwrite(bus.area + DATA, SECTOR, 1, stdout) == 1 && fflush(stdout) == 0,
          "standard output");
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "compact", no_argument, NULL, 'c' }, { 0 } };
    uint64_t sector;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) == 'c')
        bus.compact = true;
    if (option != -1 || argc - optind != 2 || !number_of(argv[optind + 1], UINT64_MAX, &sector)
        || !number_of(argv[optind], bus.compact ? UINT16_MAX : UINT64_MAX, &bus.device)) {
        fprintf(stderr, "usage: stranger [--compact] DEVICE SECTOR\n");
        return 2;
    }
    clock_gettime(CLOCK_MONOTONIC, &bus.deadline);
    bus.deadline.tv_sec += TIME_LIMIT;
    bus_find();
    bus_connect();
    take_device();
    start_device(sector);
    read_sector(sector);
    set_status(0);
    unshare_area();
    bus_leave();
    return 0;
}
