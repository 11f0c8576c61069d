/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* xvmsg stats, with its daemon and workers, good or taken over, played here. */

#include <ctype.h>
#include <json-c/json.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/harness.h"
#include "tests/unit/complaint.h"
#include "tests/unit/stats-daemon.h"
#include "tools/xvmsg/admin.h"
#include "tools/xvmsg/counts.h"

/* ---- the tool, in a thread ---- */

static struct stats_daemon d;
static struct stats_order order;
static pthread_t tool;
static int status;
static char *output;
static size_t output_size;

static void start(unsigned buses)
{
    test_alarm(TEST_PATIENCE);
    complaint_clear();
    stats_daemon_open(&d, buses);
    order = (struct stats_order){.socket = d.socket, .timeout = TEST_PATIENCE};
}

static void stop(void)
{
    stats_daemon_close(&d);
    free(output);
    output = NULL;
    test_alarm(0);
}

static void *run_tool(void *unused)
{
    FILE *out = open_memstream(&output, &output_size);

    status = stats_run(d.dom0, &order, out);
    fclose(out);
    return unused;
}

static void start_tool(void)
{
    free(output);
    CU_ASSERT_FATAL(pthread_create(&tool, NULL, run_tool, NULL) == 0);
}

static int end_tool(void)
{
    pthread_join(tool, NULL);
    return status;
}

/* With one good answer. */
static int run_once(void)
{
    start_tool();
    stats_daemon_serve(&d, 100);
    return end_tool();
}

/* ---- histograms ---- */

static void percentiles_lie_where_the_requests_do(void)
{
    struct latency latency = {0};

    CU_ASSERT_EQUAL(counts_percentile(&latency, 50), 0);
    for (uint64_t i = 1; i <= 1000; i++)
        latency_add(&latency, i * 10000);
    for (unsigned percent = 5; percent <= 100; percent += 5) {
        double exact = percent * 100000.0, got = (double)counts_percentile(&latency, percent);

        CU_ASSERT(got > exact * 0.9 && got < exact * 1.1);
    }
    CU_ASSERT_EQUAL(counts_percentile(&latency, 100), 10000000);
}

static void one_request_is_every_percentile(void)
{
    struct latency latency = {0};

    latency_add(&latency, 1000000);
    CU_ASSERT(counts_percentile(&latency, 50) > 750000);
    CU_ASSERT(counts_percentile(&latency, 50) <= 1000000);
    CU_ASSERT_EQUAL(counts_percentile(&latency, 99), 1000000);
}

static void a_histogram_of_lies_has_percentiles(void)
{
    struct latency latency = {.max = UINT64_MAX};

    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        latency.buckets[i] = UINT64_MAX;
    for (unsigned percent = 0; percent <= 100; percent++)
        CU_ASSERT(counts_percentile(&latency, percent) <= latency_begin(LATENCY_BUCKETS));
}

/* ---- what is shown ---- */

static void the_table_has_a_row_for_each_queue(void)
{
    start(1);
    CU_ASSERT_EQUAL(run_once(), EXIT_SUCCESS);
    CU_ASSERT(strstr(output, "ID  DOMAIN  BUS  NUMBER  NAME   TYPE  QUEUE  REQUESTS  FROM-GUEST  "
                             "TO-GUEST  DEPTH") == output);
    CU_ASSERT(strstr(output, " 5  web       0       1  data   blk       0       100     100 MiB   "
                             "100 KiB      2        7") != NULL);
    CU_ASSERT(strstr(output, " 5  web       0       1  data   blk       1       300     300 MiB   "
                             "300 KiB      2        7") != NULL);
    CU_ASSERT(strstr(output, " 5  web       0       2  spare  blk       -         0") != NULL);
    CU_ASSERT(strstr(output, "\n 5  web       0  connected          100   90      40        3") !=
              NULL);
    stop();
}

static struct json_object *get(struct json_object *object, const char *key)
{
    struct json_object *value = json_object_object_get(object, key);

