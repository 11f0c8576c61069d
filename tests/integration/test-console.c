/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The console from its guest's side, with terminals and sockets as the supervisor
 * makes them. */

#include <fcntl.h>
#include <linux/virtio_config.h>
#include <linux/virtio_console.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "common/address.h"
#include "common/barrier.h"
#include "common/le.h"
#include "tests/harness.h"
#include "tests/integration/scripted-guest.h"

#define DEV 4u
#define BIT(n) (UINT64_C(1) << (n))
#define SIZE BIT(VIRTIO_CONSOLE_F_SIZE)
#define PLAIN (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_RING_RESET) | SIZE)
#define MULTI (PLAIN | BIT(VIRTIO_CONSOLE_F_MULTIPORT))
#define WRITE VRING_DESC_F_WRITE
#define OK 15u
#define BROKEN (OK | VIRTIO_CONFIG_S_NEEDS_RESET)

/* Queues: as many as fit before the data. */
#define QUEUES 6u
#define QUEUE_BYTES 0x400u
#define IN 0u
#define OUT 1u
#define CONTROL_IN 2u
#define CONTROL_OUT 3u
#define IN_OF(port) (2 * (port) + 2)
#define OUT_OF(port) (2 * (port) + 3)
#define SLOT 2048u /* bytes of a buffer */
#define SLOTS 8u   /* of a queue; a head is the number of its buffer */

struct test {
    struct guest *g;
    uint16_t seen[QUEUES];
    int slave[2];  /* what is attached to the ports' terminals, */
    int client;    /* or to the socket */
    char directory[32];
    struct sockaddr_un address;
};

/* ---- queues ---- */

static void choose(struct test *t, unsigned q)
{
    uint8_t *at = t->g->area + (size_t)q * QUEUE_BYTES;

    t->g->desc = (struct vring_desc *)(void *)at;
    t->g->avail = (struct vring_avail *)(void *)(at + 0x100);
    t->g->used = (struct vring_used *)(void *)(at + 0x200);
    t->g->used_seen = t->seen[q];
}

static uint64_t slot_offset(unsigned q, unsigned i)
{
    return GUEST_DATA + (uint64_t)(q * SLOTS + i) * SLOT;
}

static uint8_t *slot(struct test *t, unsigned q, unsigned i)
{
    return t->g->area + slot_offset(q, i);
}

static void kick(struct test *t, unsigned q)
{
    guest_send(t->g, &(struct msg){.kind = MSG_event_avail,
                                   .dev_num = DEV,
                                   .event_avail.vq_index = q});
}

static void offer_as(struct test *t, unsigned q, uint16_t i, uint32_t size, uint16_t flags)
{
    choose(t, q);
    guest_describe(t->g, i, slot_offset(q, i), size, flags, 0);
    guest_make_available(t->g, i);
    kick(t, q);
}

/* A buffer to be filled, or to be read, as the queue has it. */
static void offer(struct test *t, unsigned q, uint16_t i, uint32_t size)
{
    offer_as(t, q, i, size, q % 2 ? 0 : WRITE);
}

static uint32_t await(struct test *t, unsigned q)
{
    uint32_t length;

    choose(t, q);
    length = guest_await_used(t->g);
    t->seen[q] = t->g->used_seen;
    return length;
}

static bool answered(struct test *t, unsigned q)
{
    guest_settle(t->g);
    choose(t, q);
    return shared_load16_acquire(&t->g->used->idx) != t->seen[q];
}

/* ---- the stage ---- */

static void enable(struct test *t, unsigned q)
{
    struct msg set = guest_queue_request(DEV, SET_VQUEUE_ENABLE);
    uint64_t at = address_of_area(GUEST_AREA, q * QUEUE_BYTES);

    set.set_vqueue_request.index = q;
    set.set_vqueue_request.desc_addr = at;
    set.set_vqueue_request.driver_addr = at + 0x100;
    set.set_vqueue_request.device_addr = at + 0x200;
    memset(t->g->area + (size_t)q * QUEUE_BYTES, 0, QUEUE_BYTES);
    t->seen[q] = 0;
    guest_call(t->g, set);
}

