/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/integration/stage.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/devices/table.h"
#include "backend/log.h"
#include "common/store.h"
#include "tests/harness.h"
#include "xenstore-schema/schema.h"

/* More rounds than any chain of watches, answers and steps needs. */
#define ROUNDS 60

/* ---- workers ---- */

static void worker_leave(struct stage_worker *w)
{
    if (w->socket < 0)
        return;
    event_free(w->readable);
    close(w->socket);
    w->socket = -1;
    if (w->tool >= 0)
        close(w->tool);
    w->tool = -1;
}

/* What it stands on need not be a file. */
static void look_at_target(struct stage_worker *w, struct fds *fds)
{
    memset(w->target, 0, sizeof(w->target));
    if (pread(fds->fd[0], w->target, sizeof(w->target) - 1, 0) < 0)
        w->target[0] = '\0';
    fds_close(fds);
}

void stage_worker_says(struct stage_worker *w, enum ipc_kind kind, uint64_t number,
                       const char *text)
{
    struct ipc_message message = {.kind = kind};

    if (kind == IPC_BUS_FAILED) {
        snprintf(message.failed.text, sizeof(message.failed.text), "%s", text);
    } else {
        message.answer.number = number;
        snprintf(message.answer.text, sizeof(message.answer.text), "%s", text);
    }
    CU_ASSERT_EQUAL(ipc_send(w->socket, &message, NULL), 0);
}

static void answer(struct stage_worker *w, const struct ipc_message *message)
{
    const char *refusal = w->stage->refusal;

    if (message->kind == IPC_CONNECT)
        stage_worker_says(w, IPC_CONNECTED, 0, "");
    if (message->kind == IPC_DISCONNECT)
        stage_worker_says(w, IPC_DISCONNECTED, 0, "");
    if (message->kind == IPC_DEVICE_ADD)
        stage_worker_says(w, refusal ? IPC_DEVICE_REFUSED : IPC_DEVICE_ADDED,
                          message->device.number, refusal ? refusal : "");
    if (message->kind == IPC_DEVICE_REMOVE && !w->stage->keeps_devices)
        stage_worker_says(w, IPC_DEVICE_REMOVED, message->answer.number, "");
    if (message->kind == IPC_DEVICE_RESIZE)
        stage_worker_says(w, IPC_DEVICE_RESIZED, message->answer.number, "");
}

static void on_readable(evutil_socket_t socket, short what, void *user)
{
    struct stage_worker *w = user;
    struct fds fds;
    int got = ipc_receive(socket, &w->last, &fds);

    (void)what;
    if (got < 0)
        return;
    if (got == 0) {
        w->released = true;
        worker_leave(w);
        return;
    }
    if (w->last.kind == IPC_TRACE || w->last.kind == IPC_STATS)
        w->tool = fds.fd[0];
    else if (fds.count)
        look_at_target(w, &fds);
    if (w->last.kind == IPC_DEVICE_ADD)
        w->last_add = w->last;
    w->got[w->last.kind]++;
    if (!w->stage->mute)
        answer(w, &w->last);
}

static int spawn(void *user, const char *label, pid_t *pid)
{
    struct stage *s = user;
    struct stage_worker *w = calloc(1, sizeof(*w));
    int ends[2];

    *pid = 0;
    if (s->spawns_to_fail) {
        s->spawns_to_fail--;
        free(w);
        errno = EAGAIN;
        return -1;
    }
    if (!w || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        abort();
    w->stage = s;
    snprintf(w->label, sizeof(w->label), "%s", label);
    w->socket = ends[1];
    w->tool = -1;
    w->readable = event_new(s->base, ends[1], EV_READ | EV_PERSIST, on_readable, w);
    event_add(w->readable, NULL);
    w->next = s->workers;
    s->workers = w;
    s->spawned++;
    return ends[0];
}

struct stage_worker *stage_worker(struct stage *s, const char *label)
{
    struct stage_worker *w = s->workers;

    while (w && (w->socket < 0 || strcmp(w->label, label) != 0))
        w = w->next;
    return w;
}

struct stage_worker *stage_worker_7(struct stage *s)
{
    struct stage_worker *w = stage_worker(s, "dom 7 bus 0");

    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    return w;
}

void stage_worker_dies(struct stage_worker *w)
{
    worker_leave(w);
}

int stage_true_worker(struct stage *s, struct platform *xen, const char *label,
                      struct worker **worker)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        abort();
    *worker = worker_new(s->base, xen, ends[1], label);
    CU_ASSERT_PTR_NOT_NULL_FATAL(*worker);
    return ends[0];
}

