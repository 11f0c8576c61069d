/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tools/xvmsg/counts.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/xvmsg/bus.h"
#include "tools/xvmsg/printable.h"
#include "tools/xvmsg/xvmsg.h"

#define MILLISECOND UINT64_C(1000000)

#define SECOND (1000 * MILLISECOND)

/* Buses that are asked at once; each takes a descriptor. */
#define AT_ONCE 64

/* Records of one bus: more are nonsense. */
#define RECORDS_MAX (1u << 18)

/* One bus being asked. */
struct asking {
    struct counts_bus *bus;
    int socket; /* -1: nobody is */
    size_t records;
    bool begun; /* its own record has come */
};

/* False, always: what the worker said is not what it must say. */
static bool nonsense(struct asking *a)
{
    snprintf(a->bus->why, sizeof(a->bus->why),
             "its worker sent something that is no counter");
    return false;
}

/* ---- records ---- */

static bool take_bus(struct asking *a, const void *record)
{
    struct stats_bus told;

    if (a->begun)
        return nonsense(a);
    memcpy(&told, record, sizeof(told));
    a->begun = true;
    a->bus->connected = told.connected != 0;
    a->bus->channel = told.channel;
    a->bus->memory = told.memory;
    return true;
}

/* Room for one more, zeroed; `count` is how many there are. NULL without memory. */
static void *grow(void *list, size_t count, size_t size)
{
    char *grown = list;

    /* Whenever it is full: at each power of two. */
    if ((count & (count - 1)) == 0)
        grown = reallocarray(list, count ? 2 * count : 1, size);
    if (grown)
        memset(grown + count * size, 0, size);
    return grown;
}

static void copy_name(char to[STATS_NAME_MAX], const char from[STATS_NAME_MAX])
{
    memcpy(to, from, STATS_NAME_MAX);
    to[STATS_NAME_MAX - 1] = '\0';
    make_printable(to);
}

static bool take_device(struct asking *a, const void *record)
{
    struct counts_bus *bus = a->bus;
    struct counts_device *grown;
    struct stats_device told;

    memcpy(&told, record, sizeof(told));
    if (!a->begun ||
        (bus->num_devices && told.number <= bus->devices[bus->num_devices - 1].number))
        return nonsense(a);
    grown = grow(bus->devices, bus->num_devices, sizeof(*grown));
    if (!grown) {
        snprintf(bus->why, sizeof(bus->why), "out of memory");
        return false;
    }
    bus->devices = grown;
    grown += bus->num_devices++;
    grown->number = told.number;
    grown->stats = told.counts;
    copy_name(grown->name, told.name);
    copy_name(grown->type, told.type);
    return true;
}

static bool take_queue(struct asking *a, const void *record)
{
    struct counts_bus *bus = a->bus;
    struct counts_device *device;
    struct counts_queue *grown;
    struct stats_queue told;

    memcpy(&told, record, sizeof(told));
    if (!bus->num_devices || told.index >= STATS_QUEUES_MAX)
        return nonsense(a);
    device = &bus->devices[bus->num_devices - 1];
    if (device->num_queues && told.index <= device->queues[device->num_queues - 1].index)
        return nonsense(a);
    grown = grow(device->queues, device->num_queues, sizeof(*grown));
    if (!grown) {
        snprintf(bus->why, sizeof(bus->why), "out of memory");
        return false;
    }
    device->queues = grown;
    grown += device->num_queues++;
    grown->index = (uint32_t)told.index;
    grown->stats = told.counts;
    return true;
}

static bool take_record(struct asking *a, const struct stats_head *head, const void *record)
{
    if (++a->records > RECORDS_MAX)
        return nonsense(a);
    switch ((enum stats_kind)head->kind) {
    case STATS_BUS:
        return take_bus(a, record);
    case STATS_DEVICE:
        return take_device(a, record);
    case STATS_QUEUE:
        return take_queue(a, record);
    case STATS_END:
        a->bus->complete = a->begun;
        return a->begun || nonsense(a);
    }
    return nonsense(a);
}

/* False when nothing of what comes behind is of use. */
static bool take_packet(struct asking *a, const uint8_t *packet, size_t size)
{
    struct stats_head head;

    for (size_t at = 0; at < size; at += head.size) {
        if (size - at < sizeof(head))
            return nonsense(a);
        memcpy(&head, packet + at, sizeof(head));
        if (!head.size || head.size != stats_record_size(head.kind) || head.size > size - at ||
            a->bus->complete)
            return nonsense(a);
        if (!take_record(a, &head, packet + at))
            return false;
    }
    return true;
}

/* ---- one bus ---- */

static int time_left(struct platform *p, uint64_t deadline)
{
    uint64_t now = p->ops->now(p);

    return now < deadline ? (int)((deadline - now) / MILLISECOND + 1) : 0;
}

/* False when there is no time left, or no patience. */
static bool await(struct platform *p, const struct counts_order *order, struct asking *a,
                  uint64_t deadline)
{
    struct pollfd fds[] = {
        {.fd = a->socket, .events = POLLIN},
        {.fd = order->until[0], .events = POLLIN},
        {.fd = order->until[1], .events = POLLIN},
    };
    int left = time_left(p, deadline);

    /* Asked of the clock, too: a worker that always has more never lets poll() wait. */
    if (left && poll(fds, 3, left) > 0 && fds[0].revents)
        return true;
    snprintf(a->bus->why, sizeof(a->bus->why), "its worker is busy: it did not answer in time");
    return false;
}

