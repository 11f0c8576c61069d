/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "backend/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/log.h"
#include "backend/script.h"
#include "backend/text.h"

/* One worker may not keep the loop from the others. */
#define MESSAGES_AT_ONCE 16

struct process {
    struct process *next;
    struct daemon *daemon;
    const struct process_events *events; /* NULL: released */
    void *user;
    pid_t pid;  /* 0: it lives in this process */
    int socket; /* -1: closed */
    struct event *readable;
    struct event *timer;
};

static void close_socket(struct process *process)
{
    if (process->socket < 0)
        return;
    event_del(process->readable);
    close(process->socket);
    process->socket = -1;
}

static void process_free(struct process *process)
{
    struct process **link = &process->daemon->processes;

    while (*link != process)
        link = &(*link)->next;
    *link = process->next;
    close_socket(process);
    event_free(process->readable);
    event_free(process->timer);
    free(process);
}

static void report_death(struct process *process, const char *how)
{
    if (process->events)
        process->events->death(process->user, how);
    process_free(process);
}

/* A worker without a pid has no SIGCHLD: its death is told by the timer. */
static void on_timer(evutil_socket_t fd, short what, void *user)
{
    struct process *process = user;

    (void)fd;
    (void)what;
    if (process->pid)
        kill(process->pid, SIGKILL);
    else
        report_death(process, "closed its socket");
}

/*
 * Only SIGCHLD tells how a worker ended, so a closed socket leads there: if it
 * is dying already, SIGKILL changes nothing about its status.
 */
void process_break(struct process *process)
{
    if (process->socket < 0)
        return;
    close_socket(process);
    if (process->pid)
        kill(process->pid, SIGKILL);
    else
        event_active(process->timer, 0, 0);
}

/* Its texts end up in logs and in xenstore. */
static void make_printable(struct ipc_message *message)
{
    if (message->kind == IPC_DEVICE_REFUSED)
        text_printable(message->answer.text, IPC_TEXT_MAX, message->answer.text);
    if (message->kind == IPC_BUS_FAILED)
        text_printable(message->failed.text, IPC_TEXT_MAX, message->failed.text);
}

static void on_readable(evutil_socket_t fd, short what, void *user)
{
    struct process *process = user;

    (void)fd;
    (void)what;
    for (int i = 0; i < MESSAGES_AT_ONCE && process->socket >= 0; i++) {
        struct ipc_message message;
        struct fds passed;
        int got = ipc_receive(process->socket, &message, &passed);

        if (got < 0 && errno == EAGAIN)
            return;
        fds_close(&passed); /* nothing we would take from a worker */
        if (got <= 0) {
            if (got < 0)
                log_warning("worker sent something that is no message: %m");
            process_break(process);
            return;
        }
        make_printable(&message);
        process->events->message(process->user, &message);
    }
}

struct process *process_start(struct daemon *daemon, const char *label,
                              const struct process_events *events, void *user)
{
    struct process *process = calloc(1, sizeof(*process));

    if (!process)
        return NULL;
    process->daemon = daemon;
    process->events = events;
    process->user = user;
    process->timer = evtimer_new(daemon->base, on_timer, process);
    if (!process->timer)
        goto free_process;
    process->socket = daemon->spawn(daemon->spawn_user, label, &process->pid);
    if (process->socket < 0)
        goto free_timer;
    process->readable = event_new(daemon->base, process->socket, EV_READ | EV_PERSIST,
                                  on_readable, process);
    if (!process->readable || event_add(process->readable, NULL) < 0)
        goto end_worker;
    process->next = daemon->processes;
    daemon->processes = process;
    return process;

end_worker:
    /* It exits when its socket closes; a pid nobody knows is reaped with the rest. */
    close(process->socket);
    if (process->readable)
        event_free(process->readable);
    errno = ENOMEM;
free_timer:
    event_free(process->timer);
free_process:
    free(process);
    return NULL;
}

int process_offer(struct process *process, const struct ipc_message *message, const struct fds *fds)
{
    if (process->socket < 0) {
        errno = EPIPE;
        return -1;
    }
    return ipc_send(process->socket, message, fds);
}

int process_send(struct process *process, const struct ipc_message *message, const struct fds *fds)
{
    if (process_offer(process, message, fds) == 0)
        return 0;

    int saved = errno;

    process_break(process);
    errno = saved;
    return -1;
}

void process_release(struct process *process)
{
    if (!process)
        return;
    process->events = NULL;
    if (!process->pid) {
        process_free(process);
        return;
    }
    close_socket(process);
    evtimer_add(process->timer, &process->daemon->answer_timeout);
}

static struct process *find_pid(struct daemon *daemon, pid_t pid)
{
    struct process *process = daemon->processes;

    while (process && process->pid != pid)
        process = process->next;
    return process;
}

void process_reap(struct daemon *daemon)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct process *process = find_pid(daemon, pid);
        char how[64];

        if (!process) {
            script_reaped(daemon, pid, status);
            continue;
        }
        if (WIFSIGNALED(status))
            snprintf(how, sizeof(how), "died (signal %d)", WTERMSIG(status));
        else
            snprintf(how, sizeof(how), "died (exit status %d)", WEXITSTATUS(status));
        report_death(process, how);
    }
}

void process_forget_all(struct daemon *daemon)
{
    while (daemon->processes)
        process_free(daemon->processes);
}
