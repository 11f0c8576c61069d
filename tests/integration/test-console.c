/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The console from its guest's side. */

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tests/harness.h"
#include "tests/integration/con.h"

/* ---- what it does ---- */

static void says_what_it_is(void)
{
    struct con t = con_start();
    struct msg info = {.kind = MSG_get_device_info_request, .dev_num = DEV};
    struct msg config = {
        .kind = MSG_get_config_request,
        .dev_num = DEV,
        .get_config_request.length = 12,
    };
    struct msg answer = guest_call(t.g, info);
    const uint8_t *bytes;

    CU_ASSERT_EQUAL(answer.get_device_info_response.device_id, 3);
    CU_ASSERT_EQUAL(answer.get_device_info_response.max_virtqueues, 6);
    answer = guest_call(t.g, config);
    CU_ASSERT_EQUAL_FATAL(answer.get_config_response.length, 12);
    bytes = answer.get_config_response.data.bytes;
    CU_ASSERT_EQUAL(le32_get(bytes), 0);
    CU_ASSERT_EQUAL(le32_get(bytes + 4), 2);
    con_end(&t);
}

static void bytes_go_both_ways(void)
{
    struct con t = con_start();
    char text[16] = "";

    con_drive(&t, PLAIN, 2);
    memcpy(con_slot(&t, OUT, 0), "hello", 5);
    con_offer(&t, OUT, 0, 5);
    CU_ASSERT_EQUAL(con_await(&t, OUT), 0);
    CU_ASSERT_EQUAL(read(t.slave[0], text, sizeof(text)), 5);
    CU_ASSERT_STRING_EQUAL(text, "hello");
    con_offer(&t, IN, 0, 3);
    con_offer(&t, IN, 1, 100);
    CU_ASSERT(!con_answered(&t, IN));
    CU_ASSERT_EQUAL(write(t.slave[0], "world", 5), 5);
    CU_ASSERT_EQUAL(con_await(&t, IN), 3);
    CU_ASSERT_EQUAL(con_await(&t, IN), 2);
    CU_ASSERT(memcmp(con_slot(&t, IN, 0), "wor", 3) == 0);
    CU_ASSERT(memcmp(con_slot(&t, IN, 1), "ld", 2) == 0);
    con_end(&t);
}

static void bytes_may_come_in_any_pieces(void)
{
    struct con t = con_start();
    char text[16] = "";

    con_drive(&t, PLAIN, 2);
    con_choose(&t, OUT);
    memcpy(con_slot(&t, OUT, 0), "abcdef", 6);
    guest_describe(t.g, 0, con_slot_offset(OUT, 0) + 3, 3, 0, 1);
    guest_describe(t.g, 1, con_slot_offset(OUT, 0), 3, 0, 0);
    guest_make_available(t.g, 0);
    con_kick(&t, OUT);
    CU_ASSERT_EQUAL(con_await(&t, OUT), 0);
    CU_ASSERT_EQUAL(read(t.slave[0], text, sizeof(text)), 6);
    CU_ASSERT_STRING_EQUAL(text, "defabc");
    con_choose(&t, IN);
    guest_describe(t.g, 0, con_slot_offset(IN, 0) + 3, 3, WRITE, 1);
    guest_describe(t.g, 1, con_slot_offset(IN, 0), 3, WRITE, 0);
    guest_make_available(t.g, 0);
    con_kick(&t, IN);
    CU_ASSERT_EQUAL(write(t.slave[0], "vwxyz", 5), 5);
    CU_ASSERT_EQUAL(con_await(&t, IN), 5);
    CU_ASSERT(memcmp(con_slot(&t, IN, 0), "yz\0vwx", 6) == 0);
    con_end(&t);
}

/* As Linux does after a suspend: it knows its ports, and does not say DEVICE_READY. */
static void a_restored_driver_says_that_its_ports_are_ready(void)
{
    struct con t = con_start();

    con_drive(&t, MULTI, QUEUES);
    con_say(&t, 0, VIRTIO_CONSOLE_PORT_READY, 1);
    CU_ASSERT_EQUAL(con_hear(&t, 0, VIRTIO_CONSOLE_CONSOLE_PORT, 1), 8);
    con_say(&t, 0, VIRTIO_CONSOLE_PORT_OPEN, 1);
    CU_ASSERT_EQUAL(con_status(&t), OK);
    con_end(&t);
}

