/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What consoles stand on: a pseudo-terminal or a listening socket for each port. They
 * are made once for a device, so that who is attached stays so when its worker ends. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "backend/targets.h"
#include "xenstore-schema/schema.h"

#define OURS_ALONE 0600

_Static_assert(XS_PORTS_MAX <= FDS_MAX, "one descriptor for each port");

/* ---- pseudo-terminals ---- */

/* The terminal that people attach to: whatever they do not set up themselves must
 * neither come back to the guest as an echo nor be changed on its way. */
static bool set_up_slave(int master)
{
    int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios raw;
    bool done;

    if (slave < 0)
        return false;
    done = fchmod(slave, OURS_ALONE) == 0 && tcgetattr(slave, &raw) == 0;
    cfmakeraw(&raw);
    done = done && tcsetattr(slave, TCSANOW, &raw) == 0;
    close(slave);
    return done;
}

/* Appends its name to the others'. */
static bool open_terminal(struct target *target, char why[WHY_SIZE])
{
    size_t length = strlen(target->tty);
    char *name = target->tty + length;
    size_t room = sizeof(target->tty) - length;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

    if (master < 0)
        goto fail;
    target->fds.fd[target->fds.count++] = master;
    if (length && room > 1) {
        *name++ = ' ';
        room--;
    }
    if (grantpt(master) == 0 && unlockpt(master) == 0 && ptsname_r(master, name, room) == 0 &&
        set_up_slave(master))
        return true;
fail:
    snprintf(why, WHY_SIZE, "no pseudo-terminal: %s", strerror(errno));
    return false;
}

/* ---- sockets ---- */

/* The files that we made, by port: an inode is not used again while its socket is open. */
struct console_files {
    struct stat made[FDS_MAX];
};

/* A socket that nobody listens on was left behind. */
static bool is_stale(const struct sockaddr_un *address)
{
    struct stat status;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool stale = fd >= 0 && lstat(address->sun_path, &status) == 0 && S_ISSOCK(status.st_mode) &&
                 connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 &&
                 errno == ECONNREFUSED;

    if (fd >= 0)
        close(fd);
    return stale;
}

static int bind_socket(int fd, const struct sockaddr_un *address)
{
    mode_t before = umask(0777 & ~OURS_ALONE);
    int rc = bind(fd, (const struct sockaddr *)address, sizeof(*address));

    if (rc < 0 && errno == EADDRINUSE && is_stale(address) && unlink(address->sun_path) == 0)
        rc = bind(fd, (const struct sockaddr *)address, sizeof(*address));
    umask(before);
    return rc;
}

static bool open_socket(const char *output, unsigned port, struct target *target,
                        char why[WHY_SIZE])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct console_files *files = target->state;
    int fd;

    if (!schema_output_path(output, port, address.sun_path, sizeof(address.sun_path))) {
        snprintf(why, WHY_SIZE, "%.128s: too long for a socket", output);
        return false;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind_socket(fd, &address) < 0) {
        snprintf(why, WHY_SIZE, "%.108s: %s", address.sun_path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    target->fds.fd[target->fds.count++] = fd;
    if (lstat(address.sun_path, &files->made[port]) == 0 && listen(fd, 1) == 0)
        return true;
    snprintf(why, WHY_SIZE, "%.108s: %s", address.sun_path, strerror(errno));
    return false;
}

/* Whatever else is at its path now is not ours. */
static void remove_socket(int fd, const struct stat *made)
{
    struct sockaddr_un address;
    socklen_t size = sizeof(address);
    struct stat status;

    if (getsockname(fd, (struct sockaddr *)&address, &size) == 0 && address.sun_path[0] &&
        lstat(address.sun_path, &status) == 0 && S_ISSOCK(status.st_mode) &&
        status.st_dev == made->st_dev && status.st_ino == made->st_ino)
        unlink(address.sun_path);
}

/* ---- the target ---- */

static void close_console(struct target *target)
{
    struct console_files *files = target->state;

    for (unsigned i = 0; files && i < target->fds.count; i++)
        remove_socket(target->fds.fd[i], &files->made[i]);
    free(files);
    target->state = NULL;
}

static bool open_console(struct bus *bus, const struct wanted *wanted,
                         struct target *target, char why[WHY_SIZE])
{
    const struct choices *choices = &wanted->device.choices;
    const char *output = choices_get(choices, XS_OUTPUT);
    uint64_t ports = choices_number(choices, XS_PORTS, 1);

    (void)bus;
    target->state = output ? calloc(1, sizeof(struct console_files)) : NULL;
    if (output && !target->state) {
        snprintf(why, WHY_SIZE, "out of memory");
        return false;
    }
    while (target->fds.count < ports)
        if (!(output ? open_socket(output, target->fds.count, target, why)
                     : open_terminal(target, why))) {
            close_console(target);
            fds_close(&target->fds);
            return false;
        }
    return true;
}

const struct target_class target_console = {
    .type = "console",
    .open = open_console,
    .close = close_console,
};
