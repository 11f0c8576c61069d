/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* A disk from the library to its file, over queues in both layouts. */

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/harness.h"
#include "tests/integration/disk-ends.h"

static int split(void)
{
    d.layout = XVMSG_QUEUE_SPLIT;
    return 0;
}

static int packed(void)
{
    d.layout = XVMSG_QUEUE_PACKED;
    return 0;
}

static int any(void)
{
    d.layout = XVMSG_QUEUE_ANY;
    return 0;
}

static void use_disk(enum xvmsg_wire_form form)
{
    uint8_t *buffer = calloc(1, DISK_BYTES);
    uint8_t *file = calloc(1, DISK_BYTES);
    struct xvmsg_blk *blk;
    const char *target;
    uint8_t *memory;
    size_t size;
    char id[20];
    FILE *stream;

    disk_start(form);
    target = disk_attach("disk", "1");
    blk = disk_open(1);
    d.done = false;
    CU_ASSERT_EQUAL(xvmsg_blk_size(blk), DISK_BYTES);
    disk_finish(xvmsg_blk_get_id(blk, id, disk_done, NULL));
    CU_ASSERT_EQUAL(strncmp(id, "disk", sizeof(id)), 0);
    disk_finish(xvmsg_blk_read(blk, 0, buffer, DISK_BYTES, disk_done, NULL));
    CU_ASSERT_EQUAL(strncmp((char *)buffer, "disk", 4), 0);
    for (size_t i = 0; i < DISK_BYTES; i++)
        buffer[i] = (uint8_t)(i * 13 + i / 4096);
    disk_finish(xvmsg_blk_write(blk, 0, buffer, DISK_BYTES, disk_done, NULL));
    memory = xvmsg_blk_memory(blk, &size);
    memset(memory, 0xee, 4096);
    disk_finish(xvmsg_blk_write(blk, 8192, memory, 4096, disk_done, NULL));
    memset(buffer + 8192, 0xee, 4096);
    disk_finish(xvmsg_blk_flush(blk, disk_done, NULL));
    stream = fopen(target, "rb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
    CU_ASSERT_EQUAL(fread(file, 1, DISK_BYTES, stream), DISK_BYTES);
    fclose(stream);
    CU_ASSERT_EQUAL(memcmp(file, buffer, DISK_BYTES), 0);
    /* The end of the disk is the device's to say. */
    CU_ASSERT_EQUAL(xvmsg_blk_read(blk, DISK_BYTES, buffer, 512, disk_done, NULL), 0);
    xvmsg_flush(d.h);
    disk_run_until(&d.done);
    CU_ASSERT_EQUAL(d.status, XVMSG_IO_ERROR);
    xvmsg_blk_close(blk);
    disk_run_until_node(F7 "/device/1/state", "released");
    CU_ASSERT(stage_keeps_schema(&d.s));
    disk_end();
    free(buffer);
    free(file);
}

static void a_disk_is_read_and_written(void)
{
    use_disk(XVMSG_WIDE);
}

static void a_disk_is_read_and_written_in_the_compact_form(void)
{
    use_disk(XVMSG_COMPACT);
}

/* A port at each end while the disk is open, none after. */
static void a_disk_has_a_doorbell(void)
{
    struct xvmsg_blk *blk;
    unsigned before;

    d.doorbells = true;
    disk_start(XVMSG_WIDE);
    disk_attach("disk", "1");
    before = disk_open_ports();
    blk = disk_open(1);
    CU_ASSERT_EQUAL(disk_open_ports(), before + 2);
    xvmsg_blk_close(blk);
    disk_run_until_node(F7 "/device/1/state", "released");
    CU_ASSERT(stage_is(&d.s, F7 "/feature-queue-doorbell", "1"));
    CU_ASSERT_EQUAL(disk_open_ports(), before);
    disk_end();
    use_disk(XVMSG_WIDE);
    use_disk(XVMSG_COMPACT);
    d.doorbells = false;
}

/* Either end may be short of event channels: messages do as well. */
static void a_disk_that_gets_no_doorbell_is_used(void)
{
    static const struct {
        uint32_t domid;
        const char *call;
    } failures[] = {{7, "evtchn_alloc"}, {0, "evtchn_bind"}};
    uint8_t buffer[512];

    d.doorbells = true;
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        struct xvmsg_blk *blk;
        unsigned before;

        disk_start(XVMSG_WIDE);
        disk_attach("disk", "1");
        before = disk_open_ports();
        fake_xen_fail(d.s.fx, failures[i].domid, failures[i].call, 1, ENOSPC);
        blk = disk_open(1);
        CU_ASSERT(fake_xen_failed(d.s.fx));
        CU_ASSERT_EQUAL(disk_open_ports(), before);
        d.done = false;
        disk_finish(xvmsg_blk_read(blk, 0, buffer, sizeof(buffer), disk_done, NULL));
        CU_ASSERT_EQUAL(strncmp((char *)buffer, "disk", 4), 0);
        xvmsg_blk_close(blk);
        disk_run_until_node(F7 "/device/1/state", "released");
        disk_end();
    }
    d.doorbells = false;
}