static void drive(struct test *t, uint64_t features, unsigned queues)
{
    uint8_t words[8];
    struct msg set = {
        .kind = MSG_set_driver_features_request,
        .dev_num = DEV,
        .set_driver_features_request = {.num_blocks = 2, .features = {words, sizeof(words)}},
    };

    le64_put(words, features);
    CU_ASSERT_EQUAL(guest_set_status(t->g, DEV, 0), 0);
    CU_ASSERT_EQUAL(guest_set_status(t->g, DEV, 3), 3);
    guest_call(t->g, set);
    CU_ASSERT_EQUAL(guest_set_status(t->g, DEV, 11), 11);
    for (unsigned q = 0; q < queues; q++)
        enable(t, q);
    CU_ASSERT_EQUAL(guest_set_status(t->g, DEV, OK), OK);
}

static uint32_t status(struct test *t)
{
    struct msg get = {.kind = MSG_get_device_status_request, .dev_num = DEV};

    guest_settle(t->g);
    return guest_call(t->g, get).get_device_status_response.status;
}

static void add(struct test *t, struct fds fds)
{
    struct ipc_message message = {
        .kind = IPC_DEVICE_ADD,
        .device = {.number = DEV, .type = "console", .name = "con"},
    };

    CU_ASSERT_FATAL(ipc_send(t->g->supervisor, &message, &fds) == 0);
    fds_close(&fds);
    CU_ASSERT_EQUAL_FATAL(guest_told(t->g).kind, IPC_DEVICE_ADDED);
    guest_connect(t->g, MSG_WIDE, 272);
    guest_share_area(t->g);
}

static int open_terminal(int *slave)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    struct termios raw;

    CU_ASSERT_FATAL(master >= 0 && unlockpt(master) == 0);
    *slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    CU_ASSERT_FATAL(*slave >= 0 && tcgetattr(*slave, &raw) == 0);
    cfmakeraw(&raw);
    CU_ASSERT_EQUAL(tcsetattr(*slave, TCSANOW, &raw), 0);
    return master;
}

/* A console with two terminals. */
static struct test start(void)
{
    struct test t = {.g = guest_new(), .client = -1};
    struct fds masters = {.count = 2};

    for (unsigned i = 0; i < 2; i++)
        masters.fd[i] = open_terminal(&t.slave[i]);
    add(&t, masters);
    return t;
}

static void end(struct test *t)
{
    guest_free(t->g);
    for (unsigned i = 0; i < 2; i++)
        if (t->slave[i] >= 0)
            close(t->slave[i]);
    if (t->client >= 0)
        close(t->client);
}

