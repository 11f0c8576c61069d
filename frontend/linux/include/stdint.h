/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The kernel's own types for what common/ asks of a freestanding compiler. */
#include <linux/limits.h>
#include <linux/types.h>

#ifndef UINT16_MAX
#define UINT16_MAX U16_MAX
#define UINT32_MAX U32_MAX
#define UINT64_MAX U64_MAX
#endif
#ifndef UINT64_C
#define UINT32_C(x) x##U
#define UINT64_C(x) x##ULL
#endif