static void ports_are_announced(void)
{
    struct con t = con_start();

    con_meet(&t, false);
    con_say(&t, 0, VIRTIO_CONSOLE_PORT_READY, 1);
    CU_ASSERT_EQUAL(con_hear(&t, 0, VIRTIO_CONSOLE_CONSOLE_PORT, 1), 8);
    CU_ASSERT_EQUAL(con_hear(&t, 0, VIRTIO_CONSOLE_PORT_NAME, 1), 8 + 3);
    CU_ASSERT(memcmp(con_slot(&t, CONTROL_IN, 0) + 8, "con", 3) == 0);
    CU_ASSERT_EQUAL(con_hear(&t, 0, VIRTIO_CONSOLE_RESIZE, 0), 12);
    CU_ASSERT_EQUAL(con_hear(&t, 0, VIRTIO_CONSOLE_PORT_OPEN, 1), 8);
    con_say(&t, 1, VIRTIO_CONSOLE_PORT_READY, 1);
    CU_ASSERT_EQUAL(con_hear(&t, 1, VIRTIO_CONSOLE_PORT_NAME, 1), 8 + 5);
    CU_ASSERT(memcmp(con_slot(&t, CONTROL_IN, 0) + 8, "con.1", 5) == 0);
    CU_ASSERT_EQUAL(con_hear(&t, 1, VIRTIO_CONSOLE_PORT_OPEN, 1), 8);
    /* Who says all of it again hears no more. */
    con_say(&t, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
    con_say(&t, 0, VIRTIO_CONSOLE_PORT_READY, 1);
    CU_ASSERT(con_silent(&t));
    con_end(&t);
}

static void each_port_has_its_own_terminal(void)
{
    struct con t = con_start();
    char text[16] = "";

    con_meet(&t, true);
    memcpy(con_slot(&t, OUT_OF(1), 0), "one", 3);
    con_offer(&t, OUT_OF(1), 0, 3);
    CU_ASSERT_EQUAL(con_await(&t, OUT_OF(1)), 0);
    CU_ASSERT_EQUAL(read(t.slave[1], text, sizeof(text)), 3);
    CU_ASSERT_STRING_EQUAL(text, "one");
    CU_ASSERT_EQUAL(read(t.slave[0], text, sizeof(text)), -1);
    con_offer(&t, IN_OF(1), 0, 100);
    con_offer(&t, IN, 0, 100);
    CU_ASSERT_EQUAL(write(t.slave[1], "two", 3), 3);
    CU_ASSERT_EQUAL(con_await(&t, IN_OF(1)), 3);
    CU_ASSERT(!con_answered(&t, IN));
    con_end(&t);
}

static void a_port_that_is_closed_takes_and_gives_nothing(void)
{
    struct con t = con_start();
    char text[16] = "";

    con_meet(&t, false);
    con_offer(&t, IN, 0, 100);
    CU_ASSERT_EQUAL(write(t.slave[0], "early", 5), 5);
    CU_ASSERT(!con_answered(&t, IN));
    con_offer(&t, OUT, 0, 5);
    CU_ASSERT_EQUAL(con_await(&t, OUT), 0);
    CU_ASSERT_EQUAL(read(t.slave[0], text, sizeof(text)), -1);
    /* What was typed has waited. Opening twice is as good as once. */
    con_say(&t, 0, VIRTIO_CONSOLE_PORT_OPEN, 1);
    con_say(&t, 0, VIRTIO_CONSOLE_PORT_OPEN, 1);
    CU_ASSERT_EQUAL(con_await(&t, IN), 5);
    con_offer(&t, IN, 0, 100);
    guest_settle(t.g);
    con_say(&t, 0, VIRTIO_CONSOLE_PORT_OPEN, 0);
    CU_ASSERT_EQUAL(write(t.slave[0], "late", 4), 4);
    CU_ASSERT(!con_answered(&t, IN));
    con_say(&t, 0, VIRTIO_CONSOLE_PORT_OPEN, 1);
    CU_ASSERT_EQUAL(con_await(&t, IN), 4);
    con_end(&t);
}

/* ---- nobody reads ---- */

/* Writes until the terminal, which took so many buffers, takes no more; how many it has taken
 * then. It may be a moment only: the kernel moves what a terminal got by a thread of its own. */
static unsigned fill_up(struct con *t, unsigned taken)
{
    for (;; taken++) {
        memset(con_slot(t, OUT, taken % SLOTS), (int)taken, SLOT);
        con_offer(t, OUT, (uint16_t)(taken % SLOTS), SLOT);
        if (!con_answered(t, OUT))
            return taken;
        con_await(t, OUT);
    }
}

static size_t read_some(int fd, uint8_t *bytes, size_t size)
{
    ssize_t got = read(fd, bytes, size);

    return got > 0 ? (size_t)got : 0;
}

static void what_nobody_reads_waits_and_nothing_is_lost(void)
{
    static uint8_t bytes[1 << 20];
    struct con t = con_start();
    unsigned taken, loops = 0;
    size_t size = 0;

    con_drive(&t, PLAIN, 2);
    taken = fill_up(&t, 0);
    CU_ASSERT(taken > 0);
    /* Nothing goes on meanwhile: a loop that waits would return at once. */
    while (event_base_loop(t.g->base, EVLOOP_NONBLOCK) == 0 && ++loops < 5)
        ;
    while (con_answered(&t, OUT)) {
        con_await(&t, OUT);
        taken = fill_up(&t, taken + 1);
    }
    while (size < (size_t)(taken + 1) * SLOT) {
        size += read_some(t.slave[0], bytes + size, sizeof(bytes) - size);
        guest_settle(t.g);
    }
    CU_ASSERT_EQUAL(con_await(&t, OUT), 0);
    CU_ASSERT_EQUAL(size, (size_t)(taken + 1) * SLOT);
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != (uint8_t)(i / SLOT)) {
            CU_FAIL("bytes were lost or mixed up");
            break;
        }
    con_end(&t);
}