    if (!value)
        CU_FAIL(key);
    return value;
}

static uint64_t number(struct json_object *object, const char *key)
{
    return json_object_get_uint64(get(object, key));
}

static void json_can_be_read_back(void)
{
    struct json_object *all, *bus, *device, *queue, *latency;

    start(1);
    order.json = true;
    CU_ASSERT_EQUAL(run_once(), EXIT_SUCCESS);
    all = json_tokener_parse(output);
    CU_ASSERT_EQUAL_FATAL(json_object_array_length(all), 1);
    bus = json_object_array_get_idx(all, 0);
    CU_ASSERT_STRING_EQUAL(json_object_get_string(get(bus, "domain")), "web");
    CU_ASSERT_EQUAL(number(bus, "domain-id"), 5);
    CU_ASSERT(json_object_get_boolean(get(bus, "complete")));
    CU_ASSERT_EQUAL(number(bus, "messages-from-guest"), 100);
    CU_ASSERT_EQUAL(number(bus, "mapped-pages"), 512);
    CU_ASSERT_EQUAL(json_object_array_length(get(bus, "devices")), 2);
    device = json_object_array_get_idx(get(bus, "devices"), 0);
    CU_ASSERT_STRING_EQUAL(json_object_get_string(get(device, "name")), "data");
    CU_ASSERT_EQUAL(number(device, "gave-up"), 1);
    queue = json_object_array_get_idx(get(device, "queues"), 1);
    CU_ASSERT_EQUAL(number(queue, "queue"), 1);
    CU_ASSERT_EQUAL(number(queue, "requests"), 300);
    CU_ASSERT_EQUAL(number(queue, "bytes-from-guest"), UINT64_C(300) << 20);
    CU_ASSERT_EQUAL(number(queue, "doorbells"), 30);
    latency = get(queue, "latency-ns");
    CU_ASSERT_EQUAL(number(latency, "requests"), 300);
    CU_ASSERT_EQUAL(number(latency, "max"), 10000000);
    CU_ASSERT_EQUAL(number(latency, "sum"), UINT64_C(270) * 250000 + 30 * 10000000);
    CU_ASSERT(number(latency, "p50") > 200000 && number(latency, "p50") < 280000);
    CU_ASSERT(number(latency, "p99") > 8000000);
    CU_ASSERT_EQUAL(json_object_array_length(get(latency, "histogram")), 2);
    json_object_put(all);
    stop();
}

static void one_device_by_number_or_name(void)
{
    start(1);
    order.domain = "web";
    order.device = "2";
    CU_ASSERT_EQUAL(run_once(), EXIT_SUCCESS);
    CU_ASSERT(strstr(output, "spare") && !strstr(output, "data"));
    order.device = "data";
    CU_ASSERT_EQUAL(run_once(), EXIT_SUCCESS);
    CU_ASSERT(strstr(output, "data") && !strstr(output, "spare"));
    order.device = "other";
    CU_ASSERT_EQUAL(run_once(), EXIT_FAILURE);
    CU_ASSERT_EQUAL(output_size, 0);
    CU_ASSERT(complaint_has("domain web has no device other"));
    stop();
}

/* ---- Prometheus ---- */

/* Is it NAME{LABEL="VALUE",...} NUMBER, of a metric that was announced? */
static bool is_sample(const char *line, const char *announced)
{
    size_t length = strcspn(line, "{");
    const char *at = line + length + 1;
    char *end;

    /* A histogram has _bucket, _sum and _count behind its name. */
    if (line[length] != '{' || strncmp(line, announced, strlen(announced)) != 0)
        return false;
    do {
        at += strspn(at, "abcdefghijklmnopqrstuvwxyz_");
        if (at[0] != '=' || at[1] != '"')
            return false;
        for (at += 2; *at && *at != '"'; at++)
            at += *at == '\\';
    } while (*at++ == '"' && *at++ == ',');
    if (at[-1] != '}' || *at != ' ')
        return false;
    strtod(at + 1, &end);
    return end > at + 1 && *end == '\0';
}

