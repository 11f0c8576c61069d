/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* What a backend may do to a bus in xenstore, and with the memory it is offered. */

#include <stdio.h>
#include <string.h>

#include "common/store.h"
#include "tests/e2e/wicked.h"
#include "xenstore-schema/schema.h"

/* ---- states ---- */

/* Writes the states one after the other, leaving so long between them, and never looks. */
static void write_states(struct backend *b, const char *states, unsigned ms)
{
    for (; *states; states++) {
        backend_write(b, XS_STATE, (char[]){*states, '\0'});
        wicked_play(b, ms);
    }
}

static void state_flapping(struct backend *b)
{
    wicked_connect(b);
    wicked_add_disk(b);
    for (unsigned i = 0; i < 3; i++) {
        write_states(b, "0123478", 3);
        write_states(b, "24242424", 10);
    }
    backend_advertise(b);
    wicked_quiet(b, WICKED_QUIET_MS);
}

/* Connected to what nobody offered; all others before anything was advertised. */
static void states_out_of_order(struct backend *b)
{
    write_states(b, "43178", 30);
    backend_advertise(b);
    write_states(b, "42", 30);
    wicked_quiet(b, WICKED_QUIET_MS);
}

static void state_nonsense(struct backend *b)
{
    static const char *const values[] = {"", "x", "-1", "99999999999999999999", "4 4", NULL};

    wicked_connect(b);
    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        backend_write(b, XS_STATE, values[i]);
        wicked_play(b, 20);
    }
}

/* Closing in the middle of it all, then Closed. */
static void closes(struct backend *b)
{
    wicked_connect(b);
    wicked_add_disk(b);
    wicked_play(b, 20);
    write_states(b, "56", 50);
    wicked_quiet(b, WICKED_QUIET_MS);
}

static void restarts(struct backend *b)
{
    for (unsigned i = 0; i < 20; i++) {
        wicked_connect(b);
        if (i == 0)
            wicked_add_disk(b);
    }
}

/* Starts anew, and never unmaps what it has. */
static void keeps_memory(struct backend *b)
{
    for (unsigned i = 0; i < 8; i++) {
        wicked_connect(b);
        b->mapped = false;
        memset(b->areas, 0, sizeof(b->areas));
    }
}

/* What it advertises is nothing that one could use. */
static void advertises_nonsense(struct backend *b)
{
    static const char *const values[] = {"0", "4294967296", "-1", "1,2,3", "", NULL};

    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        backend_write(b, XS_MAX_MESSAGE_SIZE, values[i]);
        backend_write(b, XS_VERSIONS, "1");
        backend_write(b, XS_FEATURE_QUEUE_DOORBELL, values[i]);
        write_states(b, "12", 30);
    }
}

/* ---- devices ---- */

