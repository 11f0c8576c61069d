/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The library's console against the whole backend, whose device is the true one or one
 * that says what the test wants. */

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/devices/table.h"
#include "common/le.h"
#include "frontend/xvmsg-console.h"
#include "tests/harness.h"
#include "tests/integration/joined.h"
#include "tests/integration/wicked-console.h"
#include "xenstore-schema/schema.h"

#define R B7 "/request/con"
#define BIT(n) (UINT64_C(1) << (n))
#define SIZE BIT(VIRTIO_CONSOLE_F_SIZE)
#define MULTI BIT(VIRTIO_CONSOLE_F_MULTIPORT)

static struct joined j;
static struct xvmsg_console *console;
static enum xvmsg_status opened;

/* ---- what the library told ---- */

static unsigned told[XVMSG_CONSOLE_BROKEN + 1];
static unsigned last_port;
static enum xvmsg_console_event closes_at; /* the test's handler closes the console then */

static void on_event(struct xvmsg_console *c, enum xvmsg_console_event event, unsigned port,
                     void *user)
{
    CU_ASSERT_PTR_EQUAL(c, console);
    CU_ASSERT_PTR_EQUAL(user, &j);
    told[event]++;
    last_port = port;
    if (event == closes_at) {
        console = NULL;
        xvmsg_console_close(c);
    }
}

static void on_ready(struct xvmsg_console *c, enum xvmsg_status status, void *user)
{
    (void)c, (void)user;
    opened = status;
}

/* ---- a device that says what it is told to ---- */

static bool is_wicked;

const struct device_class *table_find(const char *name)
{
    if (strcmp(name, "console") != 0)
        return NULL;
    return is_wicked ? &wicked_console_class : &console_class;
}

static bool has_buffer(struct joined *joined, void *user)
{
    (void)joined;
    return wicked_console.num_kept[*(unsigned *)user];
}

/* Fills the oldest buffer of a queue. */
static void fill(unsigned q, const void *bytes, size_t size)
{
    joined_run_until(&j, has_buffer, &q);
    wicked_console_fill(q, bytes, size);
}

static void say_more(uint32_t id, uint16_t event, uint16_t value, const void *tail, size_t size)
{
    uint8_t message[128];

    le32_put(message, id);
    le16_put(message + 4, event);
    le16_put(message + 6, value);
    memcpy(message + 8, tail, size);
    fill(2, message, 8 + size);
}

static void say(uint32_t id, uint16_t event, uint16_t value)
{
    say_more(id, event, value, "", 0);
}

/* ---- the stage ---- */

static bool is_opened(struct joined *joined, void *user)
{
    (void)joined, (void)user;
    return opened != XVMSG_TIMEOUT;
}

static bool was_told(struct joined *joined, void *user)
{
    (void)joined;
    return told[*(enum xvmsg_console_event *)user];
}

static void expect(enum xvmsg_console_event event)
{
    joined_run_until(&j, was_told, &event);
    told[event] = 0;
}

static bool none_left(struct joined *joined, void *user)
{
    int *turns = user;

    (void)joined;
    return --*turns == 0;
}

/* Enough turns for whatever is on its way. */
static void settle(void)
{
    int turns = 50;

    joined_run_until(&j, none_left, &turns);
}

