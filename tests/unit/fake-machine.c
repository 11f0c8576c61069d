/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tests/unit/fake-machine.h"

#include "tests/harness.h"

struct fake_machine fake_machine_start(void)
{
    struct fake_machine m = {.fx = fake_xen_new()};

    fake_xen_create_domain(m.fx, 5, "guest");
    fake_xen_create_domain(m.fx, 6, "another");
    m.dom0 = fake_xen_domain(m.fx, 0);
    m.guest = fake_xen_domain(m.fx, 5);
    m.another = fake_xen_domain(m.fx, 6);
    return m;
}

void fake_machine_stop(struct fake_machine *m)
{
    struct fake_counters left;

    platform_close(m->dom0);
    platform_close(m->guest);
    platform_close(m->another);
    left = fake_xen_counters(m->fx);
    CU_ASSERT_EQUAL(left.open_ports, 0);
    CU_ASSERT_EQUAL(left.mapped_pages, 0);
    CU_ASSERT_EQUAL(left.shared_pages, 0);
    CU_ASSERT_EQUAL(fake_xen_free(m->fx), 0);
}
