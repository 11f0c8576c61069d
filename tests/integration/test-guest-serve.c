/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * xvmsg-guest serve with the whole backend: a console, device 1, with somebody at its
 * terminal in dom0, who also looks after device 2 and has a thread of its own.
 */

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/harness.h"
#include "tests/integration/program.h"

int xvmsg_guest_main(int argc, char **argv);

static char output[1 << 12];
static char directory[32];
static char script[64], fifo[64];

/* ---- what the person does; who cannot go on aborts, as nothing would ever end ---- */

static int open_or_abort(const char *name, int flags)
{
    int fd = open(name, flags | O_NOCTTY | O_CLOEXEC);

    if (fd < 0)
        abort();
    return fd;
}

static void type(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) < 0)
        abort();
}

static char said[256]; /* by the terminal, up to the words that were expected */

static void expect(int fd, const char *words)
{
    size_t length = 0;
    ssize_t got;

    said[0] = '\0';
    while (!strstr(said, words)) {
        got = read(fd, said + length, sizeof(said) - 1 - length);
        if (got <= 0)
            abort();
        length += (size_t)got;
        said[length] = '\0';
    }
}

/* True when they are not all the same. */
static bool read_random(size_t size)
{
    uint8_t bytes[1024], all = 0;
    int fd = open_or_abort(fifo, O_RDONLY);
    ssize_t got;

    while (size && (got = read(fd, bytes, size < sizeof(bytes) ? size : sizeof(bytes))) > 0) {
        for (ssize_t i = 0; i < got; i++)
            all |= bytes[i] ^ bytes[0];
        size -= (size_t)got;
    }
    close(fd);
    return size == 0 && all != 0;
}

/* ---- around it ---- */

static int serve(void *(*person)(void *), const char *line)
{
    pthread_t thread;
    sigset_t all, before;
    size_t length;
    int status;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, person, NULL), 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    status = program_output(xvmsg_guest_main, line, output, sizeof(output), &length);
    pthread_join(thread, NULL);
    return status;
}

