/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include <stdlib.h>
#include <string.h>

#include "common/print.h"
#include "tests/harness.h"
#include "tests/unit/sample.h"

static void prints(const struct msg *m, const char *expected)
{
    char text[512];
    int length = print_message(text, sizeof(text), m);

    CU_ASSERT_EQUAL((size_t)length, strlen(expected));
    CU_ASSERT_STRING_EQUAL(text, expected);
}

static void messages_in_words(void)
{
    static const uint8_t bytes[] = {0x0a, 0x0b, 0x00, 0xff, 1, 0, 0, 0};
    struct msg config = {
        .kind = MSG_get_config_response,
        .token = 7,
        .dev_num = 5,
        .get_config_response = {.offset = 16, .length = 4, .data = {bytes, 4}},
    };
    struct msg features = {
        .kind = MSG_set_driver_features_request,
        .dev_num = UINT64_MAX,
        .set_driver_features_request = {.num_blocks = 2, .features = {bytes, 8}},
    };
    struct msg list = {
        .kind = MSG_get_devices_response,
        .token = 9,
        .get_devices_response = {.next_offset = 16, .count = 16, .bitmap = {bytes, 2}},
    };
    struct msg empty = {.kind = MSG_event_config};

    prints(&config, "GET_CONFIG response dev 5 token 7 generation=0 offset=16 length=4 "
                    "data=0a0b00ff");
    prints(&features, "SET_DRIVER_FEATURES request dev 18446744073709551615 token 0 block_index=0 "
                      "num_blocks=2 features=[0xff000b0a,0x1]");
    prints(&list, "GET_DEVICES response token 9 offset=0 next_offset=16 count=16 bitmap=0a0b");
    prints(&empty, "EVENT_CONFIG dev 0 token 0 device_status=0x0 generation=0 offset=0 length=0 "
                   "data=");
}

static void numbers_get_their_names(void)
{
    struct msg info = {
        .kind = MSG_get_device_info_response,
        .get_device_info_response = {.device_id = 2, .vendor_id = 0x554d4551},
    };
    struct msg status = {.kind = MSG_set_device_status_request,
                         .set_device_status_request = {.status = 0xcf}};
    struct msg area = {.kind = MSG_area_share_response,
                       .area_share_response = {.area = 1, .status = AREA_NO_SPACE}};
    struct msg queue = {.kind = MSG_set_vqueue_request,
                        .set_vqueue_request = {.flags = 0x3d, .desc_addr = UINT64_C(1) << 48}};
    struct msg device = {.kind = MSG_event_device,
                         .event_device = {.device_number = 3, .device_bus_state = 2}};

    for (size_t i = 0; i < sizeof(info.get_device_info_response.device_uuid.bytes); i++)
        info.get_device_info_response.device_uuid.bytes[i] = (uint8_t)(i * 17);
    prints(&info, "GET_DEVICE_INFO response dev 0 token 0 device_id=2(block) vendor_id=0x554d4551 "
                  "device_uuid=00112233-4455-6677-8899-aabbccddeeff num_feature_blocks=0 "
                  "config_size=0 max_virtqueues=0 admin_vq_start=0 admin_vq_count=0");
    prints(&status, "SET_DEVICE_STATUS request dev 0 token 0 status=0xcf(ACKNOWLEDGE|DRIVER|"
                    "FEATURES_OK|DRIVER_OK|DEVICE_NEEDS_RESET|FAILED)");
    prints(&area, "AREA_SHARE response token 0 area=1 status=3");
    prints(&queue, "SET_VQUEUE request dev 0 token 0 index=0 flags=0x3d size=0 reserved=0 "
                   "desc_addr=0x1000000000000 driver_addr=0x0 device_addr=0x0");
    prints(&device, "EVENT_DEVICE token 0 device_number=3 device_bus_state=2(REMOVED)");
    device.event_device.device_bus_state = 0x8001;
    prints(&device, "EVENT_DEVICE token 0 device_number=3 device_bus_state=32769");
}

static void device_types(void)
{
    CU_ASSERT_STRING_EQUAL(print_device_type(1), "net");
    CU_ASSERT_STRING_EQUAL(print_device_type(2), "block");
    CU_ASSERT_STRING_EQUAL(print_device_type(4), "rng");
    CU_ASSERT_PTR_NULL(print_device_type(0));
    CU_ASSERT_PTR_NULL(print_device_type(7));
    CU_ASSERT_PTR_NULL(print_device_type(UINT32_MAX));
}

static void status_alone(void)
{
    char text[8];

    CU_ASSERT_EQUAL(print_status(text, sizeof(text), 0), 3);
    CU_ASSERT_STRING_EQUAL(text, "0x0");
    CU_ASSERT_EQUAL(print_status(text, sizeof(text), 0x30), 4);
    CU_ASSERT_STRING_EQUAL(text, "0x30");
    CU_ASSERT_EQUAL(print_status(text, sizeof(text), 1), 16);
    CU_ASSERT_STRING_EQUAL(text, "0x1(ACK");
}

/* snprintf's rules at every size: cut, terminated, full length returned. */
static void any_size_of_buffer(void)
{
    for (enum msg_kind kind = 0; kind < MSG_KINDS; kind++) {
        struct msg m = sample_message(MSG_WIDE, kind);
        int length = print_message(NULL, 0, &m);
        char whole[1024];

        CU_ASSERT_EQUAL(print_message(whole, sizeof(whole), &m), length);
        for (size_t size = 1; size <= (size_t)length + 1; size++) {
            char *text = malloc(size);

            CU_ASSERT_EQUAL(print_message(text, size, &m), length);
            CU_ASSERT_EQUAL(strlen(text), size - 1);
            CU_ASSERT(!strncmp(text, whole, size - 1));
            free(text);
        }
    }
}

static void unknown_kind(void)
{
    struct msg m = {.kind = MSG_KINDS};

    CU_ASSERT(print_message(NULL, 0, &m) > 0);
}

static const struct test_case cases[] = {
    TEST(messages_in_words),
    TEST(numbers_get_their_names),
    TEST(device_types),
    TEST(status_alone),
    TEST(any_size_of_buffer),
    TEST(unknown_kind),
    {NULL, NULL},
};

int main(void)
{
    return test_main("print", cases);
}