/* A reset does not wait for a reader; neither does the reset of a queue. */
static void a_reset_waits_for_nobody(void)
{
    struct con t = con_start();
    struct msg reset = {.kind = MSG_reset_vqueue_request, .dev_num = DEV,
                        .reset_vqueue_request.index = OUT};

    con_drive(&t, PLAIN, 2);
    fill_up(&t, 0);
    guest_call(t.g, reset);
    con_enable(&t, OUT);
    fill_up(&t, 0);
    con_offer(&t, IN, 0, 100);
    guest_settle(t.g);
    CU_ASSERT_EQUAL(guest_set_status(t.g, DEV, 0), 0);
    con_drive(&t, PLAIN, 2);
    CU_ASSERT_EQUAL(write(t.slave[0], "x", 1), 1);
    con_offer(&t, IN, 0, 100);
    CU_ASSERT_EQUAL(con_await(&t, IN), 1);
    con_end(&t);
}

/* The device's own hold on a terminal is gone, as after vhangup(2), for which one has to
 * be root. */
static void take_away(const char *path, int ours)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    char name[64];

    for (int fd = 3; fd < 256; fd++)
        if (fd != ours && ttyname_r(fd, name, sizeof(name)) == 0 && strcmp(name, path) == 0)
            dup2(null, fd);
    close(null);
}

static void a_terminal_that_was_hung_up_comes_back(void)
{
    struct con t = con_start();
    char text[16] = "";
    char path[64];

    con_drive(&t, PLAIN, 2);
    con_offer(&t, IN, 0, 100);
    guest_settle(t.g);
    CU_ASSERT_EQUAL_FATAL(ttyname_r(t.slave[0], path, sizeof(path)), 0);
    take_away(path, t.slave[0]);
    close(t.slave[0]);
    memcpy(con_slot(&t, OUT, 0), "again", 5);
    con_offer(&t, OUT, 0, 5);
    CU_ASSERT(!con_answered(&t, OUT));
    con_await(&t, OUT);
    t.slave[0] = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    CU_ASSERT_EQUAL(read(t.slave[0], text, sizeof(text)), 5);
    CU_ASSERT_EQUAL(write(t.slave[0], "here", 4), 4);
    CU_ASSERT_EQUAL(con_await(&t, IN), 4);
    con_end(&t);
}

/* ---- sizes ---- */

static void a_new_size_is_told(void)
{
    struct con t = con_start();
    struct ipc_message look = {.kind = IPC_DEVICE_RESIZE, .answer.number = DEV};
    struct msg config = {
        .kind = MSG_get_config_request,
        .dev_num = DEV,
        .get_config_request.length = 4,
    };
    const uint8_t *bytes;

    con_meet(&t, true);
    con_say(&t, 0, VIRTIO_CONSOLE_PORT_READY, 1);
    con_hear(&t, 0, VIRTIO_CONSOLE_CONSOLE_PORT, 1);
    con_hear(&t, 0, VIRTIO_CONSOLE_PORT_NAME, 1);
    con_hear(&t, 0, VIRTIO_CONSOLE_RESIZE, 0);
    con_hear(&t, 0, VIRTIO_CONSOLE_PORT_OPEN, 1);
    con_resize(&t, 80, 25);
    guest_tell(t.g, &look, -1);
    CU_ASSERT_EQUAL(guest_told(t.g).kind, IPC_DEVICE_RESIZED);
    CU_ASSERT_EQUAL(con_hear(&t, 0, VIRTIO_CONSOLE_RESIZE, 0), 12);
    CU_ASSERT_EQUAL(le16_get(con_slot(&t, CONTROL_IN, 0) + 8), 80);
    CU_ASSERT_EQUAL(le16_get(con_slot(&t, CONTROL_IN, 0) + 10), 25);
    guest_settle(t.g);
    CU_ASSERT_EQUAL(t.g->config_events, 1);
    bytes = guest_call(t.g, config).get_config_response.data.bytes;
    CU_ASSERT_EQUAL(le16_get(bytes), 80);
    CU_ASSERT_EQUAL(le16_get(bytes + 2), 25);
    /* The same again is no news. */
    guest_tell(t.g, &look, -1);
    guest_told(t.g);
    guest_settle(t.g);
    CU_ASSERT_EQUAL(t.g->config_events, 1);
    /* Who types has perhaps changed it. */
    con_resize(&t, 132, 43);
    con_offer(&t, IN, 0, 100);
    CU_ASSERT_EQUAL(write(t.slave[0], "x", 1), 1);
    con_await(&t, IN);
    con_hear(&t, 0, VIRTIO_CONSOLE_RESIZE, 0);
    CU_ASSERT_EQUAL(le16_get(con_slot(&t, CONTROL_IN, 0) + 8), 132);
    con_end(&t);
}