static void open_console(void)
{
    opened = XVMSG_TIMEOUT;
    memset(told, 0, sizeof(told));
    closes_at = 0;
    console = xvmsg_console_open(j.h, 1, on_ready, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(console);
    xvmsg_console_set_handler(console, on_event, &j);
    joined_run_until(&j, is_opened, NULL);
}

static void start(bool with_wicked, const char *ports)
{
    is_wicked = with_wicked;
    joined_open(&j);
    stage_write(j.s.toolstack, R "/ports", ports);
    stage_write(j.s.toolstack, R "/type", "console");
    joined_await_device(&j, 1);
    open_console();
}

static void start_wicked(uint64_t features, uint32_t ports)
{
    memset(&wicked_console, 0, sizeof(wicked_console));
    wicked_console.features = features;
    wicked_console.ports = ports;
    start(true, "1");
}

static void end(void)
{
    xvmsg_console_close(console);
    joined_close(&j);
}

static int open_terminal(unsigned port)
{
    char *paths = store_read_text(j.s.toolstack, PLATFORM_NO_TX, R, XS_TTY);
    char *rest = paths, *path;
    int fd;

    do
        path = strsep(&rest, " ");
    while (port--);
    fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    CU_ASSERT_FATAL(fd >= 0);
    free(paths);
    return fd;
}

static struct xvmsg_console_port get_port(unsigned port)
{
    struct xvmsg_console_port info = {0};

    CU_ASSERT_EQUAL(xvmsg_console_get_port(console, port, &info), 0);
    return info;
}

static int write_text(unsigned port, const char *text)
{
    ssize_t written = xvmsg_console_write(console, port, text, strlen(text));

    xvmsg_flush(j.h);
    return (int)written;
}

static bool has_all(struct joined *joined, void *user)
{
    unsigned port = *(unsigned *)user;

    (void)joined;
    return xvmsg_console_unsent(console, port) == 0;
}

static void expect_broken(const char *words)
{
    expect(XVMSG_CONSOLE_BROKEN);
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(j.h), words));
    CU_ASSERT_EQUAL(write_text(0, "x"), -1);
    CU_ASSERT_EQUAL(errno, EIO);
    CU_ASSERT_EQUAL(xvmsg_console_open_port(console, 0), -1);
    CU_ASSERT_EQUAL(errno, EIO);
}

/* ---- a good device ---- */

static void both_ports_carry_bytes(void)
{
    unsigned port = 1;
    char text[16] = "";
    int fd;

    start(false, "2");
    CU_ASSERT_EQUAL(opened, XVMSG_OK);
    CU_ASSERT_EQUAL(xvmsg_console_num_ports(console), 2);
    settle();
    CU_ASSERT_EQUAL(told[XVMSG_CONSOLE_ADDED], 2);
    CU_ASSERT_EQUAL(told[XVMSG_CONSOLE_CONNECTED], 2);
    CU_ASSERT(get_port(0).is_console && get_port(0).connected);
    CU_ASSERT(!get_port(1).is_console);
    CU_ASSERT_STRING_EQUAL(get_port(0).name, "con");
    CU_ASSERT_STRING_EQUAL(get_port(1).name, "con.1");
    CU_ASSERT_EQUAL(write_text(1, "x"), -1);
    CU_ASSERT_EQUAL(errno, ENOENT);
    CU_ASSERT_EQUAL(xvmsg_console_open_port(console, 1), 0);
    /* The device does not know yet. */
    CU_ASSERT_EQUAL(write_text(1, "hello"), -1);
    CU_ASSERT_EQUAL(errno, EAGAIN);
    expect(XVMSG_CONSOLE_WRITABLE);
    CU_ASSERT_EQUAL(write_text(1, "hello"), 5);
    CU_ASSERT_EQUAL(xvmsg_console_unsent(console, 1), 5);
    joined_run_until(&j, has_all, &port);
    fd = open_terminal(1);
    CU_ASSERT_EQUAL(read(fd, text, sizeof(text)), 5);
    CU_ASSERT_STRING_EQUAL(text, "hello");
    CU_ASSERT_EQUAL(write(fd, "answer", 6), 6);
    expect(XVMSG_CONSOLE_READABLE);
    CU_ASSERT_EQUAL(last_port, 1);
    CU_ASSERT_EQUAL(xvmsg_console_read(console, 1, text, 2), 2);
    CU_ASSERT_EQUAL(xvmsg_console_read(console, 1, text, sizeof(text)), 4);
    CU_ASSERT(memcmp(text, "swer", 4) == 0);
    CU_ASSERT_EQUAL(xvmsg_console_read(console, 1, text, sizeof(text)), -1);
    CU_ASSERT_EQUAL(errno, EAGAIN);
    CU_ASSERT_EQUAL(xvmsg_console_close_port(console, 1), 0);
    CU_ASSERT_EQUAL(xvmsg_console_read(console, 1, text, 1), -1);
    CU_ASSERT_EQUAL(errno, ENOENT);
    CU_ASSERT_EQUAL(xvmsg_console_open_port(console, 2), -1);
    CU_ASSERT_EQUAL(errno, ENOENT);
    close(fd);
    /* Closed and opened again, it is as new. */
    xvmsg_console_close(console);
    open_console();
    CU_ASSERT_EQUAL(opened, XVMSG_OK);
    settle();
    CU_ASSERT_EQUAL(told[XVMSG_CONSOLE_ADDED], 2);
    end();
}

