/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The kernel's own types for what common/ asks of a freestanding compiler. */
#include <linux/types.h>
