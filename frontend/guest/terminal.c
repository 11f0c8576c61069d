/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "frontend/guest/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/priority.h"
#include "frontend/guest/guest.h"

#define EXIT_NO_COMMAND 127
#define EXIT_SIGNAL 128

static int fail(const char *what)
{
    guest_fail("%s: %s", what, strerror(errno));
    return -1;
}

/* ---- standard input and output ---- */

int terminal_use_stdio(struct terminal *t)
{
    struct termios raw;

    *t = (struct terminal)TERMINAL_NONE;
    t->in = STDIN_FILENO;
    t->out = STDOUT_FILENO;
    if (tcgetattr(STDIN_FILENO, &t->saved) < 0)
        return 0; /* no terminal: nothing to do */
    raw = t->saved;
    cfmakeraw(&raw);
    if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0)
        return fail("standard input cannot be made raw");
    t->raw = true;
    return 0;
}

/* ---- a pseudo-terminal ---- */

static int open_master(struct terminal *t)
{
    *t = (struct terminal)TERMINAL_NONE;
    t->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (t->master < 0 || fcntl(t->master, F_SETFL, O_NONBLOCK) < 0 || grantpt(t->master) < 0 ||
        unlockpt(t->master) < 0 || ptsname_r(t->master, t->path, sizeof(t->path)) != 0)
        return fail("no pseudo-terminal");
    t->in = t->out = t->master;
    return 0;
}

/* A link of an earlier run that could not remove it is in nobody's way. */
static int make_link(struct terminal *t, const char *link)
{
    struct stat status;

    if (lstat(link, &status) == 0 && S_ISLNK(status.st_mode))
        unlink(link);
    if (symlink(t->path, link) < 0)
        return fail(link);
    t->link = link;
    return 0;
}

int terminal_open(struct terminal *t, const char *link)
{
    struct termios raw;

    if (open_master(t) < 0)
        return -1;
    /* Held open, so that it can be written and waited for when nobody else has it. */
    t->slave = open(t->path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (t->slave < 0 || tcgetattr(t->slave, &raw) < 0)
        return fail(t->path);
    /* Whoever logs in there sets it up anew; until then nothing is to be echoed. */
    cfmakeraw(&raw);
    if (tcsetattr(t->slave, TCSANOW, &raw) < 0)
        return fail(t->path);
    return link ? make_link(t, link) : 0;
}

void terminal_resize(const struct terminal *t, unsigned columns, unsigned rows)
{
    const struct winsize size = {
        .ws_col = (unsigned short)columns,
        .ws_row = (unsigned short)rows,
    };

    if (t->master >= 0)
        ioctl(t->master, TIOCSWINSZ, &size);
}

/* ---- a command on it ---- */

int terminal_open_for_command(struct terminal *t)
{
    return open_master(t);
}

static void become_command(const struct terminal *t, char **command)
{
    sigset_t none;
    int slave;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    priority_restore();
    setsid();
    slave = open(t->path, O_RDWR);
    if (slave < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
        _exit(EXIT_NO_COMMAND);
    for (int fd = 0; fd <= 2; fd++)
        dup2(slave, fd);
    if (slave > 2)
        close(slave);
    execvp(command[0], command);
    fprintf(stderr, "%s: %s\r\n", command[0], strerror(errno));
    _exit(EXIT_NO_COMMAND);
}

int terminal_start(struct terminal *t, char **command)
{
    t->child = fork();
    if (t->child < 0) {
        t->child = 0;
        return fail(command[0]);
    }
    if (t->child == 0)
        become_command(t, command);
    t->ended = pidfd_open(t->child, 0);
    return t->ended < 0 ? fail("the command cannot be waited for") : 0;
}

int terminal_wait(struct terminal *t)
{
    int status = 0;

    while (t->child && waitpid(t->child, &status, 0) < 0 && errno == EINTR)
        ;
    t->child = 0;
    return WIFSIGNALED(status) ? EXIT_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

/* A command that still runs is hung up, as it is when a modem loses its line. */
void terminal_close(struct terminal *t)
{
    if (t->raw)
        tcsetattr(STDIN_FILENO, TCSANOW, &t->saved);
    if (t->link)
        unlink(t->link);
    if (t->ended >= 0)
        close(t->ended);
    if (t->slave >= 0)
        close(t->slave);
    if (t->master >= 0)
        close(t->master);
    *t = (struct terminal)TERMINAL_NONE;
}
