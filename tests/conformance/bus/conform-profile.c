/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* Transport features: the strict configuration profile holds when both ends want it. */

#include "tests/conformance/bus/negotiation.h"
#include "tests/harness.h"

#define ALL_BITS "18446744073709551615"
#define ALL_BUT_STRICT "18446744073709551614"

static void what_both_have(void)
{
    struct ends_setup strict = negotiation_wide;

    strict.strict = true;
    negotiation_library_chooses(&negotiation_wide, "transport-features", "0",
                                "transport-features", "0");
    negotiation_library_chooses(&negotiation_wide, "transport-features", "1",
                                "transport-features", "0");
    negotiation_library_chooses(&strict, "transport-features", "0", "transport-features", "0");
    negotiation_library_chooses(&strict, "transport-features", "1", "transport-features", "1");
    negotiation_library_chooses(&negotiation_wide, "transport-features", ALL_BITS,
                                "transport-features", "0");
    negotiation_library_chooses(&strict, "transport-features", ALL_BITS, "transport-features",
                                "1");
    negotiation_library_chooses(&strict, "transport-features", ALL_BUT_STRICT,
                                "transport-features", "0");
}

static void what_was_not_offered(void)
{
    negotiation_backend_refuses("transport-features", "2", "is not");
    negotiation_backend_refuses("transport-features", "3", "is not");
    negotiation_backend_refuses("transport-features", ALL_BITS, "is not");
    negotiation_backend_refuses("transport-features", "x", "is not");
    negotiation_library_refuses(&negotiation_wide, "transport-features", "-1",
                                "transport-features");
}

static uint32_t generation(struct ends *e)
{
    struct ends_call call = {0};
    uint8_t bytes[4];

    CU_ASSERT_EQUAL(
        ends_finish(e, xvmsg_get_config(e->h, 1, 0, 4, bytes, ends_answered, &call), &call),
        XVMSG_OK);
    return call.reply.u.config.generation;
}

static enum xvmsg_status write_with(struct ends *e, uint32_t generation_sent)
{
    static const uint8_t bytes[4];
    struct ends_call call = {0};

    return ends_finish(
        e, xvmsg_set_config(e->h, 1, generation_sent, 0, 4, bytes, ends_answered, &call), &call);
}

/* Where the device has a driver, whose writes it may apply. */
static struct ends *with_driver(bool strict)
{
    struct ends *e = ends_new(&(struct ends_setup){.strict = strict});
    struct ends_call call = {0};

    ends_attach(e, "one");
    ends_finish(e, xvmsg_set_device_status(e->h, 1, 3, ends_answered, &call), &call);
    return e;
}

static void strict_at_both_ends(void)
{
    struct ends *e = with_driver(true);
    uint32_t now = generation(e);

    CU_ASSERT(xvmsg_is_strict(e->h));
    CU_ASSERT(stage_is(&e->s, B7 "/transport-features", "1"));
    CU_ASSERT(stage_is(&e->s, F7 "/transport-features", "1"));
    CU_ASSERT_EQUAL(write_with(e, now + 1), XVMSG_REFUSED);
    CU_ASSERT_EQUAL(write_with(e, now - 1), XVMSG_REFUSED);
    CU_ASSERT_EQUAL(write_with(e, now), XVMSG_OK);
    ends_free(e);
}

static void baseline_at_both_ends(void)
{
    struct ends *e = with_driver(false);
    uint32_t now = generation(e);

    CU_ASSERT(!xvmsg_is_strict(e->h));
    CU_ASSERT(stage_is(&e->s, F7 "/transport-features", "0"));
    CU_ASSERT_EQUAL(write_with(e, now + 1), XVMSG_OK);
    CU_ASSERT_EQUAL(write_with(e, now), XVMSG_OK);
    ends_free(e);
}

static void profile_of_the_connection(void)
{
    struct ends *e = with_driver(true);
    struct ends_call call = {0};

    xvmsg_free(e->h);
    e->connected = false;
    ends_make_handle(e, &(struct ends_setup){0});
    CU_ASSERT_EQUAL(xvmsg_connect(e->h), 0);
    ends_run(e, &e->connected);
    ends_finish(e, xvmsg_set_device_status(e->h, 1, 3, ends_answered, &call), &call);
    CU_ASSERT(!xvmsg_is_strict(e->h));
    CU_ASSERT_EQUAL(write_with(e, generation(e) + 1), XVMSG_OK);
    ends_free(e);
}

int main(void)
{
    static const struct test_case cases[] = {
        {"BUS-08 DRV-05: the features of a bus are those that both ends want", what_both_have},
        {"BUS-08 BUS-13: what was not offered is refused in words", what_was_not_offered},
        {"BUS-08 DRV-05 DEV-29: strict, a write with another generation is refused",
         strict_at_both_ends},
        {"BUS-08 DRV-05 DEV-31 DEV-32: otherwise no generation is looked at",
         baseline_at_both_ends},
        {"BUS-07: the profile changes with the connection, at both ends",
         profile_of_the_connection},
        {NULL, NULL},
    };

    return test_main("bus-profile", cases);
}
