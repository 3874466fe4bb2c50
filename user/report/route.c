// SPDX-License-Identifier: GPL-2.0-only
#include "route.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define HEX_LEAST      8
#define TOKEN_LEAST    20
#define EXTENSION_MOST 5

static const char folded[] = "{id}";

static bool is_identifier(const char *s, size_t len)
{
	size_t digits = 0, hex = 0, letters = 0, token = 0, i;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		digits += !!isdigit(c);
		letters += !!isalpha(c);
		hex += isxdigit(c) || c == '-';
		token += isalnum(c) || (c && strchr("-_=.~", c));
	}
	if (!digits)
		return false;
	if (digits == len || (hex == len && len >= HEX_LEAST))
		return true;
	return token == len && letters && len >= TOKEN_LEAST;
}

/* Length of ".ext" at the end of a segment; 0: none. */
static size_t extension(const char *s, size_t len)
{
	size_t i;

	for (i = 1; i <= EXTENSION_MOST && i < len; i++) {
		if (s[len - i] == '.')
			return i > 1 ? i : 0;
		if (!isalnum((unsigned char)s[len - i]))
			return 0;
	}
	return i < len && s[len - i] == '.' ? i : 0;
}

struct out {
	char *at;
	size_t len, max;
};

static void put(struct out *o, const char *s, size_t len)
{
	if (len > o->max - o->len)
		len = o->max - o->len;
	memcpy(o->at + o->len, s, len);
	o->len += len;
}

static void put_segment(struct out *o, const char *s, size_t len)
{
	size_t ext = extension(s, len);

	if (is_identifier(s, len)) {
		put(o, folded, sizeof(folded) - 1);
	} else if (ext && is_identifier(s, len - ext)) {
		put(o, folded, sizeof(folded) - 1);
		put(o, s + len - ext, ext);
	} else {
		put(o, s, len);
	}
}

size_t route_fold(struct slice path, char *out, size_t max)
{
	struct out o = {out, 0, max};
	const char *p = path.ptr, *end, *slash;

	if (!path.len)
		return 0;
	end = p + path.len;
	while (p < end) {
		slash = memchr(p, '/', (size_t)(end - p));
		if (!slash)
			slash = end;
		put_segment(&o, p, (size_t)(slash - p));
		if (slash < end)
			put(&o, slash, 1);
		p = slash + 1;
	}
	return o.len;
}
