/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "backend/daemon.h"
#include "backend/devices/table.h"
#include "backend/log.h"
#include "backend/notify.h"
#include "backend/process.h"
#include "backend/script.h"
#include "backend/spawn.h"
#include "backend/control-protocol.h"
#include "backend/supervisor.h"
#include "backend/threads.h"
#include "backend/worker.h"
#include "common/pace.h"
#include "common/store.h"
#include "config.h"

#define EXIT_USAGE 2
#define REMOVE_TIMEOUT_DEFAULT 10
#define REMOVE_TIMEOUT_MAX 3600
#define SHARED_MIB_DEFAULT 32
#define SHARED_MIB_MAX 256
/* What waking up costs, but not less than lets both ends fall in step. */
#define POLL_US_LEAST 50
#define POLL_US_MAX 1000
#define QUEUE_THREADS_DEFAULT 0
#define QUARANTINE_COUNT_DEFAULT 1024
#define QUARANTINE_SECONDS_DEFAULT 60
#define PAGES_PER_MIB ((1u << 20) / PLATFORM_PAGE_SIZE)

static const char usage[] =
    "usage: xvmsgd [OPTION]...\n"
    "\n"
    "Serves virtio devices to Xen guests, in the foreground, until SIGTERM.\n"
    "\n"
    "  --log-level LEVEL         error, warning, info (the default) or debug\n"
    "  --max-shared-mib MIB      how much of a guest's memory one bus may keep mapped\n"
    "                            for queues and buffers, 1 to 256; 32 is the default\n"
    "  --number-quarantine-count COUNT\n"
    "                            a released device number is not given again before so\n"
    "                            many others were released; 1024 is the default\n"
    "  --number-quarantine-seconds SECONDS\n"
    "                            and not before so long; 60 is the default\n"
    "  --poll-us MICROSECONDS    how long a worker may look for more work before it sleeps, 0\n"
    "                            (not at all) to 1000; the default is about what waking\n"
    "                            up costs here, at least 50\n"
    "  --queue-threads COUNT     threads that serve the queues of devices that have several,\n"
    "                            in each worker, 0 to 16, but not more than processors; 0,\n"
    "                            the default, has one thread do everything\n"
    "  --remove-timeout SECONDS  how long a guest may keep a device that is to be\n"
    "                            removed in order; 10 is the default\n"
    "  -h, --help                print this\n"
    "  --version                 print the version\n";

static bool parse_level(const char *text)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0) {
            log_set_level((enum log_level)i);
            return true;
        }
    }
    fprintf(stderr, "xvmsgd: --log-level must be error, warning, info or debug, not '%s'\n", text);
    return false;
}

static bool parse_remove_timeout(const char *text, struct timeval *timeout)
{
    uint64_t seconds;

    if (parse_u64(text, 0, REMOVE_TIMEOUT_MAX, &seconds) == 0) {
        timeout->tv_sec = (time_t)seconds;
        return true;
    }
    fprintf(stderr, "xvmsgd: --remove-timeout must be 0 to %d seconds, not '%s'\n",
            REMOVE_TIMEOUT_MAX, text);
    return false;
}

static bool parse_max_shared(const char *text, uint32_t *pages)
{
    uint64_t mib;

    if (parse_u64(text, 1, SHARED_MIB_MAX, &mib) == 0) {
        *pages = (uint32_t)mib * PAGES_PER_MIB;
        return true;
    }
    fprintf(stderr, "xvmsgd: --max-shared-mib must be 1 to %d, not '%s'\n", SHARED_MIB_MAX, text);
    return false;
}

static bool parse_poll(const char *text, uint32_t *microseconds)
{
    uint64_t value;

    if (parse_u64(text, 0, POLL_US_MAX, &value) == 0) {
        *microseconds = (uint32_t)value;
        return true;
    }
    fprintf(stderr, "xvmsgd: --poll-us must be 0 to %d, not '%s'\n", POLL_US_MAX, text);
    return false;
}

static unsigned useful_threads(unsigned wanted)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (processors < 2)
        return 0;
    return wanted < processors ? wanted : (unsigned)processors;
}

static bool parse_queue_threads(const char *text, unsigned *count)
{
    uint64_t value;

    if (parse_u64(text, 0, THREADS_MAX, &value) == 0) {
        *count = (unsigned)value;
        return true;
    }
    fprintf(stderr, "xvmsgd: --queue-threads must be 0 to %u, not '%s'\n", THREADS_MAX, text);
    return false;
}

