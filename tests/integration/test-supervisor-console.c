/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What the supervisor makes for consoles: terminals and sockets, and where they are told. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "tests/harness.h"
#include "tests/integration/stage.h"
#include "xenstore-schema/schema.h"

#define R B7 "/request/con"

static struct stage s;
static char path[64]; /* of a socket */

static void open_bus(void)
{
    stage_open_connected(&s);
    snprintf(path, sizeof(path), "%s/socket", s.directory);
}

static void attach(const char *ports, const char *output)
{
    if (ports)
        stage_write(s.toolstack, R "/ports", ports);
    if (output)
        stage_write(s.toolstack, R "/output", output);
    stage_write(s.toolstack, R "/type", "console");
    stage_settle(&s);
}

static void detach(void)
{
    stage_write(s.toolstack, R "/remove", "orderly");
    stage_wait(&s, R, NULL);
}

static char *tty(void)
{
    return store_read_text(s.toolstack, PLATFORM_NO_TX, R, XS_TTY);
}

static struct sockaddr_un address_of(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", name);
    return address;
}

/* Not asked by name: another terminal may have that already. */
static bool is_hung_up(int tty)
{
    struct pollfd gone = {.fd = tty};

    return poll(&gone, 1, 0) == 1 && gone.revents & POLLHUP;
}

