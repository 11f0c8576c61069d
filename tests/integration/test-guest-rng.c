/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* xvmsg-guest rng, and the library's blocking calls, with the whole backend. */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "frontend/xvmsg-rng.h"
#include "frontend/xvmsg.h"
#include "tests/harness.h"
#include "tests/integration/program.h"

int xvmsg_guest_main(int argc, char **argv);

static char output[1 << 16];

static int guest(const char *line, size_t *length)
{
    return program_output(xvmsg_guest_main, line, output, sizeof(output), length);
}

static size_t count_zeros(const char *bytes, size_t size)
{
    size_t zeros = 0;

    for (size_t i = 0; i < size; i++)
        zeros += bytes[i] == 0;
    return zeros;
}

static void writes_as_many_bytes_as_asked_for(void)
{
    size_t length;

    program_begin("rng", NULL);
    CU_ASSERT_EQUAL(guest("xvmsg-guest rng 1 --length 10001", &length), 0);
    CU_ASSERT_EQUAL(length, 10001);
    CU_ASSERT(count_zeros(output, length) < 1000);
    CU_ASSERT(memcmp(output, output + 4096, 4096) != 0);
    CU_ASSERT_STRING_EQUAL(program_said, "");
    CU_ASSERT_EQUAL(guest("xvmsg-guest rng --length 0 1", &length), 0);
    CU_ASSERT_EQUAL(length, 0);
    CU_ASSERT_EQUAL(guest("xvmsg-guest --wire-form compact --strict rng 1 --length 1", &length), 0);
    CU_ASSERT_EQUAL(length, 1);
    program_end();
}

static void waits_where_the_rate_is_low(void)
{
    size_t length;

    program_begin("rng", "100");
    CU_ASSERT_EQUAL(guest("xvmsg-guest rng 1 --length 120", &length), 0);
    CU_ASSERT_EQUAL(length, 120);
    program_end();
}

static void a_reader_that_ends_ends_it(void)
{
    int pipe_ends[2];

    program_begin("rng", NULL);
    CU_ASSERT_FATAL(pipe(pipe_ends) == 0);
    close(pipe_ends[0]);
    CU_ASSERT_EQUAL(program_run(xvmsg_guest_main, "xvmsg-guest rng 1", pipe_ends[1]), 0);
    CU_ASSERT_STRING_EQUAL(program_said, "");
    close(pipe_ends[1]);
    program_end();
}

static void a_full_disk_is_told(void)
{
    FILE *full = fopen("/dev/full", "w");

    if (!full) {
        test_skip("there is no /dev/full");
        return;
    }
    program_begin("rng", NULL);
    CU_ASSERT_EQUAL(program_run(xvmsg_guest_main, "xvmsg-guest rng 1", fileno(full)), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(program_said, "standard output cannot be written"));
    fclose(full);
    program_end();
}

/* Reads some bytes of a pipe, then closes it or interrupts the program. */
struct reader {
    pthread_t thread;
    int fd;
    size_t bytes;
    int signal; /* 0: closes the pipe */
};

static void *reader_run(void *user)
{
    struct reader *r = user;
    char byte;

    for (size_t i = 0; i < r->bytes; i++)
        if (read(r->fd, &byte, 1) != 1)
            return NULL;
    if (r->signal)
        kill(getpid(), r->signal);
    else
        close(r->fd);
    return NULL;
}

static int run_with_reader(size_t bytes, int signal)
{
    struct reader r = {.bytes = bytes, .signal = signal};
    sigset_t all, before;
    int ends[2], status;

    CU_ASSERT_FATAL(pipe(ends) == 0);
    r.fd = ends[0];
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&r.thread, NULL, reader_run, &r), 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    status = program_run(xvmsg_guest_main, "xvmsg-guest rng 1", ends[1]);
    close(ends[1]);
    pthread_join(r.thread, NULL);
    if (signal)
        close(ends[0]);
    return status;
}

static void it_can_be_interrupted(void)
{
    static const int signals[] = {SIGINT, SIGTERM};

    for (size_t i = 0; i < 2; i++) {
        /* With a rate so low it waits for the device; without, for the reader. */
        program_begin("rng", i ? NULL : "1");
        CU_ASSERT_EQUAL(run_with_reader(1, signals[i]), 0);
        CU_ASSERT_STRING_EQUAL(program_said, "");
        program_end();
    }
}

static void it_ends_when_the_reader_does_in_the_middle(void)
{
    program_begin("rng", NULL);
    CU_ASSERT_EQUAL(run_with_reader(20000, 0), 0);
    program_end();
    /* Also while it waits for the device. */
    program_begin("rng", "1");
    CU_ASSERT_EQUAL(run_with_reader(1, 0), 0);
    CU_ASSERT_STRING_EQUAL(program_said, "");
    program_end();
}

static void the_blocking_calls_read_all(void)
{
    struct xvmsg *h;
    struct xvmsg_rng *rng;

    program_begin("rng", NULL);
    h = xvmsg_new(NULL);
    CU_ASSERT_EQUAL_FATAL(xvmsg_connect_wait(h, 10000), 0);
    CU_ASSERT_PTR_NULL(xvmsg_rng_open_wait(h, 2));
    CU_ASSERT_EQUAL(errno, EIO);
    rng = xvmsg_rng_open_wait(h, 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(rng);
    CU_ASSERT_PTR_NULL(xvmsg_rng_open_wait(h, 1));
    CU_ASSERT_EQUAL(errno, EBUSY);
    memset(output, 0, sizeof(output));
    CU_ASSERT_EQUAL(xvmsg_rng_read_wait(rng, output, 20000), 0);
    CU_ASSERT(count_zeros(output, 20000) < 2000);
    CU_ASSERT_EQUAL(count_zeros(output + 20000, 1000), 1000);
    CU_ASSERT_EQUAL(xvmsg_rng_read_wait(rng, output, 0), 0);
    xvmsg_rng_close(rng);
    xvmsg_free(h);
    program_end();
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(writes_as_many_bytes_as_asked_for),
        TEST(waits_where_the_rate_is_low),
        TEST(a_reader_that_ends_ends_it),
        TEST(a_full_disk_is_told),
        TEST(it_can_be_interrupted),
        TEST(it_ends_when_the_reader_does_in_the_middle),
        TEST(the_blocking_calls_read_all),
        {NULL, NULL},
    };

    return test_main("guest-rng", cases);
}
