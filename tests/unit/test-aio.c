/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* File I/O on a loop: in which order things are handed over, and told of. */

#include <liburing.h>
#include <stdio.h>
#include <unistd.h>

#include "backend/aio.h"
#include "tests/harness.h"

#define ROW 40u
#define BYTES 512u

static unsigned ended;
static unsigned ended_before_last; /* when the last of them were handed over */

/* In place of the library's: the kernel is done at once. */
int io_uring_submit(struct io_uring *ring)
{
    ended_before_last = ended;
    return io_uring_submit_and_wait(ring, io_uring_sq_ready(ring));
}

static void on_end(struct aio_op *op, int result)
{
    (void)op;
    CU_ASSERT_EQUAL(result, 0);
    ended++;
}

/* Whoever waits for the first of a long row does not wait for the last. */
static void a_long_row_ends_bit_by_bit(void)
{
    static char data[ROW][BYTES];
    struct iovec pieces[ROW];
    struct aio_op ops[ROW];
    struct event_base *base = event_base_new();
    const char *why;
    struct aio *aio = aio_new(base, &why);
    struct aio_file file;
    FILE *target = tmpfile();

    CU_ASSERT_FATAL(aio && target && ftruncate(fileno(target), BYTES) == 0);
    aio_open(aio, &file, dup(fileno(target)));
    ended = 0;
    for (unsigned i = 0; i < ROW; i++) {
        pieces[i] = (struct iovec){.iov_base = data[i], .iov_len = BYTES};
        ops[i] = (struct aio_op){.kind = AIO_READ,
                                 .file = &file,
                                 .iov = {.pieces = &pieces[i], .count = 1},
                                 .done = on_end};
        aio_start(aio, &ops[i]);
    }
    CU_ASSERT_EQUAL(ended, 0);
    while (ended < ROW)
        event_base_loop(base, EVLOOP_ONCE);
    CU_ASSERT(ended_before_last > 0);
    aio_close(aio, &file);
    aio_free(aio);
    event_base_free(base);
    fclose(target);
}

static const struct test_case cases[] = {
    TEST(a_long_row_ends_bit_by_bit),
    {NULL, NULL},
};

int main(void)
{
    return test_main("aio", cases);
}
