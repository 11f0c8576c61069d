/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The library against the whole backend: supervisor, worker, disks of files. */

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/worker.h"
#include "common/store.h"
#include "frontend/xvmsg-blk.h"
#include "frontend/xvmsg.h"
#include "tests/harness.h"
#include "tests/integration/stage.h"

#define DISK_BYTES (3 * 1024 * 1024)

/* The library's constructor for a platform of any kind. */
struct xvmsg *xvmsg_new_on(struct platform *p);

static struct stage s;
static struct platform *worker_xen;
static struct worker *worker;
static struct xvmsg *h;
static bool doorbells; /* of queues */
static bool connected;
static char heard[128];
static bool done;
static enum xvmsg_status status;

static int spawn(void *user, const char *label, pid_t *pid)
{
    (void)user;
    *pid = 0;
    return stage_true_worker(&s, worker_xen, label, &worker);
}

/* Lets both ends run, in turns, until *what. */
static void run_until(const bool *what)
{
    struct pollfd pfd = {.fd = xvmsg_fd(h), .events = POLLIN};

    alarm(20);
    while (!*what) {
        event_base_loop(s.base, EVLOOP_NONBLOCK);
        if (poll(&pfd, 1, 0) > 0)
            CU_ASSERT_EQUAL(xvmsg_process(h), 0);
    }
    alarm(0);
}

/* Until the store says so, as stage_wait() with both ends running. */
static void run_until_node(const char *path, const char *value)
{
    struct pollfd pfd = {.fd = xvmsg_fd(h), .events = POLLIN};
    bool same = false;

    alarm(20);
    while (!same) {
        size_t size;
        char *text = s.toolstack->ops->xs_read(s.toolstack, PLATFORM_NO_TX, path, &size);

        same = value ? text && strcmp(text, value) == 0 : !text;
        free(text);
        event_base_loop(s.base, EVLOOP_NONBLOCK);
        if (poll(&pfd, 1, 0) > 0)
            CU_ASSERT_EQUAL(xvmsg_process(h), 0);
    }
    alarm(0);
}

static void on_connected(struct xvmsg *handle, void *user)
{
    (void)handle;
    (void)user;
    connected = true;
}

static void on_disconnected(struct xvmsg *handle, void *user)
{
    (void)handle;
    (void)user;
    connected = false;
}

static void on_device(struct xvmsg *handle, uint64_t number, enum xvmsg_device_event event,
                      void *user)
{
    size_t length = strlen(heard);

    (void)handle;
    (void)user;
    snprintf(heard + length, sizeof(heard) - length, "%c%llu ",
             event == XVMSG_DEVICE_ADDED  ? '+'
             : event == XVMSG_DEVICE_GONE ? '-'
                                          : '?',
             (unsigned long long)number);
}

static void on_blk(struct xvmsg_blk *blk, enum xvmsg_status how, void *user)
{
    (void)blk;
    (void)user;
    done = true;
    status = how;
}

/* Of the queues, in the cases that run in either. */
static enum xvmsg_queue_layout layout;

static int split(void)
{
    layout = XVMSG_QUEUE_SPLIT;
    return 0;
}

static int packed(void)
{
    layout = XVMSG_QUEUE_PACKED;
    return 0;
}

static int any(void)
{
    layout = XVMSG_QUEUE_ANY;
    return 0;
}