/* What the command on the console does; it ends with status 3. */
static void write_script(void)
{
    FILE *file;

    strcpy(directory, "/tmp/xvmsg-guest-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
    snprintf(script, sizeof(script), "%s/script", directory);
    snprintf(fifo, sizeof(fifo), "%s/fifo", directory);
    file = fopen(script, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs("echo process $$, name?\nread name\necho hello $name\nread name\necho bye\nexit 3\n", file);
    fclose(file);
}

static void begin(const char *second)
{
    write_script();
    program_begin_two("console", second);
}

static void end(void)
{
    program_end();
    CU_ASSERT_EQUAL(access(fifo, F_OK), -1); /* gone with the program */
    unlink(script);
    CU_ASSERT_EQUAL(rmdir(directory), 0);
}

static const char *command_line(const char *rest)
{
    static char line[256];

    snprintf(line, sizeof(line), "xvmsg-guest serve console 1 -- sh %s %s", script, rest);
    return line;
}

static const char *with_random(void)
{
    static char rest[96];

    snprintf(rest, sizeof(rest), "+ rng --fifo %s 2", fifo);
    return command_line(rest);
}

/* ---- several at once ---- */

static bool are_random;

static void *uses_both(void *unused)
{
    int fd = open_or_abort(program_tty, O_RDWR);

    expect(fd, "name?");
    are_random = read_random(10000);
    type(fd, "bob\r");
    expect(fd, "hello bob");
    /* Whoever reads may come again. */
    are_random = are_random && read_random(200000);
    kill(getpid(), SIGTERM);
    close(fd);
    return unused;
}

/* Random bytes until the end, and nothing to complain of. */
static void serves_random_bytes(void *(*meanwhile)(void *), int status)
{
    begin("rng");
    CU_ASSERT_EQUAL(serve(meanwhile, with_random()), status);
    CU_ASSERT_STRING_EQUAL(program_said, "");
    CU_ASSERT(are_random);
    end();
}

static void one_process_serves_two(void)
{
    serves_random_bytes(uses_both, 0);
}

static void *takes_the_second_away(void *unused)
{
    int fd = open_or_abort(program_tty, O_RDWR);

    expect(fd, "name?");
    program_remove_second();
    /* It is given back while the other is served. */
    while (access(fifo, F_OK) == 0)
        sched_yield();
    type(fd, "bob\r");
    expect(fd, "hello bob");
    type(fd, "\r");
    /* What nobody takes would wait, and with it who serves the console. */
    expect(fd, "bye");
    close(fd);
    return unused;
}

static void a_device_that_goes_leaves_the_others(void)
{
    begin("rng");
    /* The console's command fails later, but comes first. */
    CU_ASSERT_EQUAL(serve(takes_the_second_away, with_random()), 3);
    CU_ASSERT_STRING_EQUAL(program_said,
                           "xvmsg-guest: rng 2: device 2 is being removed\n");
    end();
}

static void *lets_the_command_end(void *unused)
{
    int fd = open_or_abort(program_tty, O_RDWR);
    pid_t command;

    expect(fd, "name?");
    command = atoi(strstr(said, "process ") + 8);
    type(fd, "bob\r\r");
    expect(fd, "bye");
    /* Until somebody has waited for it. */
    while (kill(command, 0) == 0)
        sched_yield();
    are_random = read_random(200000);
    kill(getpid(), SIGINT);
    close(fd);
    return unused;
}

static void a_command_that_ends_leaves_the_others(void)
{
    serves_random_bytes(lets_the_command_end, 3);
}

static void *uses_the_console(void *unused)
{
    int fd = open_or_abort(program_tty, O_RDWR);

    expect(fd, "name?");
    type(fd, "bob\r");
    expect(fd, "hello bob");
    type(fd, "\r");
    expect(fd, "bye");
    close(fd);
    return unused;
}

static void a_device_that_is_not_there_leaves_the_others(void)
{
    char line[300];

    begin("rng");
    snprintf(line, sizeof(line), "xvmsg-guest serve rng 9 --fifo %s + console 1 -- sh %s", fifo,
             script);
    CU_ASSERT_EQUAL(serve(uses_the_console, line), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(program_said, "there is no device 9"));
    end();
}

static void *uses_it_twice(void *unused)
{
    int fd = open_or_abort(program_tty, O_RDWR);

    for (int i = 0; i < 2; i++) {
        expect(fd, "name?");
        type(fd, "bob\r\r");
        expect(fd, "bye");
    }
    kill(getpid(), SIGTERM);
    close(fd);
    return unused;
}

static void a_command_may_begin_again(void)
{
    char line[128];

    begin("rng");
    snprintf(line, sizeof(line), "xvmsg-guest serve console 1 --respawn -- sh %s", script);
    CU_ASSERT_EQUAL(serve(uses_it_twice, line), 0);
    CU_ASSERT_STRING_EQUAL(program_said, "");
    end();
}

/* Two consoles say which terminal is whose; nobody waits for the second. */
static void *ends_it(void *unused)
{
    int fd = open_or_abort(program_tty, O_RDWR);

    expect(fd, "name?");
    kill(getpid(), SIGTERM);
    close(fd);
    return unused;
}

static void what_is_told_says_of_which(void)
{
    begin("console");
    CU_ASSERT_EQUAL(serve(ends_it, command_line("+ console 2")), 0);
    CU_ASSERT_EQUAL(strncmp(output, "2 /dev/pts/", 11), 0);
    end();
}

static void *restarts_the_backend(void *unused)
{
    int fd = open_or_abort(program_tty, O_RDWR);

    expect(fd, "name?");
    close(fd);
    program_restart_backend();
    return unused;
}

static void it_ends_with_the_backend(void)
{
    begin("rng");
    CU_ASSERT_EQUAL(serve(restarts_the_backend, with_random()), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(program_said, "xvmsg-guest: console 1: "));
    CU_ASSERT_PTR_NOT_NULL(strstr(program_said, "xvmsg-guest: rng 2: "));
    end();
}

/* ---- a FIFO ---- */

static void *reads_the_fifo(void *unused)
{
    struct stat status;

    while (stat(fifo, &status) != 0 || (status.st_mode & 0777) != 0600)
        sched_yield();
    are_random = read_random(5000);
    kill(getpid(), SIGTERM);
    return unused;
}

static void random_bytes_come_through_a_fifo(void)
{
    char line[128];

    write_script();
    program_begin("rng", NULL);
    CU_ASSERT_EQUAL(mkfifo(fifo, 0666), 0); /* of an earlier run */
    snprintf(line, sizeof(line), "xvmsg-guest rng 1 --fifo %s", fifo);
    CU_ASSERT_EQUAL(serve(reads_the_fifo, line), 0);
    CU_ASSERT_STRING_EQUAL(program_said, "");
    CU_ASSERT(are_random);
    end();
}

static void a_file_in_the_way_is_told(void)
{
    char line[128];

    write_script();
    program_begin("rng", NULL);
    snprintf(line, sizeof(line), "xvmsg-guest rng 1 --fifo %s", script);
    CU_ASSERT_EQUAL(program_run(xvmsg_guest_main, line, STDOUT_FILENO), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(program_said, "File exists"));
    CU_ASSERT_EQUAL(access(script, F_OK), 0);
    end();
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(one_process_serves_two),
        TEST(a_device_that_goes_leaves_the_others),
        TEST(a_command_that_ends_leaves_the_others),
        TEST(a_command_may_begin_again),
        TEST(a_device_that_is_not_there_leaves_the_others),
        TEST(what_is_told_says_of_which),
        TEST(it_ends_with_the_backend),
        TEST(random_bytes_come_through_a_fifo),
        TEST(a_file_in_the_way_is_told),
        {NULL, NULL},
    };

    return test_main("guest-serve", cases);
}
