/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* xvmsg console, over a fake Xen: the other end is a terminal or a socket of the test. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "common/store.h"
#include "tests/harness.h"
#include "tests/unit/admin-guest.h"
#include "tests/unit/complaint.h"
#include "tools/xvmsg/admin.h"
#include "tools/xvmsg/xvmsg.h"
#include "xenstore-schema/schema.h"

#define B ADMIN_B
#define CON B "/request/con"

static struct platform *silent; /* the daemon */
static char output[256];

static void start(void)
{
    admin_guest_start("con", "console");
    silent = admin_guest_silent_daemon();
}

static void stop(void)
{
    platform_close(silent);
    admin_guest_stop();
}

static int replace(int target, int fd)
{
    int before = dup(target);

    CU_ASSERT_FATAL(before >= 0 && dup2(fd, target) == target);
    close(fd);
    return before;
}

static void put_back(int target, int before)
{
    dup2(before, target);
    close(before);
}

/* With `typed` as standard input, and its output in `output`. */
static int console(const char *device, uint32_t port, const char *typed)
{
    const struct console_request request = {.domain = "web", .device = device, .port = port};
    FILE *out = tmpfile();
    int ends[2], in, before_in, before_out, status;

    CU_ASSERT_FATAL(out && pipe(ends) == 0);
    CU_ASSERT_EQUAL(write(ends[1], typed, strlen(typed)), (ssize_t)strlen(typed));
    close(ends[1]);
    in = ends[0];
    fflush(stdout);
    before_in = replace(STDIN_FILENO, in);
    before_out = replace(STDOUT_FILENO, dup(fileno(out)));
    complaint_clear();
    status = console_run(dom0, &request);
    put_back(STDIN_FILENO, before_in);
    put_back(STDOUT_FILENO, before_out);
    rewind(out);
    output[fread(output, 1, sizeof(output) - 1, out)] = '\0';
    fclose(out);
    return status;
}

static int open_terminal(char *name, size_t size)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
    struct termios raw;

    CU_ASSERT_FATAL(master >= 0 && unlockpt(master) == 0);
    CU_ASSERT_EQUAL(ptsname_r(master, name, size), 0);
    slave = open(name, O_RDWR | O_NOCTTY);
    CU_ASSERT_FATAL(slave >= 0 && tcgetattr(slave, &raw) == 0);
    cfmakeraw(&raw);
    CU_ASSERT_EQUAL(tcsetattr(slave, TCSANOW, &raw), 0);
    /* Left open, so that what is written here waits for a reader. */
    return master;
}

static void expect(int fd, const char *words)
{
    char bytes[64] = "";

    CU_ASSERT_EQUAL(read(fd, bytes, sizeof(bytes) - 1), (ssize_t)strlen(words));
    CU_ASSERT_STRING_EQUAL(bytes, words);
}

static void connects_to_the_terminal_of_a_port(void)
{
    char names[130], first[64], second[64];
    int masters[2] = {open_terminal(first, sizeof(first)), open_terminal(second, sizeof(second))};

    start();
    snprintf(names, sizeof(names), "%s %s", first, second);
    store_write_text(dom0, PLATFORM_NO_TX, CON, XS_TTY, names);
    for (uint32_t port = 0; port < 2; port++) {
        CU_ASSERT_EQUAL(write(masters[port], "hello", 5), 5);
        CU_ASSERT_EQUAL(console(port ? "7" : "con", port, "to the guest"), 0);
        CU_ASSERT_STRING_EQUAL(output, "hello");
        CU_ASSERT_STRING_EQUAL(complaint, "");
        expect(masters[port], "to the guest");
        close(masters[port]);
    }
    CU_ASSERT_EQUAL(console("con", 2, ""), 1);
    CU_ASSERT_STRING_EQUAL(complaint,
                           "port 2 of device con cannot be opened: No such file or directory");
    stop();
}

static int listen_at(struct sockaddr_un *address, const char *directory, const char *name)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    address->sun_family = AF_UNIX;
    snprintf(address->sun_path, sizeof(address->sun_path), "%s/%s", directory, name);
    CU_ASSERT_FATAL(bind(fd, (struct sockaddr *)address, sizeof(*address)) == 0);
    CU_ASSERT_EQUAL(listen(fd, 1), 0);
    return fd;
}

static void connects_to_the_socket_of_a_port(void)
{
    char directory[] = "/tmp/xvmsg-console-XXXXXX";
    struct sockaddr_un address, second;
    int listening, other, fd;

    start();
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
    listening = listen_at(&address, directory, "socket");
    other = listen_at(&second, directory, "socket.1");
    store_write_text(dom0, PLATFORM_NO_TX, CON, XS_OUTPUT, address.sun_path);
    CU_ASSERT_EQUAL(console("con", 0, "zero"), 0);
    fd = accept(listening, NULL, NULL);
    expect(fd, "zero");
    close(fd);
    CU_ASSERT_EQUAL(console("con", 1, "one"), 0);
    fd = accept(other, NULL, NULL);
    expect(fd, "one");
    close(fd);
    close(listening);
    close(other);
    CU_ASSERT_EQUAL(console("con", 0, ""), 1);
    CU_ASSERT_STRING_EQUAL(complaint,
                           "port 0 of device con cannot be opened: Connection refused");
    unlink(address.sun_path);
    unlink(second.sun_path);
    rmdir(directory);
    stop();
}

static void refuses_what_is_no_console(void)
{
    start();
    CU_ASSERT_EQUAL(console("waiting", 0, ""), 1);
    CU_ASSERT_STRING_EQUAL(complaint, "device waiting is no console, or is not there yet");
    CU_ASSERT_EQUAL(console("con", 0, ""), 1);
    CU_ASSERT_STRING_EQUAL(complaint, "device con is no console, or is not there yet");
    CU_ASSERT_EQUAL(console("nothing", 0, ""), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(complaint, "nothing"));
    stop();
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(connects_to_the_terminal_of_a_port),
        TEST(connects_to_the_socket_of_a_port),
        TEST(refuses_what_is_no_console),
        {NULL, NULL},
    };

    return test_main("admin-console", cases);
}