static void start_in(enum xvmsg_wire_form form, bool strict)
{
    struct xvmsg_handlers handlers = {
        .connected = on_connected, .disconnected = on_disconnected, .device = on_device};

    stage_open(&s, 0);
    fake_xen_real_clock(s.fx);
    s.daemon.spawn = spawn;
    worker_xen = fake_xen_domain(s.fx, 0);
    stage_start_daemon(&s);
    stage_make_bus(&s, 7);
    h = xvmsg_new_on(fake_xen_domain(s.fx, 7));
    CU_ASSERT_PTR_NOT_NULL_FATAL(h);
    heard[0] = '\0';
    connected = false;
    xvmsg_set_handlers(h, &handlers, NULL);
    CU_ASSERT_EQUAL(xvmsg_set_wire_form(h, form), 0);
    CU_ASSERT_EQUAL(xvmsg_set_strict_config(h, strict), 0);
    CU_ASSERT_EQUAL(xvmsg_set_queue_layout(h, layout), 0);
    CU_ASSERT_EQUAL(xvmsg_set_queue_doorbells(h, doorbells), 0);
    CU_ASSERT_EQUAL(xvmsg_connect(h), 0);
    run_until(&connected);
    CU_ASSERT_EQUAL(xvmsg_is_strict(h), strict);
}

static void start(enum xvmsg_wire_form form)
{
    start_in(form, false);
}

static void end(void)
{
    xvmsg_free(h);
    stage_stop_daemon(&s);
    worker_free(worker);
    CU_ASSERT_EQUAL(fake_xen_counters(s.fx).mapped_pages, 0);
    platform_close(worker_xen);
    stage_close(&s);
}

static const char *attach(const char *name, const char *number)
{
    const char *target = stage_target(&s, name, DISK_BYTES);

    stage_request(&s, name, target);
    run_until_node(store_path(B7 "/device/%s/state", number).text, "added");
    return target;
}

static struct xvmsg_blk *open_disk(uint64_t number)
{
    struct xvmsg_blk *blk;

