/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/targets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *kind_text(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return "a directory";
    case S_IFIFO:
        return "a pipe";
    case S_IFSOCK:
        return "a socket";
    case S_IFCHR:
        return "a character device";
    default:
        return "something else";
    }
}

/* Is what we opened a disk? */
static bool suits(int fd, const char *path, char why[WHY_SIZE])
{
    struct stat status;

    if (fstat(fd, &status) < 0) {
        snprintf(why, WHY_SIZE, "%.128s: %s", path, strerror(errno));
        return false;
    }
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) {
        snprintf(why, WHY_SIZE, "%.128s: %s, not a file or block device", path,
                 kind_text(status.st_mode));
        return false;
    }

    off_t size = lseek(fd, 0, SEEK_END);

    if (size < 0) {
        snprintf(why, WHY_SIZE, "%.128s: size unknown: %s", path, strerror(errno));
        return false;
    }
    if (size == 0) {
        snprintf(why, WHY_SIZE, "%.128s: empty, size 0", path);
        return false;
    }
    if (size % TARGETS_SECTOR) {
        snprintf(why, WHY_SIZE, "%.128s: size %lld is not a multiple of %d", path,
                 (long long)size, TARGETS_SECTOR);
        return false;
    }
    return true;
}

int targets_open(const char *path, bool read_only, char why[WHY_SIZE])
{
    if (path[0] != '/') {
        snprintf(why, WHY_SIZE, "%.128s: not an absolute file name", path);
        return -1;
    }

    /* O_NONBLOCK: opening a pipe or a tape must not hold every other bus. */
    int fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) {
        snprintf(why, WHY_SIZE, "%.128s: cannot be opened to %s: %s", path,
                 read_only ? "read" : "write", strerror(errno));
        return -1;
    }
    if (!suits(fd, path, why))
        goto close_fd;
    if (fcntl(fd, F_SETFL, 0) < 0) {
        snprintf(why, WHY_SIZE, "%.128s: %s", path, strerror(errno));
        goto close_fd;
    }
    return fd;

close_fd:
    close(fd);
    return -1;
}
