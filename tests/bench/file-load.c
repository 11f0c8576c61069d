/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/bench/file-load.h"

#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/load.h"

struct file_disk {
    struct load_disk load; /* first, so that one is the other */
    struct io_uring uring;
    int fd;
};

static int submit(struct load_disk *load, unsigned slot, bool write, uint64_t offset,
                  uint32_t length)
{
    struct file_disk *disk = (struct file_disk *)load;
    struct io_uring_sqe *sqe = io_uring_get_sqe(&disk->uring);

    if (!sqe)
        return -1;
    if (write)
        io_uring_prep_write(sqe, disk->fd, load->buffers[slot], length, offset);
    else
        io_uring_prep_read(sqe, disk->fd, load->buffers[slot], length, offset);
    io_uring_sqe_set_data64(sqe, (uint64_t)slot << 32 | length);
    return 0;
}

static int wait_for_one(struct load_disk *load)
{
    struct file_disk *disk = (struct file_disk *)load;
    struct io_uring_cqe *cqe;
    unsigned head, seen = 0;

    if (io_uring_submit_and_wait(&disk->uring, 1) < 0)
        return -1;
    io_uring_for_each_cqe(&disk->uring, head, cqe)
    {
        load_complete(load, (unsigned)(cqe->user_data >> 32),
                      cqe->res == (int)(uint32_t)cqe->user_data);
        seen++;
    }
    io_uring_cq_advance(&disk->uring, seen);
    return 0;
}

/* Aligned for O_DIRECT. One block: the short buffers lie in the long one. */
static char *make_buffers(struct load_disk *load)
{
    char *memory = aligned_alloc(LOAD_SHORT_BLOCK, LOAD_LONG_BLOCK);

    if (!memory)
        return NULL;
    memset(memory, 0, LOAD_LONG_BLOCK);
    for (unsigned i = 0; i < LOAD_MAX_DEPTH; i++)
        load->buffers[i] = memory + i * LOAD_SHORT_BLOCK;
    return memory;
}

int file_load(const char *name, const char *path, int flags,
              const struct load_choice *choice)
{
    struct file_disk disk = {
        .load = {.name = name, .submit = submit, .wait = wait_for_one},
        .fd = open(path, O_RDWR | O_CLOEXEC | flags),
    };
    char *memory;
    int rc = -1;

    if (disk.fd < 0) {
        perror(path);
        return -1;
    }
    memory = make_buffers(&disk.load);
    if (!memory || io_uring_queue_init(LOAD_MAX_DEPTH, &disk.uring, 0) < 0) {
        fprintf(stderr, "%s: no memory, or no io_uring\n", name);
        goto close_file;
    }
    disk.load.size = (uint64_t)lseek(disk.fd, 0, SEEK_END);
    rc = load_run(&disk.load, choice);
    io_uring_queue_exit(&disk.uring);

close_file:
    free(memory);
    close(disk.fd);
    return rc;
}
