/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* xvmsg-guest console with the whole backend. Somebody sits at the terminal in dom0, in
 * a thread of its own. */

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/harness.h"
#include "tests/integration/program.h"

int xvmsg_guest_main(int argc, char **argv);

static char output[1 << 12];
static char directory[] = "/tmp/xvmsg-guest-XXXXXX";
static char path[64]; /* of something in it */

/* ---- somebody at a terminal ---- */

static int open_terminal(const char *name)
{
    int fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);

    if (fd < 0)
        abort(); /* nothing would ever go on */
    return fd;
}

static void type(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) < 0)
        abort();
}

/* Reads until it says these words; all that it said is in `said`. */
static void expect(int fd, const char *words, char *said, size_t size)
{
    size_t length = 0;
    ssize_t got;

    said[0] = '\0';
    while (!strstr(said, words) && length < size - 1) {
        got = read(fd, said + length, size - 1 - length);
        if (got <= 0)
            abort();
        length += (size_t)got;
        said[length] = '\0';
    }
}

static void run_with(void *(*person)(void *), const char *line, int status)
{
    pthread_t thread;
    sigset_t all, before;
    size_t length;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, person, NULL), 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    CU_ASSERT_EQUAL(program_output(xvmsg_guest_main, line, output, sizeof(output), &length),
                    status);
    pthread_join(thread, NULL);
}

static void begin(void)
{
    program_begin("console", NULL);
    CU_ASSERT_FATAL(program_tty[0] == '/');
}

/* A file of the test, to be removed at its end. */
static void make_file(const char *text)
{
    FILE *file;

    strcpy(directory + strlen(directory) - 6, "XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/file", directory);
    if (!text)
        return;
    file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(text, file);
    fclose(file);
}

static void remove_file(void)
{
    unlink(path);
    rmdir(directory);
}

/* ---- a command ---- */

static char seen[256];

static void *talks_to_a_command(void *unused)
{
    int fd = open_terminal(program_tty);
    const struct winsize size = {.ws_col = 132, .ws_row = 43};

    expect(fd, "name?", seen, sizeof(seen));
    ioctl(fd, TIOCSWINSZ, &size);
    type(fd, "bob\r");
    expect(fd, "hello bob", seen, sizeof(seen));
    type(fd, "\r");
    expect(fd, "43 132", seen, sizeof(seen));
    close(fd);
    return unused;
}

static void a_command_has_the_terminal(void)
{
    char line[128];

    if (test_skip_under_valgrind("it does not know pidfd_open()"))
        return;
    make_file("echo name?\nread name\necho hello $name\nread again\nstty size\nexit 3\n");
    snprintf(line, sizeof(line), "xvmsg-guest console 1 -- sh %s", path);
    begin();
    run_with(talks_to_a_command, line, 3);
    CU_ASSERT_STRING_EQUAL(program_said, "");
    program_end();
    remove_file();
}

static void *reads_what_is_wrong(void *unused)
{
    int fd = open_terminal(program_tty);

    expect(fd, "No such file", seen, sizeof(seen));
    close(fd);
    return unused;
}

static void a_command_that_is_not_there_says_so(void)
{
    if (test_skip_under_valgrind("it does not know pidfd_open()"))
        return;
    begin();
    run_with(reads_what_is_wrong, "xvmsg-guest console 1 -- /nothing", 127);
    program_end();
}

static char fifo[80]; /* the command goes on when it is opened */

/* A command that has left its terminal still runs when we are to end. */
static void *ends_it_without_the_command(void *unused)
{
    int fd = open_terminal(program_tty), end;

    expect(fd, "bye", seen, sizeof(seen));
    end = open(fifo, O_WRONLY | O_CLOEXEC);
    kill(getpid(), SIGTERM);
    close(end);
    close(fd);
    return unused;
}

static void a_command_without_the_terminal_keeps_nobody(void)
{
    char line[128], text[160];
    FILE *file;

    if (test_skip_under_valgrind("it does not know pidfd_open()"))
        return;
    make_file(NULL);
    snprintf(fifo, sizeof(fifo), "%s/fifo", directory);
    CU_ASSERT_EQUAL_FATAL(mkfifo(fifo, 0600), 0);
    snprintf(text, sizeof(text), "echo bye\nexec <&- >&- 2>&-\nread end <%s\nexit 7\n", fifo);
    file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(text, file);
    fclose(file);
    snprintf(line, sizeof(line), "xvmsg-guest console 1 -- sh %s", path);
    begin();
    run_with(ends_it_without_the_command, line, 0);
    program_end();
    unlink(fifo);
    remove_file();
}

/* ---- standard input and output ---- */

#define LARGE 300000u