/* Samples in the text; none when a line is neither that nor what announces them. */
static unsigned count_samples(char *text)
{
    char announced[128] = "", type[32];
    unsigned samples = 0;

    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        if (strncmp(line, "# HELP ", 7) == 0)
            continue;
        if (sscanf(line, "# TYPE %127s %31s", announced, type) == 2) {
            bool total = strstr(announced, "_total") != NULL;

            if (total != (strcmp(type, "counter") == 0))
                return 0;
        } else if (!is_sample(line, announced)) {
            printf("# no sample: %s\n", line);
            return 0;
        } else {
            samples++;
        }
    }
    return samples;
}

static void prometheus_can_read_it(void)
{
    static const char *const lines[] = {
        "xvmsg_bus_up{domain=\"web\",bus=\"0\"} 1\n",
        "xvmsg_bus_messages_dropped_total{domain=\"web\",bus=\"0\"} 3\n",
        "xvmsg_device_needs_reset_total{domain=\"web\",bus=\"0\",device=\"1\",name=\"data\","
        "type=\"blk\"} 1\n",
        "xvmsg_queue_requests_total{domain=\"web\",bus=\"0\",device=\"1\",name=\"data\","
        "type=\"blk\",queue=\"1\"} 300\n",
        "type=\"blk\",queue=\"1\",le=\"6.5536e-05\"} 0\n",
        "type=\"blk\",queue=\"1\",le=\"0.000262144\"} 270\n",
        "type=\"blk\",queue=\"1\",le=\"+Inf\"} 300\n",
        "# TYPE xvmsg_queue_latency_seconds histogram\n",
        "type=\"blk\",queue=\"1\"} 0.3675\n",
    };
    char *text;

    start(1);
    order.prometheus = "-";
    CU_ASSERT_EQUAL(run_once(), EXIT_SUCCESS);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        if (!strstr(output, lines[i]))
            CU_FAIL(lines[i]);
    text = strdup(output);
    /* 1 + 9 + 4 of the bus, 2 of each device, 14 and 13 + 3 of each queue. */
    CU_ASSERT_EQUAL(count_samples(text), 14 + 2 * 2 + 2 * (14 + 16));
    free(text);
    stop();
}

/* Whoever has the old file open reads all of that. */
static void a_file_is_replaced_as_a_whole(void)
{
    struct stat st;
    char byte[8];
    FILE *before;

    start(1);
    before = fopen(d.file, "w+");
    fputs("before", before);
    rewind(before);
    order.prometheus = d.file;
    CU_ASSERT_EQUAL(run_once(), EXIT_SUCCESS);
    CU_ASSERT_EQUAL(output_size, 0);
    CU_ASSERT(fgets(byte, sizeof(byte), before) && strcmp(byte, "before") == 0);
    fclose(before);
    CU_ASSERT(stat(d.file, &st) == 0 && st.st_size > 1000);
    CU_ASSERT_EQUAL(st.st_mode & 07777, 0644);
    stop();
}

static void a_file_that_cannot_be_written_is_named(void)
{
    start(1);
    order.prometheus = "/nonexistent/file.prom";
    CU_ASSERT_EQUAL(run_once(), EXIT_FAILURE);
    CU_ASSERT(complaint_has("cannot write /nonexistent/file.prom"));
    stop();
}

/* ---- workers in trouble ---- */

/* The other bus is shown all the same. */
static void a_dead_worker_hides_no_other(void)
{
    start(2);
    start_tool();
    for (int i = 0; i < 2; i++) {
        uint32_t bus;
        int fd = stats_daemon_accept(&d, &bus);

        stats_daemon_tell_bus(fd);
        if (bus == 1) {
            stats_daemon_tell_device(fd, 1, "data");
            stats_daemon_tell_end(fd);
        }
        close(fd);
    }
    CU_ASSERT_EQUAL(end_tool(), EXIT_FAILURE);
    CU_ASSERT(strstr(output, "web       1       1  data") != NULL);
    CU_ASSERT(complaint_has("domain 5 (web) bus 0: its worker ended before it had told all"));
    stop();
}

