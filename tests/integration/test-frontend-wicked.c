/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * The attacks that wicked-backend plays on real Xen, against the library: a program that
 * reads the beginning of each disk it is told of goes on after each of them, with the same
 * handle, or with another one when the library gave the bus up.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/e2e/wicked.h"
#include "tests/harness.h"
#include "tests/integration/scripted-backend.h"

#define MAX_DISKS 4096u
#define MAX_ATTACKS 128u
#define STEP_MS 10u /* short beside any time that somebody waits */

/* ---- the program ---- */

struct disk {
    struct xvmsg_blk *blk;
    uint64_t number;
    uint8_t bytes[4096];
};

static struct disk disks[MAX_DISKS];

static struct disk *find(uint64_t number, bool open)
{
    for (unsigned i = 0; i < MAX_DISKS; i++)
        if (open ? disks[i].blk && disks[i].number == number : !disks[i].blk)
            return &disks[i];
    return NULL;
}

static void on_read(struct xvmsg_blk *blk, enum xvmsg_status status, void *user)
{
    (void)blk, (void)status, (void)user;
}

static void on_ready(struct xvmsg_blk *blk, enum xvmsg_status status, void *user)
{
    struct disk *disk = user;

    if (status == XVMSG_OK)
        xvmsg_blk_read(blk, 0, disk->bytes, sizeof(disk->bytes), on_read, NULL);
}

static void close_disk(struct disk *disk)
{
    xvmsg_blk_close(disk->blk);
    disk->blk = NULL;
}

static void on_device(struct xvmsg *h, uint64_t number, enum xvmsg_device_event event, void *user)
{
    struct disk *disk = find(number, event != XVMSG_DEVICE_ADDED);

    (void)user;
    CU_ASSERT_FATAL(disk || event != XVMSG_DEVICE_ADDED);
    if (event == XVMSG_DEVICE_ADDED) {
        disk->number = number;
        disk->blk = xvmsg_blk_open(h, number, on_ready, disk);
    } else if (disk) {
        close_disk(disk);
    }
}

static void end_program(struct backend *b)
{
    for (unsigned i = 0; i < MAX_DISKS; i++)
        if (disks[i].blk)
            close_disk(&disks[i]);
    xvmsg_free(b->h);
    b->h = NULL;
}

static void start_program(struct backend *b)
{
    struct xvmsg_handlers handlers = {.device = on_device};

    if (!b->h) {
        b->guest = fake_xen_domain(b->fx, BACKEND_GUEST);
        b->h = xvmsg_new_on(b->guest);
    }
    xvmsg_set_queue_doorbells(b->h, true);
    xvmsg_set_handlers(b->h, &handlers, NULL);
    CU_ASSERT_EQUAL_FATAL(xvmsg_connect(b->h), 0);
}

/* ---- playing ---- */

void wicked_new_bus(struct backend *b)
{
    if (xvmsg_is_connected(b->h) || b->connections)
        end_program(b);
    backend_make_bus(b);
    start_program(b);
}

/* Time passes when nobody has anything to do. */
void wicked_pass(struct backend *b, unsigned ms)
{
    struct pollfd fds[] = {
        {.fd = xvmsg_fd(b->h), .events = POLLIN},
        {.fd = b->dom0->ops->evtchn_fd(b->dom0), .events = POLLIN},
        {.fd = b->dom0->ops->xs_fd(b->dom0), .events = POLLIN},
    };

    if (poll(fds, 3, 0) == 0)
        fake_xen_advance(b->fx, (ms < STEP_MS ? ms : STEP_MS) * UINT64_C(1000000));
    xvmsg_process(b->h);
    xvmsg_flush(b->h);
}

/* ---- cases: the attacks in order ---- */

static const struct attack *attacks[MAX_ATTACKS];
static unsigned num_attacks, num_played;

static void holds_out(void)
{
    const struct attack *attack = attacks[num_played++];
    struct backend *b = backend_new();
    const char *failure;
    char *let_go;

    wicked_first_number(1000);
    failure = wicked_play_attack(b, attack, &let_go);
    if (failure)
        printf("# %s\n", failure);
    CU_ASSERT_PTR_NULL(failure);
    free(let_go);
    end_program(b);
    backend_free(b);
}

int main(void)
{
    static struct test_case cases[MAX_ATTACKS + 1];

    for (const struct attack *const *table = wicked_tables; *table; table++)
        for (const struct attack *a = *table; a->name && num_attacks < MAX_ATTACKS; a++) {
            cases[num_attacks] = (struct test_case){a->name, holds_out};
            attacks[num_attacks++] = a;
        }
    return test_main("library, attacked", cases);
}
