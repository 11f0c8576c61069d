/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/xvmsg/admin.h"
#include "tools/xvmsg/bus.h"
#include "tools/xvmsg/options.h"
#include "tools/xvmsg/rates.h"
#include "tools/xvmsg/signals.h"
#include "tools/xvmsg/terminal.h"
#include "tools/xvmsg/xvmsg.h"

#define COMMAND "top"
#define MILLISECOND UINT64_C(1000000)
#define SECONDS_MAX 86400

/* The first look at a screen has something to be compared with so soon. */
#define FIRST_MILLISECONDS 250

#define LINES_OF_HEAD 3 /* the summary, a blank line, the table's head */

static const char usage[] =
    "usage: xvmsg top [--interval SECONDS] [-n COUNT] [--batch]\n"
    "                 [--timeout SECONDS] [DOMAIN]\n"
    "\n"
    "Shows what the devices of DOMAIN (name or id), or of all, are doing, the busiest\n"
    "first, until q is typed. In a pipe, tables are printed one below the other.\n"
    "\n"
    "  --interval SECONDS  between two tables; 2 is the default\n"
    "  -n, --count COUNT   end after so many\n"
    "  --batch             print tables, on a terminal too\n"
    "  --timeout SECONDS   wait so long for a busy worker; 5 is the default\n";

struct top {
    struct platform *platform;
    const struct top_order *order;
    FILE *out;
    struct counts before, now;
    struct rates rates;
    struct table table;
    struct signals signals;
    struct terminal screen;
    bool batch;
    uint32_t shown;
};

static uint64_t now(const struct top *t)
{
    return t->platform->ops->now(t->platform);
}

/* ---- looking ---- */

/* False after a complaint. */
static bool look(struct top *t)
{
    const struct counts_order wanted = {
        .socket = t->order->socket,
        .domain = t->order->domain,
        .timeout = t->order->timeout,
        .until = {t->signals.fd, t->screen.keys},
    };

    rates_free(&t->rates);
    counts_free(&t->before);
    t->before = t->now;
    t->now = (struct counts){0};
    if (counts_collect(t->platform, COMMAND, &wanted, &t->now) < 0)
        return false;
    table_clear(&t->table);
    if (!rates_make(&t->rates, &t->before, &t->now)) {
        complain(COMMAND, "out of memory");
        return false;
    }
    rates_fill(&t->rates, &t->table);
    return true;
}

static void head_line(const struct top *t, char text[TABLE_LINE_MAX])
{
    char clock[16], summary[TABLE_LINE_MAX - 32];
    time_t seconds = time(NULL);
    struct tm when;

    strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&seconds, &when));
    rates_summary(&t->rates, summary, sizeof(summary));
    snprintf(text, TABLE_LINE_MAX, "xvmsg top  %s  %s", clock, summary);
}

/* Of those who did not answer. */
static void trouble_line(const struct counts_bus *bus, char text[TABLE_LINE_MAX])
{
    snprintf(text, TABLE_LINE_MAX, "domain %" PRIu32 " (%s) bus %" PRIu32 ": %s", bus->domid,
             bus->domain, bus->bus, bus->why);
}

/* ---- showing ---- */

static void print_batch(const struct top *t)
{
    char text[TABLE_LINE_MAX];

    head_line(t, text);
    fprintf(t->out, "%s%s\n", t->shown ? "\n" : "", text);
    table_print(&t->table, t->out);
    for (size_t i = 0; i < t->now.num_buses; i++)
        if (!t->now.buses[i].complete) {
            trouble_line(&t->now.buses[i], text);
            fprintf(t->out, "%s\n", text);
        }
    fflush(t->out);
}

static size_t count_troubles(const struct top *t)
{
    size_t count = 0;

    for (size_t i = 0; i < t->now.num_buses; i++)
        count += !t->now.buses[i].complete;
    return count;
}

static void draw_troubles(const struct top *t, unsigned columns)
{
    char text[TABLE_LINE_MAX];

    for (size_t i = 0; i < t->now.num_buses; i++)
        if (!t->now.buses[i].complete) {
            trouble_line(&t->now.buses[i], text);
            terminal_line(&t->screen, TERMINAL_BOLD, text, columns);
        }
}

/* As many devices as there is room for; the last line is left free, as a newline in
 * it would move the rest. */
static void draw_devices(const struct top *t, unsigned rows, unsigned columns)
{
    size_t used = LINES_OF_HEAD + count_troubles(t) + 1;
    size_t room = rows > used ? rows - used : 0, count = t->rates.count;
    char text[TABLE_LINE_MAX];
    size_t fit = count <= room ? count : room ? room - 1 : 0;

    for (size_t i = 0; i < fit; i++) {
        bool idle = t->rates.seconds > 0 && rates_idle(&t->rates.list[i]);

        table_line(&t->table, i + 1, text);
        terminal_line(&t->screen, idle ? TERMINAL_DIM : "", text, columns);
    }
    if (fit < count && room) {
        snprintf(text, sizeof(text), "and %zu more", count - fit);
        terminal_line(&t->screen, TERMINAL_DIM, text, columns);
    }
}

