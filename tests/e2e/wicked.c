/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * wicked-backend DOMID BUS ATTACK...: plays the attacks one after the other, each on a bus
 * of its own from number BUS on, against a domain whose buses no other backend serves. After
 * each a good backend follows. One line for each:
 *
 *     ATTACK: served again, 1234 ms               the frontend uses the good backend's disk
 *     ATTACK: let go (why), served anew, 1234 ms  it closed the bus, and uses one made anew
 *     ATTACK: FAILED: what did not happen, 1234 ms
 *
 * wicked-backend lists the attacks. The exit status is 0 when none failed.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/e2e/wicked.h"

static struct platform *xen;
static unsigned domid, next_bus;

void backend_check(bool holds, const char *what, const char *file, unsigned line)
{
    if (holds)
        return;
    fprintf(stderr, "wicked-backend: %s:%u: %s does not hold\n", file, line, what);
    exit(2);
}

void wicked_new_bus(struct backend *b)
{
    backend_init(b, xen, domid, next_bus++);
    backend_make_bus(b);
}

void wicked_pass(struct backend *b, unsigned ms)
{
    struct pollfd fds[] = {
        {.fd = xen->ops->evtchn_fd(xen), .events = POLLIN},
        {.fd = xen->ops->xs_fd(xen), .events = POLLIN},
    };

    (void)b;
    poll(fds, 2, (int)ms);
}

/* Whether the frontend held out. */
static bool play(const struct attack *attack)
{
    static struct backend b;
    uint64_t begun = wicked_now(xen);
    char *let_go;
    const char *failure = wicked_play_attack(&b, attack, &let_go);

    printf("%s: ", attack->name);
    if (failure)
        printf("FAILED: %s", failure);
    else if (let_go)
        printf("let go (%s), served anew", let_go);
    else
        printf("served again");
    printf(", %u ms\n", (unsigned)(wicked_now(xen) - begun));
    free(let_go);
    return !failure;
}

static const struct attack *find(const char *name)
{
    for (const struct attack *const *table = wicked_tables; *table; table++)
        for (const struct attack *a = *table; a->name; a++)
            if (!strcmp(a->name, name))
                return a;
    return NULL;
}

static void list(void)
{
    for (const struct attack *const *table = wicked_tables; *table; table++)
        for (const struct attack *a = *table; a->name; a++)
            printf("%-24s %s\n", a->name, a->what);
}

int main(int argc, char **argv)
{
    const char *why;
    int failed = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 4) {
        list();
        return 0;
    }
    xen = platform_open_xen(PLATFORM_XENSTORE | PLATFORM_EVTCHN | PLATFORM_GNTTAB, &why);
    if (!xen) {
        fprintf(stderr, "wicked-backend: %s\n", why);
        return 2;
    }
    domid = (unsigned)atoi(argv[1]);
    next_bus = (unsigned)atoi(argv[2]);
    wicked_first_number(next_bus * 1000);
    for (int i = 3; i < argc; i++) {
        const struct attack *attack = find(argv[i]);

        backend_check(attack, argv[i], __FILE__, __LINE__);
        failed |= !play(attack);
    }
    platform_close(xen);
    return failed;
}
