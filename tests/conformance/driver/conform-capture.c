/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * conform-capture [--max BYTES] [--strict] FILE: judges the driver of a recorded
 * bus ("xvmsg trace"), one TAP line per clause. What the recording shows nothing of
 * is skipped. A recording tells neither the bus's maximum nor its configuration
 * profile; say them.
 */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/driver/tap-check.h"
#include "tools/xvmsg/pcapng-reader.h"

#define MAX_BUSES 16u
#define NAME_SIZE 64u
#define REQUEST_TIMEOUT_NS UINT64_C(5000000000) /* libxvmsg's, unless told otherwise */

/* The messages of one bus in one form. */
struct bus {
    char name[NAME_SIZE];
    enum msg_form form;
    struct tap_check *check;
};

static struct bus buses[MAX_BUSES];
static unsigned num_buses;
static struct tap_bus wanted = {.timeout = REQUEST_TIMEOUT_NS};

static struct bus *find_bus(const char *name, enum msg_form form)
{
    struct tap_bus parameters = wanted;
    struct bus *bus = buses;

    while (bus < buses + num_buses && (bus->form != form || strcmp(bus->name, name) != 0))
        bus++;
    if (bus < buses + num_buses)
        return bus;
    if (num_buses == MAX_BUSES)
        return NULL;
    num_buses++;
    snprintf(bus->name, sizeof(bus->name), "%s", name);
    bus->form = form;
    bus->check = tap_check_new();
    parameters.form = form;
    tap_check_connect(bus->check, &parameters);
    return bus;
}

static int bail_out(const char *why)
{
    printf("Bail out! %s\n", why);
    return -1;
}

static int judge_message(const struct pcapng_message *message, const char *name)
{
    struct bus *bus = find_bus(name, message->form);
    struct tap_message tap = {message->time, message->direction == PCAPNG_FROM_GUEST,
                              message->bytes, message->size};

    if (!bus)
        return bail_out("the recording has too many buses");
    if (message->direction == PCAPNG_UNKNOWN)
        return bail_out("the recording does not tell who sent a message");
    if (message->lost)
        tap_check_forget(bus->check);
    tap_check_message(bus->check, &tap);
    return 0;
}

static int judge_all(FILE *in)
{
    char magic[sizeof(PCAPNG_MAGIC) - 1], why[PCAPNG_WHY_SIZE];
    struct pcapng_message message;
    struct pcapng_reader *reader;
    const char *name;
    int rc;

    if (fread(magic, 1, sizeof(magic), in) != sizeof(magic) ||
        memcmp(magic, PCAPNG_MAGIC, sizeof(magic)) != 0)
        return bail_out("not a pcapng file");
    reader = pcapng_reader_new(in);
    if (!reader)
        return bail_out("out of memory");
    while ((rc = pcapng_reader_next(reader, &message, &name, why)) > 0)
        if (judge_message(&message, name) < 0)
            break;
    if (rc < 0)
        bail_out(why);
    pcapng_reader_free(reader);
    return rc == 0 ? 0 : -1;
}

/* What all buses together show of a clause; one that broke it decides. */
static bool print_clause(enum tap_clause clause)
{
    enum tap_verdict verdict = TAP_NOT_SEEN;

    for (unsigned i = 0; i < num_buses; i++) {
        const struct tap_result *result = tap_check_result(buses[i].check, clause);

        if (result->verdict > verdict)
            verdict = result->verdict;
    }
    printf("%sok %d - %s: %s%s\n", verdict == TAP_BROKEN ? "not " : "", clause + 1,
           tap_check_id(clause), tap_check_words(clause),
           verdict == TAP_NOT_SEEN ? " # SKIP not seen in this capture" : "");
    for (unsigned i = 0; i < num_buses; i++) {
        const struct tap_result *result = tap_check_result(buses[i].check, clause);

        if (result->verdict == TAP_BROKEN)
            printf("# %s, message %zu: %s\n", buses[i].name, result->message, result->why);
    }
    return verdict != TAP_BROKEN;
}

static int usage(void)
{
    fprintf(stderr, "usage: conform-capture [--max BYTES] [--strict] FILE\n");
    return 2;
}

static bool read_options(int argc, char **argv)
{
    static const struct option options[] = {
        {"max", required_argument, NULL, 'm'}, {"strict", no_argument, NULL, 's'}, {0}};
    char *end;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
        if (option == 's') {
            wanted.strict = true;
        } else if (option == 'm') {
            unsigned long bytes = strtoul(optarg, &end, 10);

            if (*end || bytes < MSG_COMPACT_MIN_MAX || bytes > MSG_PROTOCOL_MAX)
                return false;
            wanted.max_message = (uint32_t)bytes;
        } else {
            return false;
        }
    return optind == argc - 1;
}

int main(int argc, char **argv)
{
    unsigned failed = 0;
    FILE *in;
    int rc;

    if (!read_options(argc, argv))
        return usage();
    in = fopen(argv[optind], "rb");
    if (!in) {
        perror(argv[optind]);
        return 2;
    }
    rc = judge_all(in);
    fclose(in);
    for (unsigned i = 0; i < num_buses; i++)
        tap_check_forget(buses[i].check);
    if (rc == 0) {
        printf("1..%d\n", TAP_CLAUSES);
        for (unsigned i = 0; i < TAP_CLAUSES; i++)
            failed += !print_clause(i);
    }
    for (unsigned i = 0; i < num_buses; i++)
        tap_check_free(buses[i].check);
    return rc < 0 || failed > 0;
}