/* The terminal keeps its name, and who sits at it stays, while workers come and go. */
static void a_terminal_outlives_its_worker(void)
{
    char text[16] = "", *before, *after;
    unsigned port = 0;
    int fd;

    start(false, "1");
    settle();
    before = store_read_text(j.s.toolstack, PLATFORM_NO_TX, R, XS_TTY);
    fd = open_terminal(0);
    xvmsg_console_close(console);
    worker_free(j.worker);
    j.worker = NULL;
    joined_await_device(&j, 1);
    while (!j.worker || !j.connected)
        joined_turn(&j);
    settle();
    open_console();
    CU_ASSERT_EQUAL(opened, XVMSG_OK);
    settle();
    after = store_read_text(j.s.toolstack, PLATFORM_NO_TX, R, XS_TTY);
    CU_ASSERT_STRING_EQUAL(before, after);
    CU_ASSERT_EQUAL(xvmsg_console_open_port(console, 0), 0);
    write_text(0, "still");
    expect(XVMSG_CONSOLE_WRITABLE);
    CU_ASSERT_EQUAL(write_text(0, "still"), 5);
    joined_run_until(&j, has_all, &port);
    CU_ASSERT_EQUAL(read(fd, text, sizeof(text)), 5);
    CU_ASSERT_STRING_EQUAL(text, "still");
    close(fd);
    free(before);
    free(after);
    end();
}

/* ---- others ---- */

static void one_without_ports_is_one_port(void)
{
    char text[16] = "";

    start_wicked(SIZE, 0);
    CU_ASSERT_EQUAL(opened, XVMSG_OK);
    CU_ASSERT_EQUAL(xvmsg_console_num_ports(console), 1);
    CU_ASSERT_EQUAL(told[XVMSG_CONSOLE_ADDED], 1);
    CU_ASSERT(get_port(0).is_console && get_port(0).connected);
    CU_ASSERT_EQUAL(xvmsg_console_open_port(console, 0), 0);
    CU_ASSERT_EQUAL(write_text(0, "at once"), 7);
    fill(0, "hello", 5);
    expect(XVMSG_CONSOLE_READABLE);
    CU_ASSERT_EQUAL(xvmsg_console_read(console, 0, text, sizeof(text)), 5);
    end();
}

static void what_the_device_does_not_take_holds_back(void)
{
    static char much[1 << 20];
    size_t written = 0;
    ssize_t more;
    unsigned port = 0;

    start_wicked(0, 0);
    xvmsg_console_open_port(console, 0);
    wicked_console.full = true;
    while ((more = xvmsg_console_write(console, 0, much, sizeof(much))) > 0)
        written += (size_t)more;
    CU_ASSERT_EQUAL(errno, EAGAIN);
    CU_ASSERT(written >= 4096 && written < sizeof(much));
    CU_ASSERT_EQUAL(xvmsg_console_unsent(console, 0), written);
    settle();
    CU_ASSERT_EQUAL(told[XVMSG_CONSOLE_WRITABLE], 0);
    wicked_console.full = false;
    wicked_console_take(1); /* takes all it has */
    expect(XVMSG_CONSOLE_WRITABLE);
    joined_run_until(&j, has_all, &port);
    CU_ASSERT(write_text(0, "x") == 1);
    end();
}

static void sizes_are_told_once(void)
{
    unsigned columns, rows;
    uint8_t size[4] = {0};

    start_wicked(SIZE | MULTI, 2);
    say(0, VIRTIO_CONSOLE_PORT_ADD, 1);
    for (unsigned i = 1; i <= 1000; i++) {
        le16_put(size, (uint16_t)i);
        le16_put(size + 2, 25);
        say_more(0, VIRTIO_CONSOLE_RESIZE, 0, size, 4);
        say_more(0, VIRTIO_CONSOLE_RESIZE, 0, size, 4);
    }
    settle();
    CU_ASSERT_EQUAL(told[XVMSG_CONSOLE_RESIZED], 1000);
    xvmsg_console_get_size(console, &columns, &rows);
    CU_ASSERT_EQUAL(columns, 1000);
    CU_ASSERT_EQUAL(rows, 25);
    wicked_console.columns = 80;
    device_config_changed(wicked_console.device, 0, 4);
    settle();
    xvmsg_console_get_size(console, &columns, &rows);
    CU_ASSERT_EQUAL(columns, 80);
    CU_ASSERT_EQUAL(rows, 0);
    end();
}

