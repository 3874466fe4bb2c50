// SPDX-License-Identifier: GPL-2.0-only
#include "jsonout.h"

#include <errno.h>

#include "escape.h"

/* Longest: 20 digits and a sign. */
#define DIGITS_MAX 24

void jsonout_free(struct jsonout *o)
{
	buf_free(&o->b);
}

void jsonout_key_of(struct jsonout *o, const char *prefix, const char *name, size_t len)
{
	size_t before = strlen(prefix);
	char *p = buf_room(&o->b, before + len + 5);

	if (!p)
		return;
	if (o->comma)
		*p++ = ',';
	*p++ = '"';
	memcpy(p, prefix, before);
	p[before] = '.';
	memcpy(p + before + 1, name, len);
	p += before + 1 + len;
	*p++ = '"';
	*p++ = ':';
	o->b.len = (size_t)(p - o->b.ptr);
	o->comma = false;
}

/* Writes backwards from `end`; returns the beginning. Two digits at a time: a division costs more than the
 * table. */
static char *digits_before(char *end, uint64_t value)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930"
				    "31323334353637383940414243444546474849505152535455565758596061"
				    "62636465666768697071727374757677787980818283848586878889909192"
				    "93949596979899";

	while (value >= 100) {
		end -= 2;
		memcpy(end, pairs + value % 100 * 2, 2);
		value /= 100;
	}
	if (value >= 10) {
		end -= 2;
		memcpy(end, pairs + value * 2, 2);
	} else {
		*--end = (char)('0' + value);
	}
	return end;
}

void jsonout_number(struct jsonout *o, const char *digits, size_t len)
{
	char *p;

	jsonout_next(o);
	p = buf_room(&o->b, len);
	if (!p)
		return;
	memcpy(p, digits, len);
	o->b.len += len;
}

void jsonout_u64(struct jsonout *o, uint64_t value)
{
	char digits[DIGITS_MAX], *end = digits + sizeof(digits), *p = digits_before(end, value);

	jsonout_number(o, p, (size_t)(end - p));
}

void jsonout_i64(struct jsonout *o, int64_t value)
{
	char digits[DIGITS_MAX], *end = digits + sizeof(digits);
	char *p = digits_before(end, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);

	if (value < 0)
		*--p = '-';
	jsonout_number(o, p, (size_t)(end - p));
}

void jsonout_bool(struct jsonout *o, bool value)
{
	jsonout_number(o, value ? "true" : "false", value ? 4 : 5);
}

void jsonout_text(struct jsonout *o, const char *ptr, size_t len)
{
	char *p;

	if (escape_json_is_plain(ptr, len)) {
		jsonout_plain(o, ptr, len);
		return;
	}
	jsonout_next(o);
	p = buf_room(&o->b, len * ESCAPE_JSON_GROWTH + 2);
	if (!p)
		return;
	*p = '"';
	len = escape_json(p + 1, ptr, len);
	p[len + 1] = '"';
	o->b.len += len + 2;
}

int jsonout_print(struct jsonout *o, FILE *out)
{
	int err = 0;

	jsonout_byte(o, '\n');
	errno = 0;
	if (o->b.failed)
		err = -ENOMEM;
	else if (fwrite(o->b.ptr, 1, o->b.len, out) != o->b.len)
		err = errno ? -errno : -EIO;
	jsonout_reset(o);
	return err;
}
