/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * buf.h - a byte buffer that grows. One line is put together in it and written at once.
 *
 * After a failed allocation the buffer stays as it was and `failed` is set, so that a writer checks once
 * at the end of the line.
 */
#ifndef HTTPLAT_BUF_H
#define HTTPLAT_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *ptr;
	size_t len, size;
	bool failed;
};

void buf_free(struct buf *b);

/* Empties it for the next line; keeps the memory, clears `failed`. */
void buf_reset(struct buf *b);

/* Makes room for n more bytes. NULL without memory. */
char *buf_grow(struct buf *b, size_t n);

/* Room for n more bytes at the returned address; the caller adds to len what it wrote. NULL without
 * memory. */
static inline char *buf_room(struct buf *b, size_t n)
{
	return b->size - b->len >= n ? b->ptr + b->len : buf_grow(b, n);
}

void buf_add(struct buf *b, const char *src, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
