// SPDX-License-Identifier: GPL-2.0-only
#include "jsonout.h"

#include <errno.h>

#include "escape.h"

void jsonout_free(struct jsonout *o)
{
	buf_free(&o->b);
}

void jsonout_reset(struct jsonout *o)
{
	buf_reset(&o->b);
}

void jsonout_open(struct jsonout *o, char bracket)
{
	char *p = buf_room(&o->b, 1);

	if (!p)
		return;
	*p = bracket;
	o->b.len++;
}

void jsonout_close(struct jsonout *o, char bracket)
{
	char *p = buf_room(&o->b, 2);

	if (!p)
		return;
	if (o->b.len && p[-1] == ',')
		p--;
	*p++ = bracket;
	*p++ = ',';
	o->b.len = (size_t)(p - o->b.ptr);
}

void jsonout_key_of(struct jsonout *o, const char *prefix, const char *name, size_t len)
{
	size_t before = strlen(prefix);
	char *p = buf_room(&o->b, before + len + 4);

	if (!p)
		return;
	*p++ = '"';
	memcpy(p, prefix, before);
	p += before;
	*p++ = '.';
	memcpy(p, name, len);
	p += len;
	*p++ = '"';
	*p++ = ':';
	o->b.len = (size_t)(p - o->b.ptr);
}

void jsonout_number(struct jsonout *o, const char *digits, size_t len)
{
	char *p = buf_room(&o->b, len + 1);

	if (!p)
		return;
	memcpy(p, digits, len);
	p[len] = ',';
	o->b.len += len + 1;
}

void jsonout_u64(struct jsonout *o, uint64_t value)
{
	char *p = buf_room(&o->b, DIGITS_MAX + 1);

	if (!p)
		return;
	p = digits_put(p, value);
	*p++ = ',';
	o->b.len = (size_t)(p - o->b.ptr);
}

void jsonout_i64(struct jsonout *o, int64_t value)
{
	char *p = value < 0 ? buf_room(&o->b, 1) : NULL;

	if (p) {
		*p = '-';
		o->b.len++;
	}
	jsonout_u64(o, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void jsonout_bool(struct jsonout *o, bool value)
{
	jsonout_number(o, value ? "true" : "false", value ? 4 : 5);
}

void jsonout_plain(struct jsonout *o, const char *text, size_t len)
{
	char *p = buf_room(&o->b, len + 3);

	if (!p)
		return;
	*p++ = '"';
	if (len)
		memcpy(p, text, len);
	p[len] = '"';
	p[len + 1] = ',';
	o->b.len += len + 3;
}

void jsonout_text(struct jsonout *o, const char *ptr, size_t len)
{
	char *p;

	if (escape_json_is_plain(ptr, len)) {
		jsonout_plain(o, ptr, len);
		return;
	}
	p = buf_room(&o->b, len * ESCAPE_JSON_GROWTH + 3);
	if (!p)
		return;
	*p = '"';
	len = escape_json(p + 1, ptr, len);
	p[len + 1] = '"';
	p[len + 2] = ',';
	o->b.len += len + 3;
}

int jsonout_print(struct jsonout *o, FILE *out)
{
	int err = 0;

	errno = 0;
	if (o->b.failed) {
		err = -ENOMEM;
	} else {
		o->b.ptr[jsonout_len(o)] = '\n'; /* in place of the comma */
		if (fwrite(o->b.ptr, 1, o->b.len, out) != o->b.len)
			err = errno ? -errno : -EIO;
	}
	jsonout_reset(o);
	return err;
}
