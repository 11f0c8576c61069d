/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/* The platform of a build without Xen's libraries: there is none. */

#include <errno.h>

#include "common/platform.h"

struct platform *platform_open_xen(unsigned needs, const char **why)
{
    (void)needs;
    *why = "this program was built without Xen support: install Xen's development files "
           "(libxen-dev), configure and build again";
    errno = ENOSYS;
    return NULL;
}