/* One who answers nothing costs a few seconds, and not those for each. */
static void a_busy_worker_is_not_waited_for_without_end(void)
{
    uint32_t bus;
    int fds[2];

    start(2);
    order.timeout = 1;
    start_tool();
    for (int i = 0; i < 2; i++)
        fds[i] = stats_daemon_accept(&d, &bus);
    stats_daemon_tell_bus(fds[0]);
    CU_ASSERT_EQUAL(end_tool(), EXIT_FAILURE);
    CU_ASSERT(complaint_has("busy"));
    close(fds[0]);
    close(fds[1]);
    stop();
}

static void a_refusal_is_shown(void)
{
    struct control_answer answer = {.why = "domain 5 has no bus 0\033[2J"};
    struct control_request request;
    int fd;

    start(1);
    start_tool();
    fd = accept(d.listener, NULL, NULL);
    CU_ASSERT(recv(fd, &request, sizeof(request), 0) == sizeof(request));
    CU_ASSERT(send(fd, &answer, sizeof(answer), 0) == sizeof(answer));
    CU_ASSERT_EQUAL(end_tool(), EXIT_FAILURE);
    CU_ASSERT(complaint_has("bus 0: domain 5 has no bus 0?[2J"));
    close(fd);
    stop();
}

static void say_nothing_known(int fd)
{
    const struct stats_head head = {.kind = STATS_END + 1, .size = sizeof(head)};

    stats_daemon_tell_bus(fd);
    send(fd, &head, sizeof(head), MSG_NOSIGNAL);
}

static void say_wrong_size(int fd)
{
    const struct stats_head head = {.kind = STATS_DEVICE, .size = sizeof(head)};

    stats_daemon_tell_bus(fd);
    send(fd, &head, sizeof(head), MSG_NOSIGNAL);
}

static void say_size_zero(int fd)
{
    const struct stats_head heads[64] = {{.kind = 0, .size = 0}};

    stats_daemon_tell_bus(fd);
    send(fd, heads, sizeof(heads), MSG_NOSIGNAL);
}

static void say_half_a_record(int fd)
{
    const struct stats_head head = {.kind = STATS_QUEUE, .size = sizeof(struct stats_queue)};

    stats_daemon_tell_bus(fd);
    stats_daemon_tell_device(fd, 1, "data");
    send(fd, &head, sizeof(head), MSG_NOSIGNAL);
}

static void say_half_a_head(int fd)
{
    send(fd, "xyz", 3, MSG_NOSIGNAL);
}

static void say_too_long_a_packet(int fd)
{
    static char packet[STATS_PACKET_MAX + 1];

    send(fd, packet, sizeof(packet), MSG_NOSIGNAL);
}

static void say_a_device_before_the_bus(int fd)
{
    stats_daemon_tell_device(fd, 1, "data");
}

static void say_the_bus_twice(int fd)
{
    stats_daemon_tell_bus(fd);
    stats_daemon_tell_bus(fd);
}

static void say_a_queue_of_no_device(int fd)
{
    stats_daemon_tell_bus(fd);
    stats_daemon_tell_queue(fd, 0, 1);
}

static void say_a_queue_that_cannot_be(int fd)
{
    stats_daemon_tell_bus(fd);
    stats_daemon_tell_device(fd, 1, "data");
    stats_daemon_tell_queue(fd, STATS_QUEUES_MAX, 1);
}

static void say_a_queue_again(int fd)
{
    stats_daemon_tell_bus(fd);
    stats_daemon_tell_device(fd, 1, "data");
    stats_daemon_tell_queue(fd, 1, 1);
    stats_daemon_tell_queue(fd, 1, 1);
}

