/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Errands: who runs the loop when one of them takes long. What is waited for is waited
 * for without a limit of time: a loop that stands still leaves its case to SIGALRM. */

#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "backend/aio.h"
#include "backend/errands.h"
#include "backend/lane.h"
#include "tests/harness.h"

#define BYTES 512u
#define WRITES 1000u

static struct event_base *base;
static struct errands *errands;

static void begin(void)
{
    base = lane_base_new();
    errands = errands_new(base);
    CU_ASSERT_FATAL(base && errands);
}

static void finish(void)
{
    errands_free(errands);
    event_base_free(base);
}

/* ---- errands that say when they are through ---- */

struct journey {
    struct errand errand;
    sem_t held;    /* the errand waits for it */
    bool ended;
};

static void run(struct errand *errand)
{
    struct journey *journey = (struct journey *)errand;

    sem_wait(&journey->held);
}

static void ended(struct errand *errand)
{
    struct journey *journey = (struct journey *)errand;

    journey->ended = true;
}

static void set_out(struct journey *journey, unsigned held)
{
    *journey = (struct journey){.errand = {.run = run, .ended = ended}};
    sem_init(&journey->held, 0, held);
}

static void start(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what;
    CU_ASSERT_TRUE(errands_start(errands, user));
}

static void leave(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what, (void)user;
    event_base_loopbreak(base);
}

static void soon(event_callback_fn what, void *user)
{
    event_base_once(base, -1, EV_TIMEOUT, what, user, &(struct timeval){0});
}

static void one_is_done_between_callbacks(void)
{
    struct journey journey;

    begin();
    set_out(&journey, 1);
    soon(start, &journey);
    soon(leave, NULL);
    CU_ASSERT_EQUAL(errands_run(errands), 0);
    CU_ASSERT_TRUE(journey.ended);
    finish();
}

/* The loop goes on meanwhile: it is what lets the errand end. */
static struct journey *held;
static unsigned turns;

static void look(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what, (void)user;
    if (held->ended) {
        event_base_loopbreak(base);
        return;
    }
    if (++turns == 10)
        sem_post(&held->held);
    soon(look, NULL);
}

static void one_that_takes_long_does_not_keep_the_loop(void)
{
    struct journey journey;

    begin();
    for (unsigned round = 0; round < 3; round++) {
        set_out(&journey, 0);
        held = &journey;
        turns = 0;
        soon(start, &journey);
        soon(look, NULL);
        CU_ASSERT_EQUAL(errands_run(errands), 0);
        CU_ASSERT_TRUE(journey.ended);
        CU_ASSERT_TRUE(turns >= 10);
    }
    finish();
}

static void post_later(evutil_socket_t fd, short what, void *user)
{
    struct journey *journey = user;

    (void)fd, (void)what;
    /* By who took over: the loop ends before the errand does. */
    event_base_loopbreak(base);
    sem_post(&journey->held);
}

static void a_loop_that_ends_waits_for_it(void)
{
    struct journey journey;

    begin();
    set_out(&journey, 0);
    soon(start, &journey);
    soon(post_later, &journey);
    CU_ASSERT_EQUAL(errands_run(errands), 0);
    CU_ASSERT_TRUE(journey.ended);
    finish();
}

static void nobody_leaves_a_loop_that_nobody_runs(void)
{
    struct journey journey;

    begin();
    set_out(&journey, 1);
    CU_ASSERT_FALSE(errands_start(errands, &journey.errand));
    finish();
}

/* ---- writes ---- */

static sem_t disk;       /* as often as it may be written; a disk that hangs may not */
static unsigned direct;  /* writes that came this way */

/* In place of the library's. */
ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t offset)
{
    ssize_t sum = 0;

    direct++;
    sem_wait(&disk);
    for (int i = 0; i < count; i++)
        sum += pwrite(fd, pieces[i].iov_base, pieces[i].iov_len, offset + sum);
    return sum;
}

static struct aio *aio;
static struct aio_file file;
static char data[WRITES][BYTES];
static struct iovec pieces[WRITES];
static struct aio_op ops[WRITES];
static unsigned ends;   /* of them that are waited for */
static unsigned row;    /* so many are asked for at a time */

static void ask(unsigned i, enum aio_kind kind, void (*end)(struct aio_op *op, int result))
{
    pieces[i] = (struct iovec){.iov_base = data[i], .iov_len = BYTES};
    ops[i] = (struct aio_op){.kind = kind,
                             .file = &file,
                             .iov = {.pieces = &pieces[i], .count = 1},
                             .offset = (uint64_t)i * BYTES,
                             .done = end};
    aio_start(aio, &ops[i]);
}

static void on_written(struct aio_op *op, int result);

static void write_some(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what, (void)user;
    for (unsigned i = 0; i < row; i++)
        ask(ends + i, AIO_WRITE, on_written);
}

