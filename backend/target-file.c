/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/targets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "xenstore-schema/schema.h"

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
    if (size % TARGET_SECTOR) {
        snprintf(why, WHY_SIZE, "%.128s: size %lld is not a multiple of %d", path,
                 (long long)size, TARGET_SECTOR);
        return false;
    }
    return true;
}

static bool is_direct(const struct choices *choices)
{
    const char *cache = choices_get(choices, XS_CACHE);

    return cache && (strcmp(cache, XS_CACHE_NONE) == 0 || strcmp(cache, XS_CACHE_DIRECTSYNC) == 0);
}

/* A second descriptor of the file behind `fd`, past the page cache. */
static int open_direct(int fd, bool read_only, const char *path, char why[WHY_SIZE])
{
    char link[32];
    int direct;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    direct = open(link, (read_only ? O_RDONLY : O_RDWR) | O_DIRECT | O_CLOEXEC);
    if (direct < 0 && errno == EINVAL)
        snprintf(why, WHY_SIZE, "%.128s: its file system has no O_DIRECT, which this cache mode needs",
                 path);
    else if (direct < 0)
        snprintf(why, WHY_SIZE, "%.128s: cannot be opened for O_DIRECT: %s", path, strerror(errno));
    return direct;
}

static int open_path(const char *path, bool read_only, char why[WHY_SIZE])
{
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

static bool open_file(struct bus *bus, const struct wanted *wanted, struct target *target,
                      char why[WHY_SIZE])
{
    const struct choices *choices = &wanted->device.choices;
    bool read_only = strcmp(choices_get(choices, XS_MODE), XS_MODE_READ) == 0;
    int fd = open_path(wanted->target, read_only, why);
    int direct;

    (void)bus;
    if (fd < 0)
        return false;
    target->fds = (struct fds){1, {fd}};
    if (!is_direct(choices))
        return true;
    direct = open_direct(fd, read_only, wanted->target, why);
    if (direct < 0) {
        fds_close(&target->fds);
        return false;
    }
    target->fds = (struct fds){2, {fd, direct}};
    return true;
}

const struct target_class target_file = {.type = "blk", .open = open_file};
