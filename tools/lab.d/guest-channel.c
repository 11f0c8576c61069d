/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright (c) The xen-virtio-msg authors */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest-channel.h"

const char *node(const char *format, ...)
{
	static char bufs[4][NODE_PATH];
	static unsigned turn;
	char *buf = bufs[turn++ % 4];
	va_list args;

	va_start(args, format);
	vsnprintf(buf, NODE_PATH, format, args);
	va_end(args);
	return buf;
}

bool chunk_write(struct xs_handle *xs, const char *path, unsigned number,
		 enum chunk_kind kind, char *buf, size_t data_len)
{
	char head[CHUNK_HEAD + 1];

	snprintf(head, sizeof(head), "%08x%c", number, kind);
	memcpy(buf, head, CHUNK_HEAD);
	return xs_write(xs, XBT_NULL, path, buf, CHUNK_HEAD + data_len);
}

char *chunk_read(struct xs_handle *xs, const char *path, unsigned number,
		 unsigned *len)
{
	unsigned all;
	char head[CHUNK_HEAD];
	char *buf = xs_read(xs, XBT_NULL, path, &all);

	snprintf(head, sizeof(head), "%08x", number);
	if (buf && all >= CHUNK_HEAD && !memcmp(buf, head, CHUNK_HEAD - 1)) {
		*len = all - CHUNK_HEAD;
		return buf;
	}
	free(buf);
	return NULL;
}

bool number_write(struct xs_handle *xs, const char *path, unsigned n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	return xs_write(xs, XBT_NULL, path, text, len);
}

unsigned number_read(struct xs_handle *xs, const char *path, unsigned otherwise)
{
	unsigned len, n = otherwise;
	char *text = xs_read(xs, XBT_NULL, path, &len);

	if (text)
		n = strtoul(text, NULL, 10);
	free(text);
	return n;
}
