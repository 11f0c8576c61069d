/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * schema-check FRONTEND-DOMID [BUS]: holds a live bus of this backend domain
 * against the schema; prints every finding, exits 1 if there is one.
 */
#include <stdio.h>

#include "common/store.h"
#include "xenstore-schema/schema.h"

static void print_finding(const char *path, const char *why, void *user)
{
    (void)user;
    printf("%s: %s\n", path, why);
}

int main(int argc, char **argv)
{
    const char *why;
    uint64_t frontend, bus = 0;
    struct platform *p;
    int findings;

    if (argc < 2 || argc > 3 || parse_u64(argv[1], 0, 0x7fef, &frontend) < 0 ||
        (argc == 3 && parse_u64(argv[2], 0, UINT32_MAX, &bus) < 0)) {
        fprintf(stderr, "usage: schema-check FRONTEND-DOMID [BUS]\n");
        return 2;
    }
    p = platform_open_xen(PLATFORM_XENSTORE, &why);
    if (!p) {
        fprintf(stderr, "schema-check: %s\n", why);
        return 1;
    }
    findings = schema_check_bus(p, (uint32_t)p->ops->own_domid(p), (uint32_t)frontend,
                                (uint32_t)bus, print_finding, NULL);
    if (findings < 0)
        perror("schema-check");
    platform_close(p);
    return findings != 0;
}