static bool parse_quarantine(const char *option, const char *text, uint32_t min, uint32_t max,
                             uint32_t *setting)
{
    uint64_t value;

    if (parse_u64(text, min, max, &value) == 0) {
        *setting = (uint32_t)value;
        return true;
    }
    fprintf(stderr, "xvmsgd: %s must be %u to %u, not '%s'\n", option, min, max, text);
    return false;
}

/* Ends the program on anything but options to serve with. */
static void parse_options(int argc, char **argv, struct daemon *daemon)
{
    enum {
        OPT_HELP = 'h',
        OPT_VERSION = 'V',
        OPT_LOG_LEVEL = 'l',
        OPT_MAX_SHARED = 'm',
        OPT_QUARANTINE_COUNT = 'c',
        OPT_QUARANTINE_SECONDS = 's',
        OPT_POLL = 'p',
        OPT_QUEUE_THREADS = 't',
        OPT_REMOVE_TIMEOUT = 'r',
    };
    static const struct option options[] = {
        {"help", no_argument, NULL, OPT_HELP},
        {"version", no_argument, NULL, OPT_VERSION},
        {"log-level", required_argument, NULL, OPT_LOG_LEVEL},
        {"max-shared-mib", required_argument, NULL, OPT_MAX_SHARED},
        {"number-quarantine-count", required_argument, NULL, OPT_QUARANTINE_COUNT},
        {"number-quarantine-seconds", required_argument, NULL, OPT_QUARANTINE_SECONDS},
        {"poll-us", required_argument, NULL, OPT_POLL},
        {"queue-threads", required_argument, NULL, OPT_QUEUE_THREADS},
        {"remove-timeout", required_argument, NULL, OPT_REMOVE_TIMEOUT},
        {NULL, 0, NULL, 0},
    };
    static char name[] = "xvmsgd";
    bool good = true;
    int option;

    argv[0] = name; /* how getopt's complaints begin */
    while (good && (option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (option) {
        case OPT_HELP:
            fputs(usage, stdout);
            exit(EXIT_SUCCESS);
        case OPT_VERSION:
            puts("xvmsgd " PACKAGE_VERSION);
            exit(EXIT_SUCCESS);
        case OPT_LOG_LEVEL:
            good = parse_level(optarg);
            break;
        case OPT_MAX_SHARED:
            good = parse_max_shared(optarg, &daemon->max_shared_pages);
            break;
        case OPT_QUARANTINE_COUNT:
            good = parse_quarantine("--number-quarantine-count", optarg, 0, QUARANTINE_COUNT_MAX,
                                    &daemon->quarantine.count);
            break;
        case OPT_QUARANTINE_SECONDS:
            good = parse_quarantine("--number-quarantine-seconds", optarg, QUARANTINE_SECONDS_MIN,
                                    QUARANTINE_SECONDS_MAX, &daemon->quarantine.seconds);
            break;
        case OPT_POLL:
            good = parse_poll(optarg, &daemon->poll_us);
            break;
        case OPT_QUEUE_THREADS:
            good = parse_queue_threads(optarg, &daemon->queue_threads);
            break;
        case OPT_REMOVE_TIMEOUT:
            good = parse_remove_timeout(optarg, &daemon->remove_timeout);
            break;
        default:
            good = false;
        }
    }
    if (good && optind < argc) {
        fprintf(stderr, "xvmsgd: what is '%s'?\n", argv[optind]);
        good = false;
    }
    if (good)
        return;
    fputs("Try 'xvmsgd --help'.\n", stderr);
    exit(EXIT_USAGE);
}

static bool type_known(const char *type)
{
    return table_find(type) != NULL;
}

static void on_stop(evutil_socket_t number, short what, void *user)
{
    struct daemon *daemon = user;

    (void)what;
    log_info("ending on signal %d", (int)number);
    event_base_loopbreak(daemon->base);
}

static void on_child(evutil_socket_t number, short what, void *user)
{
    (void)number;
    (void)what;
    process_reap(user);
}

struct signals {
    struct event *term;
    struct event *interrupt;
    struct event *child;
};

static bool catch_signals(struct signals *signals, struct daemon *daemon)
{
    signals->term = evsignal_new(daemon->base, SIGTERM, on_stop, daemon);
    signals->interrupt = evsignal_new(daemon->base, SIGINT, on_stop, daemon);
    signals->child = evsignal_new(daemon->base, SIGCHLD, on_child, daemon);
    return signals->term && signals->interrupt && signals->child &&
           event_add(signals->term, NULL) == 0 && event_add(signals->interrupt, NULL) == 0 &&
           event_add(signals->child, NULL) == 0;
}

static void free_signals(struct signals *signals)
{
    struct event *events[] = {signals->term, signals->interrupt, signals->child};

    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
        if (events[i])
            event_free(events[i]);
}

/* The guests' pages are given back when we are gone: the workers end first,
 * each within its time. */
static void wait_for_workers(struct daemon *daemon)
{
    while (daemon->processes && event_base_loop(daemon->base, EVLOOP_ONCE) == 0)
        ;
    script_forget_all(daemon);
    process_forget_all(daemon);
}

/* Each device has a file open in its worker, which inherits this. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        log_warning("the limit of open files cannot be raised: %s", strerror(errno));
}

static int serve(struct daemon *daemon)
{
    struct signals signals = {NULL, NULL, NULL};
    struct supervisor *supervisor = NULL;
    char why[WHY_SIZE] = "cannot catch signals";
    int status = EXIT_FAILURE;

    if (catch_signals(&signals, daemon))
        supervisor = supervisor_new(daemon, why);
    if (!supervisor) {
        log_error("%s", why);
        goto free_events;
    }
    log_info("xvmsgd ready");
    notify_manager("READY=1");
    if (event_base_dispatch(daemon->base) == 0)
        status = EXIT_SUCCESS;
    notify_manager("STOPPING=1");
    supervisor_free(supervisor);
    wait_for_workers(daemon);

free_events:
    free_signals(&signals);
    return status;
}

static int become_worker(char **argv)
{
    uint64_t fd, level, threads;

    if (parse_u64(argv[2], 0, INT32_MAX, &fd) < 0 ||
        parse_u64(argv[3], 0, LOG_LEVEL_DEBUG, &level) < 0 ||
        parse_u64(argv[4], 0, THREADS_MAX, &threads) < 0) {
        fputs("xvmsgd: " SPAWN_ARGUMENT " is for xvmsgd's own use\n", stderr);
        return EXIT_USAGE;
    }
    log_set_level((enum log_level)level);
    return worker_main((int)fd, argv[5], (unsigned)threads);
}

int main(int argc, char **argv)
{
    struct daemon daemon = {
        .spawn = spawn_worker,
        .type_known = type_known,
        .control_path = CONTROL_SOCKET,
        .max_shared_pages = SHARED_MIB_DEFAULT * PAGES_PER_MIB,
        .poll_us = (uint32_t)(pace_sleep(POLL_US_LEAST * 1000, POLL_US_MAX * 1000) / 1000),
        .queue_threads = QUEUE_THREADS_DEFAULT,
        .quarantine = {
            .count = QUARANTINE_COUNT_DEFAULT,
            .seconds = QUARANTINE_SECONDS_DEFAULT,
        },
        .remove_timeout = {.tv_sec = REMOVE_TIMEOUT_DEFAULT},
        .answer_timeout = {.tv_sec = 30},
        .script_timeout = {.tv_sec = 40},
        .retry_delay = {.tv_sec = 1},
    };
    const char *why;
    int status = EXIT_FAILURE;

    /* A peer that is gone is an error of the call, not the end of us. */
    signal(SIGPIPE, SIG_IGN);
    if (argc == SPAWN_ARGC && strcmp(argv[1], SPAWN_ARGUMENT) == 0)
        return become_worker(argv);
    parse_options(argc, argv, &daemon);
    raise_descriptor_limit();
    daemon.queue_threads = useful_threads(daemon.queue_threads);
    daemon.spawn_user = &daemon.queue_threads;

    daemon.platform = platform_open_xen(PLATFORM_XENSTORE, &why);
    if (!daemon.platform) {
        log_error("%s", why);
        return EXIT_FAILURE;
    }
    daemon.base = event_base_new();
    if (daemon.base) {
        status = serve(&daemon);
        event_base_free(daemon.base);
    } else {
        log_error("cannot make an event loop: %s", strerror(errno));
    }
    platform_close(daemon.platform);
    return status;
}