static void free_workers(struct stage *s)
{
    for (struct stage_worker *w = s->workers, *next; w; w = next) {
        next = w->next;
        worker_leave(w);
        free(w);
    }
    s->workers = NULL;
}

/* ---- the stage ---- */

static bool type_known(const char *type)
{
    return table_find(type) != NULL;
}

void stage_open(struct stage *s, uint32_t backend)
{
    memset(s, 0, sizeof(*s));
    log_set_level(LOG_LEVEL_ERROR);
    s->fx = fake_xen_new();
    fake_xen_create_domain(s->fx, 7, "guest");
    fake_xen_create_domain(s->fx, 8, "other");
    if (backend)
        fake_xen_create_domain(s->fx, backend, "driver domain");
    s->backend = backend;
    s->toolstack = fake_xen_domain(s->fx, 0);
    s->guest = fake_xen_domain(s->fx, 7);
    s->other = fake_xen_domain(s->fx, 8);
    s->base = event_base_new();
    strcpy(s->directory, "/tmp/xvmsg-stage-XXXXXX");
    if (!s->base || !mkdtemp(s->directory))
        abort();
    s->daemon = (struct daemon){
        .base = s->base,
        .spawn = spawn,
        .spawn_user = s,
        .type_known = type_known,
        .max_shared_pages = 8192,
        .quarantine = {.count = 1024, .seconds = 60},
        .remove_timeout = {.tv_sec = TEST_PATIENCE},
        .answer_timeout = {.tv_sec = TEST_PATIENCE},
        .retry_delay = {.tv_usec = 1000},
    };
}

void stage_start_daemon(struct stage *s)
{
    char why[WHY_SIZE];

    s->daemon.platform = fake_xen_domain(s->fx, s->backend);
    s->supervisor = supervisor_new(&s->daemon, why);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->supervisor);
}

void stage_stop_daemon(struct stage *s)
{
    if (!s->supervisor)
        return;
    supervisor_free(s->supervisor);
    s->supervisor = NULL;
    stage_settle(s);
    CU_ASSERT_PTR_NULL(s->daemon.processes);
    for (struct stage_worker *w = s->workers; w; w = w->next)
        CU_ASSERT(w->socket < 0);
    /* A call that failed to order may have been one that ends these. */
    if (!fake_xen_failed(s->fx)) {
        CU_ASSERT_EQUAL(fake_xen_counters(s->fx).transactions, 0);
        CU_ASSERT_EQUAL(fake_xen_counters(s->fx).watches, 0);
    }
    platform_close(s->daemon.platform);
}

static void remove_directory(const char *path)
{
    char command[64];

    snprintf(command, sizeof(command), "rm -rf '%s'", path);
    CU_ASSERT_EQUAL(system(command), 0);
}

void stage_close(struct stage *s)
{
    stage_stop_daemon(s);
    free_workers(s);
    event_base_free(s->base);
    platform_close(s->toolstack);
    platform_close(s->guest);
    platform_close(s->other);
    CU_ASSERT_EQUAL(fake_xen_free(s->fx), 0);
    remove_directory(s->directory);
}

void stage_settle(struct stage *s)
{
    for (int i = 0; i < ROUNDS; i++)
        event_base_loop(s->base, EVLOOP_NONBLOCK);
}