static void say_a_device_again(int fd)
{
    stats_daemon_tell_bus(fd);
    stats_daemon_tell_device(fd, 2, "data");
    stats_daemon_tell_device(fd, 2, "data");
}

static void say_the_end_only(int fd)
{
    stats_daemon_tell_end(fd);
}

static void nothing_a_worker_says_is_believed(void)
{
    static void (*const lies[])(int fd) = {
        say_nothing_known,     say_wrong_size,
        say_size_zero,         say_half_a_record,
        say_half_a_head,       say_too_long_a_packet,
        say_the_bus_twice,     say_a_device_before_the_bus,
        say_a_device_again,    say_a_queue_of_no_device,
        say_a_queue_again,     say_a_queue_that_cannot_be,
        say_the_end_only,
    };

    start(1);
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        uint32_t bus;
        int fd;

        complaint_clear();
        start_tool();
        fd = stats_daemon_accept(&d, &bus);
        lies[i](fd);
        CU_ASSERT_EQUAL(end_tool(), EXIT_FAILURE);
        if (!complaint_has("sent something that is no counter")) {
            printf("# lie %zu: %s\n", i, complaint);
            CU_FAIL("believed");
        }
        close(fd);
    }
    stop();
}

static void its_names_do_not_reach_the_terminal_as_they_are(void)
{
    char name[STATS_NAME_MAX];
    uint32_t bus;
    int fd;

    memset(name, 'n', sizeof(name)); /* without an end */
    memcpy(name, "\033[2J\n\"", 6);
    start(1);
    order.prometheus = "-";
    start_tool();
    fd = stats_daemon_accept(&d, &bus);
    stats_daemon_tell_bus(fd);
    stats_daemon_tell_device(fd, 1, name);
    stats_daemon_tell_end(fd);
    CU_ASSERT_EQUAL(end_tool(), EXIT_SUCCESS);
    CU_ASSERT(strstr(output, "name=\"?[2J?\\\"nnnnnnnnnnnnnnnnnnnnnnnnn\"") != NULL);
    CU_ASSERT_PTR_NULL(strchr(output, '\033'));
    close(fd);
    stop();
}

/* ---- nobody there ---- */

static void it_says_that_no_daemon_runs(void)
{
    start(1);
    platform_close(d.own);
    d.own = NULL;
    start_tool();
    CU_ASSERT_EQUAL(end_tool(), EXIT_FAILURE);
    CU_ASSERT(complaint_has("xvmsgd is not running"));
    stop();
}

static void a_domain_without_buses_has_no_rows(void)
{
    start(0);
    start_tool();
    CU_ASSERT_EQUAL(end_tool(), EXIT_SUCCESS);
    CU_ASSERT(strstr(output, "REQUESTS") != NULL);
    order.domain = "nobody";
    start_tool();
    CU_ASSERT_EQUAL(end_tool(), EXIT_FAILURE);
    CU_ASSERT(complaint_has("no domain 'nobody'"));
    stop();
}

static const struct test_case cases[] = {
    TEST(percentiles_lie_where_the_requests_do),
    TEST(one_request_is_every_percentile),
    TEST(a_histogram_of_lies_has_percentiles),
    TEST(the_table_has_a_row_for_each_queue),
    TEST(json_can_be_read_back),
    TEST(one_device_by_number_or_name),
    TEST(prometheus_can_read_it),
    TEST(a_file_is_replaced_as_a_whole),
    TEST(a_file_that_cannot_be_written_is_named),
    TEST(a_dead_worker_hides_no_other),
    TEST(a_busy_worker_is_not_waited_for_without_end),
    TEST(a_refusal_is_shown),
    TEST(nothing_a_worker_says_is_believed),
    TEST(its_names_do_not_reach_the_terminal_as_they_are),
    TEST(it_says_that_no_daemon_runs),
    TEST(a_domain_without_buses_has_no_rows),
    {NULL, NULL},
};

int main(void)
{
    return test_main("xvmsg-stats", cases);
}