static void names_need_no_end(void)
{
    char name[120];

    start_wicked(MULTI, 1);
    say(0, VIRTIO_CONSOLE_PORT_ADD, 1);
    memset(name, 'n', sizeof(name));
    name[1] = '\33';
    say_more(0, VIRTIO_CONSOLE_PORT_NAME, 1, name, sizeof(name));
    settle();
    CU_ASSERT_EQUAL(strlen(get_port(0).name), 63);
    CU_ASSERT(memcmp(get_port(0).name, "n?nn", 4) == 0);
    say_more(0, VIRTIO_CONSOLE_PORT_NAME, 1, "short\0rest", 10);
    settle();
    CU_ASSERT_STRING_EQUAL(get_port(0).name, "short");
    end();
}

static void ports_come_and_go(void)
{
    char text[16];

    start_wicked(MULTI, 2);
    for (unsigned i = 0; i < 200; i++) {
        say(1, VIRTIO_CONSOLE_PORT_ADD, 1);
        say(1, VIRTIO_CONSOLE_PORT_ADD, 1); /* once more is nothing new */
        expect(XVMSG_CONSOLE_ADDED);
        CU_ASSERT_EQUAL(xvmsg_console_open_port(console, 1), 0);
        fill(4, "unread", 6);
        expect(XVMSG_CONSOLE_READABLE);
        say(1, VIRTIO_CONSOLE_PORT_REMOVE, 1);
        expect(XVMSG_CONSOLE_REMOVED);
        CU_ASSERT_EQUAL(xvmsg_console_read(console, 1, text, sizeof(text)), -1);
        CU_ASSERT_EQUAL(told[XVMSG_CONSOLE_BROKEN], 0);
    }
    /* What comes on a port that nobody opened goes nowhere, and its buffer comes back. */
    say(1, VIRTIO_CONSOLE_PORT_ADD, 1);
    for (unsigned i = 0; i < 50; i++)
        fill(4, "nobody", 6);
    settle();
    CU_ASSERT_EQUAL(told[XVMSG_CONSOLE_READABLE], 0);
    end();
}

/* ---- what a device must not do ---- */

static void bad_messages_break_it(void)
{
    static const struct {
        uint32_t id;
        uint16_t event;
        size_t size;
        const char *words;
    } bad[] = {
        {UINT32_MAX, VIRTIO_CONSOLE_PORT_ADD, 8, "port that is not there (4294967295)"},
        {2, VIRTIO_CONSOLE_PORT_ADD, 8, "port that is not there (2)"},
        {1, VIRTIO_CONSOLE_PORT_OPEN, 8, "port that is not there (1)"},
        {1, VIRTIO_CONSOLE_PORT_REMOVE, 8, "port that is not there (1)"},
        {UINT32_MAX, 4711, 8, "port that is not there"},
        {0, VIRTIO_CONSOLE_RESIZE, 11, "a size of so many bytes (3)"},
        {0, VIRTIO_CONSOLE_PORT_OPEN, 7, "control message of so many bytes (7)"},
        {0, VIRTIO_CONSOLE_PORT_OPEN, 0, "control message of so many bytes (0)"},
    };
    uint8_t message[16] = {0};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        start_wicked(MULTI, 2);
        say(0, VIRTIO_CONSOLE_PORT_ADD, 1);
        expect(XVMSG_CONSOLE_ADDED);
        le32_put(message, bad[i].id);
        le16_put(message + 4, bad[i].event);
        fill(2, message, bad[i].size);
        expect_broken(bad[i].words);
        end();
    }
}

static void more_ports_than_queues_are_left_alone(void)
{
    start_wicked(MULTI, UINT32_MAX);
    CU_ASSERT_EQUAL(opened, XVMSG_OK);
    CU_ASSERT_EQUAL(xvmsg_console_num_ports(console), 2);
    say(UINT32_MAX - 1, VIRTIO_CONSOLE_PORT_ADD, 1);
    say(1, VIRTIO_CONSOLE_PORT_ADD, 1);
    expect(XVMSG_CONSOLE_ADDED);
    CU_ASSERT_EQUAL(last_port, 1);
    CU_ASSERT_EQUAL(told[XVMSG_CONSOLE_BROKEN], 0);
    end();
}

