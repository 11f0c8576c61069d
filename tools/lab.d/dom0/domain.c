/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright (c) The xen-virtio-msg authors */

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../guest-channel.h"
#include "domain.h"

static bool is_named(struct xs_handle *xs, const char *domid, const char *name)
{
	unsigned len;
	char *own = xs_read(xs, XBT_NULL, node("/local/domain/%s/name", domid), &len);
	bool same = own && !strcmp(own, name);

	free(own);
	return same;
}

int domain_find(struct xs_handle *xs, const char *name)
{
	unsigned n = 0, i;
	char **domids = xs_directory(xs, XBT_NULL, "/local/domain", &n);
	int found = -1;

	for (i = 0; i < n && found < 0; i++)
		if (strcmp(domids[i], "0") && is_named(xs, domids[i], name))
			found = atoi(domids[i]);
	free(domids);
	return found;
}

bool domain_take_events(struct xs_handle *xs, int domid, bool *gone)
{
	bool others = false;
	char **event;

	*gone = false;
	while ((event = xs_check_watch(xs))) {
		if (strcmp(event[XS_WATCH_TOKEN], "gone"))
			others = true;
		else if (!xs_is_domain_introduced(xs, domid))
			*gone = true;
		free(event);
	}
	return others;
}

const char *domain_wait_ready(struct xs_handle *xs, int domid, int seconds)
{
	struct pollfd fd = { .fd = -1, .events = POLLIN };
	time_t end = time(NULL) + seconds;
	char ready[NODE_PATH];
	bool gone;

	strcpy(ready, node("/local/domain/%d/data/lab-ready", domid));
	if (!xs_watch(xs, "@releaseDomain", "gone") || !xs_watch(xs, ready, "ready"))
		return "cannot be watched";
	fd.fd = xs_fileno(xs);
	while (number_read(xs, ready, 0) != 1) {
		if (time(NULL) >= end)
			return "was not ready in time";
		poll(&fd, 1, (end - time(NULL)) * 1000);
		domain_take_events(xs, domid, &gone);
		if (gone)
			return "has gone";
	}
	xs_unwatch(xs, ready, "ready");
	return NULL;
}