/* False at the end, good or bad. */
static bool receive(struct asking *a)
{
    static uint8_t packet[STATS_PACKET_MAX];
    ssize_t size = recv(a->socket, packet, sizeof(packet), MSG_DONTWAIT | MSG_TRUNC);

    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (size <= 0) {
        snprintf(a->bus->why, sizeof(a->bus->why), "its worker ended before it had told all");
        return false;
    }
    if ((size_t)size > sizeof(packet))
        return nonsense(a);
    return take_packet(a, packet, (size_t)size) && !a->bus->complete;
}

static void begin(struct asking *a, const char *socket, struct counts_bus *bus)
{
    *a = (struct asking){.bus = bus};
    a->socket = control_ask(socket, CONTROL_STATS, bus->domid, bus->bus, bus->why);
}

static void finish(struct platform *p, const struct counts_order *order, struct asking *a,
                   uint64_t deadline)
{
    if (a->socket < 0)
        return;
    if (await(p, order, a, deadline) && control_await(a->socket, 0, a->bus->why) == 0)
        while (await(p, order, a, deadline) && receive(a))
            ;
    close(a->socket);
}

/* ---- all of them ---- */

static void ask_all(struct platform *p, const struct counts_order *order, struct counts *counts)
{
    struct asking asking[AT_ONCE];

    for (size_t first = 0; first < counts->num_buses; first += AT_ONCE) {
        size_t left = counts->num_buses - first;
        size_t count = left < AT_ONCE ? left : AT_ONCE;
        uint64_t deadline;

        for (size_t i = 0; i < count; i++)
            begin(&asking[i], order->socket, &counts->buses[first + i]);
        deadline = p->ops->now(p) + order->timeout * SECOND;
        for (size_t i = 0; i < count; i++)
            finish(p, order, &asking[i], deadline);
    }
}

static void free_devices(struct counts_bus *bus)
{
    for (size_t i = 0; i < bus->num_devices; i++)
        free(bus->devices[i].queues);
    free(bus->devices);
    bus->devices = NULL;
    bus->num_devices = 0;
}

static bool is_called(const struct counts_device *device, const char *name)
{
    uint64_t number;

    if (parse_u64(name, 0, UINT64_MAX, &number) == 0)
        return device->number == number;
    return strcmp(device->name, name) == 0;
}

/* Leaves those of the device alone. */
static size_t choose(struct counts *counts, const char *name)
{
    size_t found = 0;

    for (size_t b = 0; b < counts->num_buses; b++) {
        struct counts_bus *bus = &counts->buses[b];
        size_t kept = 0;

        for (size_t i = 0; i < bus->num_devices; i++) {
            if (is_called(&bus->devices[i], name))
                bus->devices[kept++] = bus->devices[i];
            else
                free(bus->devices[i].queues);
        }
        bus->num_devices = kept;
        found += kept;
    }
    return found;
}

static int list_buses(struct platform *p, const char *command, const char *domain,
                      struct counts *counts)
{
    struct bus_ids ids;
    int rc = bus_list(p, command, domain, &ids);

    if (rc == 0)
        counts->buses = calloc(ids.count + 1, sizeof(*counts->buses));
    for (size_t i = 0; counts->buses && i < ids.count; i++) {
        struct counts_bus *bus = &counts->buses[counts->num_buses++];
        char *name = bus_domain_name(p, PLATFORM_NO_TX, &ids.list[i]);

        bus->domid = ids.list[i].frontend;
        bus->bus = ids.list[i].bus;
        snprintf(bus->domain, sizeof(bus->domain), "%.63s", name ? name : "");
        if (!*bus->domain)
            snprintf(bus->domain, sizeof(bus->domain), "%" PRIu32, bus->domid);
        free(name);
    }
    free(ids.list);
    if (rc == 0 && !counts->buses)
        complain(command, "out of memory");
    return counts->buses ? 0 : -1;
}

int counts_collect(struct platform *p, const char *command, const struct counts_order *order,
                   struct counts *counts)
{
    *counts = (struct counts){.time = p->ops->now(p)};
    if (!bus_daemon_runs(p, command) || list_buses(p, command, order->domain, counts) < 0)
        return -1;
    ask_all(p, order, counts);
    if (!order->device || choose(counts, order->device))
        return 0;
    if (counts_complete(command, counts))
        complain(command, "domain %s has no device %s", order->domain, order->device);
    return -1;
}

void counts_free(struct counts *counts)
{
    for (size_t i = 0; i < counts->num_buses; i++)
        free_devices(&counts->buses[i]);
    free(counts->buses);
    *counts = (struct counts){0};
}

bool counts_complete(const char *command, const struct counts *counts)
{
    bool complete = true;

    for (size_t i = 0; i < counts->num_buses; i++) {
        const struct counts_bus *bus = &counts->buses[i];

        if (bus->complete)
            continue;
        complain(command, "domain %" PRIu32 " (%s) bus %" PRIu32 ": %s", bus->domid, bus->domain,
                 bus->bus, bus->why);
        complete = false;
    }
    return complete;
}
