// SPDX-License-Identifier: GPL-2.0-only
#include "body.h"

#include <inttypes.h>

#include "escape.h"
#include "text.h"

bool body_known(const struct body_bytes *body)
{
	return body->ptr || body->cut;
}

void body_add_extent(struct buf *b, const struct body_bytes *body, uint64_t size)
{
	if (body->len < size && body->len)
		buf_printf(b, "%" PRIu32 " of ", body->len);
	buf_printf(b, "%" PRIu64 " bytes", size);
	if (body->cut)
		buf_puts(b, body->len ? ", the next are missing" : ", missing");
}

static void add_line(struct buf *b, const char *whose, const struct body_bytes *body, uint64_t size)
{
	if (!body_known(body))
		return;
	buf_printf(b, "  %s body, ", whose);
	body_add_extent(b, body, size);
	if (body->len) {
		buf_puts(b, ": ");
		text_add_hostile(b, body->ptr, body->len);
	}
	buf_puts(b, "\n");
}

void body_add_lines(struct buf *b, const struct transaction *tx)
{
	add_line(b, "request", &tx->req_body, tx->req.body_size);
	add_line(b, "response", &tx->resp_body, tx->resp.body_size);
}

void body_add_base64(struct buf *b, const struct body_bytes *body)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *in = (const uint8_t *)body->ptr;
	char *out = buf_room(b, ((size_t)body->len + 2) / 3 * 4);
	uint32_t left = body->len, word;

	if (!out)
		return;
	for (; left; in += 3) {
		word = in[0] << 16 | (left > 1 ? in[1] : 0) << 8 | (left > 2 ? in[2] : 0);
		*out++ = digits[word >> 18];
		*out++ = digits[word >> 12 & 63];
		*out++ = left > 1 ? digits[word >> 6 & 63] : '=';
		*out++ = left > 2 ? digits[word & 63] : '=';
		left -= left < 3 ? left : 3;
	}
	b->len = (size_t)(out - b->ptr);
}

bool body_is_text(const struct body_bytes *body)
{
	const char *at = body->ptr, *end = at + body->len;
	unsigned int n;
	uint32_t cp;

	for (; at < end; at += n) {
		n = utf8_decode(at, (size_t)(end - at), &cp);
		if (!n)
			return false;
	}
	return true;
}
