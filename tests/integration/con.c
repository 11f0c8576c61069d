/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/integration/con.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "common/address.h"
#include "common/barrier.h"
#include "tests/harness.h"

/* ---- queues ---- */

void con_choose(struct con *t, unsigned q)
{
    uint8_t *at = t->g->area + (size_t)q * QUEUE_BYTES;

    t->g->desc = (struct vring_desc *)(void *)at;
    t->g->avail = (struct vring_avail *)(void *)(at + 0x100);
    t->g->used = (struct vring_used *)(void *)(at + 0x200);
    t->g->used_seen = t->seen[q];
}

uint64_t con_slot_offset(unsigned q, unsigned i)
{
    return GUEST_DATA + (uint64_t)(q * SLOTS + i) * SLOT;
}

uint8_t *con_slot(struct con *t, unsigned q, unsigned i)
{
    return t->g->area + con_slot_offset(q, i);
}

void con_kick(struct con *t, unsigned q)
{
    guest_send(t->g, &(struct msg){.kind = MSG_event_avail,
                                   .dev_num = DEV,
                                   .event_avail.vq_index = q});
}

void con_offer_as(struct con *t, unsigned q, uint16_t i, uint32_t size, uint16_t flags)
{
    con_choose(t, q);
    guest_describe(t->g, i, con_slot_offset(q, i), size, flags, 0);
    guest_make_available(t->g, i);
    con_kick(t, q);
}

/* A buffer to be filled, or to be read, as the queue has it. */
void con_offer(struct con *t, unsigned q, uint16_t i, uint32_t size)
{
    con_offer_as(t, q, i, size, q % 2 ? 0 : WRITE);
}

uint32_t con_await(struct con *t, unsigned q)
{
    uint32_t length;

    con_choose(t, q);
    length = guest_await_used(t->g);
    t->seen[q] = t->g->used_seen;
    return length;
}

bool con_answered(struct con *t, unsigned q)
{
    guest_settle(t->g);
    con_choose(t, q);
    return shared_load16_acquire(&t->g->used->idx) != t->seen[q];
}

/* ---- the stage ---- */

void con_enable(struct con *t, unsigned q)
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

void con_drive(struct con *t, uint64_t features, unsigned queues)
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
        con_enable(t, q);
    CU_ASSERT_EQUAL(guest_set_status(t->g, DEV, OK), OK);
}

uint32_t con_status(struct con *t)
{
    struct msg get = {.kind = MSG_get_device_status_request, .dev_num = DEV};

    guest_settle(t->g);
    return guest_call(t->g, get).get_device_status_response.status;
}

static void add(struct con *t, struct fds fds)
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
struct con con_start(void)
{
    struct con t = {.g = guest_new(), .client = -1};
    struct fds masters = {.count = 2};

    for (unsigned i = 0; i < 2; i++)
        masters.fd[i] = open_terminal(&t.slave[i]);
    add(&t, masters);
    return t;
}

void con_end(struct con *t)
{
    guest_free(t->g);
    for (unsigned i = 0; i < 2; i++)
        if (t->slave[i] >= 0)
            close(t->slave[i]);
    if (t->client >= 0)
        close(t->client);
}

struct con con_start_on_socket(void)
{
    struct con t = {.g = guest_new(), .slave = {-1, -1}, .client = -1};
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

void con_end_on_socket(struct con *t)
{
    con_end(t);
    unlink(t->address.sun_path);
    rmdir(t->directory);
}

int con_come(struct con *t)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CU_ASSERT_FATAL(connect(fd, (struct sockaddr *)&t->address, sizeof(t->address)) == 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    guest_settle(t->g);
    return fd;
}

/* ---- control messages ---- */

void con_say(struct con *t, uint32_t id, uint16_t event, uint16_t value)
{
    uint8_t *message = con_slot(t, CONTROL_OUT, 0);

    le32_put(message, id);
    le16_put(message + 4, event);
    le16_put(message + 6, value);
    con_offer(t, CONTROL_OUT, 0, 8);
    CU_ASSERT_EQUAL(con_await(t, CONTROL_OUT), 0);
}

/* The next message is this one; its size. */
uint32_t con_hear(struct con *t, uint32_t id, uint16_t event, uint16_t value)
{
    uint8_t *message = con_slot(t, CONTROL_IN, 0);
    uint32_t size;

    con_offer(t, CONTROL_IN, 0, 64);
    size = con_await(t, CONTROL_IN);
    CU_ASSERT_EQUAL(le32_get(message), id);
    CU_ASSERT_EQUAL(le16_get(message + 4), event);
    CU_ASSERT_EQUAL(le16_get(message + 6), value);
    return size;
}

bool con_silent(struct con *t)
{
    bool heard;

    con_offer(t, CONTROL_IN, 1, 64);
    heard = con_answered(t, CONTROL_IN);
    /* The buffer is taken back with its queue. */
    return !heard;
}

void con_meet(struct con *t, bool open)
{
    con_drive(t, MULTI, QUEUES);
    con_say(t, VIRTIO_CONSOLE_BAD_ID, VIRTIO_CONSOLE_DEVICE_READY, 1);
    for (unsigned i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(con_hear(t, i, VIRTIO_CONSOLE_PORT_ADD, 1), 8);
    if (!open)
        return;
    for (unsigned i = 0; i < 2; i++)
        con_say(t, i, VIRTIO_CONSOLE_PORT_OPEN, 1);
}

/* ---- sizes ---- */

void con_resize(struct con *t, unsigned short columns, unsigned short rows)
{
    const struct winsize size = {.ws_col = columns, .ws_row = rows};

    CU_ASSERT_EQUAL(ioctl(t->slave[0], TIOCSWINSZ, &size), 0);
}
