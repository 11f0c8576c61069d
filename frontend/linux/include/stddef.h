/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The kernel's own for what common/ asks of a freestanding compiler. */
#include <linux/stddef.h>