static void *reads_all(void *unused)
{
    static char some[4096];
    int fd = open_terminal(program_tty);
    size_t *total = unused, size = 0;
    ssize_t got;

    while (size < LARGE && (got = read(fd, some, sizeof(some))) > 0) {
        for (ssize_t i = 0; i < got; i++)
            if (some[i] != 'x')
                abort();
        size += (size_t)got;
    }
    close(fd);
    return total;
}

static int read_from(int fd)
{
    int before = dup(STDIN_FILENO);

    CU_ASSERT_FATAL(before >= 0 && dup2(fd, STDIN_FILENO) == STDIN_FILENO);
    close(fd);
    return before;
}

static void put_back(int before)
{
    dup2(before, STDIN_FILENO);
    close(before);
}

static void all_of_standard_input_arrives(void)
{
    FILE *file = tmpfile();
    int before;

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    for (unsigned i = 0; i < LARGE; i++)
        fputc('x', file);
    rewind(file);
    before = read_from(dup(fileno(file)));
    begin();
    run_with(reads_all, "xvmsg-guest console 1 --stdio", 0);
    CU_ASSERT_STRING_EQUAL(program_said, "");
    program_end();
    put_back(before);
    fclose(file);
}

static int pipe_in;

static void *answers(void *unused)
{
    int fd = open_terminal(program_tty);

    expect(fd, "question", seen, sizeof(seen));
    type(fd, "answer");
    /* The program has had it when it has sent this. */
    if (write(pipe_in, "more", 4) != 4)
        abort();
    expect(fd, "more", seen, sizeof(seen));
    close(pipe_in);
    close(fd);
    return unused;
}

static void the_answer_is_standard_output(void)
{
    int ends[2], before;

    CU_ASSERT_FATAL(pipe2(ends, O_CLOEXEC) == 0);
    pipe_in = ends[1];
    CU_ASSERT_EQUAL(write(pipe_in, "question", 8), 8);
    before = read_from(ends[0]);
    begin();
    run_with(answers, "xvmsg-guest console --stdio 1", 0);
    CU_ASSERT_PTR_NOT_NULL(strstr("answer", output));
    program_end();
    put_back(before);
}

/* ---- a terminal for anybody ---- */

static void *uses_the_link(void *unused)
{
    int dom0 = open_terminal(program_tty), guest = -1;
    struct stat status;

    while (guest < 0)
        guest = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    type(guest, "from the guest");
    expect(dom0, "from the guest", seen, sizeof(seen));
    type(dom0, "from dom0");
    expect(guest, "from dom0", seen, sizeof(seen));
    if (lstat(path, &status) != 0 || !S_ISLNK(status.st_mode))
        abort();
    close(guest);
    close(dom0);
    kill(getpid(), SIGTERM);
    return unused;
}

static void a_link_leads_to_the_terminal(void)
{
    char line[128];

    make_file(NULL);
    CU_ASSERT_EQUAL(symlink("/nowhere", path), 0); /* of an earlier run */
    snprintf(line, sizeof(line), "xvmsg-guest console 1 --link %s", path);
    begin();
    run_with(uses_the_link, line, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "/dev/pts/"));
    CU_ASSERT_EQUAL(access(path, F_OK), -1);
    program_end();
    remove_file();
}

/* ---- wrong use ---- */

static int said_of(const char *line, const char *words)
{
    size_t length;
    int status = program_output(xvmsg_guest_main, line, output, sizeof(output), &length);

    CU_ASSERT_PTR_NOT_NULL(strstr(program_said, words));
    return status;
}

static void wrong_use_is_told(void)
{
    char line[128];

    make_file("in the way");
    begin();
    CU_ASSERT_EQUAL(said_of("xvmsg-guest console 1 --port 1 --stdio", "has no port 1, but 0 to 0"),
                    1);
    CU_ASSERT_EQUAL(said_of("xvmsg-guest console 1 --port x", "'x' is not the number"), 2);
    CU_ASSERT_EQUAL(said_of("xvmsg-guest console", "needs a device number"), 2);
    CU_ASSERT_EQUAL(said_of("xvmsg-guest console 1 --stdio -- ls -h", "one of --stdio"), 2);
    CU_ASSERT_EQUAL(said_of("xvmsg-guest console 2 --stdio", "there is no device 2"), 1);
    CU_ASSERT_EQUAL(said_of("xvmsg-guest rng 1", "type is 3"), 1);
    program_end();
    begin();
    snprintf(line, sizeof(line), "xvmsg-guest console 1 --link %s", path);
    CU_ASSERT_EQUAL(said_of(line, "File exists"), 1);
    program_end();
    remove_file();
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(a_command_has_the_terminal),
        TEST(a_command_that_is_not_there_says_so),
        TEST(a_command_without_the_terminal_keeps_nobody),
        TEST(all_of_standard_input_arrives),
        TEST(the_answer_is_standard_output),
        TEST(a_link_leads_to_the_terminal),
        TEST(wrong_use_is_told),
        {NULL, NULL},
    };

    return test_main("guest-console", cases);
}