/* ---- sockets ---- */

static void one_client_at_a_time_gets_all(void)
{
    struct con t = con_start_on_socket();
    char text[16] = "";
    int second;

    con_drive(&t, MULTI & ~SIZE, 4);
    con_say(&t, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
    con_hear(&t, 0, VIRTIO_CONSOLE_PORT_ADD, 1);
    con_say(&t, 0, VIRTIO_CONSOLE_PORT_READY, 1);
    con_hear(&t, 0, VIRTIO_CONSOLE_CONSOLE_PORT, 1);
    con_hear(&t, 0, VIRTIO_CONSOLE_PORT_NAME, 1);
    con_hear(&t, 0, VIRTIO_CONSOLE_PORT_OPEN, 0);
    con_say(&t, 0, VIRTIO_CONSOLE_PORT_OPEN, 1);
    memcpy(con_slot(&t, OUT, 0), "first", 5);
    con_offer(&t, OUT, 0, 5);
    con_offer(&t, IN, 0, 100);
    CU_ASSERT(!con_answered(&t, OUT));
    t.client = con_come(&t);
    con_hear(&t, 0, VIRTIO_CONSOLE_PORT_OPEN, 1);
    CU_ASSERT_EQUAL(con_await(&t, OUT), 0);
    CU_ASSERT_EQUAL(read(t.client, text, sizeof(text)), 5);
    CU_ASSERT_STRING_EQUAL(text, "first");
    second = con_come(&t);
    CU_ASSERT_EQUAL(read(second, text, sizeof(text)), 0);
    close(second);
    CU_ASSERT_EQUAL(write(t.client, "in", 2), 2);
    CU_ASSERT_EQUAL(con_await(&t, IN), 2);
    close(t.client);
    con_offer(&t, IN, 0, 100);
    con_hear(&t, 0, VIRTIO_CONSOLE_PORT_OPEN, 0);
    memcpy(con_slot(&t, OUT, 0), "third", 5);
    con_offer(&t, OUT, 0, 5);
    CU_ASSERT(!con_answered(&t, OUT));
    t.client = con_come(&t);
    con_hear(&t, 0, VIRTIO_CONSOLE_PORT_OPEN, 1);
    con_await(&t, OUT);
    CU_ASSERT_EQUAL(read(t.client, text, sizeof(text)), 5);
    CU_ASSERT_STRING_EQUAL(text, "third");
    con_end_on_socket(&t);
}

/* The guest does not read, so that the device does not notice that the first leaves. */
static void who_leaves_unnoticed_is_replaced(void)
{
    struct con t = con_start_on_socket();
    char text[16] = "";

    con_drive(&t, PLAIN & ~SIZE, 2);
    close(con_come(&t));
    t.client = con_come(&t);
    memcpy(con_slot(&t, OUT, 0), "hello", 5);
    con_offer(&t, OUT, 0, 5);
    con_await(&t, OUT);
    CU_ASSERT_EQUAL(read(t.client, text, sizeof(text)), 5);
    con_end_on_socket(&t);
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(says_what_it_is),
        TEST(bytes_go_both_ways),
        TEST(bytes_may_come_in_any_pieces),
        TEST(a_restored_driver_says_that_its_ports_are_ready),
    TEST(ports_are_announced),
        TEST(each_port_has_its_own_terminal),
        TEST(a_port_that_is_closed_takes_and_gives_nothing),
        TEST(what_nobody_reads_waits_and_nothing_is_lost),
        TEST(a_reset_waits_for_nobody),
        TEST(a_terminal_that_was_hung_up_comes_back),
        TEST(a_new_size_is_told),
        TEST(one_client_at_a_time_gets_all),
        TEST(who_leaves_unnoticed_is_replaced),
        {NULL, NULL},
    };

    return test_main("console", cases);
}