static void on_device_ready(struct xvmsg_device *device, enum xvmsg_status how, void *user)
{
    (void)device;
    (void)user;
    d.done = true;
    d.status = how;
}

static void wait_for(const char *what, int rc)
{
    CU_ASSERT_EQUAL_FATAL(rc, 0);
    xvmsg_flush(d.h);
    disk_run_until(&d.done);
    d.done = false;
    if (d.status != XVMSG_OK)
        printf("# %s: %s\n", what, xvmsg_status_text(d.status));
    CU_ASSERT_EQUAL(d.status, XVMSG_OK);
}

static void on_used(struct xvmsg_device *device, unsigned index, void *user)
{
    struct xvmsg_queue *queue = xvmsg_device_queue(device, index);
    unsigned *left = user;

    while (xvmsg_queue_pop(queue, NULL))
        (*left)--;
    d.done = *left == 0;
}

/* Reads one sector as often as the queue has room for at once: that many. */
static unsigned fill_queue(struct xvmsg_device *device, unsigned *left)
{
    struct xvmsg_area *area = xvmsg_device_buffers(device);
    uint8_t *memory = xvmsg_area_memory(area);
    uint64_t at = xvmsg_area_address(area, memory);
    const struct xvmsg_buffer buffers[] = {{at, 16}, {at + 1024, 512}, {at + 2048, 1}};
    unsigned count = 0;

    memset(memory, 0, 16); /* VIRTIO_BLK_T_IN, sector 0 */
    memset(memory + 1024, 0xff, 512);
    memory[2048] = 0xff;
    while (xvmsg_queue_push(xvmsg_device_queue(device, 0), buffers, 1, 2, memory) == 0)
        count++;
    *left = count;
    d.status = XVMSG_OK;
    wait_for("reading", 0);
    CU_ASSERT_STRING_EQUAL((char *)memory + 1024, "disk"); /* see stage_target() */
    CU_ASSERT_EQUAL(memory[2048], 0);
    return count;
}

static void a_queue_is_resized_and_configuration_written(void)
{
    unsigned left = 0;
    const struct xvmsg_driver driver = {
        .device_id = 2, .num_queues = 1, .queue_size = 32, .buffer_bytes = 4096, .used = on_used};
    static const unsigned sizes[] = {8, 64, 128, 1, 100, 32, 7};
    struct xvmsg_device *device;
    uint8_t before[16];

    disk_start_in(XVMSG_WIDE, true);
    disk_attach("disk", "1");
    d.done = false;
    device = xvmsg_device_open(d.h, 1, &driver, on_device_ready, &left);
    wait_for("open", device ? 0 : -1);
    CU_ASSERT_EQUAL(xvmsg_device_features(device) >> VIRTIO_RING_F_INDIRECT_DESC & 3, 3);
    CU_ASSERT_EQUAL(xvmsg_device_features(device) >> VIRTIO_F_RING_PACKED & 1,
                    d.layout == XVMSG_QUEUE_PACKED);
    CU_ASSERT_EQUAL(fill_queue(device, &left), 32);
    memcpy(before, xvmsg_device_config(device), sizeof(before));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        if (d.layout == XVMSG_QUEUE_SPLIT && sizes[i] & (sizes[i] - 1)) {
            CU_ASSERT_EQUAL(xvmsg_device_resize_queue(device, 0, sizes[i], NULL, NULL), -1);
            continue;
        }
        wait_for("resize", xvmsg_device_resize_queue(device, 0, sizes[i], on_device_ready, NULL));
        CU_ASSERT_EQUAL(xvmsg_queue_size(xvmsg_device_queue(device, 0)), sizes[i]);
        /* A descriptor for each, with a table where there is room for one. */
        if (sizes[i] >= 3)
            CU_ASSERT(fill_queue(device, &left) > sizes[i] / 3);
    }
    /* What only the device may write counts as written, and stays. */
    wait_for("write", xvmsg_device_write_config(device, 0, "12345678", 8, on_device_ready, NULL));
    CU_ASSERT_EQUAL(memcmp(xvmsg_device_config(device), before, sizeof(before)), 0);
    xvmsg_device_close(device);
    disk_run_until_node(F7 "/device/1/state", "released");
    disk_end();
}

static void a_queue_with_a_doorbell_is_resized(void)
{
    d.doorbells = true;
    a_queue_is_resized_and_configuration_written();
    d.doorbells = false;
}