static struct test start_on_socket(void)
{
    struct test t = {.g = guest_new(), .slave = {-1, -1}, .client = -1};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    strcpy(t.directory, "/tmp/xvmsg-console-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(t.directory));
    t.address.sun_family = AF_UNIX;
    snprintf(t.address.sun_path, sizeof(t.address.sun_path), "%s/socket", t.directory);
    CU_ASSERT_FATAL(bind(fd, (struct sockaddr *)&t.address, sizeof(t.address)) == 0);
    CU_ASSERT_FATAL(listen(fd, 4) == 0);
    add(&t, (struct fds){1, {fd}});
    return t;
}

static void end_on_socket(struct test *t)
{
    end(t);
    unlink(t->address.sun_path);
    rmdir(t->directory);
}

static int come(struct test *t)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CU_ASSERT_FATAL(connect(fd, (struct sockaddr *)&t->address, sizeof(t->address)) == 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    guest_settle(t->g);
    return fd;
}

/* ---- control messages ---- */

static void say(struct test *t, uint32_t id, uint16_t event, uint16_t value)
{
    uint8_t *message = slot(t, CONTROL_OUT, 0);

    le32_put(message, id);
    le16_put(message + 4, event);
    le16_put(message + 6, value);
    offer(t, CONTROL_OUT, 0, 8);
    CU_ASSERT_EQUAL(await(t, CONTROL_OUT), 0);
}

/* The next message is this one; its size. */
static uint32_t hear(struct test *t, uint32_t id, uint16_t event, uint16_t value)
{
    uint8_t *message = slot(t, CONTROL_IN, 0);
    uint32_t size;

    offer(t, CONTROL_IN, 0, 64);
    size = await(t, CONTROL_IN);
    CU_ASSERT_EQUAL(le32_get(message), id);
    CU_ASSERT_EQUAL(le16_get(message + 4), event);
    CU_ASSERT_EQUAL(le16_get(message + 6), value);
    return size;
}

static bool silent(struct test *t)
{
    bool heard;

    offer(t, CONTROL_IN, 1, 64);
    heard = answered(t, CONTROL_IN);
    /* The buffer is taken back with its queue. */
    return !heard;
}

static void meet(struct test *t, bool open)
{
    drive(t, MULTI, QUEUES);
    say(t, VIRTIO_CONSOLE_BAD_ID, VIRTIO_CONSOLE_DEVICE_READY, 1);
    for (unsigned i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(hear(t, i, VIRTIO_CONSOLE_PORT_ADD, 1), 8);
    if (!open)
        return;
    for (unsigned i = 0; i < 2; i++)
        say(t, i, VIRTIO_CONSOLE_PORT_OPEN, 1);
}

/* ---- what it does ---- */

static void says_what_it_is(void)
{
    struct test t = start();
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
    end(&t);
}

static void bytes_go_both_ways(void)
{
    struct test t = start();
    char text[16] = "";

    drive(&t, PLAIN, 2);
    memcpy(slot(&t, OUT, 0), "hello", 5);
    offer(&t, OUT, 0, 5);
    CU_ASSERT_EQUAL(await(&t, OUT), 0);
    CU_ASSERT_EQUAL(read(t.slave[0], text, sizeof(text)), 5);
    CU_ASSERT_STRING_EQUAL(text, "hello");
    offer(&t, IN, 0, 3);
    offer(&t, IN, 1, 100);
    CU_ASSERT(!answered(&t, IN));
    CU_ASSERT_EQUAL(write(t.slave[0], "world", 5), 5);
    CU_ASSERT_EQUAL(await(&t, IN), 3);
    CU_ASSERT_EQUAL(await(&t, IN), 2);
    CU_ASSERT(memcmp(slot(&t, IN, 0), "wor", 3) == 0);
    CU_ASSERT(memcmp(slot(&t, IN, 1), "ld", 2) == 0);
    end(&t);
}

static void bytes_may_come_in_any_pieces(void)
{
    struct test t = start();
    char text[16] = "";

    drive(&t, PLAIN, 2);
    choose(&t, OUT);
    memcpy(slot(&t, OUT, 0), "abcdef", 6);
    guest_describe(t.g, 0, slot_offset(OUT, 0) + 3, 3, 0, 1);
    guest_describe(t.g, 1, slot_offset(OUT, 0), 3, 0, 0);
    guest_make_available(t.g, 0);
    kick(&t, OUT);
    CU_ASSERT_EQUAL(await(&t, OUT), 0);
    CU_ASSERT_EQUAL(read(t.slave[0], text, sizeof(text)), 6);
    CU_ASSERT_STRING_EQUAL(text, "defabc");
    choose(&t, IN);
    guest_describe(t.g, 0, slot_offset(IN, 0) + 3, 3, WRITE, 1);
    guest_describe(t.g, 1, slot_offset(IN, 0), 3, WRITE, 0);
    guest_make_available(t.g, 0);
    kick(&t, IN);
    CU_ASSERT_EQUAL(write(t.slave[0], "vwxyz", 5), 5);
    CU_ASSERT_EQUAL(await(&t, IN), 5);
    CU_ASSERT(memcmp(slot(&t, IN, 0), "yz\0vwx", 6) == 0);
    end(&t);
}

static void ports_are_announced(void)
{
    struct test t = start();

    meet(&t, false);
    say(&t, 0, VIRTIO_CONSOLE_PORT_READY, 1);
    CU_ASSERT_EQUAL(hear(&t, 0, VIRTIO_CONSOLE_CONSOLE_PORT, 1), 8);
    CU_ASSERT_EQUAL(hear(&t, 0, VIRTIO_CONSOLE_PORT_NAME, 1), 8 + 3);
    CU_ASSERT(memcmp(slot(&t, CONTROL_IN, 0) + 8, "con", 3) == 0);
    CU_ASSERT_EQUAL(hear(&t, 0, VIRTIO_CONSOLE_RESIZE, 0), 12);
    CU_ASSERT_EQUAL(hear(&t, 0, VIRTIO_CONSOLE_PORT_OPEN, 1), 8);
    say(&t, 1, VIRTIO_CONSOLE_PORT_READY, 1);
    CU_ASSERT_EQUAL(hear(&t, 1, VIRTIO_CONSOLE_PORT_NAME, 1), 8 + 5);
    CU_ASSERT(memcmp(slot(&t, CONTROL_IN, 0) + 8, "con.1", 5) == 0);
    CU_ASSERT_EQUAL(hear(&t, 1, VIRTIO_CONSOLE_PORT_OPEN, 1), 8);
    /* Who says all of it again hears no more. */
    say(&t, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
    say(&t, 0, VIRTIO_CONSOLE_PORT_READY, 1);
    CU_ASSERT(silent(&t));
    end(&t);
}

static void each_port_has_its_own_terminal(void)
{
    struct test t = start();
    char text[16] = "";

    meet(&t, true);
    memcpy(slot(&t, OUT_OF(1), 0), "one", 3);
    offer(&t, OUT_OF(1), 0, 3);
    CU_ASSERT_EQUAL(await(&t, OUT_OF(1)), 0);
    CU_ASSERT_EQUAL(read(t.slave[1], text, sizeof(text)), 3);
    CU_ASSERT_STRING_EQUAL(text, "one");
    CU_ASSERT_EQUAL(read(t.slave[0], text, sizeof(text)), -1);
    offer(&t, IN_OF(1), 0, 100);
    offer(&t, IN, 0, 100);
    CU_ASSERT_EQUAL(write(t.slave[1], "two", 3), 3);
    CU_ASSERT_EQUAL(await(&t, IN_OF(1)), 3);
    CU_ASSERT(!answered(&t, IN));
    end(&t);
}

static void a_port_that_is_closed_takes_and_gives_nothing(void)
{
    struct test t = start();
    char text[16] = "";

    meet(&t, false);
    offer(&t, IN, 0, 100);
    CU_ASSERT_EQUAL(write(t.slave[0], "early", 5), 5);
    CU_ASSERT(!answered(&t, IN));
    offer(&t, OUT, 0, 5);
    CU_ASSERT_EQUAL(await(&t, OUT), 0);
    CU_ASSERT_EQUAL(read(t.slave[0], text, sizeof(text)), -1);
    /* What was typed has waited. Opening twice is as good as once. */
    say(&t, 0, VIRTIO_CONSOLE_PORT_OPEN, 1);
    say(&t, 0, VIRTIO_CONSOLE_PORT_OPEN, 1);
    CU_ASSERT_EQUAL(await(&t, IN), 5);
    offer(&t, IN, 0, 100);
    guest_settle(t.g);
    say(&t, 0, VIRTIO_CONSOLE_PORT_OPEN, 0);
    CU_ASSERT_EQUAL(write(t.slave[0], "late", 4), 4);
    CU_ASSERT(!answered(&t, IN));
    say(&t, 0, VIRTIO_CONSOLE_PORT_OPEN, 1);
    CU_ASSERT_EQUAL(await(&t, IN), 4);
    end(&t);
}

/* ---- nobody reads ---- */

/* Writes until the terminal takes no more; how many buffers it took. */
static unsigned fill_up(struct test *t)
{
    unsigned taken = 0;

    for (;; taken++) {
        memset(slot(t, OUT, taken % SLOTS), (int)taken, SLOT);
        offer(t, OUT, (uint16_t)(taken % SLOTS), SLOT);
        if (!answered(t, OUT))
            return taken;
        await(t, OUT);
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
    struct test t = start();
    unsigned taken, loops = 0;
    size_t size = 0;

    drive(&t, PLAIN, 2);
    taken = fill_up(&t);
    CU_ASSERT(taken > 0);
    /* Nothing goes on meanwhile: a loop that waits would return at once. */
    while (event_base_loop(t.g->base, EVLOOP_NONBLOCK) == 0 && ++loops < 5)
        ;
    CU_ASSERT(!answered(&t, OUT));
    while (size < (size_t)(taken + 1) * SLOT) {
        size += read_some(t.slave[0], bytes + size, sizeof(bytes) - size);
        guest_settle(t.g);
    }
    CU_ASSERT_EQUAL(await(&t, OUT), 0);
    CU_ASSERT_EQUAL(size, (size_t)(taken + 1) * SLOT);
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != (uint8_t)(i / SLOT)) {
            CU_FAIL("bytes were lost or mixed up");
            break;
        }
    end(&t);
}

/* A reset does not wait for a reader; neither does the reset of a queue. */
static void a_reset_waits_for_nobody(void)
{
    struct test t = start();
    struct msg reset = {.kind = MSG_reset_vqueue_request, .dev_num = DEV,
                        .reset_vqueue_request.index = OUT};

    drive(&t, PLAIN, 2);
    fill_up(&t);
    guest_call(t.g, reset);
    enable(&t, OUT);
    offer(&t, OUT, 0, SLOT);
    CU_ASSERT(!answered(&t, OUT));
    offer(&t, IN, 0, 100);
    guest_settle(t.g);
    CU_ASSERT_EQUAL(guest_set_status(t.g, DEV, 0), 0);
    drive(&t, PLAIN, 2);
    CU_ASSERT_EQUAL(write(t.slave[0], "x", 1), 1);
    offer(&t, IN, 0, 100);
    CU_ASSERT_EQUAL(await(&t, IN), 1);
    end(&t);
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
    struct test t = start();
    char text[16] = "";
    char path[64];

    drive(&t, PLAIN, 2);
    offer(&t, IN, 0, 100);
    guest_settle(t.g);
    CU_ASSERT_EQUAL_FATAL(ttyname_r(t.slave[0], path, sizeof(path)), 0);
    take_away(path, t.slave[0]);
    close(t.slave[0]);
    memcpy(slot(&t, OUT, 0), "again", 5);
    offer(&t, OUT, 0, 5);
    CU_ASSERT(!answered(&t, OUT));
    await(&t, OUT);
    t.slave[0] = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    CU_ASSERT_EQUAL(read(t.slave[0], text, sizeof(text)), 5);
    CU_ASSERT_EQUAL(write(t.slave[0], "here", 4), 4);
    CU_ASSERT_EQUAL(await(&t, IN), 4);
    end(&t);
}

/* ---- sizes ---- */

static void resize(struct test *t, unsigned short columns, unsigned short rows)
{
    const struct winsize size = {.ws_col = columns, .ws_row = rows};

    CU_ASSERT_EQUAL(ioctl(t->slave[0], TIOCSWINSZ, &size), 0);
}

static void a_new_size_is_told(void)
{
    struct test t = start();
    struct ipc_message look = {.kind = IPC_DEVICE_RESIZE, .answer.number = DEV};
    struct msg config = {
        .kind = MSG_get_config_request,
        .dev_num = DEV,
        .get_config_request.length = 4,
    };
    const uint8_t *bytes;

    meet(&t, true);
    say(&t, 0, VIRTIO_CONSOLE_PORT_READY, 1);
    hear(&t, 0, VIRTIO_CONSOLE_CONSOLE_PORT, 1);
    hear(&t, 0, VIRTIO_CONSOLE_PORT_NAME, 1);
    hear(&t, 0, VIRTIO_CONSOLE_RESIZE, 0);
    hear(&t, 0, VIRTIO_CONSOLE_PORT_OPEN, 1);
    resize(&t, 80, 25);
    guest_tell(t.g, &look, -1);
    CU_ASSERT_EQUAL(guest_told(t.g).kind, IPC_DEVICE_RESIZED);
    CU_ASSERT_EQUAL(hear(&t, 0, VIRTIO_CONSOLE_RESIZE, 0), 12);
    CU_ASSERT_EQUAL(le16_get(slot(&t, CONTROL_IN, 0) + 8), 80);
    CU_ASSERT_EQUAL(le16_get(slot(&t, CONTROL_IN, 0) + 10), 25);
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
    resize(&t, 132, 43);
    offer(&t, IN, 0, 100);
    CU_ASSERT_EQUAL(write(t.slave[0], "x", 1), 1);
    await(&t, IN);
    hear(&t, 0, VIRTIO_CONSOLE_RESIZE, 0);
    CU_ASSERT_EQUAL(le16_get(slot(&t, CONTROL_IN, 0) + 8), 132);
    end(&t);
}

/* ---- sockets ---- */

static void one_client_at_a_time_gets_all(void)
{
    struct test t = start_on_socket();
    char text[16] = "";
    int second;

    drive(&t, MULTI & ~SIZE, 4);
    say(&t, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
    hear(&t, 0, VIRTIO_CONSOLE_PORT_ADD, 1);
    say(&t, 0, VIRTIO_CONSOLE_PORT_READY, 1);
    hear(&t, 0, VIRTIO_CONSOLE_CONSOLE_PORT, 1);
    hear(&t, 0, VIRTIO_CONSOLE_PORT_NAME, 1);
    hear(&t, 0, VIRTIO_CONSOLE_PORT_OPEN, 0);
    say(&t, 0, VIRTIO_CONSOLE_PORT_OPEN, 1);
    memcpy(slot(&t, OUT, 0), "first", 5);
    offer(&t, OUT, 0, 5);
    offer(&t, IN, 0, 100);
    CU_ASSERT(!answered(&t, OUT));
    t.client = come(&t);
    hear(&t, 0, VIRTIO_CONSOLE_PORT_OPEN, 1);
    CU_ASSERT_EQUAL(await(&t, OUT), 0);
    CU_ASSERT_EQUAL(read(t.client, text, sizeof(text)), 5);
    CU_ASSERT_STRING_EQUAL(text, "first");
    second = come(&t);
    CU_ASSERT_EQUAL(read(second, text, sizeof(text)), 0);
    close(second);
    CU_ASSERT_EQUAL(write(t.client, "in", 2), 2);
    CU_ASSERT_EQUAL(await(&t, IN), 2);
    close(t.client);
    offer(&t, IN, 0, 100);
    hear(&t, 0, VIRTIO_CONSOLE_PORT_OPEN, 0);
    memcpy(slot(&t, OUT, 0), "third", 5);
    offer(&t, OUT, 0, 5);
    CU_ASSERT(!answered(&t, OUT));
    t.client = come(&t);
    hear(&t, 0, VIRTIO_CONSOLE_PORT_OPEN, 1);
    await(&t, OUT);
    CU_ASSERT_EQUAL(read(t.client, text, sizeof(text)), 5);
    CU_ASSERT_STRING_EQUAL(text, "third");
    end_on_socket(&t);
}

/* The guest does not read, so that the device does not notice that the first leaves. */
static void who_leaves_unnoticed_is_replaced(void)
{
    struct test t = start_on_socket();
    char text[16] = "";

    drive(&t, PLAIN & ~SIZE, 2);
    close(come(&t));
    t.client = come(&t);
    memcpy(slot(&t, OUT, 0), "hello", 5);
    offer(&t, OUT, 0, 5);
    await(&t, OUT);
    CU_ASSERT_EQUAL(read(t.client, text, sizeof(text)), 5);
    end_on_socket(&t);
}

/* ---- what a guest must not do ---- */

static void expect_broken(struct test *t)
{
    CU_ASSERT_EQUAL(status(t), BROKEN);
    meet(t, true);
    CU_ASSERT_EQUAL(status(t), OK);
}

static void wrong_directions_are_refused(void)
{
    struct test t = start();

    meet(&t, true);
    offer_as(&t, OUT, 0, 10, WRITE);
    await(&t, OUT);
    expect_broken(&t);
    offer_as(&t, IN_OF(1), 0, 10, 0);
    await(&t, IN_OF(1));
    expect_broken(&t);
    offer_as(&t, CONTROL_OUT, 0, 8, WRITE);
    await(&t, CONTROL_OUT);
    expect_broken(&t);
    resize(&t, 1, 1);
    say(&t, 0, VIRTIO_CONSOLE_PORT_READY, 1);
    offer_as(&t, CONTROL_IN, 0, 64, 0);
    await(&t, CONTROL_IN);
    expect_broken(&t);
    end(&t);
}

static void bad_control_messages_are_refused(void)
{
    struct test t = start();

    meet(&t, true);
    offer(&t, CONTROL_OUT, 0, 7);
    await(&t, CONTROL_OUT);
    expect_broken(&t);
    say(&t, 2, VIRTIO_CONSOLE_PORT_OPEN, 1);
    expect_broken(&t);
    say(&t, UINT32_MAX, VIRTIO_CONSOLE_PORT_READY, 1);
    expect_broken(&t);
    drive(&t, MULTI, QUEUES);
    say(&t, 0, VIRTIO_CONSOLE_PORT_OPEN, 1); /* it was not told of it yet */
    expect_broken(&t);
    /* There is no room for what it has to be told. */
    say(&t, 0, VIRTIO_CONSOLE_PORT_READY, 1);
    offer(&t, CONTROL_IN, 0, 7);
    await(&t, CONTROL_IN);
    expect_broken(&t);
    end(&t);
}

static void unknown_events_are_none(void)
{
    struct test t = start();

    meet(&t, true);
    say(&t, 0, 4711, 1);
    say(&t, 4711, VIRTIO_CONSOLE_PORT_REMOVE, 1);
    say(&t, 0, VIRTIO_CONSOLE_RESIZE, 1);
    CU_ASSERT(silent(&t));
    CU_ASSERT_EQUAL(status(&t), OK);
    end(&t);
}

/* Asked for a thousand times, answered as often as there are buffers for it. */
static void a_flood_of_requests_is_answered_once(void)
{
    struct test t = start();

    meet(&t, true);
    for (unsigned i = 0; i < 1000; i++)
        say(&t, 1, VIRTIO_CONSOLE_PORT_READY, i % 2);
    CU_ASSERT_EQUAL(hear(&t, 1, VIRTIO_CONSOLE_PORT_NAME, 1), 8 + 5);
    hear(&t, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
    CU_ASSERT(silent(&t));
    end(&t);
}

static void there_are_no_queues_for_more_ports(void)
{
    struct test t = start();
    struct msg get = {
        .kind = MSG_get_vqueue_request,
        .dev_num = DEV,
        .get_vqueue_request.index = 6,
    };

    CU_ASSERT_EQUAL(guest_call(t.g, get).get_vqueue_response.max_size, 0);
    get.get_vqueue_request.index = 5;
    CU_ASSERT(guest_call(t.g, get).get_vqueue_response.max_size > 0);
    end(&t);
}

static void a_guest_in_need_writes_a_character(void)
{
    struct test t = start();
    uint8_t word[4] = {'!', 'x', 'x', 'x'};
    struct msg set = {
        .kind = MSG_set_config_request,
        .dev_num = DEV,
        .set_config_request = {.offset = 8, .length = 4, .data = {word, 4}},
    };
    char text[16] = "";

    CU_ASSERT_EQUAL(guest_set_status(t.g, DEV, 3), 3);
    CU_ASSERT_EQUAL(guest_call(t.g, set).set_config_response.length, 4);
    CU_ASSERT_EQUAL(read(t.slave[0], text, sizeof(text)), 1);
    CU_ASSERT_EQUAL(text[0], '!');
    set.set_config_request.offset = 0; /* the size is not the guest's */
    guest_call(t.g, set);
    CU_ASSERT_EQUAL(read(t.slave[0], text, sizeof(text)), -1);
    end(&t);
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(says_what_it_is),
        TEST(bytes_go_both_ways),
        TEST(bytes_may_come_in_any_pieces),
        TEST(ports_are_announced),
        TEST(each_port_has_its_own_terminal),
        TEST(a_port_that_is_closed_takes_and_gives_nothing),
        TEST(what_nobody_reads_waits_and_nothing_is_lost),
        TEST(a_reset_waits_for_nobody),
        TEST(a_terminal_that_was_hung_up_comes_back),
        TEST(a_new_size_is_told),
        TEST(one_client_at_a_time_gets_all),
        TEST(who_leaves_unnoticed_is_replaced),
        TEST(wrong_directions_are_refused),
        TEST(bad_control_messages_are_refused),
        TEST(unknown_events_are_none),
        TEST(a_flood_of_requests_is_answered_once),
        TEST(there_are_no_queues_for_more_ports),
        TEST(a_guest_in_need_writes_a_character),
        {NULL, NULL},
    };

    return test_main("console", cases);
}