static void one_with_no_port_at_all_is_refused(void)
{
    start_wicked(MULTI, 0);
    CU_ASSERT_EQUAL(opened, XVMSG_REFUSED);
    CU_ASSERT_PTR_NOT_NULL(strstr(xvmsg_error(j.h), "a console without ports"));
    CU_ASSERT_EQUAL(xvmsg_console_open_port(console, 0), -1);
    end();
}

/* Whoever never takes a control message is not written to, and costs nothing. */
static void one_that_is_deaf_gets_nothing(void)
{
    start_wicked(MULTI, 1);
    wicked_console.deaf = true;
    say(0, VIRTIO_CONSOLE_PORT_ADD, 1);
    expect(XVMSG_CONSOLE_ADDED);
    for (unsigned i = 0; i < 1000; i++) {
        CU_ASSERT_EQUAL(xvmsg_console_open_port(console, 0), 0);
        CU_ASSERT_EQUAL(write_text(0, "x"), -1);
        CU_ASSERT_EQUAL(errno, EAGAIN);
    }
    settle();
    CU_ASSERT_EQUAL(told[XVMSG_CONSOLE_WRITABLE], 0);
    end();
}

static void it_may_be_closed_by_any_event(void)
{
    for (enum xvmsg_console_event e = XVMSG_CONSOLE_ADDED; e <= XVMSG_CONSOLE_BROKEN; e++) {
        start_wicked(MULTI | SIZE, 2);
        wicked_console.full = true;
        closes_at = e;
        say(0, VIRTIO_CONSOLE_PORT_ADD, 1);
        settle();
        if (console && xvmsg_console_open_port(console, 0) == 0) {
            xvmsg_flush(j.h);
            settle();
            while (xvmsg_console_write(console, 0, "much", 4) > 0)
                ;
            xvmsg_flush(j.h);
            settle();
            fill(0, "bytes", 5);
            wicked_console_take(1);
        }
        settle();
        if (console)
            say_more(0, VIRTIO_CONSOLE_RESIZE, 0, "\1\0\1", 4);
        settle();
        if (console)
            say(0, VIRTIO_CONSOLE_PORT_OPEN, 1);
        settle();
        if (console)
            say(0, VIRTIO_CONSOLE_PORT_OPEN, 0);
        settle();
        if (console)
            say(0, VIRTIO_CONSOLE_PORT_REMOVE, 1);
        settle();
        if (console)
            say(77, VIRTIO_CONSOLE_PORT_REMOVE, 1);
        settle();
        CU_ASSERT_PTR_NULL(console);
        end();
    }
}

static void the_handle_takes_it_along(void)
{
    start_wicked(MULTI, 2);
    closes_at = XVMSG_CONSOLE_BROKEN;
    joined_close(&j); /* frees the handle */
    CU_ASSERT_PTR_NULL(console);
    start_wicked(MULTI, 2);
    joined_close(&j);
    CU_ASSERT_EQUAL(told[XVMSG_CONSOLE_BROKEN], 1);
}

/* By grant address a buffer in two pages takes two descriptors, and a queue may have one. */
static void buffers_lie_in_one_page(void)
{
    start_wicked(MULTI, 1);
    say(0, VIRTIO_CONSOLE_PORT_ADD, 1);
    expect(XVMSG_CONSOLE_ADDED);
    CU_ASSERT_EQUAL(xvmsg_console_open_port(console, 0), 0);
    settle();
    CU_ASSERT(wicked_console.num_kept[0] > 0);
    for (unsigned i = 0; i < wicked_console.num_kept[0]; i++) {
        const struct iovec *piece = wicked_console.kept[0][i]->in.pieces;

        /* Both ends map whole pages. */
        CU_ASSERT((uintptr_t)piece->iov_base % 4096 + piece->iov_len <= 4096);
    }
    end();
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(both_ports_carry_bytes),
        TEST(a_terminal_outlives_its_worker),
        TEST(one_without_ports_is_one_port),
        TEST(what_the_device_does_not_take_holds_back),
        TEST(sizes_are_told_once),
        TEST(names_need_no_end),
        TEST(ports_come_and_go),
        TEST(bad_messages_break_it),
        TEST(more_ports_than_queues_are_left_alone),
        TEST(one_with_no_port_at_all_is_refused),
        TEST(one_that_is_deaf_gets_nothing),
        TEST(it_may_be_closed_by_any_event),
        TEST(the_handle_takes_it_along),
        TEST(buffers_lie_in_one_page),
        {NULL, NULL},
    };

    return test_main("console-ends", cases);
}