static void on_written(struct aio_op *op, int result)
{
    (void)op;
    CU_ASSERT_EQUAL(result, 0);
    if (++ends == WRITES)
        event_base_loopbreak(base);
    else if (ends % row == 0)
        soon(write_some, NULL);
}

static void begin_writes(FILE **target, unsigned may_write)
{
    const char *why;

    begin();
    *target = tmpfile();
    aio = aio_new(base, &why);
    CU_ASSERT_FATAL(*target && aio);
    aio_use_errands(aio, errands);
    aio_open(aio, &file, dup(fileno(*target)));
    file.quick = true;
    sem_init(&disk, 0, may_write);
    for (unsigned i = 0; i < WRITES; i++)
        memset(data[i], (int)(i % 251 + 1), BYTES);
    ends = direct = 0;
}

static void end_writes(FILE *target)
{
    aio_close(aio, &file);
    aio_free(aio);
    finish();
    fclose(target);
}

static void expect_written(FILE *target, unsigned count)
{
    char bytes[BYTES];

    for (unsigned i = 0; i < count; i++) {
        CU_ASSERT_EQUAL(pread(fileno(target), bytes, BYTES, (off_t)i * BYTES), BYTES);
        CU_ASSERT_EQUAL(memcmp(bytes, data[i], BYTES), 0);
    }
}

static void write_all(unsigned at_a_time)
{
    FILE *target;

    begin_writes(&target, WRITES);
    row = at_a_time;
    soon(write_some, NULL);
    CU_ASSERT_EQUAL(errands_run(errands), 0);
    CU_ASSERT_EQUAL(ends, WRITES);
    expect_written(target, WRITES);
    end_writes(target);
}

static void lone_writes_are_done_at_once(void)
{
    write_all(1);
    CU_ASSERT(direct > 0); /* all of them, on a machine that has time */
    write_all(4);
    CU_ASSERT_EQUAL(direct, 0);
}

/* A disk hangs: what others ask for is done, and what it was asked for when it comes back.
 * The next write is left to the kernel. */

static void on_last(struct aio_op *op, int result)
{
    CU_ASSERT_EQUAL(result, 0);
    if (op == &ops[0])
        ask(1, AIO_WRITE, on_last);
    else
        event_base_loopbreak(base);
}

static void on_read(struct aio_op *op, int result)
{
    (void)op;
    CU_ASSERT_EQUAL(result, -ENODATA);
    sem_post(&disk);
}

static void read_once_it_hangs(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what, (void)user;
    ask(2, AIO_READ, on_read);
}

static void write_to_it(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what, (void)user;
    ask(0, AIO_WRITE, on_last);
    event_base_once(base, -1, EV_TIMEOUT, read_once_it_hangs, NULL, &(struct timeval){0});
}

static void a_disk_that_hangs_keeps_nobody(void)
{
    FILE *target;

    begin_writes(&target, 0);
    soon(write_to_it, NULL);
    CU_ASSERT_EQUAL(errands_run(errands), 0);
    CU_ASSERT_EQUAL(direct, 1);
    expect_written(target, 2);
    end_writes(target);
}

/* A large one is done at once although more was asked for with it, which goes on as well. */
#define PIECES_OF_A_LARGE_ONE 256u

static void on_large(struct aio_op *op, int result)
{
    (void)op;
    CU_ASSERT_EQUAL(result, 0);
    event_base_loopbreak(base);
}

static void write_much_and_read(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what, (void)user;
    for (unsigned i = 0; i < PIECES_OF_A_LARGE_ONE; i++)
        pieces[i] = (struct iovec){.iov_base = data[i], .iov_len = BYTES};
    ops[0] = (struct aio_op){.kind = AIO_WRITE,
                             .file = &file,
                             .iov = {.pieces = pieces, .count = PIECES_OF_A_LARGE_ONE},
                             .done = on_large};
    aio_start(aio, &ops[0]);
    ask(PIECES_OF_A_LARGE_ONE, AIO_READ, on_read);
}

static void nor_does_it_keep_what_came_with_a_large_write(void)
{
    FILE *target;

    begin_writes(&target, 0);
    soon(write_much_and_read, NULL);
    CU_ASSERT_EQUAL(errands_run(errands), 0);
    CU_ASSERT_EQUAL(direct, 1);
    expect_written(target, PIECES_OF_A_LARGE_ONE);
    end_writes(target);
}

static const struct test_case cases[] = {
    TEST(one_is_done_between_callbacks),
    TEST(one_that_takes_long_does_not_keep_the_loop),
    TEST(a_loop_that_ends_waits_for_it),
    TEST(nobody_leaves_a_loop_that_nobody_runs),
    TEST(lone_writes_are_done_at_once),
    TEST(a_disk_that_hangs_keeps_nobody),
    TEST(nor_does_it_keep_what_came_with_a_large_write),
    {NULL, NULL},
};

int main(void)
{
    return test_main("errands", cases);
}