/* A socket at that path; -1 when there is no listening to it. */
static int listen_at(const char *name)
{
    struct sockaddr_un address = address_of(name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CU_ASSERT_FATAL(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    CU_ASSERT_EQUAL(listen(fd, 1), 0);
    return fd;
}

static bool is_listening(const char *name)
{
    struct sockaddr_un address = address_of(name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

    close(fd);
    return connected;
}

static void a_terminal_is_raw_and_private(void)
{
    struct termios modes;
    struct stat status;
    char *name;
    int fd;

    open_bus();
    attach(NULL, NULL);
    stage_wait(&s, R "/number", "1");
    name = tty();
    CU_ASSERT_PTR_NOT_NULL_FATAL(name);
    fd = open(name, O_RDWR | O_NOCTTY);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(fstat(fd, &status), 0);
    CU_ASSERT_EQUAL(status.st_mode & 0777, 0600);
    CU_ASSERT_EQUAL(tcgetattr(fd, &modes), 0);
    CU_ASSERT_EQUAL(modes.c_lflag & (tcflag_t)(ECHO | ICANON | ISIG), 0);
    CU_ASSERT_EQUAL(modes.c_oflag & (tcflag_t)OPOST, 0);
    CU_ASSERT(stage_keeps_schema(&s));
    CU_ASSERT(!is_hung_up(fd));
    detach();
    CU_ASSERT(is_hung_up(fd));
    close(fd);
    free(name);
    stage_close(&s);
}

static void each_port_has_one(void)
{
    unsigned spaces = 0;
    char *names;

    open_bus();
    attach("8", NULL);
    stage_wait(&s, R "/number", "1");
    names = tty();
    CU_ASSERT_PTR_NOT_NULL_FATAL(names);
    for (const char *at = names; *at; at++)
        spaces += *at == ' ';
    CU_ASSERT_EQUAL(spaces, 7);
    CU_ASSERT(stage_keeps_schema(&s));
    free(names);
    detach();
    stage_close(&s);
}

static void they_outlive_a_worker_but_no_daemon(void)
{
    char *before, *after;
    int fd;

    open_bus();
    attach(NULL, NULL);
    stage_wait(&s, R "/number", "1");
    before = tty();
    fd = open(before, O_RDWR | O_NOCTTY);
    CU_ASSERT_FATAL(fd >= 0);
    stage_worker_dies(stage_worker(&s, "dom 7 bus 0"));
    stage_wait(&s, B7 "/state", "5");
    stage_settle(&s);
    after = tty();
    CU_ASSERT_STRING_EQUAL(before, after);
    CU_ASSERT(!is_hung_up(fd));
    free(after);
    free(before);
    stage_stop_daemon(&s);
    CU_ASSERT(is_hung_up(fd));
    close(fd);
    stage_remove(s.toolstack, R "/tty");
    stage_start_daemon(&s);
    stage_settle(&s);
    after = tty();
    CU_ASSERT_PTR_NOT_NULL_FATAL(after);
    CU_ASSERT_EQUAL(access(after, F_OK), 0);
    free(after);
    stage_close(&s);
}

static void sockets_come_and_go(void)
{
    char second[80];
    struct stat status;

    open_bus();
    snprintf(second, sizeof(second), "%s.1", path);
    attach("2", path);
    stage_wait(&s, R "/number", "1");
    CU_ASSERT(stage_is(&s, R "/tty", NULL));
    CU_ASSERT_EQUAL(stat(path, &status), 0);
    CU_ASSERT(S_ISSOCK(status.st_mode));
    CU_ASSERT_EQUAL(status.st_mode & 0777, 0600);
    CU_ASSERT(is_listening(path));
    CU_ASSERT(is_listening(second));
    CU_ASSERT(stage_keeps_schema(&s));
    detach();
    CU_ASSERT_EQUAL(access(path, F_OK), -1);
    CU_ASSERT_EQUAL(access(second, F_OK), -1);
    stage_close(&s);
}

static void a_socket_that_was_left_is_replaced(void)
{
    open_bus();
    close(listen_at(path));
    attach(NULL, path);
    stage_wait(&s, R "/number", "1");
    CU_ASSERT(is_listening(path));
    detach();
    stage_close(&s);
}

/* Somebody took ours away and made another: that one stays. */
static void the_socket_of_somebody_else_stays(void)
{
    int fd;

    open_bus();
    attach(NULL, path);
    stage_wait(&s, R "/number", "1");
    CU_ASSERT_EQUAL(unlink(path), 0);
    fd = listen_at(path);
    detach();
    CU_ASSERT(is_listening(path));
    close(fd);
    unlink(path);
    stage_close(&s);
}

static void refused(const char *ports, const char *output, const char *words)
{
    attach(ports, output);
    CU_ASSERT(stage_says(&s, R "/error", words));
    stage_remove(s.toolstack, R);
    stage_settle(&s);
}

static void what_is_in_the_way_is_refused(void)
{
    char second[80], longest[200];
    int fd;

    open_bus();
    snprintf(second, sizeof(second), "%s.1", path);
    fd = listen_at(second);
    refused("2", path, "Address already in use");
    CU_ASSERT_EQUAL(access(path, F_OK), -1); /* nothing is left of port 0 */
    CU_ASSERT(is_listening(second));
    close(fd);
    unlink(second);
    fd = open(path, O_CREAT | O_WRONLY, 0600);
    close(fd);
    refused(NULL, path, "Address already in use");
    CU_ASSERT_EQUAL(access(path, F_OK), 0);
    unlink(path);
    refused(NULL, "/nowhere/socket", "No such file");
    memset(longest, 'x', sizeof(longest));
    longest[0] = '/';
    longest[sizeof(longest) - 1] = '\0';
    refused(NULL, longest, "too long for a socket");
    refused(NULL, "socket", "not an absolute");
    refused("0", NULL, "is not a number from 1 to 8");
    refused("9", NULL, "is not a number from 1 to 8");
    stage_close(&s);
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(a_terminal_is_raw_and_private),
        TEST(each_port_has_one),
        TEST(they_outlive_a_worker_but_no_daemon),
        TEST(sockets_come_and_go),
        TEST(a_socket_that_was_left_is_replaced),
        TEST(the_socket_of_somebody_else_stays),
        TEST(what_is_in_the_way_is_refused),
        {NULL, NULL},
    };

    return test_main("supervisor-console", cases);
}