bool stage_is(struct stage *s, const char *path, const char *value)
{
    size_t size;
    char *text = s->toolstack->ops->xs_read(s->toolstack, PLATFORM_NO_TX, path, &size);
    bool same = value ? text && strcmp(text, value) == 0 : !text && errno == ENOENT;

    if (!same)
        printf("# %s is %s, not %s\n", path, text ? text : "(missing)",
               value ? value : "(missing)");
    free(text);
    return same;
}

bool stage_says(struct stage *s, const char *path, const char *words)
{
    size_t size;
    char *text = s->toolstack->ops->xs_read(s->toolstack, PLATFORM_NO_TX, path, &size);
    bool found = text && strstr(text, words);

    if (!found)
        printf("# %s is \"%s\", without \"%s\"\n", path, text ? text : "(missing)", words);
    free(text);
    return found;
}

static bool has_value(struct stage *s, const char *path, const char *value)
{
    size_t size;
    char *text = s->toolstack->ops->xs_read(s->toolstack, PLATFORM_NO_TX, path, &size);
    bool same = value ? text && strcmp(text, value) == 0 : !text && errno == ENOENT;

    free(text);
    return same;
}

void stage_wait(struct stage *s, const char *path, const char *value)
{
    test_alarm(TEST_PATIENCE);
    while (!has_value(s, path, value))
        event_base_loop(s->base, EVLOOP_ONCE);
    test_alarm(0);
    stage_settle(s);
}

/* ---- xenstore ---- */

void stage_write(struct platform *who, const char *path, const char *value)
{
    CU_ASSERT_EQUAL(who->ops->xs_write(who, PLATFORM_NO_TX, path, value), 0);
}

void stage_remove(struct platform *who, const char *path)
{
    CU_ASSERT_EQUAL(who->ops->xs_remove(who, PLATFORM_NO_TX, path), 0);
}

struct new_bus {
    uint32_t backend;
    uint32_t frontend;
};

static void make_home(struct platform *p, platform_tx tx, const char *path, uint32_t owner,
                      uint32_t reader)
{
    struct platform_perm perms[] = {{.domid = owner}, {.domid = reader, .read = true}};

    CU_ASSERT_EQUAL(p->ops->xs_mkdir(p, tx, path), 0);
    CU_ASSERT_EQUAL(p->ops->xs_set_perms(p, tx, path, perms, 2), 0);
}

static int make_bus_body(struct platform *p, platform_tx tx, void *user)
{
    const struct new_bus *bus = user;
    struct store_path b = store_path(XS_BACKEND_BUS, bus->backend, bus->frontend, 0u);
    struct store_path f = store_path(XS_FRONTEND_BUS, bus->frontend, 0u);
    struct store_path requests = store_path("%s/" XS_REQUEST, b.text);
    struct platform_perm private = {.domid = bus->backend};

    make_home(p, tx, f.text, bus->frontend, bus->backend);
    store_write_text(p, tx, f.text, XS_BACKEND, b.text);
    store_write_u64(p, tx, f.text, XS_BACKEND_ID, bus->backend);
    store_write_u64(p, tx, f.text, XS_STATE, 1);
    make_home(p, tx, b.text, bus->backend, bus->frontend);
    store_write_text(p, tx, b.text, XS_FRONTEND, f.text);
    store_write_u64(p, tx, b.text, XS_FRONTEND_ID, bus->frontend);
    store_write_u64(p, tx, b.text, XS_ONLINE, 1);
    p->ops->xs_mkdir(p, tx, requests.text);
    p->ops->xs_set_perms(p, tx, requests.text, &private, 1);
    return store_write_u64(p, tx, b.text, XS_STATE, 1);
}

void stage_make_bus(struct stage *s, uint32_t frontend)
{
    struct new_bus bus = {.backend = s->backend, .frontend = frontend};

    CU_ASSERT_EQUAL(store_transaction(s->toolstack, make_bus_body, &bus), 0);
}