/* Bytes of the file behind the disk: are all of them the same? */
static bool file_holds(const char *path, size_t from, size_t to, int byte)
{
    FILE *file = fopen(path, "rb");
    bool same = file && fseek(file, (long)from, SEEK_SET) == 0;

    for (; same && from < to; from++)
        same = fgetc(file) == byte;
    if (file)
        fclose(file);
    return same;
}

/* In many pieces: the device takes less of zeroes at a time than there is. */
static void a_disk_is_zeroed_and_discarded(void)
{
    const size_t half = 20 << 20, middle = half + 512, end_of_disk = 2 * half;
    struct xvmsg_blk_properties p;
    struct xvmsg_blk *blk;
    const char *target;
    uint8_t *ones = malloc(end_of_disk);

    CU_ASSERT_PTR_NOT_NULL_FATAL(ones);
    memset(ones, 1, end_of_disk);
    disk_start(XVMSG_WIDE);
    target = stage_target(&d.s, "disk", (long)end_of_disk);
    stage_request(&d.s, "disk", target);
    disk_run_until_node(B7 "/device/1/state", "added");
    blk = disk_open(1);
    d.done = false;
    xvmsg_blk_get_properties(blk, &p);
    CU_ASSERT(p.block_size == 512 && p.physical_block_size >= 512);
    CU_ASSERT(p.max_discard > 0 && p.max_write_zeroes > 0 && p.max_write_zeroes < half);
    CU_ASSERT(p.zeroes_may_unmap && p.writeback && p.can_set_writeback);
    disk_finish(xvmsg_blk_set_writeback(blk, false, disk_done, NULL));
    xvmsg_blk_get_properties(blk, &p);
    CU_ASSERT_FALSE(p.writeback);
    disk_finish(xvmsg_blk_write(blk, 0, ones, end_of_disk, disk_done, NULL));
    disk_finish(xvmsg_blk_write_zeroes(blk, 512, half, true, disk_done, NULL));
    CU_ASSERT(file_holds(target, 0, 512, 1));
    CU_ASSERT(file_holds(target, 512, middle, 0));
    CU_ASSERT(file_holds(target, middle, end_of_disk, 1));
    disk_finish(xvmsg_blk_discard(blk, middle, half - 1024, disk_done, NULL));
    CU_ASSERT(file_holds(target, 512, end_of_disk - 512, 0));
    CU_ASSERT(file_holds(target, end_of_disk - 512, end_of_disk, 1));
    CU_ASSERT_EQUAL(xvmsg_blk_discard(blk, end_of_disk - 512, 1024, disk_done, NULL), 0);
    xvmsg_flush(d.h);
    disk_run_until(&d.done);
    CU_ASSERT_EQUAL(d.status, XVMSG_IO_ERROR);
    xvmsg_blk_close(blk);
    disk_end();
    free(ones);
}

/* Whoever does not choose has packed queues: every device here offers them. */
static void the_layout_is_the_librarys_choice(void)
{
    const struct xvmsg_driver driver = {.device_id = 2};
    static const enum xvmsg_queue_layout layouts[] = {XVMSG_QUEUE_ANY, XVMSG_QUEUE_SPLIT,
                                                      XVMSG_QUEUE_PACKED};

    for (unsigned i = 0; i < 3; i++) {
        struct xvmsg_device *device;

        d.layout = layouts[i];
        disk_start(XVMSG_WIDE);
        CU_ASSERT_EQUAL(xvmsg_set_queue_layout(d.h, XVMSG_QUEUE_SPLIT), -1); /* too late */
        disk_attach("disk", "1");
        d.done = false;
        device = xvmsg_device_open(d.h, 1, &driver, on_device_ready, NULL);
        wait_for("open", device ? 0 : -1);
        CU_ASSERT_EQUAL(xvmsg_device_features(device) >> VIRTIO_F_RING_PACKED & 1,
                        d.layout != XVMSG_QUEUE_SPLIT);
        xvmsg_device_close(device);
        disk_end();
    }
    d.layout = XVMSG_QUEUE_ANY;
}

static const struct test_case queue_cases[] = {
    TEST(a_disk_is_read_and_written),
    TEST(a_disk_is_read_and_written_in_the_compact_form),
    TEST(a_disk_has_a_doorbell),
    TEST(a_disk_that_gets_no_doorbell_is_used),
    TEST(a_queue_is_resized_and_configuration_written),
    TEST(a_queue_with_a_doorbell_is_resized),
    TEST(a_disk_is_zeroed_and_discarded),
    {NULL, NULL},
};

static const struct test_case cases[] = {
    TEST(the_layout_is_the_librarys_choice),
    {NULL, NULL},
};

static const struct test_suite suites[] = {
    {"disk-ends, split", queue_cases, split},
    {"disk-ends, packed", queue_cases, packed},
    {"disk-ends", cases, any},
    {0},
};

int main(void)
{
    return test_main_suites(suites);
}