    done = false;
    blk = xvmsg_blk_open(h, number, on_blk, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(blk);
    run_until(&done);
    CU_ASSERT_EQUAL_FATAL(status, XVMSG_OK);
    return blk;
}

/* Submitted; runs until it ended well. */
static void finish(int submitted)
{
    CU_ASSERT_EQUAL_FATAL(submitted, 0);
    CU_ASSERT_EQUAL(xvmsg_flush(h), 0);
    run_until(&done);
    CU_ASSERT_EQUAL(status, XVMSG_OK);
    done = false;
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

    start(form);
    target = attach("disk", "1");
    blk = open_disk(1);
    done = false;
    CU_ASSERT_EQUAL(xvmsg_blk_size(blk), DISK_BYTES);
    finish(xvmsg_blk_get_id(blk, id, on_blk, NULL));
    CU_ASSERT_EQUAL(strncmp(id, "disk", sizeof(id)), 0);
    finish(xvmsg_blk_read(blk, 0, buffer, DISK_BYTES, on_blk, NULL));
    CU_ASSERT_EQUAL(strncmp((char *)buffer, "disk", 4), 0);
    for (size_t i = 0; i < DISK_BYTES; i++)
        buffer[i] = (uint8_t)(i * 13 + i / 4096);
    finish(xvmsg_blk_write(blk, 0, buffer, DISK_BYTES, on_blk, NULL));
    memory = xvmsg_blk_memory(blk, &size);
    memset(memory, 0xee, 4096);
    finish(xvmsg_blk_write(blk, 8192, memory, 4096, on_blk, NULL));
    memset(buffer + 8192, 0xee, 4096);
    finish(xvmsg_blk_flush(blk, on_blk, NULL));
    stream = fopen(target, "rb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
    CU_ASSERT_EQUAL(fread(file, 1, DISK_BYTES, stream), DISK_BYTES);
    fclose(stream);
    CU_ASSERT_EQUAL(memcmp(file, buffer, DISK_BYTES), 0);
    /* The end of the disk is the device's to say. */
    CU_ASSERT_EQUAL(xvmsg_blk_read(blk, DISK_BYTES, buffer, 512, on_blk, NULL), 0);
    xvmsg_flush(h);
    run_until(&done);
    CU_ASSERT_EQUAL(status, XVMSG_IO_ERROR);
    xvmsg_blk_close(blk);
    run_until_node(F7 "/device/1/state", "released");
    CU_ASSERT(stage_keeps_schema(&s));
    end();
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

static unsigned open_ports(void)
{
    return fake_xen_counters(s.fx).open_ports;
}

/* A port at each end while the disk is open, none after. */
static void a_disk_has_a_doorbell(void)
{
    struct xvmsg_blk *blk;
    unsigned before;

    doorbells = true;
    start(XVMSG_WIDE);
    attach("disk", "1");
    before = open_ports();
    blk = open_disk(1);
    CU_ASSERT_EQUAL(open_ports(), before + 2);
    xvmsg_blk_close(blk);
    run_until_node(F7 "/device/1/state", "released");
    CU_ASSERT(stage_is(&s, F7 "/feature-queue-doorbell", "1"));
    CU_ASSERT_EQUAL(open_ports(), before);
    end();
    use_disk(XVMSG_WIDE);
    use_disk(XVMSG_COMPACT);
    doorbells = false;
}

/* Either end may be short of event channels: messages do as well. */
static void a_disk_that_gets_no_doorbell_is_used(void)
{
    static const struct {
        uint32_t domid;
        const char *call;
    } failures[] = {{7, "evtchn_alloc"}, {0, "evtchn_bind"}};
    uint8_t buffer[512];

    doorbells = true;
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        struct xvmsg_blk *blk;
        unsigned before;

        start(XVMSG_WIDE);
        attach("disk", "1");
        before = open_ports();
        fake_xen_fail(s.fx, failures[i].domid, failures[i].call, 1, ENOSPC);
        blk = open_disk(1);
        CU_ASSERT(fake_xen_failed(s.fx));
        CU_ASSERT_EQUAL(open_ports(), before);
        done = false;
        finish(xvmsg_blk_read(blk, 0, buffer, sizeof(buffer), on_blk, NULL));
        CU_ASSERT_EQUAL(strncmp((char *)buffer, "disk", 4), 0);
        xvmsg_blk_close(blk);
        run_until_node(F7 "/device/1/state", "released");
        end();
    }
    doorbells = false;
}

static void devices_are_detached_in_order_and_by_force(void)
{
    struct xvmsg_blk *blk;

    start(XVMSG_WIDE);
    attach("one", "1");
    attach("two", "2");
    blk = open_disk(1);
    stage_write(s.toolstack, B7 "/request/one/remove", "orderly");
    run_until_node(B7 "/device/1/state", "removing");
    while (!strchr(heard, '?'))
        CU_ASSERT_EQUAL(xvmsg_process(h), 0);
    xvmsg_blk_close(blk);
    run_until_node(B7 "/request/one", NULL);
    blk = open_disk(2);
    stage_write(s.toolstack, B7 "/request/two/remove", "force");
    run_until_node(B7 "/request/two", NULL);
    run_until_node(F7 "/device/2", NULL);
    CU_ASSERT_EQUAL(strncmp(heard, "+1 +2 ?1 -1 ", 12), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(heard, "-2 ")); /* whether "?2" is seen is a matter of time */
    xvmsg_blk_close(blk);
    end();
}

/* As stage_stop_daemon(), with a guest that goes on. */
static void stop_daemon(void)
{
    supervisor_free(s.supervisor);
    s.supervisor = NULL;
    stage_settle(&s);
    worker_free(worker);
    worker = NULL;
    platform_close(s.daemon.platform);
}

static void restart_daemon(void)
{
    stop_daemon();
    stage_start_daemon(&s);
    while (connected) {
        event_base_loop(s.base, EVLOOP_NONBLOCK);
        xvmsg_process(h);
    }
    run_until(&connected);
}

static void the_bus_comes_back_with_the_daemon(void)
{
    struct xvmsg_blk *blk;

    start(XVMSG_WIDE);
    attach("disk", "1");
    blk = open_disk(1);
    restart_daemon();
    xvmsg_blk_close(blk);
    open_disk(1);
    end();
}

/* The detached disk's go at once, the other's with the connection; then a new one. */
static void doorbells_go_with_device_and_connection(void)
{
    struct xvmsg_blk *first, *second;
    unsigned before;

    doorbells = true;
    start(XVMSG_WIDE);
    attach("one", "1");
    attach("two", "2");
    before = open_ports();
    first = open_disk(1);
    second = open_disk(2);
    CU_ASSERT_EQUAL(open_ports(), before + 4);
    stage_write(s.toolstack, B7 "/request/one/remove", "force");
    run_until_node(B7 "/device/1", NULL);
    CU_ASSERT_EQUAL(open_ports(), before + 3);
    xvmsg_blk_close(first);
    restart_daemon();
    CU_ASSERT_EQUAL(open_ports(), before);
    xvmsg_blk_close(second);
    open_disk(2);
    CU_ASSERT_EQUAL(open_ports(), before + 2);
    end();
    doorbells = false;
}

static void a_compact_driver_meets_only_numbers_it_can_name(void)
{
    start(XVMSG_COMPACT);
    stage_write(s.toolstack, B7 "/device-number-next", "65535");
    attach("last", "65535");
    stage_write(s.toolstack, B7 "/device-number-form", "wide");
    attach("hidden", "65536");
    stage_write(s.toolstack, B7 "/device-number-form", "compact");
    attach("again", "2");
    stage_write(s.toolstack, B7 "/request/hidden/remove", "orderly");
    run_until_node(B7 "/request/hidden", NULL);
    open_disk(2);
    CU_ASSERT_STRING_EQUAL(heard, "+65535 +2 ");
    end();
}

static void on_changed(struct xvmsg_blk *blk, enum xvmsg_status how, void *user)
{
    uint64_t *size = user;

    *size = xvmsg_blk_size(blk);
    status = how;
    done = true;
}

static void a_resized_disk_is_noticed_in_both_profiles(void)
{
    for (int strict = 0; strict < 2; strict++) {
        struct xvmsg_blk *blk;
        const char *target;
        uint64_t size = 0;

        start_in(XVMSG_WIDE, strict);
        target = attach("disk", "1");
        blk = open_disk(1);
        xvmsg_blk_set_changed(blk, on_changed, &size);
        for (off_t bytes = 2 * DISK_BYTES; bytes > 512; bytes /= 3) {
            bytes &= ~(off_t)511;
            done = false;
            CU_ASSERT_EQUAL_FATAL(truncate(target, bytes), 0);
            stage_write(s.toolstack, B7 "/request/disk/resize", "1");
            run_until(&done);
            CU_ASSERT_EQUAL(status, XVMSG_OK);
            CU_ASSERT_EQUAL(size, (uint64_t)bytes);
        }
        xvmsg_blk_close(blk);
        end();
    }
}

static void on_device_ready(struct xvmsg_device *device, enum xvmsg_status how, void *user)
{
    (void)device;
    (void)user;
    done = true;
    status = how;
}

static void wait_for(const char *what, int rc)
{
    CU_ASSERT_EQUAL_FATAL(rc, 0);
    xvmsg_flush(h);
    run_until(&done);
    done = false;
    if (status != XVMSG_OK)
        printf("# %s: %s\n", what, xvmsg_status_text(status));
    CU_ASSERT_EQUAL(status, XVMSG_OK);
}

static void on_used(struct xvmsg_device *device, unsigned index, void *user)
{
    struct xvmsg_queue *queue = xvmsg_device_queue(device, index);
    unsigned *left = user;

    while (xvmsg_queue_pop(queue, NULL))
        (*left)--;
    done = *left == 0;
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
    status = XVMSG_OK;
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

    start_in(XVMSG_WIDE, true);
    attach("disk", "1");
    done = false;
    device = xvmsg_device_open(h, 1, &driver, on_device_ready, &left);
    wait_for("open", device ? 0 : -1);
    CU_ASSERT_EQUAL(xvmsg_device_features(device) >> VIRTIO_RING_F_INDIRECT_DESC & 3, 3);
    CU_ASSERT_EQUAL(xvmsg_device_features(device) >> VIRTIO_F_RING_PACKED & 1,
                    layout == XVMSG_QUEUE_PACKED);
    CU_ASSERT_EQUAL(fill_queue(device, &left), 32);
    memcpy(before, xvmsg_device_config(device), sizeof(before));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        if (layout == XVMSG_QUEUE_SPLIT && sizes[i] & (sizes[i] - 1)) {
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
    run_until_node(F7 "/device/1/state", "released");
    end();
}

static void a_queue_with_a_doorbell_is_resized(void)
{
    doorbells = true;
    a_queue_is_resized_and_configuration_written();
    doorbells = false;
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
    start(XVMSG_WIDE);
    target = stage_target(&s, "disk", (long)end_of_disk);
    stage_request(&s, "disk", target);
    run_until_node(B7 "/device/1/state", "added");
    blk = open_disk(1);
    done = false;
    xvmsg_blk_get_properties(blk, &p);
    CU_ASSERT(p.block_size == 512 && p.physical_block_size >= 512);
    CU_ASSERT(p.max_discard > 0 && p.max_write_zeroes > 0 && p.max_write_zeroes < half);
    CU_ASSERT(p.zeroes_may_unmap && p.writeback && p.can_set_writeback);
    finish(xvmsg_blk_set_writeback(blk, false, on_blk, NULL));
    xvmsg_blk_get_properties(blk, &p);
    CU_ASSERT_FALSE(p.writeback);
    finish(xvmsg_blk_write(blk, 0, ones, end_of_disk, on_blk, NULL));
    finish(xvmsg_blk_write_zeroes(blk, 512, half, true, on_blk, NULL));
    CU_ASSERT(file_holds(target, 0, 512, 1));
    CU_ASSERT(file_holds(target, 512, middle, 0));
    CU_ASSERT(file_holds(target, middle, end_of_disk, 1));
    finish(xvmsg_blk_discard(blk, middle, half - 1024, on_blk, NULL));
    CU_ASSERT(file_holds(target, 512, end_of_disk - 512, 0));
    CU_ASSERT(file_holds(target, end_of_disk - 512, end_of_disk, 1));
    CU_ASSERT_EQUAL(xvmsg_blk_discard(blk, end_of_disk - 512, 1024, on_blk, NULL), 0);
    xvmsg_flush(h);
    run_until(&done);
    CU_ASSERT_EQUAL(status, XVMSG_IO_ERROR);
    xvmsg_blk_close(blk);
    end();
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

        layout = layouts[i];
        start(XVMSG_WIDE);
        CU_ASSERT_EQUAL(xvmsg_set_queue_layout(h, XVMSG_QUEUE_SPLIT), -1); /* too late */
        attach("disk", "1");
        done = false;
        device = xvmsg_device_open(h, 1, &driver, on_device_ready, NULL);
        wait_for("open", device ? 0 : -1);
        CU_ASSERT_EQUAL(xvmsg_device_features(device) >> VIRTIO_F_RING_PACKED & 1,
                        layout != XVMSG_QUEUE_SPLIT);
        xvmsg_device_close(device);
        end();
    }
    layout = XVMSG_QUEUE_ANY;
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
    TEST(devices_are_detached_in_order_and_by_force),
    TEST(the_bus_comes_back_with_the_daemon),
    TEST(doorbells_go_with_device_and_connection),
    TEST(a_compact_driver_meets_only_numbers_it_can_name),
    TEST(a_resized_disk_is_noticed_in_both_profiles),
    {NULL, NULL},
};

static const struct test_suite suites[] = {
    {"both-ends, split", queue_cases, split},
    {"both-ends, packed", queue_cases, packed},
    {"both-ends", cases, any},
    {0},
};

int main(void)
{
    return test_main_suites(suites);
}
