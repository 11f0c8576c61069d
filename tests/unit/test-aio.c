/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* File I/O on a loop: in which order things are handed over, and told of. */

#include <liburing.h>
#include <stdio.h>
#include <unistd.h>

#include "backend/aio.h"
#include "tests/harness.h"

#define ROW_MOST 40u
#define BYTES_MOST (256u << 10)

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

/* Reads, which are started together, of the same bytes of a file. */
static void read_row(unsigned row, unsigned bytes)
{
    static char data[BYTES_MOST];
    struct iovec pieces[ROW_MOST];
    struct aio_op ops[ROW_MOST];
    struct event_base *base = event_base_new();
    const char *why;
    struct aio *aio = aio_new(base, &why);
    struct aio_file file;
    FILE *target = tmpfile();

    CU_ASSERT_FATAL(aio && target && ftruncate(fileno(target), bytes) == 0);
    aio_open(aio, &file, dup(fileno(target)));
    ended = 0;
    for (unsigned i = 0; i < row; i++) {
        pieces[i] = (struct iovec){.iov_base = data, .iov_len = bytes};
        ops[i] = (struct aio_op){.kind = AIO_READ,
                                 .file = &file,
                                 .iov = {.pieces = &pieces[i], .count = 1},
                                 .done = on_end};
        aio_start(aio, &ops[i]);
    }
    CU_ASSERT_EQUAL(ended, 0);
    while (ended < row)
        event_base_loop(base, EVLOOP_ONCE);
    aio_close(aio, &file);
    aio_free(aio);
    event_base_free(base);
    fclose(target);
}

/* Whoever waits for the first of a long row does not wait for the last. */
static void a_long_row_ends_bit_by_bit(void)
{
    read_row(ROW_MOST, 512);
    CU_ASSERT(ended_before_last > 0);
}

/* Nor where there are few of them, and each is a long copy. */
static void so_does_a_row_of_large_ones(void)
{
    read_row(4, BYTES_MOST);
    CU_ASSERT_EQUAL(ended_before_last, 3);
}

static void a_short_row_is_handed_over_at_once(void)
{
    read_row(8, 4096);
    CU_ASSERT_EQUAL(ended_before_last, 0);
}

static const struct test_case cases[] = {
    TEST(a_long_row_ends_bit_by_bit),
    TEST(so_does_a_row_of_large_ones),
    TEST(a_short_row_is_handed_over_at_once),
    {NULL, NULL},
};

int main(void)
{
    return test_main("aio", cases);
}
