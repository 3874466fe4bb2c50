// SPDX-License-Identifier: GPL-2.0-only
#include "buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_free(struct buf *b)
{
	free(b->ptr);
	*b = (struct buf){0};
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

char *buf_grow(struct buf *b, size_t n)
{
	size_t size = b->size ? b->size : 512;
	char *ptr;

	while (size - b->len < n)
		size *= 2;
	ptr = realloc(b->ptr, size);
	if (!ptr) {
		b->failed = true;
		return NULL;
	}
	b->ptr = ptr;
	b->size = size;
	return ptr + b->len;
}

void buf_add(struct buf *b, const char *src, size_t n)
{
	char *dst = n ? buf_room(b, n) : NULL;

	if (!dst)
		return;
	memcpy(dst, src, n);
	b->len += n;
}

void buf_puts(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	char *dst;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	dst = n > 0 ? buf_room(b, (size_t)n + 1) : NULL;
	if (!dst)
		return;
	va_start(ap, fmt);
	vsnprintf(dst, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}
