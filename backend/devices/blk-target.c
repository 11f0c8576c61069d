/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What a disk stands on: a raw file or a block device. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/devices/blk.h"
#include "xenstore-schema/schema.h"

/* A file's st_blksize is what reads well, up to megabytes; what is written as a
 * whole is a page at most. */
#define FILE_PHYSICAL_MAX 4096

#define BLOCK_MAX 65536u

bool blk_target_size(int fd, uint64_t *size)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return false;
    if (S_ISBLK(st.st_mode))
        return ioctl(fd, BLKGETSIZE64, size) == 0;
    *size = (uint64_t)st.st_size;
    errno = EINVAL;
    return S_ISREG(st.st_mode);
}

bool blk_target_read_only(const struct device_setup *setup)
{
    const char *mode = choices_get(setup->choices, XS_MODE);

    return mode && strcmp(mode, XS_MODE_READ) == 0;
}

bool blk_target_check(const struct device_setup *setup, uint64_t *size, char *why)
{
    if (!blk_target_size(setup->fds->fd[0], size)) {
        snprintf(why, DEVICE_WHY_MAX, "%s: neither a file nor a block device (%s)", setup->name,
                 strerror(errno));
        return false;
    }
    if (!*size) {
        snprintf(why, DEVICE_WHY_MAX, "%s: the target is empty", setup->name);
        return false;
    }
    if (*size % BLK_SECTOR) {
        snprintf(why, DEVICE_WHY_MAX, "%s: size %" PRIu64 " is not a multiple of %u", setup->name,
                 *size, BLK_SECTOR);
        return false;
    }
    if (!blk_target_read_only(setup) && (fcntl(setup->fds->fd[0], F_GETFL) & O_ACCMODE) != O_RDWR) {
        snprintf(why, DEVICE_WHY_MAX, "%s: is not open for writing", setup->name);
        return false;
    }
    return true;
}

static uint32_t alignment(uint32_t told, uint32_t otherwise)
{
    return told && told <= BLOCK_MAX && !(told & (told - 1)) ? told : otherwise;
}

void blk_target_alignment(int fd, uint32_t *offset, uint32_t *memory)
{
    uint32_t told_offset = 0, told_memory = 0;
#ifdef STATX_DIOALIGN
    struct statx st;

    if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &st) == 0 && st.stx_mask & STATX_DIOALIGN) {
        told_offset = st.stx_dio_offset_align;
        told_memory = st.stx_dio_mem_align;
    }
#else
    (void)fd;
#endif
    *offset = alignment(told_offset, FILE_PHYSICAL_MAX);
    *memory = alignment(told_memory, FILE_PHYSICAL_MAX);
}

void blk_target_path(int fd, char *path, size_t size)
{
    char link[32];
    ssize_t length;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    length = readlink(link, path, size - 1);
    if (length < 0)
        snprintf(path, size, "its target");
    else
        path[length] = '\0';
}

static bool block_size_valid(uint64_t size)
{
    return size >= BLK_SECTOR && size <= BLOCK_MAX && !(size & (size - 1));
}

/* What a driver does not say stays 0. */
static void ask_block_device(int fd, struct blk_geometry *g)
{
    int block = 0, aligned = 0;
    unsigned physical = 0, min_io = 0, opt_io = 0;

    if (ioctl(fd, BLKSSZGET, &block) == 0 && block > 0)
        g->block = (uint32_t)block;
    if (ioctl(fd, BLKPBSZGET, &physical) == 0)
        g->physical = physical;
    if (ioctl(fd, BLKIOMIN, &min_io) == 0)
        g->min_io = min_io;
    if (ioctl(fd, BLKIOOPT, &opt_io) == 0)
        g->opt_io = opt_io;
    if (ioctl(fd, BLKALIGNOFF, &aligned) == 0 && aligned > 0)
        g->aligned = (uint32_t)aligned;
}

static void ask_file(const struct stat *st, struct blk_geometry *g)
{
    g->physical = st->st_blksize < FILE_PHYSICAL_MAX ? (uint32_t)st->st_blksize
                                                     : FILE_PHYSICAL_MAX;
}

struct blk_geometry blk_target_geometry(int fd)
{
    struct blk_geometry g = {.block = BLK_SECTOR};
    struct stat st;

    if (fstat(fd, &st) == 0) {
        if (S_ISBLK(st.st_mode))
            ask_block_device(fd, &g);
        else
            ask_file(&st, &g);
    }
    if (!block_size_valid(g.block))
        g.block = BLK_SECTOR;
    if (!block_size_valid(g.physical) || g.physical < g.block)
        g.physical = g.block;
    return g;
}
