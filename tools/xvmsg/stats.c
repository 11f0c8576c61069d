/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tools/xvmsg/stats.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/xvmsg/admin.h"
#include "tools/xvmsg/bus.h"
#include "tools/xvmsg/options.h"
#include "tools/xvmsg/xvmsg.h"

#define COMMAND "stats"

static const char usage[] =
    "usage: xvmsg stats [--json | --prometheus FILE] [--timeout SECONDS]\n"
    "                   [DOMAIN [DEVICE]]\n"
    "\n"
    "Shows what xvmsgd's workers have counted, for each queue and bus, of DOMAIN\n"
    "(name or id) or of all, and of it DEVICE (number or name) or all.\n"
    "\n"
    "  --json             an array with one object for each bus\n"
    "  --prometheus FILE  into FILE, for node_exporter's textfile collector;\n"
    "                     - is standard output\n"
    "  --timeout SECONDS  wait so long for a busy worker; 5 is the default\n";

/* ---- the file ---- */

/* Complains. */
static int fail(const char *file)
{
    complain(COMMAND, "cannot write %s: %s", file, strerror(errno));
    return -1;
}

/* Whoever reads FILE meanwhile finds all of what was there, or all of what is new. */
static int replace_file(const struct counts *counts, const char *file, char *beside)
{
    int fd = mkstemp(beside);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
    bool written;

    if (!out) {
        fail(file);
        if (fd >= 0)
            goto close_fd;
        return -1;
    }
    /* The collector runs as somebody else. */
    fchmod(fd, 0644);
    stats_print_prometheus(counts, out);
    written = fflush(out) == 0 && !ferror(out);
    if (fclose(out) == 0 && written && rename(beside, file) == 0)
        return 0;
    fail(file);
    goto remove;

close_fd:
    close(fd);
remove:
    unlink(beside);
    return -1;
}

static int write_prometheus(const struct counts *counts, const char *file, FILE *out)
{
    char *beside;
    int rc;

    if (strcmp(file, "-") == 0) {
        stats_print_prometheus(counts, out);
        return 0;
    }
    if (asprintf(&beside, "%s.XXXXXX", file) < 0)
        return fail(file);
    rc = replace_file(counts, file, beside);
    free(beside);
    return rc;
}

/* ---- the command ---- */

static int show(const struct counts *counts, const struct stats_order *order, FILE *out)
{
    if (order->prometheus)
        return write_prometheus(counts, order->prometheus, out);
    if (order->json)
        stats_print_json(counts, out);
    else
        stats_print_table(counts, out);
    return 0;
}

int stats_run(struct platform *p, const struct stats_order *order, FILE *out)
{
    const struct counts_order wanted = {
        .socket = order->socket,
        .domain = order->domain,
        .device = order->device,
        .timeout = order->timeout,
        .until = {-1, -1},
    };
    struct counts counts;
    int rc = counts_collect(p, COMMAND, &wanted, &counts);

    if (rc == 0)
        rc = show(&counts, order, out);
    /* What is there has been shown; whom it does not speak of is told, too. */
    if (rc == 0 && !counts_complete(COMMAND, &counts))
        rc = -1;
    counts_free(&counts);
    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* -1 to go on, else the exit status. */
static int parse_command_line(int argc, char **argv, struct stats_order *order)
{
    const struct options_known known[] = {
        {"json", .flag = &order->json},
        {"prometheus", .text = &order->prometheus},
        {"timeout", .number = &order->timeout},
        {0},
    };
    int status = options_parse(COMMAND, usage, known, argc, argv);

    if (status >= 0)
        return status;
    if (argc - optind > 2)
        return options_usage(usage, false);
    if (order->json && order->prometheus) {
        complain(COMMAND, "--json and --prometheus are two forms of the same: choose one");
        return EXIT_USAGE;
    }
    order->domain = argv[optind]; /* NULL at the end */
    order->device = order->domain ? argv[optind + 1] : NULL;
    return -1;
}

static int run(struct platform *p, const void *order)
{
    return stats_run(p, order, stdout);
}

int cmd_stats(int argc, char **argv)
{
    struct stats_order order = {.socket = CONTROL_SOCKET, .timeout = STATS_TIMEOUT_DEFAULT};
    int status = parse_command_line(argc, argv, &order);

    return status < 0 ? bus_run(COMMAND, run, &order) : status;
}