static void names(struct backend *b)
{
    static const char *const odd[] = {"x",  "-1", "1e9", "0x10", "18446744073709551616", "00",
                                      "_5", "a_very_long_name_that_no_device_could_ever_have"};

    for (unsigned i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        backend_write(b, store_path(XS_DEVICE "/%s/" XS_STATE, odd[i]).text, XS_DEVICE_ADDED);
    backend_write(b, XS_DEVICE "/7", "");
    backend_write(b, XS_DEVICE "/8/" XS_STATE, "");
    backend_write(b, XS_DEVICE "/9/" XS_STATE "/" XS_STATE, XS_DEVICE_ADDED);
    wicked_connect(b);
    wicked_quiet(b, WICKED_QUIET_MS);
}

static unsigned crowd_size;

static int write_crowd(struct platform *p, platform_tx tx, void *user)
{
    const struct backend *b = user;

    for (unsigned i = 0; i < crowd_size; i++)
        if (store_write_text(p, tx, b->back, store_path(XS_DEVICE "/%u/" XS_STATE, i).text,
                             XS_DEVICE_ADDED) < 0)
            return -1;
    return 0;
}

static void make_crowd(struct backend *b, unsigned size)
{
    crowd_size = size;
    BACKEND_CHECK(store_transaction(b->dom0, write_crowd, b) == 0);
}

/* Each says that it is nothing. */
static bool answer_nobody(struct backend *b, const struct msg *m)
{
    struct msg r = backend_response(m);

    if (m->kind != MSG_get_device_info_request)
        return false;
    backend_send(b, &r);
    return true;
}

static void crowd_of_nobodies(struct backend *b)
{
    b->script = answer_nobody;
    make_crowd(b, 400);
    wicked_connect(b);
    for (unsigned i = 0; i < 10; i++) {
        backend_write(b, XS_DEVICE "/0/" XS_STATE, XS_DEVICE_ADDED);
        wicked_play(b, 50);
    }
    wicked_quiet(b, WICKED_QUIET_MS);
}

/* Nobody of them says a word, and the backend starts anew before all were asked. */
static void crowd_of_silent(struct backend *b)
{
    make_crowd(b, 400);
    wicked_connect(b);
}

static void crowd_of_thousands(struct backend *b)
{
    make_crowd(b, 3000);
    wicked_connect(b);
    wicked_quiet(b, WICKED_QUIET_MS);
}

static uint64_t vanishing;
static unsigned vanish_at, vanish_heard;
static bool vanish_silently;

static bool vanish_when_due(struct backend *b, const struct msg *m)
{
    if (m->dev_num != vanishing || ++vanish_heard < vanish_at)
        return false;
    if (vanish_heard == vanish_at)
        backend_write(b, store_path(XS_DEVICE "/%llu", (unsigned long long)vanishing).text, NULL);
    return vanish_silently;
}

/* A disk whose node goes when its Nth message comes; served no more, but answered. */
static void vanish(struct backend *b, unsigned nth, bool silently)
{
    struct backend_device *d = wicked_add_disk(b);

    vanishing = d->number;
    vanish_at = nth;
    vanish_heard = 0;
    vanish_silently = silently;
    d->idle = true;
    b->script = vanish_when_due;
    wicked_quiet(b, silently ? WICKED_REQUEST_MS : WICKED_QUIET_MS);
    b->script = NULL;
    wicked_lose(b, d);
}

static void vanishing_device(struct backend *b)
{
    wicked_connect(b);
    for (unsigned i = 1; i <= 24; i++)
        vanish(b, i, false);
}

static void vanishing_and_silent(struct backend *b)
{
    wicked_connect(b);
    vanish(b, 3, true);
    vanish(b, 9, true);
    vanish(b, 17, true);
}

/* ---- memory ---- */

static void refuse_area(struct backend *b, enum area_status status)
{
    b->area_answer = status;
    wicked_connect(b);
    wicked_quiet(b, WICKED_QUIET_MS);
}

static void areas_refused(struct backend *b)
{
    refuse_area(b, AREA_MAP_FAILED);
}

static void no_space(struct backend *b)
{
    refuse_area(b, AREA_NO_SPACE);
}

static unsigned shares;

/* The first is taken, the others are not; and what the answer says is not in the list. */
static bool refuse_second(struct backend *b, const struct msg *m)
{
    struct msg r = backend_response(m);

    if (m->kind != MSG_area_share_request || ++shares < 2)
        return false;
    r.area_share_response.area = 0xffff;
    r.area_share_response.status = 0xffff;
    backend_send(b, &r);
    return true;
}

static void second_area_refused(struct backend *b)
{
    shares = 0;
    b->script = refuse_second;
    wicked_connect(b);
    wicked_show_disk(b, WICKED_QUIET_MS);
}

/* Connected, and then nothing. */
static void mute_from_the_first(struct backend *b)
{
    b->mute = true;
    backend_advertise(b);
    wicked_quiet(b, WICKED_REQUEST_MS);
}

static void ring_refused(struct backend *b)
{
    backend_write(b, XS_VERSIONS, "1");
    backend_write(b, XS_MAX_MESSAGE_SIZE, "65535");
    backend_write(b, XS_ERROR, "a sentence that is not meant well: %s%n");
    write_states(b, "256", 50);
}

const struct attack wicked_store_attacks[] = {
    {"state-flapping", "the backend's state goes through all there are", state_flapping},
    {"states-out-of-order", "Connected to what nobody offered", states_out_of_order},
    {"state-nonsense", "states that are no state", state_nonsense},
    {"closes", "Closing while a device is begun", closes},
    {"restarts", "the backend starts anew again and again", restarts},
    {"keeps-memory", "so it does, and never unmaps what it was given", keeps_memory},
    {"advertises-nonsense", "sizes and versions that nobody can use", advertises_nonsense},
    {"names", "devices whose names are no numbers", names},
    {"crowd-of-nobodies", "400 devices that are nothing", crowd_of_nobodies},
    {"crowd-of-silent", "400 devices that say nothing", crowd_of_silent},
    {"crowd-of-thousands", "more devices than a list of xenstore holds", crowd_of_thousands},
    {"vanishing", "a disk vanishes at its first message, its second, ...", vanishing_device},
    {"vanishing-and-silent", "as before, and without an answer", vanishing_and_silent},
    {"areas-refused", "no memory is taken", areas_refused},
    {"no-space", "there is no room for memory", no_space},
    {"second-area-refused", "the second area is refused", second_area_refused},
    {"mute", "no answer to anything", mute_from_the_first},
    {"ring-refused", "the ring is refused, in odd words", ring_refused},
    {NULL, NULL, NULL},
};
