/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/unit/admin-guest.h"

#include "common/store.h"
#include "tests/harness.h"
#include "xenstore-schema/schema.h"

struct fake_xen *fx;
struct platform *dom0;

void admin_guest_start(const char *name, const char *type)
{
    struct store_path request = store_path(ADMIN_B "/request/%s", name);

    fx = fake_xen_new();
    fake_xen_create_domain(fx, 5, "web");
    dom0 = fake_xen_domain(fx, 0);
    store_write_text(dom0, PLATFORM_NO_TX, request.text, XS_TYPE, type);
    store_write_u64(dom0, PLATFORM_NO_TX, request.text, XS_NUMBER, 7);
    store_write_text(dom0, PLATFORM_NO_TX, ADMIN_B "/device/7", XS_NAME, name);
    store_write_text(dom0, PLATFORM_NO_TX, ADMIN_B "/request/waiting", XS_TYPE, "blk");
}

void admin_guest_stop(void)
{
    CU_ASSERT_EQUAL(fake_xen_counters(fx).watches, 0);
    CU_ASSERT_EQUAL(fake_xen_counters(fx).transactions, 0);
    platform_close(dom0);
    CU_ASSERT_EQUAL(fake_xen_free(fx), 0);
}

struct platform *admin_guest_silent_daemon(void)
{
    struct platform *silent = fake_xen_domain(fx, 0);

    CU_ASSERT_EQUAL(silent->ops->lock(silent, "xvmsgd"), 0);
    return silent;
}