static int offer_body(struct platform *p, platform_tx tx, void *user)
{
    const char *f = user;

    store_write_text(p, tx, f, XS_VERSION, "1");
    store_write_text(p, tx, f, XS_WIRE_FORM, XS_WIRE_FORM_WIDE);
    store_write_text(p, tx, f, XS_MESSAGE_SIZE, "272");
    store_write_text(p, tx, f, XS_RING_PAGE_ORDER, "1");
    store_write_text(p, tx, f, XS_RING_REF "0", "100");
    store_write_text(p, tx, f, XS_RING_REF "1", "101");
    store_write_text(p, tx, f, XS_EVENT_CHANNEL, "5");
    store_write_text(p, tx, f, XS_TRANSPORT_FEATURES, "0");
    return store_write_text(p, tx, f, XS_STATE, "3");
}

void stage_offer(struct stage *s, struct platform *guest, uint32_t frontend)
{
    struct store_path f = store_path(XS_FRONTEND_BUS, frontend, 0u);

    (void)s;
    CU_ASSERT_EQUAL(store_transaction(guest, offer_body, f.text), 0);
}

void stage_begin(struct platform *guest, uint32_t frontend)
{
    stage_write(guest, store_path(XS_FRONTEND_BUS "/" XS_STATE, frontend, 0u).text, "1");
}

void stage_connect(struct stage *s, struct platform *guest, uint32_t frontend)
{
    struct store_path b = store_path(XS_BACKEND_BUS "/" XS_STATE, s->backend, frontend, 0u);
    struct store_path f = store_path(XS_FRONTEND_BUS "/" XS_STATE, frontend, 0u);

    if (has_value(s, b.text, NULL))
        stage_make_bus(s, frontend);
    stage_wait(s, b.text, "2");
    stage_offer(s, guest, frontend);
    stage_wait(s, b.text, "4");
    stage_write(guest, f.text, "4");
    stage_settle(s);
}

void stage_open_connected(struct stage *s)
{
    stage_open(s, 0);
    stage_start_daemon(s);
    stage_connect(s, s->guest, 7);
}

/* ---- devices ---- */

const char *stage_target(struct stage *s, const char *name, long size)
{
    static char path[64];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", s->directory, name);
    file = fopen(path, "w");
    if (!file || fputs(name, file) < 0 || fclose(file) != 0 || truncate(path, size) < 0)
        abort();
    return path;
}

struct new_request {
    uint32_t backend;
    const char *name;
    const char *target;
};

static int request_body(struct platform *p, platform_tx tx, void *user)
{
    const struct new_request *r = user;
    struct store_path dir =
        store_path(XS_BACKEND_BUS "/" XS_REQUEST "/%s", r->backend, 7u, 0u, r->name);

    store_write_text(p, tx, dir.text, XS_TYPE, "blk");
    store_write_text(p, tx, dir.text, XS_TARGET, r->target);
    return store_write_text(p, tx, dir.text, XS_MODE, XS_MODE_WRITE);
}

void stage_request(struct stage *s, const char *name, const char *target)
{
    struct new_request request = {.backend = s->backend, .name = name, .target = target};

    CU_ASSERT_EQUAL(store_transaction(s->toolstack, request_body, &request), 0);
}

void stage_add_disk(struct stage *s)
{
    stage_request(s, "disk", stage_target(s, "disk", 4096));
    stage_wait(s, B7 "/device/1/state", "added");
}

void stage_use_disk(struct stage *s)
{
    stage_write(s->guest, F7 "/device/1/state", "in-use");
    stage_settle(s);
}

static void print_finding(const char *path, const char *why, void *user)
{
    (void)user;
    printf("# %s %s\n", path, why);
}

bool stage_keeps_schema(struct stage *s)
{
    return schema_check_bus(s->toolstack, s->backend, 7, 0, print_finding, NULL) == 0;
}