static void draw(const struct top *t)
{
    char text[TABLE_LINE_MAX];
    unsigned rows, columns;

    terminal_size(&t->screen, &rows, &columns);
    terminal_begin(&t->screen);
    head_line(t, text);
    terminal_line(&t->screen, TERMINAL_BOLD, text, columns);
    terminal_line(&t->screen, "", "", columns);
    table_line(&t->table, 0, text);
    terminal_line(&t->screen, TERMINAL_REVERSE, text, columns);
    draw_devices(t, rows, columns);
    draw_troubles(t, columns);
    terminal_end(&t->screen);
}

/* ---- waiting ---- */

enum wish { WISH_NEXT, WISH_QUIT };

/* SIGTSTP: the shell has its terminal meanwhile. */
static void pause_top(struct top *t)
{
    terminal_close(&t->screen);
    raise(SIGSTOP);
    terminal_open(&t->screen, t->out);
    draw(t);
}

/* False: it shall end. */
static bool obey_signal(struct top *t)
{
    int number = signals_next(&t->signals);

    if (number == SIGWINCH && !t->batch)
        draw(t);
    else if (number == SIGTSTP && !t->batch)
        pause_top(t);
    else if (number)
        return false;
    return true;
}

/* Nor when the terminal is gone. */
static bool obey_key(const struct top *t)
{
    char key = 'q';

    return read(t->screen.keys, &key, 1) == 1 && key != 'q' && key != 'Q';
}

static enum wish wait_until(struct top *t, uint64_t deadline)
{
    struct pollfd fds[] = {
        {.fd = t->signals.fd, .events = POLLIN},
        {.fd = t->screen.keys, .events = POLLIN},
    };

    for (;;) {
        uint64_t time = now(t);

        if (time >= deadline)
            return WISH_NEXT;
        if (poll(fds, 2, (int)((deadline - time) / MILLISECOND + 1)) <= 0)
            continue;
        if ((fds[0].revents && !obey_signal(t)) || (fds[1].revents && !obey_key(t)))
            return WISH_QUIT;
    }
}

/* ---- the command ---- */

/* The exit status. */
static int watch(struct top *t)
{
    uint64_t interval = t->order->milliseconds * MILLISECOND;
    uint64_t first = FIRST_MILLISECONDS * MILLISECOND;
    uint64_t next;

    if (!look(t))
        return EXIT_FAILURE;
    if (!t->batch)
        draw(t);
    next = now(t) + (t->batch || interval < first ? interval : first);
    while (wait_until(t, next) == WISH_NEXT) {
        next = now(t) + interval;
        if (!look(t))
            return EXIT_FAILURE;
        if (t->batch)
            print_batch(t);
        else
            draw(t);
        if (++t->shown == t->order->count || ferror(t->out))
            break;
    }
    return EXIT_SUCCESS;
}

int top_run(struct platform *p, const struct top_order *order, FILE *out)
{
    static const int of_batch[] = {0}, of_screen[] = {SIGWINCH, SIGTSTP, 0};
    struct top t = {
        .platform = p,
        .order = order,
        .out = out,
        .table = {.columns = rates_columns},
        .screen = {.keys = -1},
        .batch = order->batch || !isatty(fileno(out)),
    };
    int status;

    if (signals_catch(&t.signals, COMMAND, t.batch ? of_batch : of_screen) < 0)
        return EXIT_FAILURE;
    if (!t.batch)
        terminal_open(&t.screen, out);
    status = watch(&t);
    if (!t.batch)
        terminal_close(&t.screen);
    signals_release(&t.signals);
    rates_free(&t.rates);
    table_clear(&t.table);
    counts_free(&t.before);
    counts_free(&t.now);
    return status;
}

/* -1 to go on, else the exit status. */
static int parse_command_line(int argc, char **argv, struct top_order *order)
{
    uint32_t seconds = TOP_SECONDS_DEFAULT;
    const struct options_known known[] = {
        {"interval", .number = &seconds},
        {"count", .letter = 'n', .number = &order->count},
        {"batch", .flag = &order->batch},
        {"timeout", .number = &order->timeout},
        {0},
    };
    int status = options_parse(COMMAND, usage, known, argc, argv);

    if (status >= 0)
        return status;
    if (argc - optind > 1)
        return options_usage(usage, false);
    if (seconds < 1 || seconds > SECONDS_MAX) {
        complain(COMMAND, "--interval must be 1 to %d seconds", SECONDS_MAX);
        return EXIT_USAGE;
    }
    order->milliseconds = UINT64_C(1000) * seconds;
    order->domain = argv[optind]; /* NULL at the end */
    return -1;
}

static int run(struct platform *p, const void *order)
{
    return top_run(p, order, stdout);
}

int cmd_top(int argc, char **argv)
{
    struct top_order order = {.socket = CONTROL_SOCKET, .timeout = STATS_TIMEOUT_DEFAULT};
    int status = parse_command_line(argc, argv, &order);

    return status < 0 ? bus_run(COMMAND, run, &order) : status;
}
