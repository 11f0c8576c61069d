/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/script.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/text.h"

#define SAID_SIZE 160
#define READ_SIZE 1024
#define READS_MAX 64 /* as much as a pipe holds */

struct script {
    struct script *next;
    struct daemon *daemon;
    pid_t pid;
    int output; /* what it prints */
    char said[SAID_SIZE]; /* the last of that */
    size_t said_size;
    struct event *readable;
    struct event *timer;
    bool overdue;
    script_done *done;
    void *user;
};

static void script_free(struct script *script)
{
    struct script **link = &script->daemon->scripts;

    while (*link != script)
        link = &(*link)->next;
    *link = script->next;
    if (script->timer)
        event_free(script->timer);
    if (script->readable)
        event_free(script->readable);
    close(script->output);
    free(script);
}

/* Its children it may wait for. */
void script_kill(struct script *script)
{
    kill(-script->pid, SIGKILL);
}

static void on_overdue(evutil_socket_t fd, short what, void *user)
{
    struct script *script = user;

    (void)fd, (void)what;
    script->overdue = true;
    script_kill(script);
}

/* ---- what it says ---- */

static void keep(struct script *script, const char *bytes, size_t size)
{
    size_t room = SAID_SIZE - 1, old;

    if (size > room) {
        bytes += size - room;
        size = room;
    }
    old = script->said_size < room - size ? script->said_size : room - size;
    memmove(script->said, script->said + script->said_size - old, old);
    memcpy(script->said + old, bytes, size);
    script->said_size = old + size;
}

/* False: there is nothing now; errno EAGAIN if there may be later. */
static bool read_some(struct script *script)
{
    char bytes[READ_SIZE];
    ssize_t size = read(script->output, bytes, sizeof(bytes));

    if (size > 0)
        keep(script, bytes, (size_t)size);
    else if (size == 0)
        errno = EPIPE;
    return size > 0;
}

static void on_readable(evutil_socket_t fd, short what, void *user)
{
    struct script *script = user;

    (void)fd, (void)what;
    if (!read_some(script) && errno != EAGAIN)
        event_del(script->readable);
}

/* The last line that says something; NULL: there is none. */
static const char *last_line(struct script *script)
{
    char *line;

    /* What a child of it goes on to say is not waited for. */
    for (unsigned i = 0; i < READS_MAX && read_some(script); i++)
        ;
    while (script->said_size && script->said[script->said_size - 1] == '\n')
        script->said_size--;
    script->said[script->said_size] = '\0';
    line = strrchr(script->said, '\n');
    line = line ? line + 1 : script->said;
    text_printable(line, SAID_SIZE, line);
    return *line ? line : NULL;
}

/* ---- its end ---- */

static struct script *find(struct daemon *daemon, pid_t pid)
{
    struct script *script = daemon->scripts;

    while (script && script->pid != pid)
        script = script->next;
    return script;
}

bool script_reaped(struct daemon *daemon, pid_t pid, int status)
{
    struct script *script = find(daemon, pid);
    const char *said;
    char why[WHY_SIZE];

    if (!script)
        return false;
    said = last_line(script);
    if (script->overdue)
        snprintf(why, sizeof(why), "took too long");
    else if (said)
        snprintf(why, sizeof(why), "%s", said);
    else if (WIFSIGNALED(status))
        snprintf(why, sizeof(why), "died (signal %d)", WTERMSIG(status));
    else
        snprintf(why, sizeof(why), "failed (exit status %d)", WEXITSTATUS(status));
    script->done(script->user, status ? why : NULL);
    script_free(script);
    return true;
}

void script_forget_all(struct daemon *daemon)
{
    while (daemon->scripts) {
        struct script *script = daemon->scripts;

        script->done(script->user, NULL);
        script_free(script);
    }
}

/* ---- its start ---- */

/* Nothing of the supervisor's but the end of the pipe. An errno. */
static int prepare(posix_spawn_file_actions_t *files, posix_spawnattr_t *attributes, int output)
{
    sigset_t none;
    int rc;

    sigemptyset(&none);
    if ((rc = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0)) ||
        (rc = posix_spawn_file_actions_adddup2(files, output, STDOUT_FILENO)) ||
        (rc = posix_spawn_file_actions_adddup2(files, output, STDERR_FILENO)) ||
        (rc = posix_spawn_file_actions_addclosefrom_np(files, STDERR_FILENO + 1)) ||
        (rc = posix_spawnattr_setsigmask(attributes, &none)))
        return rc;
    return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
}

static int run(struct script *script, char *const argv[], char *const environment[], int output)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int rc = posix_spawn_file_actions_init(&files);

    if (rc)
        return rc;
    rc = posix_spawnattr_init(&attributes);
    if (rc)
        goto destroy_files;
    rc = prepare(&files, &attributes, output);
    if (!rc)
        rc = posix_spawn(&script->pid, argv[0], &files, &attributes, argv, environment);
    posix_spawnattr_destroy(&attributes);
destroy_files:
    posix_spawn_file_actions_destroy(&files);
    return rc;
}

/* Ours, with those that are given in front, where they count. NULL without memory. */
static char **join_environments(char *const given[])
{
    size_t count = 0, own = 0;
    char **all;

    while (given[count])
        count++;
    while (environ[own])
        own++;
    all = calloc(count + own + 1, sizeof(*all));
    if (!all)
        return NULL;
    memcpy(all, given, count * sizeof(*all));
    memcpy(all + count, environ, own * sizeof(*all));
    return all;
}

struct script *script_start(struct daemon *daemon, char *const argv[], char *const environment[],
                            script_done *done, void *user)
{
    struct script *script = calloc(1, sizeof(*script));
    char **all = join_environments(environment);
    int ends[2] = {-1, -1}, rc = ENOMEM;

    if (!script || !all)
        goto fail;
    *script = (struct script){.daemon = daemon, .done = done, .user = user};
    rc = pipe2(ends, O_CLOEXEC) < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 ? errno : 0;
    if (rc)
        goto fail;
    script->output = ends[0];
    script->timer = evtimer_new(daemon->base, on_overdue, script);
    script->readable =
        event_new(daemon->base, ends[0], EV_READ | EV_PERSIST, on_readable, script);
    rc = script->timer && script->readable ? run(script, argv, all, ends[1]) : ENOMEM;
    if (rc)
        goto fail;
    close(ends[1]);
    free(all);
    evtimer_add(script->timer, &daemon->script_timeout);
    event_add(script->readable, NULL);
    script->next = daemon->scripts;
    daemon->scripts = script;
    return script;

fail:
    if (script && script->timer)
        event_free(script->timer);
    if (script && script->readable)
        event_free(script->readable);
    if (ends[0] >= 0) {
        close(ends[0]);
        close(ends[1]);
    }
    free(script);
    free(all);
    errno = rc;
    return NULL;
}
