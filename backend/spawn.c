/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/log.h"

#define SELF "/proc/self/exe"
#define WORKER_FD 3
#define WORKER_FD_TEXT "3"

/*
 * The child is a fresh image, so nothing of the supervisor's memory, and with
 * everything above its socket closed nothing of its privileges, is in reach of
 * a guest that takes it over.
 */
static int run(const char *label, unsigned queue_threads, int socket, pid_t *pid)
{
    char program[] = "xvmsgd";
    char argument[] = SPAWN_ARGUMENT;
    char fd_text[] = WORKER_FD_TEXT;
    char level[4], threads[12];
    char *argv[] = {program, argument, fd_text, level, threads, (char *)(uintptr_t)label, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int rc = posix_spawn_file_actions_init(&files);

    snprintf(level, sizeof(level), "%d", (int)log_get_level());
    snprintf(threads, sizeof(threads), "%u", queue_threads);
    if (rc)
        return rc;
    rc = posix_spawnattr_init(&attributes);
    if (rc)
        goto destroy_files;

    /* dup2 onto itself, too, clears close-on-exec here. */
    rc = posix_spawn_file_actions_adddup2(&files, socket, WORKER_FD);
    if (rc)
        goto destroy_attributes;
    rc = posix_spawn_file_actions_addclosefrom_np(&files, WORKER_FD + 1);
    if (rc)
        goto destroy_attributes;

    /* Its own process group: an interrupt typed at a terminal is for the
     * supervisor, which then closes the sockets in order. */
    rc = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    if (rc)
        goto destroy_attributes;
    rc = posix_spawn(pid, SELF, &files, &attributes, argv, environ);

destroy_attributes:
    posix_spawnattr_destroy(&attributes);
destroy_files:
    posix_spawn_file_actions_destroy(&files);
    return rc;
}

int spawn_worker(void *user, const char *label, pid_t *pid)
{
    const unsigned *queue_threads = user;
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -1;

    int rc = fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0
                 ? errno
                 : run(label, queue_threads ? *queue_threads : 0, ends[1], pid);

    close(ends[1]);
    if (rc) {
        close(ends[0]);
        errno = rc;
        return -1;
    }
    return ends[0];
}
