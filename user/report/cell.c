// SPDX-License-Identifier: GPL-2.0-only
#include "cell.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "escape.h"

/* One character of the source as it is shown. */
struct unit {
	unsigned int from; /* bytes of the source */
	unsigned int len, width;
	char text[4 * ESCAPE_TEXT_GROWTH + 1];
};

static struct unit next_unit(const char *src, size_t len, bool safe)
{
	struct unit u = {0};
	uint32_t cp;
	int width = 1;

	u.from = utf8_decode(src, len, &cp);
	if (!u.from)
		u.from = 1;
	if (safe && *src == '\\') {
		u.len = u.width = 1;
		u.text[0] = '\\';
		return u;
	}
	u.len = (unsigned int)escape_text(u.text, src, u.from);
	u.width = u.len;
	if ((unsigned char)u.text[0] < 0x80)
		return u;
	/* A character that escaping leaves as it is. */
	width = MB_CUR_MAX > 1 ? wcwidth((wchar_t)cp) : -1;
	if (width < 0)
		u.len = (unsigned int)snprintf(u.text, sizeof(u.text), "\\u{%x}", cp);
	u.width = width < 0 ? u.len : (unsigned int)width;
	return u;
}

static unsigned int put(struct buf *b, const char *src, size_t len, unsigned int max, bool safe)
{
	/* Where the text ends if ".." has to follow. */
	size_t end = b->len;
	unsigned int width = 0, end_width = 0;

	while (len) {
		struct unit u = next_unit(src, len, safe);

		if (width + u.width > max) {
			b->len = end;
			buf_add(b, "..", max < 2 ? max : 2);
			return end_width + (max < 2 ? max : 2);
		}
		buf_add(b, u.text, u.len);
		width += u.width;
		if (width + 2 <= max) {
			end = b->len;
			end_width = width;
		}
		src += u.from;
		len -= u.from;
	}
	return width;
}

unsigned int cell_put(struct buf *b, const char *src, size_t len, unsigned int max)
{
	return put(b, src, len, max, false);
}

unsigned int cell_put_safe(struct buf *b, const char *src, size_t len, unsigned int max)
{
	return put(b, src, len, max, true);
}

unsigned int cell_width(const char *src, size_t len)
{
	unsigned int width = 0;

	while (len) {
		struct unit u = next_unit(src, len, true);

		width += u.width;
		src += u.from;
		len -= u.from;
	}
	return width;
}

size_t cell_fit(const char *src, size_t len, unsigned int max)
{
	unsigned int width = 0;
	size_t at = 0;

	while (at < len) {
		struct unit u = next_unit(src + at, len - at, true);

		if (at && width + u.width > max)
			break;
		width += u.width;
		at += u.from;
	}
	return at;
}

void cell_pad(struct buf *b, unsigned int n)
{
	char *dst = n ? buf_room(b, n) : NULL;

	if (!dst)
		return;
	memset(dst, ' ', n);
	b->len += n;
}
